//! Processes die and stop; nothing is lost, nothing is copied again.

use std::collections::BTreeMap;

use bson::doc;
use e2e::{Collection, Pipeline};

/// Documents of the snapshot.
const COPIED: i32 = 300;

async fn write(counters: &Collection, round: i32) {
    let new = 1000 + round;
    counters.insert([doc! {"_id": new, "rounds": [round]}]).await;
    counters.update(round % COPIED, doc! {"$inc": {"n": 1}, "$push": {"rounds": round}}).await;
    if round % 3 == 0 {
        counters.delete(new).await;
    }
}

fn counters() -> impl Iterator<Item = bson::Document> {
    (0..COPIED).map(|number| doc! {"_id": number, "n": 0, "rounds": []})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_and_repeat_nothing() {
    let mut pipeline = Pipeline::new("killed").await;
    // The least that brokers allow: so long is a dead worker waited for.
    pipeline.settings["kafka"]["options"]["session.timeout.ms"] = "6000".into();
    let collection = pipeline.collection("counters");
    collection.insert(counters()).await;
    pipeline.start(2).await;
    pipeline.copied().await;

    let writer = tokio::spawn({
        let collection = collection.clone();
        async move {
            for round in 0..400 {
                write(&collection, round).await;
            }
        }
    });
    pipeline.records(400).await;
    pipeline.producer().kill();
    pipeline.workers[0].kill();
    for round in 400..500 {
        write(&collection, round).await;
    }
    pipeline.start_producer();
    pipeline.restart_worker(0);
    writer.await.expect("the writer ends");
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_killed_again_and_again_publishes_everything_once() {
    let mut pipeline = Pipeline::new("killed_producer").await;
    let collection = pipeline.collection("counters");
    // Killed while it copies, too: small chunks make many transactions.
    collection.insert((0..3000).map(|n| doc! {"_id": n, "pad": "x".repeat(2000)})).await;
    pipeline.settings["producer"]["snapshot"] = serde_json::json!({"chunk_mib": 1});
    let writer = tokio::spawn({
        let collection = collection.clone();
        async move {
            for round in 0..1500 {
                collection
                    .update(round * 7 % 3000, doc! {"$inc": {"n": 1}, "$push": {"rounds": round}})
                    .await;
            }
        }
    });
    // At least the documents come, and all the changes that were not made before the first start.
    for least in [0, 500, 1000, 2000, 2600] {
        pipeline.start_producer();
        pipeline.records(least).await;
        pipeline.producer().kill();
    }
    pipeline.start(1).await;
    writer.await.expect("the writer ends");
    pipeline.copied().await;
    let records = pipeline.view.records().expect("Kafka answers");
    let mut copies = BTreeMap::new();
    for record in records.iter().filter(|record| record.is_snapshot()) {
        *copies.entry((&record.partition, &record.key)).or_insert(0) += 1;
    }
    let most = copies.values().max();
    assert_eq!(most, Some(&1), "a document was copied more than once");
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_processes_drain_and_go_on_without_copying_again() {
    let mut pipeline = Pipeline::new("stopped").await;
    let collection = pipeline.collection("counters");
    collection.insert(counters()).await;
    pipeline.start(2).await;
    pipeline.applied().await;
    let before = pipeline.view.records().expect("Kafka answers").len();

    for process in pipeline.workers.iter_mut().chain(&mut pipeline.producer) {
        assert_eq!(process.stop().await, Some(0), "{}", process.tail());
        assert!(process.said().trim_end().ends_with("stopped"), "{}", process.tail());
    }
    for round in 0..50 {
        write(&collection, round).await;
    }
    pipeline.start_producer().ready().await;
    for worker in 0..2 {
        pipeline.restart_worker(worker).ready().await;
    }
    pipeline.check().await;
    // 50 inserts, 50 updates, 17 deletes, and two markers.
    assert_eq!(pipeline.view.records().expect("Kafka answers").len(), before + 50 + 50 + 17 + 1);
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_stopped_under_load_end_with_status_0() {
    let mut pipeline = Pipeline::new("stopped_loaded").await;
    let collection = pipeline.collection("counters");
    collection.insert(counters()).await;
    pipeline.start(2).await;
    pipeline.copied().await;
    let writer = tokio::spawn({
        let collection = collection.clone();
        async move {
            for round in 0..600 {
                write(&collection, round).await;
            }
        }
    });
    for round in 0..2 {
        let least = 600 + 400 * round;
        pipeline.records(least).await;
        assert_eq!(pipeline.workers[round].stop().await, Some(0), "{}", pipeline.workers[round].tail());
        assert_eq!(pipeline.producer().stop().await, Some(0));
        pipeline.start_producer();
        pipeline.restart_worker(round);
    }
    writer.await.expect("the writer ends");
    pipeline.check().await;
    pipeline.close().await;
}
