//! Multi-document transactions of the source: each event says its place, so that consumers can put them together again.

use bson::doc;
use e2e::{Pipeline, log::Record};
use serde_json::json;

const OPERATIONS: i32 = 1500;

/// A transaction over three collections, one of which is not carried.
async fn transact(pipeline: &Pipeline) {
    let collections = ["users", "orders", "secret"].map(|name| pipeline.database().collection(name));
    for collection in &collections {
        collection.insert_one(doc! {"_id": "first"}).await.expect("the source takes writes");
    }
    let mut session = pipeline.source.start_session().await.expect("a session can be had");
    session.start_transaction().await.expect("a replica set has transactions");
    for number in 0..OPERATIONS {
        let collection = &collections[usize::try_from(number % 3).expect("it is positive")];
        let document = doc! {"_id": number, "pad": "x".repeat(500)};
        collection.insert_one(document).session(&mut session).await.expect("the source takes writes");
    }
    session.commit_transaction().await.expect("a transaction can be committed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_killed_amid_a_transaction_goes_on_counting() {
    let mut pipeline = Pipeline::new("transaction_killed").await;
    // Many batches and Kafka transactions for one of the source's.
    pipeline.settings["producer"]["batch_events"] = json!(7);
    pipeline.settings["namespaces"]["exclude"] = json!([format!("{}.secret", pipeline.name)]);
    pipeline.left_out = vec![format!("{}.secret", pipeline.name)];
    pipeline.start(1).await;
    pipeline.copied().await;
    transact(&pipeline).await;
    for least in [100, 400, 700] {
        pipeline.records(least).await;
        pipeline.producer().kill();
        pipeline.start_producer();
    }
    // Each record's place is checked with the history.
    pipeline.check().await;
    let mut places: Vec<_> = pipeline.view.records().expect("Kafka answers").iter().collect();
    places.sort_by_key(|record| record.sequence());
    let places: Vec<&str> =
        places.iter().map(|record| record.header("txn")).filter(|place| !place.is_empty()).collect();
    assert_eq!(places.len(), usize::try_from(OPERATIONS).expect("it is positive") / 3 * 2);
    assert!(places[0].ends_with("/0") && places[999].ends_with("/999"), "{} {}", places[0], places[999]);
    pipeline.close().await;
}

/// Writes that a driver may repeat carry a session and a number, too, and are no transactions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retryable_writes_are_no_transactions() {
    let mut pipeline = Pipeline::new("transaction_none").await;
    pipeline.start_producer();
    pipeline.copied().await;
    pipeline.collection("users").insert((0..10).map(|n| doc! {"_id": n})).await;
    pipeline.collection("users").update(1, doc! {"$set": {"a": 1}}).await;
    pipeline.published().await;
    let has_none = |record: &Record| record.header("txn").is_empty();
    assert!(pipeline.view.records().expect("Kafka answers").iter().all(has_none));
    pipeline.close().await;
}
