//! Where a pipeline without a position begins.

use std::time::Duration;

use bson::{Document, Timestamp, doc};
use e2e::Pipeline;
use serde_json::json;

/// Two collections, the second written later; gives the source's time in between.
async fn write_old_and_new(pipeline: &Pipeline) -> Timestamp {
    pipeline.collection("old").insert((0..20).map(|n| doc! {"_id": n})).await;
    let between = doc! {"insert": "between", "documents": [{"_id": 1}]};
    let reply = pipeline.database().run_command(between).await.expect("the source takes writes");
    pipeline.collection("new").insert((0..20).map(|n| doc! {"_id": n})).await;
    reply.get_timestamp("operationTime").expect("a replica set tells its time")
}

/// Writes once more, checks that the `left_out` did not come and that everything else did.
async fn check_without(mut pipeline: Pipeline, left_out: &[&str]) {
    pipeline.left_out = left_out.iter().map(|name| format!("{}.{name}", pipeline.name)).collect();
    pipeline.collection("later").insert((0..20).map(|n| doc! {"_id": n})).await;
    pipeline.check().await;
    let records = pipeline.view.records().expect("Kafka answers");
    assert!(records.iter().all(|record| !record.is_snapshot()), "something was copied");
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latest_follows_from_now_on() {
    let mut pipeline = Pipeline::new("start_latest").await;
    pipeline.settings["producer"]["start"] = json!("latest");
    write_old_and_new(&pipeline).await;
    pipeline.start(1).await;
    check_without(pipeline, &["old", "between", "new"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timestamp_follows_from_that_time_on() {
    let mut pipeline = Pipeline::new("start_timestamp").await;
    let time = write_old_and_new(&pipeline).await;
    pipeline.settings["producer"]["start"] =
        json!({"timestamp": format!("{}.{}", time.time, time.increment)});
    pipeline.start(1).await;
    // The write at that very time comes.
    check_without(pipeline, &["old"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_follows_from_behind_its_event_on() {
    let mut pipeline = Pipeline::new("start_token").await;
    let stream = pipeline.database().watch().await.expect("the source has change streams");
    let mut stream = stream.with_type::<Document>();
    write_old_and_new(&pipeline).await;
    let token = loop {
        let event = stream.next_if_any().await.expect("the source has change streams").unwrap_or_default();
        if event.get_document("ns").is_ok_and(|ns| ns.get_str("coll").ok() == Some("between")) {
            break event.get_document("_id").and_then(|id| id.get_str("_data")).expect("a token").to_owned();
        }
    };
    pipeline.settings["producer"]["start"] = json!({"token": token});
    pipeline.start(1).await;
    check_without(pipeline, &["old", "between"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshot_copies_then_follows() {
    let mut pipeline = Pipeline::new("start_snapshot").await;
    pipeline.settings["producer"]["start"] = json!("snapshot");
    write_old_and_new(&pipeline).await;
    pipeline.start(1).await;
    pipeline.copied().await;
    let records = pipeline.view.records().expect("Kafka answers");
    assert!(records.iter().filter(|record| record.is_snapshot()).count() >= 41);
    pipeline.collection("later").insert([doc! {"_id": 1}]).await;
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_none_is_refused() {
    let mut pipeline = Pipeline::new("start_no_token").await;
    pipeline.settings["producer"]["start"] = json!({"token": "8zz"});
    let producer = pipeline.start_producer();
    assert_eq!(producer.ended(Duration::from_secs(60)).await, Some(2), "{}", producer.tail());
    assert!(producer.said().contains("token"), "{}", producer.tail());
    pipeline.discard().await;
}
