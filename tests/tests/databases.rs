//! One database or several, and databases that are dropped.

use bson::doc;
use e2e::{Pipeline, in_both_phases, progress::MARKER};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_databases_share_one_stream() {
    let mut pipeline = Pipeline::new("two_databases").await;
    let other = pipeline.also_carry("other");
    in_both_phases(&mut pipeline, 2, async |pipeline, phase| {
        for db in [&pipeline.name, &other] {
            let collection = pipeline.source.database(db).collection(phase.name());
            let documents = (0..50).map(|n| doc! {"_id": n, "db": db});
            collection.insert_many(documents).await.expect("the source takes writes");
            collection.update_many(doc! {}, doc! {"$inc": {"n": 1}}).await.expect("the source takes writes");
        }
    })
    .await;
    pipeline.close().await;
}

/// A transaction over both databases comes whole, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_arrive() {
    let mut pipeline = Pipeline::new("transactions").await;
    let other = pipeline.also_carry("other");
    in_both_phases(&mut pipeline, 2, async |pipeline, phase| {
        let here = pipeline.database().collection(phase.name());
        let there = pipeline.source.database(&other).collection(phase.name());
        // Inside a transaction no collection comes into being before 4.4.
        for collection in [&here, &there] {
            collection.insert_one(doc! {"_id": "first"}).await.expect("the source takes writes");
        }
        for round in 0..5 {
            let mut session = pipeline.source.start_session().await.expect("a session can be had");
            session.start_transaction().await.expect("a replica set has transactions");
            for number in 0..20 {
                let document = doc! {"_id": round * 100 + number, "n": 0};
                here.insert_one(&document).session(&mut session).await.expect("the source takes writes");
                there.insert_one(&document).session(&mut session).await.expect("the source takes writes");
                let change = doc! {"$inc": {"n": number}, "$push": {"list": round}};
                here.update_one(document, change)
                    .session(&mut session)
                    .await
                    .expect("the source takes writes");
            }
            match round {
                3 => session.abort_transaction().await.expect("a transaction can be aborted"),
                _ => session.commit_transaction().await.expect("a transaction can be committed"),
            }
        }
    })
    .await;
    pipeline.close().await;
}

/// The stream over one database ends when the database is dropped; Oplogue's goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_goes_on_after_its_database_was_dropped() {
    let mut pipeline = Pipeline::new("dropped").await;
    pipeline.settings["worker"]["ddl"] = json!({"drop": "ignore"});
    let collection = pipeline.collection("users");
    collection.insert((0..10).map(|n| doc! {"_id": n})).await;
    pipeline.start(1).await;
    pipeline.copied().await;
    for round in 0..2 {
        pipeline.database().drop().await.expect("the source takes writes");
        collection.insert((0..10).map(|n| doc! {"_id": n, "round": round})).await;
        let last = pipeline.applied().await;
        pipeline.check_history(last).await;
    }
    // Once all that was dropped has come back, both sides hold the same.
    pipeline.collection(MARKER).insert([doc! {"_id": 1}, doc! {"_id": 2}]).await;
    pipeline.applied().await;
    pipeline.check_target().await;
    let records = pipeline.view.records().expect("Kafka answers");
    let drops =
        records.iter().filter(|record| record.header("op") == "drop" && !record.is_repeated()).count();
    assert_eq!(drops, 4, "two collections were dropped twice");
    pipeline.close().await;
}
