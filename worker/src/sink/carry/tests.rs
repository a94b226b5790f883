use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bson::{Bson, Document, RawDocumentBuf, doc};
use common::{
    error::{Error, Kind as ErrorKind},
    raw,
    telemetry::health::Health,
};

use super::*;
use crate::{
    plan::{Change, Fault, Limits, code},
    sink::{
        Nature,
        target::{Found, Transaction, Trouble, Unfinished},
    },
};

/// Answers as told, then as a target that takes everything; keeps what it was sent.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Result<Document, Trouble>>>>,
    documents: Arc<Mutex<Vec<Document>>>,
    sent: Arc<Mutex<Vec<Document>>>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Result<Document, Trouble>>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() }
    }

    /// Each command as `name [ids]`.
    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().iter().map(summary).collect()
    }
}

impl Target for Script {
    type Transaction = Never;

    async fn create(&self, _: &Namespace) -> Result<(), Trouble> {
        Ok(())
    }

    async fn nature(&self, _: &Namespace) -> Result<Nature, Trouble> {
        Ok(Nature::default())
    }

    async fn begin(&self) -> Result<Never, Trouble> {
        Ok(Never)
    }

    fn sessions(&self) -> Vec<Bson> {
        Vec::new()
    }

    async fn end_dropped(&self) -> Result<(), Trouble> {
        Ok(())
    }

    async fn write(&self, _: &Namespace, command: RawDocumentBuf) -> Result<Vec<u8>, Trouble> {
        let command = Document::try_from(&command).unwrap();
        let taken = doc! {"n": i32::try_from(ids(&command).len()).unwrap(), "ok": 1};
        self.sent.lock().unwrap().push(command);
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Ok(taken));
        if matches!(&answer, Err(Trouble::Failed(error)) if error.context == "silent") {
            std::future::pending::<()>().await;
        }
        answer.map(|reply| reply.to_vec().unwrap())
    }

    async fn find(&self, _: &Namespace, command: RawDocumentBuf, budget: usize) -> Result<Found, Trouble> {
        let command = Document::try_from(&command).unwrap();
        let wanted = ids(&command);
        self.sent.lock().unwrap().push(command);
        let all = self.documents.lock().unwrap().clone();
        let found = all.iter().filter(|d| wanted.contains(d.get("_id").unwrap()));
        // One document at a time: the smallest budget there is.
        let found: Vec<_> = found.map(|d| RawDocumentBuf::try_from(d).unwrap()).take(budget.min(1)).collect();
        Ok(Found { is_complete: found.is_empty(), documents: found })
    }
}

/// None are begun here.
struct Never;

impl Transaction for Never {
    async fn write(&mut self, _: &Namespace, _: RawDocumentBuf) -> Result<Vec<u8>, Trouble> {
        unreachable!("plain mode")
    }

    async fn find(&mut self, _: &Namespace, _: RawDocumentBuf, _: usize) -> Result<Found, Trouble> {
        unreachable!("plain mode")
    }

    async fn commit(&mut self) -> Result<(), Unfinished> {
        unreachable!("plain mode")
    }

    async fn abort(&mut self) {}
}

fn ids(command: &Document) -> Vec<Bson> {
    let list = |document: &Document, name| document.get_array(name).unwrap().clone();
    let in_list = |filter: &Document| list(filter.get_document("_id").unwrap(), "$in");
    let of = |statement: &Bson, path: &[&str]| {
        path.iter()
            .fold(statement.clone(), |value, name| value.as_document().unwrap().get(name).unwrap().clone())
    };
    match command.keys().next().unwrap().as_str() {
        "insert" => list(command, "documents").iter().map(|d| of(d, &["_id"])).collect(),
        "update" => list(command, "updates").iter().map(|u| of(u, &["q", "_id"])).collect(),
        "delete" => in_list(of(&list(command, "deletes")[0], &["q"]).as_document().unwrap()),
        _ => in_list(command.get_document("filter").unwrap()),
    }
}

fn summary(command: &Document) -> String {
    let ids: Vec<_> = ids(command).iter().map(Bson::to_string).collect();
    format!("{} {}", command.keys().next().unwrap(), ids.join(" "))
}

fn failure(index: i32, code: i32, pattern: &str) -> Document {
    doc! {"index": index, "code": code, "keyPattern": {pattern: 1}, "errmsg": "holds values"}
}

fn failures(n: i32, failures: impl IntoIterator<Item = Document>) -> Result<Document, Trouble> {
    let failures: Vec<_> = failures.into_iter().collect();
    Ok(doc! {"n": n, "writeErrors": failures, "ok": 1})
}

/// What the records borrow, kept for the life of the test process.
fn keep(document: &Document) -> raw::Document<'static> {
    raw::Document::new(document.to_vec().unwrap().leak()).unwrap()
}

fn record(id: i32, change: Change<'static>) -> Record<'static> {
    let id = keep(&doc! {"_id": id}).get("_id").unwrap().unwrap();
    Record { namespace: NamespaceId(0), key: id.value, id, change }
}

fn insert(id: i32) -> Record<'static> {
    record(id, Change::Insert(keep(&doc! {"_id": id})))
}

fn image(id: i32, age: i32) -> Record<'static> {
    record(id, Change::Image(keep(&doc! {"_id": id, "age": age})))
}

fn delta(id: i32, fields: &Document) -> Record<'static> {
    let empty = raw::Document::EMPTY;
    let delta = common::event::UpdateDescription {
        updated_fields: keep(fields),
        removed_fields: empty,
        truncated_arrays: empty,
        is_diff: true,
        disambiguated_paths: None,
    };
    // The identity as `sink::bases` writes it for what it finds.
    let mut key = Vec::new();
    let record = record(id, Change::Delta(delta));
    crate::identity::write(&record.id, &mut key).unwrap();
    Record { key: key.leak(), ..record }
}

async fn carry(script: &Script, records: &[Record<'static>]) -> Result<Written> {
    let condition = Health::new(&[]).condition("target");
    let sink = Sink::new(script.clone(), Limits::default(), condition);
    let names = [Namespace::new("db", "coll")];
    sink.carry_out(Run { records, names: &names }, &Options::default()).await
}

fn refused(written: &Written) -> Vec<(usize, &'static str)> {
    written.refused.iter().map(|(record, reason)| (*record, reason.kind)).collect()
}

#[tokio::test]
async fn insert_of_what_is_there_becomes_an_upsert_and_its_neighbours_are_not_sent_again() {
    let script = Script::new([failures(2, [failure(1, code::DUPLICATE_KEY, "_id")])]);
    let written = carry(&script, &[insert(1), insert(2), insert(3)]).await.unwrap();
    assert_eq!(script.sent(), ["insert 1 2 3", "update 2"]);
    assert!(written.refused.is_empty() && written.is_redone);
    assert_eq!(written.inserts[&NamespaceId(0)], (3, 1));
}

#[tokio::test(start_paused = true)]
async fn what_passes_by_itself_is_sent_until_it_does() {
    let away = || Err(Trouble::Failed(Error::new(ErrorKind::Transient, "no primary")));
    let silent = Err(Trouble::Failed(Error::new(ErrorKind::Transient, "silent")));
    let unconfirmed = doc! {"n": 1, "ok": 1, "writeConcernError": {"code": code::PRIMARY_STEPPED_DOWN}};
    let conflict = failures(0, [failure(0, code::WRITE_CONFLICT, "x")]);
    let script = Script::new([away(), silent, Ok(unconfirmed), conflict]);
    let written = carry(&script, &[image(1, 1)]).await.unwrap();
    assert_eq!(script.sent(), ["update 1"; 5]);
    assert!(written.refused.is_empty());
    assert_eq!(written.statements[&Kind::Upsert], 1);
}

#[tokio::test]
async fn command_refused_whole_is_halved_until_the_culprit_stands_alone() {
    let whole = || Err(Trouble::Refused(Fault::new(code::BSON_OBJECT_TOO_LARGE, None)));
    let ok = |n: i32| Ok(doc! {"n": n, "ok": 1});
    let script = Script::new([whole(), whole(), ok(1), whole(), ok(2)]);
    let records: Vec<_> = (0..4).map(|id| image(id, 1)).collect();
    let written = carry(&script, &records).await.unwrap();
    assert_eq!(script.sent(), ["update 0 1 2 3", "update 2 3", "update 3", "update 2", "update 0 1"]);
    assert_eq!(refused(&written), [(2, "too_large")]);
}

#[tokio::test]
async fn of_a_folded_statement_only_the_record_to_blame_is_refused() {
    let invalid = || failures(0, [failure(0, code::DOCUMENT_VALIDATION_FAILURE, "")]);
    let ok = Ok(doc! {"n": 1, "ok": 1});
    let first = failures(1, [failure(0, code::DOCUMENT_VALIDATION_FAILURE, "")]);
    let script = Script::new([first, ok, invalid()]);
    let written = carry(&script, &[image(1, 10), image(2, 1), image(1, 99), image(1, 20)]).await;
    // The first command held both documents; its failure at 0 is about the three records of document 1.
    let written = written.unwrap();
    assert_eq!(refused(&written), [(2, "validation")]);
    assert_eq!(script.sent(), ["update 1 2", "update 1", "update 1", "update 1"]);
}

#[tokio::test(start_paused = true)]
async fn unique_value_is_tried_again_then_unfolded_then_given_up() {
    let taken = || failures(0, [failure(0, code::DUPLICATE_KEY, "email")]);
    let script = Script::new(std::iter::repeat_with(taken).take(100));
    let written = carry(&script, &[image(1, 1)]).await.unwrap();
    assert_eq!(refused(&written), [(0, "unique_index")]);
    let once = crate::sink::again::UNIQUE_TRIES as usize + 1;
    assert_eq!(script.sent().len(), 2 * once);
    assert!(!written.refused[0].1.text.contains("holds values"));
}

#[tokio::test]
async fn missing_role_is_named() {
    let script = Script::new([failures(0, [failure(0, code::UNAUTHORIZED, "")])]);
    let error = carry(&script, &[image(1, 1)]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misconfigured);
    assert!(error.context.contains("readWrite") && error.context.contains("db.coll"), "{error}");
}

#[tokio::test]
async fn update_that_finds_nothing_is_a_miss() {
    let script = Script::new([Ok(doc! {"n": 1, "ok": 1})]);
    let written = carry(&script, &[delta(1, &doc! {"a": 1}), delta(2, &doc! {"a": 1})]).await.unwrap();
    assert_eq!(written.misses[&NamespaceId(0)], 1);
}

#[tokio::test]
async fn deltas_on_documents_are_read_within_the_budget_and_written_back() {
    let script = Script::new([]);
    *script.documents.lock().unwrap() = vec![doc! {"_id": 1, "$a": 1}, doc! {"_id": 3, "$a": 1, "b": 2}];
    let records: Vec<_> = (1..=3).map(|id| delta(id, &doc! {"$a": 5})).collect();
    let written = carry(&script, &records).await.unwrap();
    assert_eq!(script.sent(), ["find 1 2 3", "update 1", "find 2 3", "update 3", "find 2"]);
    let last = script.sent.lock().unwrap()[3].to_string();
    assert!(last.contains(r#""$a": 5, "b": 2"#), "{last}");
    assert_eq!(written.misses[&NamespaceId(0)], 1);
}

#[tokio::test]
async fn delta_that_is_not_exact_on_its_document_is_refused() {
    let script = Script::new([]);
    let two_readings = doc! {"_id": 1, "a": {"b": {"$c": 1}}, "a.b": {"$c": 1}};
    *script.documents.lock().unwrap() = vec![two_readings];
    let written = carry(&script, &[delta(1, &doc! {"a.b.$c": 5})]).await.unwrap();
    assert_eq!(refused(&written), [(0, "base")]);
}

#[tokio::test]
async fn reply_that_does_not_add_up_ends_the_worker() {
    for reply in [failures(1, [failure(7, code::WRITE_CONFLICT, "x")]), Ok(doc! {"n": 1, "ok": 1})] {
        let error = carry(&Script::new([reply]), &[image(1, 1), image(2, 1)]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invariant);
    }
}
