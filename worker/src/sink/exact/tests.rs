use bson::doc;
use common::{
    error::Error,
    namespace::Namespace,
    raw::{self, Document},
    telemetry::health::Health,
};

use super::*;
use crate::{
    checkpoint::{Advance, Store},
    consume::intake::Partition,
    dead_letter::Reason,
    plan::{self, Change, Fault, Limits, NamespaceId, Options, Record, code},
    sequence::Delivered,
    sink::{
        Run,
        script::Script,
        target::{Trouble, Unfinished},
    },
};

fn failure(code: i32, pattern: &str) -> Result<bson::Document, Trouble> {
    failure_at(0, code, pattern)
}

fn failure_at(index: i32, code: i32, pattern: &str) -> Result<bson::Document, Trouble> {
    Ok(doc! {"n": 0, "writeErrors": [{"index": index, "code": code, "keyPattern": {pattern: 1}}], "ok": 1})
}

fn taken(n: i32) -> Result<bson::Document, Trouble> {
    Ok(doc! {"n": n, "ok": 1})
}

fn transient() -> Error {
    Error::new(ErrorKind::Transient, "no primary")
}

/// What the records borrow, kept for the life of the test process.
fn keep(document: &bson::Document) -> Document<'static> {
    Document::new(document.to_vec().unwrap().leak()).unwrap()
}

fn record(id: i32, change: Change<'static>) -> Record<'static> {
    let id = keep(&doc! {"_id": id}).get("_id").unwrap().unwrap();
    let mut key = Vec::new();
    crate::identity::write(&id, &mut key).unwrap();
    Record { namespace: NamespaceId(0), key: key.leak(), id, change }
}

fn insert(id: i32) -> Record<'static> {
    record(id, Change::Insert(keep(&doc! {"_id": id})))
}

fn image(id: i32, age: i32) -> Record<'static> {
    record(id, Change::Image(keep(&doc! {"_id": id, "age": age})))
}

fn delta(id: i32, fields: &bson::Document) -> Record<'static> {
    let delta = common::event::UpdateDescription {
        updated_fields: keep(fields),
        removed_fields: raw::Document::EMPTY,
        truncated_arrays: raw::Document::EMPTY,
        is_diff: true,
        disambiguated_paths: None,
    };
    record(id, Change::Delta(delta))
}

/// Says that these records' documents should be there.
struct Should(Vec<usize>);

impl Judge for Should {
    async fn should_be_there(&self, records: &[usize], _: bool) -> Result<Vec<usize>> {
        Ok(records.iter().copied().filter(|record| self.0.contains(record)).collect())
    }
}

async fn carry(script: &Script, records: &[Record<'static>], fold: bool) -> Result<Result<Written, Lesson>> {
    judged(script, records, fold, &[]).await
}

async fn judged(
    script: &Script,
    records: &[Record<'static>],
    fold: bool,
    should: &[usize],
) -> Result<Result<Written, Lesson>> {
    let sink = Sink::new(script.clone(), Limits::default(), Health::new(&[]).condition("target"));
    let (names, store) = ([Namespace::new("db", "coll")], Store::new(script.clone(), "p"));
    let partition = Partition { topic: "t".into(), number: 0 };
    let (delivered, cluster_time, anchor) = (Delivered::default(), None, None);
    let advances = [Advance { partition, from: 10, to: 12, delivered, cluster_time, anchor }];
    let options = Options { fold, ..Options::default() };
    let plan = if fold {
        plan::plan(records, &options)
    } else {
        plan::in_order(records, &options, &plan::Late::new())
    };
    let run = Run { records, names: &names };
    let attempt = Attempt { run, plan: &plan, is_ordered: !fold, advances: &advances, marks: &[] };
    sink.in_transaction(&store, attempt, &Should(should.to_vec()), records.len() > 1).await
}

#[tokio::test]
async fn offsets_and_documents_are_one_transaction_whose_collections_were_made_before() {
    let script = Script::default();
    let written = carry(&script, &[insert(1), image(2, 1)], true).await.unwrap().unwrap();
    let sent = ["create db.coll", "begin", "move 10>12", "update 2", "insert 1", "commit"];
    assert_eq!(script.sent(), sent);
    assert_eq!((written.statements[&Kind::Insert], written.statements[&Kind::Upsert]), (1, 1));
}

#[tokio::test]
async fn lost_compare_writes_nothing() {
    let script = Script::replies([taken(0)]);
    let lesson = carry(&script, &[image(1, 1)], true).await.unwrap().unwrap_err();
    assert_eq!(lesson, Lesson::Lost);
    assert_eq!(script.sent(), ["create db.coll", "begin", "move 10>12", "abort"]);
}

#[tokio::test]
async fn each_failure_teaches_what_is_to_be_done() {
    let reason = |code: i32| match code {
        code::DOCUMENT_VALIDATION_FAILURE => "validation",
        _ => "base",
    };
    let refused = |record, code| Lesson::Refused(record, reason_of(reason(code), code));
    let twice = || vec![image(1, 1), image(1, 2)];
    let validation = code::DOCUMENT_VALIDATION_FAILURE;
    let cases = [
        (vec![insert(1)], true, failure(code::DUPLICATE_KEY, "_id"), Lesson::Exists(NamespaceId(0))),
        (vec![image(1, 1), image(2, 1)], true, failure_at(1, validation, ""), refused(1, validation)),
        (twice(), true, failure(validation, ""), Lesson::Unfold),
        (twice(), false, failure(validation, ""), refused(0, validation)),
        (vec![image(1, 1)], true, failure(code::DUPLICATE_KEY, "email"), Lesson::Unique(NamespaceId(0))),
        (vec![image(1, 1)], false, failure(code::DUPLICATE_KEY, "email"), Lesson::Blocked(0)),
        (
            vec![delta(1, &doc! {"a": 1})],
            true,
            failure(code::PATH_NOT_VIABLE, ""),
            refused(0, code::PATH_NOT_VIABLE),
        ),
        (
            vec![image(1, 1), image(2, 1)],
            true,
            Err(Trouble::Refused(Fault::new(code::BSON_OBJECT_TOO_LARGE, None))),
            Lesson::Fewer,
        ),
    ];
    for (records, fold, answer, wanted) in cases {
        let script = Script::replies([taken(1), answer]);
        let lesson = carry(&script, &records, fold).await.unwrap().unwrap_err();
        match (&lesson, &wanted) {
            (Lesson::Refused(record, reason), Lesson::Refused(wanted, kind)) => {
                assert_eq!((record, reason.kind), (wanted, kind.kind));
            }
            _ => assert_eq!(lesson, wanted),
        }
        assert_eq!(script.sent().last().unwrap(), "abort");
    }
}

fn reason_of(kind: &'static str, code: i32) -> Reason {
    Reason { kind, text: code.to_string() }
}

#[tokio::test]
async fn missing_documents_are_found_in_the_transaction_and_judged() {
    let deltas = [delta(1, &doc! {"a": 1}), delta(2, &doc! {"a": 1}), delta(3, &doc! {"$a": 1})];
    let script = || {
        let script = Script::replies([taken(1), taken(1)]);
        script.holds("coll", [doc! {"_id": 1}]);
        script
    };
    let normal = script();
    let written = judged(&normal, &deltas, true, &[]).await.unwrap().unwrap();
    assert_eq!(written.misses[&NamespaceId(0)], 2);
    assert_eq!(normal.sent(), ["begin", "move 10>12", "update 1 2", "find coll", "find coll", "commit"]);
    let lesson = judged(&script(), &deltas, true, &[1]).await.unwrap().unwrap_err();
    assert_eq!(lesson, Lesson::Missing(vec![1]));
    let lesson = judged(&script(), &deltas, true, &[2]).await.unwrap().unwrap_err();
    assert_eq!(lesson, Lesson::Missing(vec![2]));
}

#[tokio::test]
async fn delta_that_does_not_fit_a_copied_document_asks_for_it() {
    let script = Script::replies([taken(1), failure(code::PATH_NOT_VIABLE, "")]);
    let lesson = judged(&script, &[delta(1, &doc! {"a": 1})], true, &[0]).await.unwrap().unwrap_err();
    assert_eq!(lesson, Lesson::Missing(vec![0]));
}

#[tokio::test(start_paused = true)]
async fn commit_of_unknown_result_is_asked_again_and_one_that_is_gone_begins_anew() {
    let script = Script::default();
    let unknown = || Unfinished::Unknown(transient());
    *script.commits.lock().unwrap() = [unknown(), unknown(), Unfinished::Gone(transient())].into();
    carry(&script, &[image(1, 1)], true).await.unwrap().unwrap();
    let once = ["begin", "move 10>12", "update 1", "commit"];
    let sent = [&["create db.coll"], &once[..], &["commit", "commit"], &once[..]].concat();
    assert_eq!(script.sent(), sent);
}

#[tokio::test(start_paused = true)]
async fn what_passes_by_itself_begins_the_whole_anew() {
    let conflict = || Err(Trouble::Failed(transient()));
    let script =
        Script::replies([conflict(), taken(1), conflict(), taken(1), failure(code::WRITE_CONFLICT, "")]);
    carry(&script, &[image(1, 1)], true).await.unwrap().unwrap();
    let begun = script.sent().iter().filter(|sent| *sent == "begin").count();
    assert_eq!(begun, 4);
}

fn capped() -> Script {
    let script = Script::default();
    script.capped.lock().unwrap().push(Namespace::new("db", "coll"));
    script
}

#[tokio::test]
async fn a_capped_collection_is_written_between_the_compare_and_the_commit() {
    let script = capped();
    script.holds("coll", [doc! {"_id": 3}]);
    *script.apart.lock().unwrap() = [taken(2), taken(0)].into();
    let records = [insert(1), insert(2), delta(4, &doc! {"a": 1})];
    let written = carry(&script, &records, false).await.unwrap().unwrap();
    assert_eq!(written.misses[&NamespaceId(0)], 1);
    let sent = [
        "create db.coll",
        "begin",
        "move 10>12",
        "apart insert 1 2",
        "apart update 4",
        "apart",
        "find coll",
        "commit",
    ];
    assert_eq!(script.sent(), sent);
}

#[tokio::test]
async fn who_has_lost_the_compare_does_not_write_to_a_capped_collection() {
    let script = capped();
    script.replies.lock().unwrap().push_back(taken(0));
    let lesson = carry(&script, &[insert(1)], false).await.unwrap().unwrap_err();
    assert_eq!(lesson, Lesson::Lost);
    assert_eq!(script.sent(), ["create db.coll", "begin", "move 10>12", "abort"]);
}

#[tokio::test]
async fn a_capped_collection_asks_for_the_sources_order() {
    let lesson = carry(&capped(), &[insert(1)], true).await.unwrap().unwrap_err();
    assert_eq!(lesson, Lesson::Unique(NamespaceId(0)));
}

#[tokio::test(start_paused = true)]
async fn what_no_majority_has_of_a_capped_collection_is_not_committed() {
    let script = capped();
    let unconfirmed = doc! {"n": 1, "writeConcernError": {"code": code::WRITE_CONCERN_FAILED}, "ok": 1};
    *script.apart.lock().unwrap() = [Ok(unconfirmed), failure(code::DUPLICATE_KEY, "_id")].into();
    let lesson = carry(&script, &[insert(1)], false).await.unwrap().unwrap_err();
    assert_eq!(lesson, Lesson::Exists(NamespaceId(0)), "it is there already");
    let once = ["begin", "move 10>12", "apart insert 1", "abort"];
    assert_eq!(script.sent(), [&["create db.coll"], &once[..], &once[..]].concat());
}

#[tokio::test]
async fn missing_role_is_named() {
    let script = Script::replies([taken(1), failure(code::UNAUTHORIZED, "")]);
    let error = carry(&script, &[image(1, 1)], true).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misconfigured);
    assert!(error.context.contains("readWrite") && error.context.contains("db.coll"), "{error}");
}
