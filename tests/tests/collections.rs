//! Kinds of collections, and what becomes of collections while they are copied: nothing is lost, or it is refused by name.

use std::{collections::BTreeMap, time::Duration};

use bson::{Document, doc};
use e2e::{Pipeline, log::Record, process::Process};
use serde_json::json;

const SOON: Duration = Duration::from_secs(60);

async fn run(pipeline: &Pipeline, command: Document) {
    pipeline.database().run_command(command).await.expect("the source takes it");
}

async fn refuses(process: &mut Process, texts: &[&str]) {
    assert_eq!(process.ended(SOON).await, Some(2), "{}", process.tail());
    let said = process.said();
    for text in texts {
        assert!(said.contains(text), "no `{text}` in {said}");
    }
}

/// Change streams show nothing of what is written to a time series collection, so it cannot be carried in silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_series_collection_is_refused_whenever_it_appears() {
    let mut pipeline = Pipeline::new("series").await;
    let ns = format!("{}.odd", pipeline.name);
    pipeline.settings["producer"]["start"] = json!("latest");
    pipeline.start_producer().ready().await;
    run(&pipeline, doc! {"create": "odd", "timeseries": {"timeField": "t"}}).await;
    refuses(pipeline.producer(), &[&ns, "time series", "namespaces.exclude"]).await;
    // There at the next start, too.
    refuses(pipeline.start_producer(), &[&ns, "time series", "namespaces.exclude"]).await;
    pipeline.settings["namespaces"]["exclude"] = json!([ns]);
    pipeline.start_producer().ready().await;
    pipeline.collection("users").insert([doc! {"_id": 1}]).await;
    pipeline.published().await;
    pipeline.close().await;
}

/// What the records say the source holds: each document as its last record has it, under its collection's last name. Only
/// whole documents are written in these tests.
fn replayed(records: &[Record]) -> BTreeMap<(String, String), Document> {
    let mut records: Vec<_> = records.iter().filter(|record| !record.is_repeated()).collect();
    records.sort_by_key(|record| record.sequence());
    let mut documents = BTreeMap::new();
    for record in records {
        let event = record.event();
        let ns = record.header("ns").to_owned();
        let key = (ns.clone(), format!("{:?}", record.decoded_key()));
        match record.header("op") {
            "insert" | "replace" => {
                let document = event.get_document("fullDocument").expect("it is whole").clone();
                documents.insert(key, document);
            }
            "delete" => drop(documents.remove(&key)),
            "drop" => documents.retain(|(held, _), _| *held != ns),
            "rename" => {
                let to = event.get_document("to").expect("a rename has a goal");
                let to = format!("{}.{}", to.get_str("db").expect("text"), to.get_str("coll").expect("text"));
                documents.retain(|(held, _), _| *held != to);
                let moved: Vec<_> = documents.keys().filter(|(held, _)| *held == ns).cloned().collect();
                for key in moved {
                    let document = documents.remove(&key).expect("it was just there");
                    documents.insert((to.clone(), key.1), document);
                }
            }
            _ => {}
        }
    }
    documents
}

/// Compares what the records say with what the source holds.
async fn check(pipeline: &mut Pipeline, left_out: &[&str]) {
    pipeline.published().await;
    // What a rename has brought in is being copied since the stream passed the rename.
    pipeline.copied().await;
    let records = pipeline.view.records().expect("Kafka answers").to_vec();
    e2e::history::is_sound(&records).expect("a sound history");
    let mut found: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for ((ns, _), document) in replayed(&records) {
        found.entry(ns).or_default().push(document.to_vec().expect("a document has bytes"));
    }
    let mut expected =
        e2e::compare::contents(&pipeline.source, &pipeline.databases).await.expect("the source answers");
    expected.retain(|ns, _| !left_out.iter().any(|name| ns.ends_with(&format!(".{name}"))));
    let mut expected: BTreeMap<String, Vec<Vec<u8>>> = expected
        .into_iter()
        .map(|(ns, documents)| (ns, documents.into_values().map(|d| d.into_bytes()).collect()))
        .collect();
    for documents in found.values_mut().chain(expected.values_mut()) {
        documents.sort();
    }
    let counts = |all: &BTreeMap<String, Vec<Vec<u8>>>| {
        all.iter().map(|(ns, documents)| (ns.clone(), documents.len())).collect::<Vec<_>>()
    };
    assert_eq!(counts(&found), counts(&expected));
    assert!(found == expected, "documents differ");
}

fn large(from: i32) -> impl Iterator<Item = Document> {
    (from..from + 15_000).map(|n| doc! {"_id": n, "pad": "x".repeat(2000)})
}

/// A pipeline amid the copy of `big`; only its producer runs.
async fn amid_the_copy(test: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(test).await;
    pipeline.settings["producer"]["snapshot"] = json!({"chunk_mib": 1, "parallel": 1});
    pipeline.collection("big").insert(large(0)).await;
    pipeline.start_producer();
    pipeline.records(300).await;
    pipeline
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_dropped_while_it_is_copied_ends() {
    let mut pipeline = amid_the_copy("dropped").await;
    run(&pipeline, doc! {"drop": "big"}).await;
    check(&mut pipeline, &[]).await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_recreated_while_it_is_copied_holds_the_new_documents() {
    let mut pipeline = amid_the_copy("recreated").await;
    run(&pipeline, doc! {"drop": "big"}).await;
    pipeline.collection("big").insert((14_000..16_000).map(|n| doc! {"_id": n, "new": true})).await;
    check(&mut pipeline, &[]).await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_emptied_while_it_is_copied_is_empty() {
    let mut pipeline = amid_the_copy("emptied").await;
    pipeline.collection("big").0.delete_many(doc! {}).await.expect("the source takes writes");
    pipeline.collection("big").insert([doc! {"_id": 17, "new": true}]).await;
    check(&mut pipeline, &[]).await;
    pipeline.close().await;
}

/// Renamed, its old name taken by another collection, and renamed again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_renamed_while_it_is_copied_arrives_under_its_last_name() {
    let mut pipeline = amid_the_copy("renamed").await;
    let name = pipeline.name.clone();
    let rename = async |from: &str, to: &str| {
        let command = doc! {"renameCollection": format!("{name}.{from}"), "to": format!("{name}.{to}")};
        pipeline.source.database("admin").run_command(command).await.expect("the source renames");
    };
    rename("big", "bigger").await;
    pipeline.collection("big").insert((0..10).map(|n| doc! {"_id": n, "of": "the second"})).await;
    for n in 0..100 {
        pipeline.collection("bigger").replace(n * 50, doc! {"replaced": n}).await;
    }
    rename("bigger", "biggest").await;
    rename("big", "bigger").await;
    for n in 0..100 {
        pipeline.collection("biggest").replace(n * 50 + 1, doc! {"replaced": n}).await;
    }
    check(&mut pipeline, &[]).await;
    pipeline.close().await;
}

/// What comes by a rename from where nothing is carried (an excluded name, `$out`) never was in the stream: it is copied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_that_gets_a_carried_name_is_copied() {
    let mut pipeline = Pipeline::new("adopted").await;
    pipeline.settings["namespaces"]["exclude"] = json!([format!("{}.hidden", pipeline.name)]);
    pipeline.collection("users").insert((0..300).map(|n| doc! {"_id": n, "n": n % 3})).await;
    pipeline.collection("hidden").insert((0..50).map(|n| doc! {"_id": n, "hidden": true})).await;
    pipeline.start_producer().ready().await;
    pipeline.copied().await;
    let out = doc! {
        "aggregate": "users", "cursor": {},
        "pipeline": [{"$match": {"n": 1}}, {"$out": "matched"}],
    };
    run(&pipeline, out.clone()).await;
    pipeline.collection("matched").insert([doc! {"_id": "own"}]).await;
    check(&mut pipeline, &["hidden"]).await;
    // Over itself: what was there is replaced.
    run(&pipeline, out).await;
    let name = &pipeline.name;
    let command = doc! {"renameCollection": format!("{name}.hidden"), "to": format!("{name}.shown")};
    pipeline.source.database("admin").run_command(command).await.expect("the source renames");
    pipeline.collection("shown").replace(5, doc! {"shown": true}).await;
    pipeline.producer().kill();
    pipeline.start_producer().ready().await;
    check(&mut pipeline, &[]).await;
    pipeline.close().await;
}
