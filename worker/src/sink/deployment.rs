//! The target as it is: a MongoDB deployment behind the driver.
//!
//! Sessions for transactions are made at the start and kept: their ids stand in the documents of the partitions that this worker
//! owns, so that the next owner can end what a dead worker left open.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bson::{Bson, RawDocumentBuf, doc};
use common::{
    error::{Error, Kind},
    mongo::{self, Reason},
    namespace::Namespace,
};
use futures_util::TryStreamExt as _;
use mongodb::{
    Client, ClientSession,
    error::{Error as DriverError, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT},
    options::{Acknowledgment, ReadConcern, TransactionOptions, WriteConcern},
    results::CollectionSpecification,
};
use tokio::time::timeout;

use super::{
    nature::{self, LARGEST, Nature},
    send::silent,
    target::{Found, Target, Transaction, Trouble, Unfinished, size, trouble},
};

/// `NamespaceExists` and `NamespaceNotFound`.
const EXISTS: i32 = 48;
const NOT_FOUND: i32 = 26;
/// How long an abort is waited for; the server ends by itself what nobody goes on with.
const ABORT_WITHIN: Duration = Duration::from_secs(2);

/// A client and its sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Deployment {
    client: Client,
    sessions: Arc<Sessions>,
}

#[derive(Debug)]
struct Sessions {
    idle: Mutex<Vec<Idle>>,
    ids: Vec<Bson>,
}

/// A session that nobody uses.
#[derive(Debug)]
struct Idle {
    session: ClientSession,
    /// Whether its last transaction may still be open at the server.
    may_hold: bool,
}

/// A session in a transaction; it goes back to the others when dropped, whatever state it is in.
#[derive(Debug)]
pub struct Open {
    client: Client,
    session: Option<ClientSession>,
    is_committed: bool,
    home: Arc<Sessions>,
}

impl Deployment {
    /// Ends its sessions and tasks; nobody writes any more.
    pub async fn close(self) {
        mongo::close(self.client).await;
    }

    /// A deployment that is written to without transactions.
    #[must_use]
    pub fn plain(client: Client) -> Self {
        Self { client, sessions: Arc::new(Sessions { idle: Mutex::default(), ids: Vec::new() }) }
    }

    /// Its client.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// A deployment with `most` sessions for transactions.
    ///
    /// # Errors
    /// The driver's.
    pub async fn with_sessions(client: Client, most: usize) -> Result<Self, DriverError> {
        let mut sessions = Vec::with_capacity(most);
        for _ in 0..most {
            let session = client.start_session().causal_consistency(false).await?;
            sessions.push(Idle { session, may_hold: false });
        }
        let ids = sessions.iter().filter_map(Idle::id).collect();
        Ok(Self { client, sessions: Arc::new(Sessions { idle: Mutex::new(sessions), ids }) })
    }

    /// Whether the collection has a unique index besides that of `_id`.
    async fn has_unique_index(&self, ns: &Namespace) -> Result<bool, Trouble> {
        let collection = self.client.database(&ns.db).collection::<RawDocumentBuf>(&ns.coll);
        let mut indexes = match collection.list_indexes().await {
            Ok(indexes) => indexes,
            Err(error) if mongo::code(&error) == Some(NOT_FOUND) => return Ok(false),
            Err(error) => return Err(trouble(ns, &error)),
        };
        while let Some(index) = indexes.try_next().await.map_err(|error| trouble(ns, &error))? {
            // The index of `_id` does not say of itself that it is unique, but where it is clustered.
            if index.keys != doc! {"_id": 1}
                && index.options.is_some_and(|options| options.unique == Some(true))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Idle {
    fn id(&self) -> Option<Bson> {
        self.session.id().get("id").cloned()
    }
}

impl Sessions {
    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The idle sessions that may hold something: ids. From now on they hold nothing, or [`may_hold`](Self::may_hold) takes it back.
    fn let_go(&self) -> Vec<Bson> {
        let mut idle = self.idle();
        let held = idle.iter_mut().filter_map(|idle| std::mem::take(&mut idle.may_hold).then(|| idle.id()));
        held.flatten().collect()
    }

    fn may_hold(&self, sessions: &[Bson]) {
        for idle in self.idle().iter_mut() {
            idle.may_hold |= idle.id().is_some_and(|id| sessions.contains(&id));
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let may_hold = !self.is_committed;
        self.home.idle().extend(self.session.take().map(|session| Idle { session, may_hold }));
    }
}

impl Open {
    /// Sends any command.
    pub(crate) async fn run(
        &mut self,
        db: &str,
        command: bson::Document,
    ) -> Result<bson::Document, DriverError> {
        let database = self.client.database(db);
        database.run_command(command).session(self.session()).await
    }

    fn session(&mut self) -> &mut ClientSession {
        self.session.as_mut().expect("it has its session until it is dropped")
    }
}

impl Target for Deployment {
    type Transaction = Open;

    async fn write(&self, ns: &Namespace, command: RawDocumentBuf) -> Result<Vec<u8>, Trouble> {
        let reply = self.client.database(&ns.db).run_raw_command(command).await;
        encoded(&reply.map_err(|error| trouble(ns, &error))?)
    }

    async fn find(&self, ns: &Namespace, command: RawDocumentBuf, budget: usize) -> Result<Found, Trouble> {
        let failed = |error| trouble(ns, &error);
        let cursor = self.client.database(&ns.db).run_raw_cursor_command(command).await.map_err(failed)?;
        let mut cursor = cursor.with_type::<RawDocumentBuf>();
        let mut found = Reading::new(budget);
        while let Some(document) = cursor.try_next().await.map_err(failed)? {
            if found.is_enough(document) {
                return Ok(found.cut());
            }
        }
        Ok(found.whole())
    }

    async fn create(&self, ns: &Namespace) -> Result<(), Trouble> {
        match self.client.database(&ns.db).run_command(doc! {"create": &ns.coll}).await {
            Err(error) if mongo::code(&error) != Some(EXISTS) => Err(trouble(ns, &error)),
            _ => Ok(()),
        }
    }

    async fn nature(&self, ns: &Namespace) -> Result<Nature, Trouble> {
        let database = self.client.database(&ns.db);
        let listed = async {
            let cursor = database.list_collections().filter(doc! {"name": &ns.coll}).await?;
            cursor.try_collect::<Vec<_>>().await
        };
        let listed = listed.await.map_err(|error| trouble(ns, &error))?;
        let is_capped = listed.iter().any(|found| found.options.capped == Some(true));
        let drops = |found: &CollectionSpecification| {
            found.options.size.is_none_or(|size| size < LARGEST.cast_unsigned())
        };
        if is_capped && listed.iter().any(drops) {
            return Err(Trouble::Failed(nature::drops(ns)));
        }
        // Where strings are compared otherwise than byte by byte, the index of `_id` ties documents together, too.
        let is_collated = listed.iter().any(|found| found.options.collation.is_some());
        Ok(Nature { is_tied: is_collated || self.has_unique_index(ns).await?, is_capped })
    }

    async fn begin(&self) -> Result<Open, Trouble> {
        let failed = |error: DriverError| {
            Trouble::Failed(mongo::failed("cannot begin a transaction at the target", error))
        };
        let idle = self.sessions.idle().pop();
        let mut session = match idle {
            Some(idle) => idle.session,
            None => self.client.start_session().causal_consistency(false).await.map_err(failed)?,
        };
        // One that was dropped amid a transaction is still in it; in any other state this is refused without asking anybody.
        drop(timeout(ABORT_WITHIN, session.abort_transaction()).await);
        let (client, home) = (self.client.clone(), self.sessions.clone());
        let mut open = Open { client, session: Some(session), is_committed: false, home };
        // What is read was committed by whomever, and is not rolled back once this commit has its majority.
        let options = TransactionOptions::builder()
            .read_concern(ReadConcern::local())
            .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).build())
            .build();
        open.session().start_transaction().with_options(options).await.map_err(failed)?;
        Ok(open)
    }

    fn sessions(&self) -> Vec<Bson> {
        self.sessions.ids.clone()
    }

    async fn end_dropped(&self) -> Result<(), Trouble> {
        let held = self.sessions.let_go();
        if held.is_empty() {
            return Ok(());
        }
        let sessions: Vec<_> = held.iter().map(|id| doc! {"id": id.clone()}).collect();
        let admin = self.client.database("admin");
        let ended = admin.run_command(doc! {"killSessions": sessions});
        let why = match timeout(ABORT_WITHIN, ended).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => mongo::failed("transactions that were dropped could not be ended", error),
            Err(_) => silent(ABORT_WITHIN),
        };
        self.sessions.may_hold(&held);
        Err(Trouble::Failed(why))
    }
}

impl Transaction for Open {
    async fn write(&mut self, ns: &Namespace, command: RawDocumentBuf) -> Result<Vec<u8>, Trouble> {
        let database = self.client.database(&ns.db);
        let reply = database.run_raw_command(command).session(self.session()).await;
        encoded(&reply.map_err(|error| trouble(ns, &error))?)
    }

    async fn find(
        &mut self,
        ns: &Namespace,
        command: RawDocumentBuf,
        budget: usize,
    ) -> Result<Found, Trouble> {
        let failed = |error| trouble(ns, &error);
        let database = self.client.database(&ns.db);
        let session = self.session();
        let cursor = database.run_raw_cursor_command(command).session(&mut *session).await.map_err(failed)?;
        let mut cursor = cursor.with_type::<RawDocumentBuf>();
        let mut found = Reading::new(budget);
        while let Some(document) = cursor.next(session).await {
            if found.is_enough(document.map_err(failed)?) {
                return Ok(found.cut());
            }
        }
        Ok(found.whole())
    }

    async fn commit(&mut self) -> Result<(), Unfinished> {
        let Err(error) = self.session().commit_transaction().await else {
            self.is_committed = true;
            return Ok(());
        };
        let is_unknown = error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT);
        let is_transient = error.contains_label(TRANSIENT_TRANSACTION_ERROR);
        let error =
            Error::caused(Kind::Transient, "the target did not confirm the transaction", Reason::of(&error));
        if is_unknown && !is_transient {
            Err(Unfinished::Unknown(error))
        } else {
            Err(Unfinished::Gone(error))
        }
    }

    async fn abort(&mut self) {
        drop(timeout(ABORT_WITHIN, self.session().abort_transaction()).await);
    }
}

/// Documents on their way out of a cursor.
struct Reading {
    documents: Vec<RawDocumentBuf>,
    left: usize,
}

impl Reading {
    const fn new(budget: usize) -> Self {
        Self { documents: Vec::new(), left: budget }
    }

    fn is_enough(&mut self, document: RawDocumentBuf) -> bool {
        self.left = self.left.saturating_sub(size(&document));
        self.documents.push(document);
        self.left == 0
    }

    fn cut(self) -> Found {
        Found { documents: self.documents, is_complete: false }
    }

    fn whole(self) -> Found {
        Found { documents: self.documents, is_complete: true }
    }
}

fn encoded(reply: &bson::Document) -> Result<Vec<u8>, Trouble> {
    reply.to_vec().map_err(|error| {
        Trouble::Failed(Error::caused(Kind::Invariant, "a reply does not encode again", error))
    })
}
