//! Where the copy of a namespace has ended: said once, on the control topic, by the sequence number of its last record.

use bson::doc;
use e2e::{Pipeline, log::Record};
use serde_json::{Value, json};

/// What the control topic says of the copy of a collection.
fn copied(pipeline: &mut Pipeline, collection: &str) -> Option<Value> {
    let key = key(pipeline, collection);
    pipeline.view.control().expect("Kafka answers").remove(&key)
}

fn key(pipeline: &Pipeline, collection: &str) -> String {
    format!("copied/rs0/{}.{collection}", pipeline.name)
}

fn sequence(copied: &Value) -> u64 {
    copied["sequence"].as_u64().unwrap_or_else(|| panic!("no sequence: {copied}"))
}

/// The records of a collection.
fn records(pipeline: &mut Pipeline, collection: &str) -> Vec<Record> {
    let ns = format!("{}.{collection}", pipeline.name);
    let records = pipeline.view.records().expect("Kafka answers").iter();
    records.filter(|record| record.header("ns") == ns).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_every_copy_is_said_once_and_stays() {
    let mut pipeline = Pipeline::new("copied").await;
    pipeline.settings["producer"]["snapshot"] = json!({"chunk_mib": 1});
    pipeline.collection("large").insert((0..3000).map(|n| doc! {"_id": n, "pad": "x".repeat(2000)})).await;
    pipeline.collection("small").insert([doc! {"_id": 1}]).await;
    let create = doc! {"create": "empty"};
    pipeline.database().run_command(create).await.expect("the source takes writes");
    // Killed amid the copy of `large`: what is said by then must still hold at the end.
    for least in [500, 1500] {
        pipeline.start_producer();
        pipeline.records(least).await;
        pipeline.producer().kill();
    }
    pipeline.start_producer();
    pipeline.copied().await;
    pipeline.collection("later").insert((0..3).map(|n| doc! {"_id": n})).await;
    pipeline.published().await;
    pipeline.producer().kill();
    pipeline.start_producer().ready().await;
    pipeline.collection("large").update(5, doc! {"$set": {"n": 1}}).await;
    pipeline.published().await;

    for name in ["large", "small", "empty", "later"] {
        let said = copied(&mut pipeline, name).unwrap_or_else(|| panic!("nothing is said of {name}"));
        assert_eq!(said["epoch"], 0);
        let key = key(&pipeline, name);
        assert_eq!(pipeline.view.times_told(&key), Ok(1), "{name}");
        for record in records(&mut pipeline, name) {
            let is_before = record.sequence() <= sequence(&said);
            assert!(!record.is_snapshot() || is_before, "{name}: a copied document behind {said}");
            assert!(name != "later" || !is_before, "{name}: an event before {said}");
        }
    }
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_collection_older_than_a_start_without_snapshot_nothing_is_said() {
    let mut pipeline = Pipeline::new("copied_latest").await;
    pipeline.settings["producer"]["start"] = json!("latest");
    pipeline.collection("old").insert([doc! {"_id": 1}]).await;
    pipeline.start_producer().ready().await;
    pipeline.collection("old").update(1, doc! {"$set": {"n": 1}}).await;
    pipeline.collection("new").insert([doc! {"_id": 1}]).await;
    pipeline.published().await;
    assert_eq!(copied(&mut pipeline, "old"), None);
    // Its making is in the stream (6.0+), so every document of it is.
    assert!(copied(&mut pipeline, "new").is_some());
    pipeline.close().await;
}

/// What a name held before says nothing of the collection that takes it while that is copied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_renamed_while_it_is_copied_is_complete_under_its_new_name() {
    let mut pipeline = Pipeline::new("copied_renamed").await;
    pipeline.settings["producer"]["snapshot"] = json!({"chunk_mib": 1, "parallel": 1});
    pipeline.collection("a").insert([doc! {"_id": 1}]).await;
    pipeline.collection("b").insert((0..20_000).map(|n| doc! {"_id": n, "pad": "x".repeat(2000)})).await;
    pipeline.start_producer();
    pipeline.records(500).await;
    let rename = doc! {
        "renameCollection": format!("{}.b", pipeline.name), "to": format!("{}.a", pipeline.name), "dropTarget": true,
    };
    pipeline.source.database("admin").run_command(rename).await.expect("the source renames");
    let renamed = pipeline.collection("a");
    for n in 0..200 {
        renamed.update(n * 40, doc! {"$set": {"n": n}}).await;
    }
    pipeline.published().await;

    let all = pipeline.view.records().expect("Kafka answers");
    let rename = all.iter().find(|record| record.header("op") == "rename").expect("the rename is carried");
    let rename = rename.sequence();
    for record in all.iter().filter(|record| record.is_snapshot() && record.sequence() > 1) {
        let ns = if record.sequence() < rename { "b" } else { "a" };
        assert!(record.header("ns").ends_with(&format!(".{ns}")), "{} is not of {ns}", record.sequence());
    }
    assert_eq!(all.iter().filter(|record| record.is_snapshot()).count(), 20_001);
    let said = copied(&mut pipeline, "a").expect("the copy has ended");
    let last = records(&mut pipeline, "a").iter().filter(|r| r.is_snapshot()).map(Record::sequence).max();
    // The copy ends with a chunk, which may be empty.
    assert!(Some(sequence(&said)) >= last, "{said} before {last:?}");
    assert_eq!(copied(&mut pipeline, "b"), None);
    pipeline.close().await;
}
