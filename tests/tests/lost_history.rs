//! The source's oplog has rolled over the position.
//!
//! An oplog that small would have to be a gigabyte and be filled, so the position is set back instead, to before the source's
//! first oplog entry: the server answers both alike (`ChangeStreamHistoryLost`).

use bson::doc;
use e2e::{Pipeline, eventually, history, log::Record, waiting::ensure};
use serde_json::{Value, json};

/// The position with the token of the last event, its cluster time set back to the beginning of time. A token that stands between
/// events would not do: where the oplog still has its very first entry, the server goes on from there.
fn set_back(position: &Value, last: &Record) -> Value {
    let event = last.event();
    let digits =
        event.get_document("_id").and_then(|token| token.get_str("_data")).expect("an event has a token");
    let mut position = position.clone();
    position["token"]["_data"] = format!("820000000100000001{}", &digits[18..]).into();
    position["clusterTime"] = "1.1".into();
    position
}

/// A pipeline that has run, was stopped, and whose position is lost.
async fn with_lost_position(test: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(test).await;
    pipeline.collection("c").insert((0..20).map(|n| doc! {"_id": n})).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    lose_position(&mut pipeline).await;
    pipeline.collection("c").insert((20..30).map(|n| doc! {"_id": n})).await;
    pipeline
}

/// Stops the producer and loses its position.
async fn lose_position(pipeline: &mut Pipeline) {
    assert_eq!(pipeline.producer().stop().await, Some(0));
    let position = pipeline.view.position("token").expect("there is a position");
    let events =
        pipeline.view.records().expect("Kafka answers").iter().filter(|record| !record.is_snapshot());
    let last = events.max_by_key(|record| record.sequence()).expect("there are events").clone();
    pipeline.view.write_position("token", &set_back(&position, &last));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_history_stops_the_producer_by_default() {
    let mut pipeline = with_lost_position("lost_fail").await;
    pipeline.start_producer();
    assert_eq!(pipeline.producer().ended(e2e::DEADLINE).await, Some(1));
    let said = pipeline.producer().said();
    assert!(said.contains("history of the source is lost") && said.contains("history_lost"), "{said}");
    pipeline.producer = None;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reset_goes_on_from_now_and_records_the_gap() {
    let mut pipeline = with_lost_position("lost_reset").await;
    let before = pipeline.view.records().expect("Kafka answers").len();
    pipeline.settings["producer"]["history_lost"] = json!("reset");
    pipeline.start_producer().says(&["history of the source is lost", "to="]).await;
    pipeline.collection("c").insert((30..40).map(|n| doc! {"_id": n})).await;
    // What was written while the position was lost is missing, as the gap says; all that follows is there.
    pipeline.records(before + 10).await;
    let gaps = pipeline.view.gaps().expect("Kafka answers");
    let [(key, gap)] = gaps.as_slice() else { panic!("one gap: {gaps:?}") };
    assert_eq!((key.as_str(), &gap["from"], &gap["policy"]), ("gap/rs0/1.1", &json!("1.1"), &json!("reset")));
    assert_eq!(gap["namespaces"].as_array().map(Vec::len), Some(2), "the collection and the marker: {gap}");
    let (_, metrics) = pipeline.producer().get("/metrics").await.expect("the producer answers");
    assert!(metrics.contains("oplogue_producer_gaps_total 1"), "{metrics}");
    eventually("the target has what follows the gap", e2e::DEADLINE, async || {
        let there = pipeline.at_target("c").ids().await;
        let expected: Vec<i32> = (0..20).chain(30..40).collect();
        ensure(there == expected, || format!("{there:?}"))
    })
    .await;
    // The next start is an ordinary one.
    assert_eq!(pipeline.producer().stop().await, Some(0));
    pipeline.start_producer().says(&["going on from the position"]).await;
    assert_eq!(pipeline.view.gaps().expect("Kafka answers").len(), 1);
    pipeline.close().await;
}

/// A pipeline whose position is lost while its worker is far behind: what the gap swallows concerns documents that the target holds,
/// and documents that it will only get from records in front of the gap.
async fn with_a_gap(test: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(test).await;
    pipeline.settings["worker"]["ddl"] = json!({"drop": "ignore"});
    let (c, gone) = (pipeline.collection("c"), pipeline.collection("gone"));
    c.insert((0..3000).map(|n| doc! {"_id": n, "n": 0})).await;
    gone.insert((0..500).map(|n| doc! {"_id": n})).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    let mut worker = pipeline.workers.remove(0);
    assert_eq!(worker.stop().await, Some(0));
    c.insert((3000..10000).map(|n| doc! {"_id": n, "n": 0, "pad": "x".repeat(200)})).await;
    pipeline.published().await;
    lose_position(&mut pipeline).await;
    c.0.delete_many(doc! {"_id": {"$lt": 100}}).await.expect("the source takes writes");
    c.0.delete_many(doc! {"_id": {"$gte": 4000}}).await.expect("the source takes writes");
    c.update_many(doc! {"_id": {"$gte": 3500}}, doc! {"$set": {"n": 1}}).await;
    c.insert([doc! {"_id": "new"}]).await;
    gone.0.drop().await.expect("the source takes it");
    pipeline.collection("fresh").insert((0..50).map(|n| doc! {"_id": n})).await;
    pipeline.settings["producer"]["history_lost"] = json!("resnapshot");
    pipeline
}

/// Waits until every sweep has ended, and gives how many documents went, by namespace.
async fn swept(pipeline: &mut Pipeline) -> Vec<(String, i64)> {
    let prefix = format!("{}.", pipeline.name);
    pipeline
        .until("every sweep has ended", |view| {
            let requests =
                view.control()?.into_iter().filter(|(key, _)| key.starts_with("snapshot/rs0/resnapshot-1-"));
            let requests: Vec<_> = requests.map(|(_, request)| request).collect();
            let is_done = !requests.is_empty() && requests.iter().all(|request| request["state"] == "done");
            ensure(is_done, || format!("{requests:?}"))?;
            let told = |request: &Value| {
                let ns = request["ns"].as_str().unwrap_or_default().trim_start_matches(&prefix).to_owned();
                (ns, request["removed"].as_i64().unwrap_or(0))
            };
            Ok(requests.iter().map(told).filter(|(_, removed)| *removed > 0).collect())
        })
        .await
}

/// The records of the history behind the gap.
fn behind_the_gap(pipeline: &mut Pipeline) -> Vec<Record> {
    let records = pipeline.view.records().expect("Kafka answers").iter();
    records.filter(|record| record.header("seq").starts_with("rs0/1/")).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resnapshot_makes_the_target_the_source_again() {
    let mut pipeline = with_a_gap("lost_resnapshot").await;
    // Slow enough that a sweep which did not wait for it would be through before.
    pipeline.settings["worker"]["batch_statements"] = json!(10);
    pipeline.settings["worker"]["connections"] = json!(1);
    pipeline.start_producer().says(&["history of the source is lost"]).await;
    pipeline.start_worker();
    pipeline.collection("c").update(200, doc! {"$set": {"n": 2}}).await;
    let went = swept(&mut pipeline).await;
    assert_eq!(went, [("c".to_owned(), 6100), ("gone".to_owned(), 500)]);
    pipeline.collection("c").update(201, doc! {"$set": {"n": 2}}).await;
    pipeline.applied().await;
    pipeline.check_target().await;
    history::is_sound(&behind_the_gap(&mut pipeline)).expect("a sound history of its own");
    let control = pipeline.view.control().expect("Kafka answers");
    let copied: Vec<_> = control.iter().filter(|(key, _)| key.starts_with("copied/")).collect();
    assert!(copied.iter().all(|(_, copied)| copied["epoch"] == 1), "{copied:?}");
    assert!(!copied.iter().any(|(key, _)| key.ends_with(".gone")), "{copied:?}");
    let gaps = pipeline.view.gaps().expect("Kafka answers");
    assert_eq!((gaps.len(), &gaps[0].1["policy"]), (1, &json!("resnapshot")));
    // The next start is an ordinary one.
    assert_eq!(pipeline.producer().stop().await, Some(0));
    pipeline.start_producer().says(&["going on from the position"]).await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resnapshot_outlives_its_producer_and_its_worker() {
    let mut pipeline = with_a_gap("lost_killed").await;
    pipeline.start_producer();
    for records in [1, 1000, 3000] {
        pipeline
            .until("some is published anew", |view| {
                let found =
                    view.records()?.iter().filter(|record| record.header("seq").starts_with("rs0/1/"));
                let found = found.count();
                ensure(found >= records, || format!("{found} of {records}"))
            })
            .await;
        pipeline.producer().kill();
        pipeline.start_producer();
    }
    pipeline.start_worker();
    pipeline
        .until("a sweep is under way", |view| {
            let swept = view.control()?.into_values().any(|request| request["swept"].is_object());
            ensure(swept, || "none".to_owned())
        })
        .await;
    pipeline.workers[0].kill();
    pipeline.producer().kill();
    pipeline.start_producer();
    pipeline.restart_worker(0);
    swept(&mut pipeline).await;
    pipeline.applied().await;
    pipeline.check_target().await;
    history::is_sound(&behind_the_gap(&mut pipeline)).expect("a sound history of its own");
    pipeline.close().await;
}
