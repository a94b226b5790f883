//! What is done about lessons that need nobody but the target; the others are tried against real services.

use std::time::{Duration, Instant};

use bson::{Document, doc};
use common::{config::Config, telemetry::health::Health, topics::Topics};

use crate::{
    apply::Apply,
    batch::{Batches, Exact},
    checkpoint::{Known, Store},
    consume::{
        intake::{Limit, Partition, Room, Settled, Start, Taken},
        record::Record,
        shared::Shared,
    },
    control::Control,
    dead_letter::DeadLetters,
    plan::{Limits, code},
    sink::{
        Sink,
        script::Script,
        target::{Trouble, Unfinished},
    },
};
use common::error::{Error, Kind};

fn config() -> Config {
    let config = serde_json::json!({"pipeline": "p", "kafka": {"brokers": "127.0.0.1:9"}});
    serde_json::from_value(config).unwrap()
}

fn batches(script: &Script) -> Batches<Script> {
    let (config, health) = (config(), Health::new(&[]));
    let condition = || health.condition("target");
    let sink = Sink::new(script.clone(), Limits::default(), condition());
    let letters = DeadLetters::new(&config, &Topics::new("", "p"), condition());
    let control = Control::new(&config.kafka, "oplogue.p.control".to_owned(), true);
    let exact = Exact::new(Store::new(script.clone(), "p"), control, [condition(), condition()]);
    Batches::new(&config, sink, letters, Some(exact)).unwrap()
}

/// Three inserts at the offsets 10 to 12.
fn taken() -> Vec<Taken> {
    let shared = Shared::new(Room { of_lane: 1 << 20, of_all: 1 << 30, of_batches: 1 << 30 });
    let partition = Partition { topic: "t".into(), number: 0 };
    let known = Known { offset: 10, ..Known::default() };
    let start = Start { partition, at: 10, committed: None, anchor: None, known, is_ordered: false };
    let lane = shared.intake().assign(start);
    let record = |offset: i64| {
        let event = doc! {"_id": {}, "operationType": "insert", "ns": {"db": "db", "coll": "coll"},
        "documentKey": {"_id": offset}, "fullDocument": {"_id": offset}};
        let sequence = format!("rs0/1/{offset}");
        let headers = [("v", "1"), ("format", "bson"), ("seq", &*sequence)];
        let headers = headers.iter().map(|(name, value)| (*name, Some(value.as_bytes())));
        Record::new(offset, None, None, Some(&event.to_vec().unwrap()), headers)
    };
    shared.intake().push(lane, &mut (10..13).map(record).collect()).unwrap();
    shared.take(Limit { records: 100, bytes: 1 << 20 })
}

fn stored(offset: i64) -> Document {
    doc! {"_id": {"topic": "t", "partition": 0}, "offset": offset,
    "sequences": {"rs0": {"epoch": 1, "sequence": offset - 1}}, "anchor": format!("rs0/1/{}", offset - 1)}
}

async fn applied(script: &Script) -> (Option<Settled>, Option<Error>) {
    let mut outcome = batches(script).apply(taken()).await;
    (outcome.settled.pop(), outcome.failure)
}

#[tokio::test(start_paused = true)]
async fn own_commit_whose_answer_was_lost_is_not_done_again() {
    let script = Script::replies([Ok(doc! {"n": 1}), Ok(doc! {"n": 3}), Ok(doc! {"n": 0})]);
    let gone = Unfinished::Gone(Error::new(Kind::Transient, "elected"));
    script.commits.lock().unwrap().push_back(gone);
    script.holds("p", [stored(13)]);
    let (settled, failure) = applied(&script).await;
    let settled = settled.unwrap();
    assert!(failure.is_none());
    assert_eq!((settled.head, settled.known.offset, settled.rest.len()), (Some(13), 13, 0));
    let wanted = [
        "create db.coll",
        "begin",
        "move 10>13",
        "insert 10 11 12",
        "commit",
        "begin",
        "move 10>13",
        "abort",
        "find p",
        "find p.keys",
    ];
    assert_eq!(script.sent(), wanted);
}

#[tokio::test]
async fn what_another_owner_has_passed_is_left_out() {
    let script = Script::replies([Ok(doc! {"n": 0})]);
    script.holds("p", [stored(12)]);
    let (settled, failure) = applied(&script).await;
    assert!(failure.is_none());
    assert_eq!(settled.unwrap().head, Some(13));
    assert_eq!(script.sent()[6..], ["begin", "move 12>13", "insert 12", "commit"]);
}

#[tokio::test]
async fn document_that_went_back_or_is_gone_begins_everything_anew() {
    for there in [vec![stored(9)], vec![]] {
        let script = Script::replies([Ok(doc! {"n": 0})]);
        script.holds("p", there);
        let (settled, failure) = applied(&script).await;
        assert_eq!(failure.unwrap().kind, Kind::Fenced);
        let settled = settled.unwrap();
        assert_eq!((settled.head, settled.rest.len()), (None, 3));
    }
}

#[tokio::test]
async fn insert_of_what_is_there_is_redone_with_upserts() {
    let exists =
        doc! {"n": 0, "writeErrors": [{"index": 1, "code": code::DUPLICATE_KEY, "keyPattern": {"_id": 1}}]};
    let script = Script::replies([Ok(doc! {"n": 1}), Ok(exists)]);
    let (settled, failure) = applied(&script).await;
    assert!(failure.is_none());
    assert_eq!(settled.unwrap().known.offset, 13);
    assert_eq!(script.sent()[4..], ["abort", "begin", "move 10>13", "update 10 11 12", "commit"]);
}

#[tokio::test]
async fn command_that_is_refused_whole_is_tried_with_half_the_records_then_with_more() {
    let fault = crate::plan::Fault::new(code::BSON_OBJECT_TOO_LARGE, None);
    let script = Script::replies([Ok(doc! {"n": 1}), Err(Trouble::Refused(fault))]);
    let (settled, _) = applied(&script).await;
    assert_eq!(settled.unwrap().known.offset, 13);
    let wanted =
        ["begin", "move 10>11", "insert 10", "commit", "begin", "move 11>13", "insert 11 12", "commit"];
    assert_eq!(script.sent()[5..], wanted);
}

#[tokio::test]
async fn collection_with_a_unique_index_has_its_topic_ordered_before_the_first_write() {
    let script = Script::default();
    script.unique.lock().unwrap().push(common::namespace::Namespace::new("db", "coll"));
    let (settled, failure) = applied(&script).await;
    let failure = failure.unwrap();
    assert!(failure.kind == Kind::Fenced && failure.context.contains("db.coll"), "{failure}");
    assert_eq!(
        (settled.unwrap().rest.len(), script.sent()),
        (3, ["order", "end dropped"].map(str::to_owned).to_vec())
    );
}

#[tokio::test]
async fn record_that_is_blocked_in_order_is_written_late_then_stops_the_worker_unless_a_repair_is_to_come() {
    let taken_by = |index| {
        let pattern = doc! {"seat": 1};
        Ok(
            doc! {"n": 0, "writeErrors": [{"index": index, "code": code::DUPLICATE_KEY, "keyPattern": pattern}]},
        )
    };
    let moved = || Ok(doc! {"n": 1});
    let whole = |taken: Taken| Taken { is_ordered: true, is_all: true, ..taken };
    let ordered = || taken().into_iter().map(whole).collect::<Vec<_>>();
    let script = Script::replies([moved(), taken_by(1), moved(), Ok(doc! {"n": 3})]);
    assert!(batches(&script).apply(ordered()).await.failure.is_none());
    assert_eq!(script.sent()[4..], ["abort", "begin", "move 10>13", "insert 10 12 11", "commit"]);

    let blocked = || Script::replies([moved(), taken_by(1), moved(), taken_by(2)]);
    let script = blocked();
    let mut outcome = batches(&script).apply(ordered()).await;
    let (failure, settled) = (outcome.failure.unwrap(), outcome.settled.pop().unwrap());
    assert!(failure.kind == Kind::Misconfigured && failure.context.contains("t[0], offset 11"), "{failure}");
    assert_eq!((settled.head, settled.rest.len()), (Some(11), 2), "what comes before is written");

    let script = blocked();
    let not_all = ordered().into_iter().map(|taken| Taken { is_all: false, ..taken }).collect();
    let mut outcome = batches(&script).apply(not_all).await;
    let settled = outcome.settled.pop().unwrap();
    assert!(outcome.failure.is_none());
    assert_eq!((settled.head, settled.rest.len(), settled.too_few), (Some(11), 2, Some(2)));

    let script = blocked();
    let waits = doc! {"_id": {"topic": "t", "partition": 0, "ns": "db.coll", "key": 7}, "why": "missing", "slice": "rs0", "epoch": 1,
    "sequence": 5_i64};
    script.holds("p", [stored(10)]);
    script.holds("p.keys", [waits]);
    // It ends only when Kafka has the request for the repair, and there is no Kafka.
    let waiting = tokio::spawn(batches(&script).apply(ordered()));
    let (mut sent, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(20));
    while sent.last().is_none_or(|last| last != "commit") {
        assert!(Instant::now() < deadline && !waiting.is_finished(), "{sent:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
        sent.extend(script.sent());
    }
    waiting.abort();
    assert!(
        sent.ends_with(&["begin", "move 10>13", "insert 10 12", "mark", "commit"].map(str::to_owned)),
        "{sent:?}"
    );
}
