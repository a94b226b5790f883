//! Several producers: one works, the others stand by and take over by themselves; several sources are shared out.

use std::{collections::BTreeMap, time::Instant};

use bson::doc;
use e2e::{Collection, Pipeline, eventually, group::hand_out_nothing, waiting::ensure};
use serde_json::json;

const HOLDS: &str = "the slice is this producer's";
const STANDS_BY: &str = "standing by";

/// Writes until it is told to stop; gives how often.
fn write_on(collection: Collection) -> (tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<i32>) {
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    let writer = tokio::spawn(async move {
        let mut round = 0;
        while stopped.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
            collection.insert([doc! {"_id": round, "rounds": [round]}]).await;
            collection.update(round / 2, doc! {"$inc": {"n": 1}, "$push": {"rounds": round}}).await;
            round += 1;
        }
        round
    });
    (stop, writer)
}

/// Both replica sets of the stack as sources.
fn slices(pipeline: &Pipeline, names: [&str; 2]) -> serde_json::Value {
    let uris = [pipeline.stack().uri("source"), pipeline.stack().uri("target")];
    let slice = |(name, uri)| json!({"name": name, "uri": uri});
    json!({"slices": names.into_iter().zip(uris).map(slice).collect::<Vec<_>>()})
}

/// A pipeline with a producer at work, one that stands by, and a worker.
async fn with_standby(test: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(test).await;
    // Two processes of one configuration: neither has a name of its own.
    pipeline.settings["producer"] = json!({});
    pipeline.start(1).await;
    pipeline.producer().says(&[HOLDS]).await;
    pipeline.start_standby().ready().await;
    pipeline.standby().says(&[STANDS_BY]).await;
    pipeline
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standby_takes_over_from_a_killed_producer() {
    let mut pipeline = with_standby("standby_killed").await;
    let (stop, writer) = write_on(pipeline.collection("counters"));
    pipeline.records(200).await;
    let killed = Instant::now();
    pipeline.producer().kill();
    pipeline.standby().says(&[HOLDS]).await;
    let published = pipeline.view.records().expect("Kafka answers").len();
    eventually("the standby publishes", e2e::DEADLINE, async || {
        let now = pipeline.view.records()?.len();
        ensure(now > published, || format!("{now} records, as before"))
    })
    .await;
    println!("taken over within {:?} of the kill", killed.elapsed());
    stop.send(()).expect("the writer listens");
    writer.await.expect("the writer ends");
    pipeline.promote_standby();
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_producer_is_fenced_and_stands_by() {
    let mut pipeline = with_standby("standby_frozen").await;
    let (stop, writer) = write_on(pipeline.collection("counters"));
    pipeline.records(200).await;
    pipeline.producer().signal("STOP");
    pipeline.standby().says(&[HOLDS]).await;
    let published = pipeline.view.records().expect("Kafka answers").len();
    pipeline.producer().signal("CONT");
    pipeline.producer().says(&[STANDS_BY]).await;
    pipeline.records(published + 100).await;
    stop.send(()).expect("the writer listens");
    writer.await.expect("the writer ends");
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_producer_hands_its_slice_over() {
    let mut pipeline = with_standby("standby_stopped").await;
    let (stop, writer) = write_on(pipeline.collection("counters"));
    pipeline.records(200).await;
    assert_eq!(pipeline.producer().stop().await, Some(0), "{}", pipeline.producer().tail());
    pipeline.standby().says(&[HOLDS]).await;
    stop.send(()).expect("the writer listens");
    writer.await.expect("the writer ends");
    pipeline.promote_standby();
    pipeline.check().await;
    assert!(!pipeline.producer().said().contains("fenced"), "{}", pipeline.producer().tail());
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_sources_are_shared_out_and_keep_a_sequence_each() {
    let mut pipeline = Pipeline::new("slices").await;
    pipeline.settings["producer"] = json!({});
    pipeline.settings["source"] = slices(&pipeline, ["one", "two"]);
    pipeline.collection("c").insert((0..50).map(|n| doc! {"_id": n})).await;
    pipeline.at_target("c").insert((100..150).map(|n| doc! {"_id": n})).await;
    pipeline.start_producer().says(&["slice is this producer's slice=\"one\"", "slice=\"two\""]).await;
    // What is inserted while a copy goes on may be in the copy and in the stream.
    eventually("both slices are copied", e2e::DEADLINE, async || {
        let copied = pipeline.producer().said().matches("the snapshot is complete").count();
        ensure(copied == 2, || format!("{copied} of 2"))
    })
    .await;
    pipeline.start_standby().says(&[HOLDS]).await;
    pipeline.producer().says(&["the group takes the slice"]).await;
    pipeline.collection("c").insert((50..60).map(|n| doc! {"_id": n})).await;
    pipeline.at_target("c").insert((150..160).map(|n| doc! {"_id": n})).await;
    pipeline.records(120).await;

    let mut sequences: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in pipeline.view.records().expect("Kafka answers") {
        let slice = record.header("seq").split('/').next().unwrap_or_default();
        sequences.entry(slice.to_owned()).or_default().push(record.sequence());
    }
    for numbers in sequences.values_mut() {
        numbers.sort_unstable();
        assert_eq!(*numbers, (1..=60).collect::<Vec<_>>());
    }
    assert_eq!(sequences.keys().collect::<Vec<_>>(), ["one", "two"]);
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_in_another_order_are_refused() {
    let mut pipeline = Pipeline::new("slices_swapped").await;
    pipeline.settings["source"] = slices(&pipeline, ["one", "two"]);
    pipeline.start_producer().ready().await;
    assert_eq!(pipeline.producer().stop().await, Some(0));
    pipeline.settings["source"] = slices(&pipeline, ["two", "one"]);
    pipeline.start_producer();
    assert_eq!(pipeline.producer().ended(e2e::DEADLINE).await, Some(2));
    let said = pipeline.producer().said();
    assert!(said.contains("names and order of the slices must not change"), "{said}");
    pipeline.discard().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_producers_with_one_name_one_ends_and_says_why() {
    let mut pipeline = Pipeline::new("standby_twins").await;
    pipeline.start(1).await;
    pipeline.start_standby();
    let deadline = Instant::now() + e2e::DEADLINE;
    // Each takes the other for its former self once.
    let (status, said) = loop {
        assert!(Instant::now() < deadline, "both go on");
        if let Some(status) = pipeline.producer().status() {
            let said = pipeline.producer().said();
            pipeline.promote_standby();
            break (status, said);
        }
        if let Some(status) = pipeline.standby().status() {
            let said = pipeline.standby().said();
            pipeline.standby = None;
            break (status, said);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("producer.instance"), "{said}");
    pipeline.collection("users").insert((0..20).map(|id| doc! {"_id": id})).await;
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_that_were_handed_to_nobody_are_taken() {
    let mut pipeline = Pipeline::new("standby_nobody").await;
    pipeline.collection("users").insert((0..20).map(|n| doc! {"_id": n})).await;
    let (group, topic) =
        (format!("oplogue.{}.producers", pipeline.name), format!("oplogue.{}.positions", pipeline.name));
    tokio::task::block_in_place(|| {
        hand_out_nothing(pipeline.stack().brokers(), &group, "only", &topic);
    });
    pipeline.start(1).await;
    pipeline.producer().says(&["handed its slices to nobody"]).await;
    pipeline.check().await;
    pipeline.close().await;
}
