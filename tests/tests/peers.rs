//! Bugs that peers of Oplogue have shipped, as tests of this one. Each opens with what went wrong there, step by step.
//!
//! Where another file proves the same, it is named here instead:
//!
//! | bug | test |
//! |---|---|
//! | a checkpoint amid a split event cannot be resumed (Estuary connectors 5136) | `producer/tests/split_events.rs` |
//! | documents with NaN or Infinity are skipped (MongoShake) | `types::values_of_every_type_arrive_and_change` |
//! | one `_id` as int and as long in two partitions | `ids::equal_numbers_of_different_types_are_one_document` |
//! | a killed broker doubles and reorders (mongo-kafka 142) | `outages::processes_outlive_a_broker_that_is_killed` |

use bson::{Document, doc};
use e2e::{Collection, Pipeline, log::Record};
use serde_json::json;

/// Of a topic; see `e2e::Settings`.
const PARTITIONS: usize = 3;

/// Airbyte 71049: a valid token is judged invalid, because it was tried on a stream that was filtered to other namespaces.
///
/// 1. The stream carries one collection; the position's token is that of an event of another.
/// 2. The connector restarts and tries the token on the filtered stream.
/// 3. The stream does not find the token's event and the connector copies everything again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_valid_token_is_not_judged_on_a_filtered_stream() {
    let mut pipeline = Pipeline::new("peer_filtered").await;
    let hidden = format!("{}.hidden", pipeline.name);
    pipeline.collection("users").insert((0..20).map(|n| doc! {"_id": n})).await;
    pipeline.collection("hidden").insert([doc! {"_id": 1, "n": 0}]).await;
    pipeline.start(1).await;
    pipeline.published().await;
    // The last event behind which the position stands is one that the next start leaves out.
    for _ in 0..20 {
        pipeline.collection("hidden").update(1, doc! {"$inc": {"n": 1}}).await;
    }
    pipeline.published().await;
    let copied = pipeline.view.records().expect("Kafka answers").iter().filter(|r| r.is_snapshot()).count();
    pipeline.producer().kill();
    pipeline.settings["namespaces"]["exclude"] = json!([hidden]);
    pipeline.start_producer().ready().await;
    pipeline.producer().says(&["going on from the position"]).await;
    pipeline.collection("users").update(1, doc! {"$set": {"a": 1}}).await;
    pipeline.applied().await;
    let records = pipeline.view.records().expect("Kafka answers");
    assert_eq!(records.iter().filter(|record| record.is_snapshot()).count(), copied, "it was copied again");
    pipeline.check_target().await;
    pipeline.close().await;
}

/// PCSM-314: deltas that are older than the copied image of a document hit arrays that have shifted already.
///
/// 1. A document with an array is copied as it is at time T.
/// 2. Before T, elements were removed at its front and at its end, and others set by their index.
/// 3. The deltas of these changes are applied to the image of T: the index means another element, or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deltas_older_than_the_snapshot_image_are_never_applied_to_it() {
    let mut pipeline = Pipeline::new("peer_arrays").await;
    pipeline.settings["producer"]["snapshot"] = json!({"chunk_mib": 1});
    let collection = pipeline.collection("lists");
    let document = |n: i32| {
        let list: Vec<Document> = (0..20).map(|i| doc! {"i": i, "v": 0}).collect();
        doc! {"_id": n, "list": list, "pad": "x".repeat(4000)}
    };
    collection.insert((0..3000).map(document)).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writer = tokio::spawn(async move {
        let mut round = 0;
        while !*stopped.borrow() {
            shift(&collection, round).await;
            round += 1;
        }
    });
    pipeline.start(2).await;
    pipeline.copied().await;
    stop.send_replace(true);
    writer.await.expect("the writer ends");
    pipeline.check().await;
    let records = pipeline.view.records().expect("Kafka answers");
    let last = records.iter().filter(|record| record.is_snapshot()).map(Record::sequence).max();
    let meanwhile =
        records.iter().filter(|r| r.header("op") == "update" && Some(r.sequence()) < last).count();
    assert!(meanwhile > 0, "nothing changed while it was copied");
    pipeline.close().await;
}

/// Shifts the list of a few documents and changes it by index.
async fn shift(collection: &Collection, round: i32) {
    let id = round * 37 % 3000;
    for change in [
        doc! {"$set": {"list.1.v": round}},
        doc! {"$pop": {"list": -1}},
        doc! {"$push": {"list": {"i": 100 + round, "v": 1}}},
        doc! {"$set": {"list.2": {"i": -round}}},
        doc! {"$push": {"list": {"$each": [], "$slice": 15}}},
    ] {
        collection.update(id, change).await;
    }
}

/// Redpanda Connect 4690: the token from before the snapshot is kept until the copy has ended, and the copy outlives the oplog.
///
/// 1. A token is taken, then everything is copied.
/// 2. The copy takes longer than the oplog reaches back.
/// 3. The token is lost by the time the stream begins; every restart takes the same road, for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pre_snapshot_token_is_not_what_a_restart_goes_back_to() {
    let mut pipeline = Pipeline::new("peer_token").await;
    pipeline.settings["producer"]["snapshot"] = json!({"chunk_mib": 1, "parallel": 1});
    let collection = pipeline.collection("users");
    collection.insert((0..8000).map(|n| doc! {"_id": n, "n": 0, "pad": "x".repeat(2000)})).await;
    pipeline.start_producer();
    pipeline.records(500).await;
    let first = position(&mut pipeline);
    collection.update_many(doc! {"_id": {"$lt": 300}}, doc! {"$inc": {"n": 1}}).await;
    pipeline.records(2000).await;
    pipeline.producer().kill();
    // Amid the copy the token has moved on with the stream.
    let at_kill = position(&mut pipeline);
    assert_eq!(at_kill["snapshot"], "copying", "{at_kill}");
    assert_ne!(at_kill["token"], first["token"]);
    assert!(time(&at_kill) > time(&first), "{first} {at_kill}");
    pipeline.start(1).await;
    pipeline.check().await;
    pipeline.close().await;
}

fn position(pipeline: &mut Pipeline) -> serde_json::Value {
    pipeline.view.position("token").expect("there is a position")
}

fn time(position: &serde_json::Value) -> Option<(u32, u32)> {
    e2e::log::parse_time(position["clusterTime"].as_str()?)
}

/// Redpanda Connect 3425: an idle database restarts its snapshot for ever.
///
/// 1. Everything is copied; nothing is written from then on, so no event ever brings a token.
/// 2. The process restarts: without a token it takes itself to be new.
/// 3. Everything is copied again, at each restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_database_does_not_restart_its_snapshot() {
    let mut pipeline = Pipeline::new("peer_idle").await;
    pipeline.collection("users").insert((0..300).map(|n| doc! {"_id": n})).await;
    pipeline.start_producer();
    pipeline.copied().await;
    let before = pipeline.view.records().expect("Kafka answers").len();
    for _ in 0..2 {
        assert_eq!(pipeline.producer().stop().await, Some(0));
        pipeline.start_producer().ready().await;
        pipeline.producer().says(&["going on from the position"]).await;
        assert!(position(&mut pipeline)["token"].is_object(), "an idle stream has a token, too");
    }
    // One write shows that the stream was followed meanwhile.
    pipeline.published().await;
    let after = pipeline.view.records().expect("Kafka answers").len();
    assert_eq!(
        after,
        before + PARTITIONS + 1,
        "the marker's collection, in each of its partitions, and the marker"
    );
    pipeline.close().await;
}

/// PCSM-221: a document is inserted and moves while it is copied; the copy meets the `_id` that is there already.
///
/// 1. A document is inserted while its collection is copied, and its shard key changes: the source tells of a delete and an
///    insert, in one transaction.
/// 2. The copy brings the document, too.
/// 3. The target refuses the second of the two with a duplicate key, and the copy fails.
///
/// Without `mongos` there are no shard keys here. What the source would tell is written by hand: a delete and an insert of the
/// same `_id` in one transaction, while the copy is under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insert_and_a_move_during_the_copy_are_no_duplicate_key() {
    let mut pipeline = Pipeline::new("peer_moved").await;
    pipeline.settings["producer"]["snapshot"] = json!({"chunk_mib": 1, "parallel": 1});
    let collection = pipeline.collection("users");
    collection.insert((0..4000).map(|n| doc! {"_id": n, "shard": n, "pad": "x".repeat(2000)})).await;
    let source = pipeline.source.clone();
    let writer = tokio::spawn(async move {
        for round in 0..60 {
            collection.insert([doc! {"_id": 10_000 + round, "shard": 1}]).await;
            for id in [round * 61, 10_000 + round] {
                let mut session = source.start_session().await.expect("a session can be had");
                session.start_transaction().await.expect("a replica set has transactions");
                let removed = collection.0.delete_one(doc! {"_id": id}).session(&mut session).await;
                removed.expect("the source takes writes");
                let moved = doc! {"_id": id, "shard": -round};
                let inserted = collection.0.insert_one(moved).session(&mut session).await;
                inserted.expect("the source takes writes");
                session.commit_transaction().await.expect("a transaction can be committed");
            }
        }
    });
    pipeline.start(2).await;
    writer.await.expect("the writer ends");
    pipeline.check().await;
    pipeline.close().await;
}
