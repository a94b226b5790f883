//! What the target's validator refuses becomes a dead letter, and a replay heals it without setting anything back.

use bson::{Document, doc};
use e2e::{Pipeline, process::Binary, waiting::ensure};
use serde_json::Value;

/// Runs `worker dead-letters`; gives its exit status and what it said.
fn letters(pipeline: &Pipeline, arguments: &[&str]) -> (Option<i32>, String) {
    pipeline.command(Binary::Worker, &[&["dead-letters"], arguments].concat())
}

fn open(pipeline: &Pipeline) -> Vec<Value> {
    let (status, said) = letters(pipeline, &["list", "--json"]);
    assert_eq!(status, Some(0), "{said}");
    said.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// Sets what the target takes.
async fn validate(pipeline: &Pipeline, validator: Document) {
    let database = pipeline.target.database(&pipeline.name);
    let command = doc! {"collMod": "users", "validator": validator};
    database.run_command(command).await.expect("the target takes a validator");
}

async fn until_letters(pipeline: &mut Pipeline, wanted: usize) {
    pipeline
        .until("the dead letters are there", |view| {
            let found =
                view.dead_letters()?.iter().filter(|letter| !letter.header("dead.kind").is_empty()).count();
            ensure(found >= wanted, || format!("{found} of {wanted}"))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_validator_refuses_is_replayed_as_the_source_has_it() {
    let mut pipeline = Pipeline::new("letters").await;
    let database = pipeline.target.database(&pipeline.name);
    let validator = doc! {"age": {"$lt": 30}};
    database.create_collection("users").validator(validator.clone()).await.expect("the target makes it");
    let users = pipeline.collection("users");
    // Before the snapshot, and while streaming: each second is too old for the target.
    users.insert((0..10).map(|n| doc! {"_id": n, "age": if n % 2 == 0 { 20 } else { 40 }, "n": 0})).await;
    pipeline.start(2).await;
    pipeline.applied().await;
    users.insert((10..20).map(|n| doc! {"_id": n, "age": if n % 2 == 0 { 20 } else { 40 }, "n": 0})).await;
    users.update(2, doc! {"$set": {"age": 50}}).await;
    users.update_many(doc! {}, doc! {"$inc": {"n": 1}}).await;
    pipeline.applied().await;
    let at_target = pipeline.at_target("users");
    assert_eq!(at_target.count().await, 10, "neighbours pass");
    // Ten documents and a delta are refused, and each of the eleven has a delta that follows.
    until_letters(&mut pipeline, 22).await;
    let kinds = |kind: &str| open(&pipeline).iter().filter(|letter| letter["reason"] == kind).count();
    assert_eq!((kinds("validation"), kinds("follows")), (11, 11));

    // Replayed while nothing has changed at the target, they are refused again, as letters of their own.
    let ns = format!("{}.users", pipeline.name);
    let (status, said) = letters(&pipeline, &["replay", "--namespace", &ns, "--reason", "validation"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("11 documents published anew, 22 dead letters replayed"), "{said}");
    pipeline.applied().await;
    let again = open(&pipeline);
    assert_eq!(again.len(), 11, "{again:?}");
    assert!(again.iter().all(|letter| letter["reason"] == "validation"), "{again:?}");

    // One is gone at the source meanwhile, one goes on changing while it is replayed.
    validate(&pipeline, doc! {}).await;
    users.delete(5).await;
    let writer = tokio::spawn(async move {
        for _ in 0..300 {
            users.update(7, doc! {"$inc": {"n": 1}, "$push": {"list": 1}}).await;
        }
    });
    let (status, said) = letters(&pipeline, &["replay", "--all"]);
    assert_eq!(status, Some(0), "{said}");
    writer.await.expect("the writer ends");
    pipeline.applied().await;
    // What followed letter 7 until its document came may be listed still; it heals nothing more, and harms nothing.
    let (status, said) = letters(&pipeline, &["replay", "--all"]);
    assert_eq!(status, Some(0), "{said}");
    pipeline.collection("users").update_many(doc! {}, doc! {"$inc": {"n": 1}}).await;
    pipeline.check().await;
    assert!(open(&pipeline).is_empty(), "{:?}", open(&pipeline));
    let marks =
        pipeline.target.database("oplogue").collection::<Document>(&format!("{}.keys", pipeline.name));
    assert_eq!(marks.count_documents(doc! {}).await.expect("the target counts"), 0, "no mark is left");
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_the_producer_refuses_leaves_its_letter_open() {
    let mut pipeline = Pipeline::new("letters_gone").await;
    let database = pipeline.target.database(&pipeline.name);
    database
        .create_collection("users")
        .validator(doc! {"age": {"$lt": 30}})
        .await
        .expect("the target makes it");
    pipeline.collection("users").insert([doc! {"_id": 1, "age": 40}]).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    until_letters(&mut pipeline, 1).await;
    pipeline.producer().stop().await;
    pipeline.collection("users").0.drop().await.expect("the source drops it");
    pipeline.settings["worker"]["ddl"] = serde_json::json!({"drop": "ignore"});
    pipeline.start_producer();
    let (status, said) = letters(&pipeline, &["replay", "--all", "--within", "60"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("the collection is gone") && said.contains("1 dead letter not replayed"), "{said}");
    assert_eq!(open(&pipeline).len(), 1);
    let (status, said) = letters(&pipeline, &["discard", "--all", "--note", "dropped at the source"]);
    assert!(status == Some(0) && open(&pipeline).is_empty(), "{said}");
    pipeline.discard().await;
}
