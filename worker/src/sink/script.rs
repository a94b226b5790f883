//! A scripted target with transactions: answers as told, then as one that takes everything; keeps what it was asked.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use bson::{Bson, Document, RawDocumentBuf};
use common::namespace::Namespace;

use super::nature::Nature;
use super::target::{Found, Target, Transaction, Trouble, Unfinished};

/// The target.
#[derive(Clone, Default)]
pub(crate) struct Script {
    /// What writes within transactions are answered.
    pub(crate) replies: Arc<Mutex<VecDeque<Result<Document, Trouble>>>>,
    /// What commits are answered.
    pub(crate) commits: Arc<Mutex<VecDeque<Unfinished>>>,
    /// What is found, by collection.
    pub(crate) documents: Arc<Mutex<BTreeMap<String, Vec<Document>>>>,
    /// Collections with a unique index.
    pub(crate) unique: Arc<Mutex<Vec<Namespace>>>,
    /// Capped collections.
    pub(crate) capped: Arc<Mutex<Vec<Namespace>>>,
    /// What writes outside of transactions are answered.
    pub(crate) apart: Arc<Mutex<VecDeque<Result<Document, Trouble>>>>,
    sent: Arc<Mutex<Vec<String>>>,
}

/// A transaction of it.
pub(crate) struct Scripted(Script);

impl Script {
    pub(crate) fn replies(replies: impl IntoIterator<Item = Result<Document, Trouble>>) -> Self {
        Self { replies: Arc::new(Mutex::new(replies.into_iter().collect())), ..Self::default() }
    }

    pub(crate) fn holds(&self, coll: &str, documents: impl IntoIterator<Item = Document>) {
        self.documents.lock().unwrap().insert(coll.to_owned(), documents.into_iter().collect());
    }

    /// What it was asked since the last call, one word or a few each.
    pub(crate) fn sent(&self) -> Vec<String> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }

    fn note(&self, what: impl Into<String>) {
        self.sent.lock().unwrap().push(what.into());
    }

    fn look(&self, command: &RawDocumentBuf) -> Found {
        let command = Document::try_from(command).unwrap();
        self.note(summary(&command));
        let all =
            self.documents.lock().unwrap().get(command.get_str("find").unwrap()).cloned().unwrap_or_default();
        let wanted = |document: &&Document| {
            let list = command.get_document("filter").ok().and_then(|filter| filter.get_document("_id").ok());
            let list = list.and_then(|list| list.get_array("$in").ok());
            list.is_none_or(|list| list.contains(document.get("_id").unwrap()))
        };
        let documents = all.iter().filter(wanted).map(|d| RawDocumentBuf::try_from(d).unwrap()).collect();
        Found { documents, is_complete: true }
    }
}

impl Target for Script {
    type Transaction = Scripted;

    /// Outside of transactions only how topics are applied is written, and capped collections.
    async fn write(&self, ns: &Namespace, command: RawDocumentBuf) -> Result<Vec<u8>, Trouble> {
        let command = Document::try_from(&command).unwrap();
        if !self.capped.lock().unwrap().contains(ns) {
            self.note(summary(&command));
            return Ok(bson::doc! {"n": 1, "ok": 1}.to_vec().unwrap());
        }
        self.note(format!("apart {}", summary(&command)));
        let taken = bson::doc! {"n": i32::try_from(ids(&command).len()).unwrap(), "ok": 1};
        self.apart.lock().unwrap().pop_front().unwrap_or(Ok(taken)).map(|reply| reply.to_vec().unwrap())
    }

    async fn find(&self, ns: &Namespace, command: RawDocumentBuf, _: usize) -> Result<Found, Trouble> {
        if self.capped.lock().unwrap().contains(ns) {
            self.note("apart");
        }
        Ok(self.look(&command))
    }

    async fn create(&self, ns: &Namespace) -> Result<(), Trouble> {
        self.note(format!("create {ns}"));
        Ok(())
    }

    async fn nature(&self, ns: &Namespace) -> Result<Nature, Trouble> {
        let is_in = |names: &Mutex<Vec<Namespace>>| names.lock().unwrap().contains(ns);
        Ok(Nature { is_tied: is_in(&self.unique), is_capped: is_in(&self.capped) })
    }

    async fn begin(&self) -> Result<Scripted, Trouble> {
        self.note("begin");
        Ok(Scripted(self.clone()))
    }

    fn sessions(&self) -> Vec<Bson> {
        Vec::new()
    }

    async fn end_dropped(&self) -> Result<(), Trouble> {
        self.note("end dropped");
        Ok(())
    }
}

impl Transaction for Scripted {
    async fn write(&mut self, _: &Namespace, command: RawDocumentBuf) -> Result<Vec<u8>, Trouble> {
        let command = Document::try_from(&command).unwrap();
        self.0.note(summary(&command));
        let taken = bson::doc! {"n": i32::try_from(ids(&command).len()).unwrap(), "ok": 1};
        let answer = self.0.replies.lock().unwrap().pop_front().unwrap_or(Ok(taken));
        answer.map(|reply| reply.to_vec().unwrap())
    }

    async fn find(&mut self, _: &Namespace, command: RawDocumentBuf, _: usize) -> Result<Found, Trouble> {
        Ok(self.0.look(&command))
    }

    async fn commit(&mut self) -> Result<(), Unfinished> {
        self.0.note("commit");
        self.0.commits.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }

    async fn abort(&mut self) {
        self.0.note("abort");
    }
}

/// The `_id`s that a command is about.
fn ids(command: &Document) -> Vec<Bson> {
    let list = |name| command.get_array(name).unwrap().iter().map(|of| of.as_document().unwrap().clone());
    let of = |filter: &Document| match filter.get("_id").unwrap() {
        Bson::Document(id) if id.contains_key("$in") => id.get_array("$in").unwrap().clone(),
        id => vec![id.clone()],
    };
    let filtered = |statement: Document| of(statement.get_document("q").unwrap());
    match command.keys().next().unwrap().as_str() {
        "insert" => list("documents").map(|document| document.get("_id").unwrap().clone()).collect(),
        "update" => list("updates").flat_map(filtered).collect(),
        "delete" => list("deletes").flat_map(filtered).collect(),
        _ => Vec::new(),
    }
}

/// `move 10>12` for partitions' documents, `mark` and `unmark`, else the command and its `_id`s.
fn summary(command: &Document) -> String {
    let (name, coll) = command.iter().next().unwrap();
    let offset = |update: &Document| {
        let to = update.get_document("u").unwrap().get_document("$set").unwrap().get_i64("offset").unwrap();
        format!("{}>{to}", update.get_document("q").unwrap().get_i64("offset").unwrap())
    };
    match (name.as_str(), coll.as_str().unwrap()) {
        ("update", "p") if command.to_string().contains("_id.topic") => "order".to_owned(),
        ("update", "p") => {
            let moves =
                command.get_array("updates").unwrap().iter().map(|u| offset(u.as_document().unwrap()));
            format!("move {}", moves.collect::<Vec<_>>().join(" "))
        }
        ("update", "p.keys") => "mark".to_owned(),
        ("delete", "p.keys") => "unmark".to_owned(),
        ("find", coll) => format!("find {coll}"),
        (name, _) => {
            let ids: Vec<_> = ids(command).iter().map(Bson::to_string).collect();
            format!("{name} {}", ids.join(" "))
        }
    }
}
