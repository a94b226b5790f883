//! The source's oplog has rolled over the position.
//!
//! An oplog that small would have to be a gigabyte and be filled, so the position is set back instead, to before the source's
//! first oplog entry: the server answers both alike (`ChangeStreamHistoryLost`).

use bson::doc;
use e2e::{Pipeline, eventually, waiting::ensure};
use serde_json::{Value, json};

/// The position's token, its cluster time set back to the beginning of time.
fn set_back(token: &Value) -> Value {
    let mut token = token.clone();
    let digits = token["token"]["_data"].as_str().expect("a token has digits").to_owned();
    token["token"]["_data"] = format!("820000000100000001{}", &digits[18..]).into();
    token["clusterTime"] = "1.1".into();
    token
}

/// A pipeline that has run, was stopped, and whose position is lost.
async fn with_lost_position(test: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(test).await;
    pipeline.collection("c").insert((0..20).map(|n| doc! {"_id": n})).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    assert_eq!(pipeline.producer().stop().await, Some(0));
    let token = pipeline.view.position("token").expect("there is a position");
    pipeline.view.write_position("token", &set_back(&token));
    pipeline.collection("c").insert((20..30).map(|n| doc! {"_id": n})).await;
    pipeline
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
