//! Reading, making and taking over partition documents.
//!
//! What is read is read with majority, so it cannot be rolled back. A document is *taken over* by writing the sessions of its new owner
//! into it: where a transaction of a worker that died still holds it, that write does not pass, and the transaction is ended by
//! ending the sessions that stand there. Otherwise the server would keep it for a minute. The owner of before may be we ourselves, if the
//! group went on without us for a while: then what we have dropped is ended first.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bson::{Bson, Document, RawDocumentBuf, doc};
use common::{
    error::{Error, Kind, Result},
    namespace::Namespace,
};
use tokio::time::timeout;

use super::{
    document::{ORDERED, id, parse, raw},
    marks::{self, Mark, Repair},
    number::integer,
    stored::Stored,
};
use crate::{
    consume::intake::Partition,
    plan::code,
    sink::target::{Target, Trouble},
};

/// How long one command may take. The caller retries.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the server may wait for whoever holds a document, in milliseconds.
const HELD_MS: i32 = 1500;
/// The database of everything that the pipeline keeps at the target.
const DATABASE: &str = "oplogue";

/// The pipeline's collections at the target.
#[derive(Debug, Clone)]
pub struct Store<T> {
    target: T,
    documents: Namespace,
    keys: Namespace,
}

impl<T: Target> Store<T> {
    /// The collections of a pipeline.
    pub fn new(target: T, pipeline: &str) -> Self {
        let keys = Namespace::new(DATABASE, format!("{pipeline}.keys"));
        Self { target, documents: Namespace::new(DATABASE, pipeline), keys }
    }

    /// Where the partitions' documents are.
    #[must_use]
    pub const fn documents(&self) -> &Namespace {
        &self.documents
    }

    /// Where the marks are.
    #[must_use]
    pub const fn keys(&self) -> &Namespace {
        &self.keys
    }

    /// Where it is noted what is put off of definitions.
    #[must_use]
    pub fn definitions(&self) -> Namespace {
        Namespace::new(DATABASE, format!("{}.definitions", self.documents.coll))
    }

    /// Whoever owns what is written here: the sessions of its transactions.
    pub(crate) fn owner(&self) -> Vec<Bson> {
        self.target.sessions()
    }

    /// Ends the transactions that were dropped amid a batch, as far as that is possible now.
    pub(crate) async fn end_dropped(&self) {
        if let Err(Trouble::Failed(error)) = self.target.end_dropped().await {
            tracing::warn!(reason = error.chain(), "what was dropped may hold documents for up to a minute");
        }
    }

    /// Makes the collections, so that no transaction has to.
    ///
    /// # Errors
    /// Whatever the target says.
    pub async fn prepare(&self) -> Result<()> {
        for ns in [&self.documents, &self.keys] {
            patiently(ns, self.target.create(ns)).await?;
        }
        Ok(())
    }

    /// The documents of these topics' partitions, marks included.
    ///
    /// # Errors
    /// Transient when the target does not answer, [`Kind::Invariant`] when a document is damaged.
    pub async fn read(&self, topics: &[&str]) -> Result<BTreeMap<Partition, Stored>> {
        self.matching(&doc! {"_id.topic": {"$in": topics.to_vec()}}).await
    }

    /// The documents alone.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn positions(&self, topics: &[&str]) -> Result<BTreeMap<Partition, Stored>> {
        self.stored(&doc! {"_id.topic": {"$in": topics.to_vec()}}).await
    }

    /// All documents of the pipeline.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_all(&self) -> Result<BTreeMap<Partition, Stored>> {
        self.matching(&Document::new()).await
    }

    /// First the documents, then the marks: marks of a later moment go with a document that has moved since, which the compare tells.
    async fn matching(&self, filter: &Document) -> Result<BTreeMap<Partition, Stored>> {
        let mut all = self.stored(filter).await?;
        for document in self.find(&self.keys, filter).await? {
            let mark = marks::parse(document.as_bytes())?;
            let partition = Partition { topic: mark.topic.into(), number: mark.number };
            let Some(stored) = all.get_mut(&partition) else { continue };
            stored.marks.note(&mark.ns, &marks::key_of(&mark.id)?, Some(mark.mark.clone()));
            if let Mark::Missing(origin) = mark.mark {
                stored.repairs.push(Repair { ns: mark.ns, key: marks::key_document(&mark.id), origin });
            }
        }
        Ok(all)
    }

    async fn stored(&self, filter: &Document) -> Result<BTreeMap<Partition, Stored>> {
        let mut all = BTreeMap::new();
        for document in self.find(&self.documents, filter).await? {
            let document = Document::try_from(&document).map_err(|error| {
                Error::caused(Kind::Invariant, "a partition's document is damaged", error)
            })?;
            all.extend([parse(&document)?]);
        }
        Ok(all)
    }

    /// Makes the documents that are not there, beginning at these offsets, and takes all of these partitions over.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn take_over(&self, starts: &[(Partition, i64)]) -> Result<BTreeMap<Partition, Stored>> {
        let topics = topics(starts.iter().map(|(partition, _)| partition));
        let before = self.read(&topics).await?;
        for (partition, offset) in starts.iter().filter(|(partition, _)| !before.contains_key(partition)) {
            self.make(partition, *offset).await?;
        }
        let starts: Vec<_> = starts.iter().map(|(partition, _)| partition).collect();
        // The earlier owner may have been this worker.
        self.end_dropped().await;
        if let Err(error) = self.own(&starts).await {
            self.end_sessions(starts.iter().filter_map(|partition| before.get(*partition))).await;
            return Err(error);
        }
        self.read(&topics).await
    }

    /// Sets a partition's offset, from where it is read next. What was delivered and the anchor are forgotten.
    ///
    /// # Errors
    /// Whatever the target says.
    pub async fn seek(&self, partition: &Partition, offset: i64) -> Result<()> {
        let update = doc! {"$set": {"offset": offset, "sequences": {}}, "$unset": {"anchor": "", "clusterTime": "", "at": ""}};
        let statement = doc! {"q": {"_id": id(partition)}, "u": update, "upsert": true};
        self.update(vec![statement]).await.map(drop)
    }

    /// From now on the topic is applied in the source's order, because of a unique index of this collection; or no longer. Of all its
    /// partitions that have documents.
    ///
    /// # Errors
    /// Whatever the target says.
    pub async fn order(&self, topic: &str, because: Option<&Namespace>) -> Result<()> {
        let update = match because {
            Some(ns) => doc! {"$set": {ORDERED: ns.to_string()}},
            None => doc! {"$unset": {ORDERED: ""}},
        };
        self.update(vec![doc! {"q": {"_id.topic": topic}, "u": update, "multi": true}]).await.map(drop)
    }

    /// The topics that are applied in the source's order.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn ordered(&self) -> Result<BTreeSet<String>> {
        let found = self.find(&self.documents, &doc! {ORDERED: {"$ne": Bson::Null}}).await?;
        let topic = |document: &RawDocumentBuf| {
            Some(document.get_document("_id").ok()?.get_str("topic").ok()?.to_owned())
        };
        Ok(found.iter().filter_map(topic).collect())
    }

    /// Whether what happens to different documents of the target's collection has an order: a unique index, a collation, or it is capped.
    ///
    /// # Errors
    /// Whatever the target says.
    pub async fn needs_order(&self, ns: &Namespace) -> Result<bool> {
        Ok(patiently(ns, self.target.nature(ns)).await?.needs_order())
    }

    async fn make(&self, partition: &Partition, offset: i64) -> Result<()> {
        let set = doc! {"$setOnInsert": {"offset": offset, "sequences": {}}};
        self.update(vec![doc! {"q": {"_id": id(partition)}, "u": set, "upsert": true}]).await.map(drop)
    }

    async fn own(&self, partitions: &[&Partition]) -> Result<()> {
        let owner = Bson::Array(self.owner());
        let statement = |partition: &&Partition| doc! {"q": {"_id": id(partition)}, "u": {"$set": {"owner": owner.clone()}}};
        self.update(partitions.iter().map(statement).collect()).await.map(drop)
    }

    /// Gives how many documents were found.
    pub(super) async fn update(&self, updates: Vec<Document>) -> Result<i64> {
        let concern = doc! {"w": "majority"};
        let command = doc! {"update": &self.documents.coll, "updates": updates, "ordered": false,
        "maxTimeMS": HELD_MS, "writeConcern": concern};
        self.send(&self.documents, command).await
    }

    /// Sends a write command; gives how many documents were found.
    pub(super) async fn send(&self, ns: &Namespace, command: Document) -> Result<i64> {
        let reply = patiently(ns, self.target.write(ns, raw(&command)?)).await?;
        let reply = Document::from_reader(&*reply)
            .map_err(|error| Error::caused(Kind::Invariant, "the target's reply cannot be read", error))?;
        let is_ok = !reply.contains_key("writeErrors") && !reply.contains_key("writeConcernError");
        let failed = || Error::new(Kind::Transient, format!("not every document of {ns} could be written"));
        if is_ok { Ok(integer(reply.get("n")).unwrap_or(0)) } else { Err(failed()) }
    }

    /// Ends the transactions that earlier owners have left open. Where that is not allowed the server does it, within a minute.
    async fn end_sessions(&self, held: impl Iterator<Item = &Stored>) {
        let own = self.owner();
        let mut sessions: Vec<_> = held.flat_map(|stored| stored.owner.clone()).collect();
        sessions.retain(|session| !own.contains(session));
        sessions.dedup();
        if sessions.is_empty() {
            return;
        }
        tracing::info!(
            "a transaction of an earlier owner holds partitions' documents: its sessions are ended"
        );
        let sessions: Vec<_> = sessions.into_iter().map(|id| doc! {"id": id}).collect();
        let admin = Namespace::new("admin", "$cmd");
        let ended = async {
            let command = raw(&doc! {"killSessions": sessions})?;
            patiently(&admin, self.target.write(&admin, command)).await
        };
        if let Err(error) = ended.await {
            tracing::warn!(
                reason = error.chain(),
                "sessions could not be ended; the server ends their transactions"
            );
        }
    }

    pub(super) async fn find(&self, ns: &Namespace, filter: &Document) -> Result<Vec<RawDocumentBuf>> {
        let command = doc! {"find": &ns.coll, "filter": filter.clone(), "readConcern": {"level": "majority"}};
        let found = patiently(ns, self.target.find(ns, raw(&command)?, usize::MAX)).await?;
        Ok(found.documents)
    }
}

/// The topics of these partitions, each once.
pub(crate) fn topics<'p>(partitions: impl Iterator<Item = &'p Partition>) -> Vec<&'p str> {
    let mut topics: Vec<_> = partitions.map(|partition| &*partition.topic).collect();
    topics.sort_unstable();
    topics.dedup();
    topics
}

/// The answer, if there is one in time.
async fn patiently<R>(ns: &Namespace, asked: impl Future<Output = Result<R, Trouble>>) -> Result<R> {
    match timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Trouble::Failed(error))) => Err(error),
        Ok(Err(Trouble::Refused(fault))) if fault.code == code::MAX_TIME_MS_EXPIRED => {
            Err(Error::caused(Kind::Transient, format!("{ns} is held"), fault))
        }
        Ok(Err(Trouble::Refused(fault))) => {
            Err(Error::caused(Kind::Invariant, format!("the target refuses a command on {ns}"), fault))
        }
        Err(_) => Err(Error::new(Kind::Transient, format!("no answer about {ns} in {PATIENCE:?}"))),
    }
}
