//! Snapshots that an operator asks for while a pipeline runs.

use std::collections::BTreeMap;

use bson::doc;
use e2e::{Pipeline, log::Record, process::Binary, waiting::ensure};
use serde_json::{Value, json};

const DOCUMENTS: i32 = 4000;

async fn ask(pipeline: &Pipeline, id: &str, request: Value) -> String {
    let key = format!("snapshot/rs0/{id}");
    tokio::task::block_in_place(|| pipeline.view.ask(&[(key.clone(), request)]));
    key
}

/// Waits until a request has ended, and gives what the producer wrote of it.
async fn ended(pipeline: &mut Pipeline, key: &str) -> Value {
    pipeline
        .until("a request ends", |view| {
            let request = view.control()?.remove(key).unwrap_or_default();
            let has_ended = ["done", "refused"].contains(&request["state"].as_str().unwrap_or_default());
            ensure(has_ended, || format!("it is {request}")).map(|()| request)
        })
        .await
}

/// How often each key was copied behind `begin`.
fn copies(pipeline: &mut Pipeline, begin: u64) -> BTreeMap<Vec<u8>, usize> {
    let mut copies = BTreeMap::new();
    for record in pipeline.view.records().expect("Kafka answers") {
        if record.is_snapshot() && record.sequence() > begin {
            *copies.entry(record.key.clone().unwrap_or_default()).or_default() += 1;
        }
    }
    copies
}

async fn started(test: &str) -> (Pipeline, u64) {
    let mut pipeline = Pipeline::new(test).await;
    pipeline.settings["producer"]["snapshot"] = json!({"chunk_mib": 1});
    pipeline
        .collection("users")
        .insert((0..DOCUMENTS).map(|n| doc! {"_id": n, "n": 0, "pad": "x".repeat(2000)}))
        .await;
    pipeline.start(1).await;
    pipeline.applied().await;
    let records = pipeline.view.records().expect("Kafka answers").iter();
    let begin = records.map(Record::sequence).max().unwrap_or_default();
    (pipeline, begin)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_is_copied_again_over_crashes_each_document_once() {
    let (mut pipeline, begin) = started("request").await;
    let target = pipeline.at_target("users");
    target.0.delete_many(doc! {"_id": {"$gte": 100}}).await.expect("the target takes writes");
    let ns = format!("{}.users", pipeline.name);
    let key = ask(&pipeline, "1", json!({"ns": ns, "reconcile": false})).await;
    for copied in [500, 1500] {
        pipeline
            .until("some of it is copied", |view| {
                let records = view.records()?.iter();
                let found = records.filter(|r| r.is_snapshot() && r.sequence() > begin).count();
                ensure(found >= copied, || format!("{found} of {copied}"))
            })
            .await;
        pipeline.producer().kill();
        pipeline.start_producer();
    }
    let request = ended(&mut pipeline, &key).await;
    assert_eq!((&request["state"], &request["documents"]), (&json!("done"), &json!(DOCUMENTS)), "{request}");
    let copies = copies(&mut pipeline, begin);
    assert_eq!((copies.len(), copies.values().max()), (4000, Some(&1)));
    pipeline.collection("users").update(5, doc! {"$set": {"n": 1}}).await;
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_documents_are_copied_or_deleted() {
    let (mut pipeline, begin) = started("request_keys").await;
    let target = pipeline.at_target("users");
    target.delete(5).await;
    target.insert([doc! {"_id": "stray"}]).await;
    let ns = format!("{}.users", pipeline.name);
    let keys = json!([{"_id": {"$numberInt": "5"}}, {"_id": "stray"}]);
    let key = ask(&pipeline, "1", json!({"ns": ns, "keys": keys})).await;
    let request = ended(&mut pipeline, &key).await;
    assert_eq!((&request["state"], &request["documents"]), (&json!("done"), &json!(2)), "{request}");
    assert_eq!(copies(&mut pipeline, begin).len(), 2);
    pipeline.check().await;
    pipeline.close().await;
}

/// `producer snapshot` asks, waits for the end and says what came of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_asks_and_waits() {
    let (mut pipeline, begin) = started("request_command").await;
    let run = |arguments: &[&str]| {
        let mut command = Binary::Producer.command();
        command.arg("snapshot").args(arguments).current_dir(pipeline.folder());
        tokio::task::block_in_place(|| command.output().expect("the binary can be started"))
    };
    let ns = format!("{}.users", pipeline.name);
    let whole = run(&["--namespace", &ns]);
    let said = String::from_utf8_lossy(&whole.stdout).into_owned();
    assert!(whole.status.success() && said.contains("done: 4000 documents"), "{said}");
    let one = run(&["--namespace", &ns, "--key", r#"{"_id": {"$numberInt": "5"}}"#]);
    assert!(String::from_utf8_lossy(&one.stdout).contains("done: 1 documents"), "{one:?}");
    for wrong in [["--namespace", "some.where"].as_slice(), &["--namespace", &ns, "--key", "{}"]] {
        assert_eq!(run(wrong).status.code(), Some(2));
    }
    assert_eq!(copies(&mut pipeline, begin).values().sum::<usize>(), 4001);
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_copied_is_refused_with_its_reason() {
    let (mut pipeline, _) = started("request_refused").await;
    let users = format!("{}.users", pipeline.name);
    let gone = format!("{}.gone", pipeline.name);
    for (number, (request, reason)) in [
        (json!({"ns": "some.where"}), "not carried"),
        (json!({"ns": gone}), "gone"),
        (json!({"ns": users, "keys": [7]}), "key"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = ask(&pipeline, &number.to_string(), request).await;
        let ended = ended(&mut pipeline, &key).await;
        assert_eq!(ended["state"], "refused");
        assert!(ended["reason"].as_str().unwrap_or_default().contains(reason), "{ended}");
    }
    pipeline.close().await;
}
