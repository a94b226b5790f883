//! Snapshots of what an operator's filter finds.

use bson::{Bson, doc};
use e2e::{Pipeline, log::Record, process::Binary, waiting::ensure};
use serde_json::{Value, json};

/// More than one read looks at, twice.
const DOCUMENTS: i32 = 9000;

/// `_id`s of several types, so that a range ends between any two of them.
fn id(n: i32) -> Bson {
    match n % 4 {
        0 => n.into(),
        1 => format!("text {n}").into(),
        2 => doc! {"a": n}.into(),
        _ => Bson::Double(f64::from(n) + 0.5),
    }
}

/// A pipeline that has copied its documents and two with the least and the greatest `_id`.
async fn started(test: &str) -> (Pipeline, u64) {
    let mut pipeline = Pipeline::new(test).await;
    let documents = (0..DOCUMENTS).map(|n| doc! {"_id": id(n), "n": n});
    let ends = [Bson::MinKey, Bson::MaxKey].map(|end| doc! {"_id": end, "n": DOCUMENTS});
    pipeline.collection("users").insert(documents.chain(ends)).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    let records = pipeline.view.records().expect("Kafka answers").iter();
    let begin = records.map(Record::sequence).max().unwrap_or_default();
    (pipeline, begin)
}

fn run(pipeline: &Pipeline, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Binary::Producer.command();
    let ns = format!("{}.users", pipeline.name);
    command.args(["snapshot", "--namespace", &ns]).args(arguments).current_dir(pipeline.folder());
    let output = tokio::task::block_in_place(|| command.output().expect("the binary can be started"));
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.code(), said.concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_the_filter_finds_is_copied_again() {
    let (mut pipeline, begin) = started("filtered").await;
    let target = pipeline.at_target("users");
    target.update_many(doc! {"n": {"$gte": 8000}}, doc! {"$set": {"harmed": true}}).await;
    // What was harmed lies in three of four types of `_id`; in the ranges between, the filter finds nothing.
    let (code, said) = run(&pipeline, &["--filter", r#"{"n": {"$gte": 8000}}"#]);
    assert!(code == Some(0) && said.contains("done: 1002 documents"), "{said}");
    let (code, said) = run(&pipeline, &["--filter", r#"{"n": -1}"#]);
    assert!(code == Some(0) && said.contains("done: 0 documents"), "{said}");
    let (code, said) = run(&pipeline, &["--filter", r#"{"_id": {"$type": "object"}, "n": {"$lt": 10}}"#]);
    assert!(code == Some(0) && said.contains("done: 2 documents"), "{said}");
    pipeline.applied().await;
    let copied = pipeline.view.records().expect("Kafka answers").iter();
    assert_eq!(copied.filter(|record| record.is_snapshot() && record.sequence() > begin).count(), 1004);
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_the_source_refuses_ends_its_request_and_nothing_else() {
    let (mut pipeline, begin) = started("filter_refused").await;
    for (filter, reason) in [
        (r#"{"$nope": 1}"#, "the source refuses the filter: BadValue (code 2)"),
        // Only documents show that this one cannot be.
        (r#"{"$expr": {"$gt": [{"$divide": [1, "$n"]}, 0]}}"#, "the source refuses the filter"),
        (r#"{"$text": {"$search": "x"}}"#, "the source refuses the filter"),
        ("7", "--filter has to be a document"),
        ("{", "--filter has to be a document"),
    ] {
        let (code, said) = run(&pipeline, &["--filter", filter]);
        assert!(code == Some(2) && said.contains(reason), "{filter}: {code:?} {said}");
    }
    let users = format!("{}.users", pipeline.name);
    for (number, (request, reason)) in [
        (json!({"ns": users, "filter": 7}), "Extended JSON"),
        (json!({"ns": users, "filter": {}, "keys": [{"_id": 1}]}), "only one of the two"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("snapshot/rs0/{number}");
        tokio::task::block_in_place(|| pipeline.view.ask(&[(key.clone(), request)]));
        let ended: Value = pipeline
            .until("a request ends", |view| {
                let request = view.control()?.remove(&key).unwrap_or_default();
                ensure(request["state"] == "refused", || format!("it is {request}")).map(|()| request)
            })
            .await;
        assert!(ended["reason"].as_str().unwrap_or_default().contains(reason), "{ended}");
    }
    let copied = pipeline.view.records().expect("Kafka answers").iter();
    assert_eq!(copied.filter(|record| record.is_snapshot() && record.sequence() > begin).count(), 0);
    pipeline.collection("users").update(4, doc! {"$set": {"m": 1}}).await;
    pipeline.check().await;
    pipeline.close().await;
}
