//! Documents are carried by a filter: at the target is what the source's own `find` finds, whatever has happened to it.

use bson::{Bson, DateTime, Document, doc};
use e2e::{Collection, Phase, Pipeline, waiting::ensure};
use serde_json::json;

/// Not deleted, of one region, and with something in stock.
const FILTER: &str =
    r#"{"deletedAt": null, "region": {"$in": ["eu", "us"]}, "items": {"$elemMatch": {"stock": {"$gt": 0}}}}"#;

fn article(number: i32) -> Document {
    let region = ["eu", "us", "asia"][usize::try_from(number).unwrap_or(0) % 3];
    doc! {
        "_id": number, "name": format!("Article {number}"), "region": region, "zip": format!("{number:05}"),
        "items": [{"stock": number % 5, "price": 1}, {"stock": 0, "price": 2}], "list": [1, 2, 3],
    }
}

/// Changes that the filter does not read, that it reads, and that end in every kind of record.
async fn change(articles: &Collection, first: i32) {
    articles.insert((first..first + 60).map(article)).await;
    for number in first..first + 60 {
        articles
            .update(number, doc! {"$set": {"name": "new", "list.1": number}, "$inc": {"visits": 1}})
            .await;
    }
    let now = DateTime::now();
    for (number, change) in (first..).zip([
        doc! {"$set": {"deletedAt": now}},
        doc! {"$set": {"region": "asia"}},
        doc! {"$set": {"region": "eu"}},
        doc! {"$set": {"items.1.stock": 4}},
        doc! {"$set": {"items.0.stock": 0}},
        doc! {"$unset": {"items": ""}},
        doc! {"$push": {"items": {"$each": [], "$slice": -1}}},
        doc! {"$set": {"region": Bson::Null, "name": "x"}},
        doc! {"$set": {"deletedAt": Bson::Null, "zip": "y"}},
        doc! {"$inc": {"items.0.stock": 7}, "$push": {"list": 9}},
    ]) {
        articles.update(number, change).await;
        articles.update(number, doc! {"$set": {"zip": "later"}}).await;
    }
    // Away, and back again with all that happened meanwhile.
    for number in first + 20..first + 25 {
        articles.update(number, doc! {"$set": {"deletedAt": now}}).await;
        articles.update(number, doc! {"$set": {"name": "while away", "items.0.stock": 9}}).await;
        articles.update(number, doc! {"$set": {"region": "eu"}, "$unset": {"deletedAt": ""}}).await;
    }
    articles.replace(first + 30, doc! {"region": "eu", "items": [{"stock": 1}]}).await;
    articles.replace(first + 31, doc! {"region": "eu"}).await;
    articles.delete(first + 32).await;
    articles.delete(first + 33).await;
    articles.insert([article(first + 33)]).await;
    articles.update_many(doc! {"_id": {"$gte": first + 40}}, doc! {"$inc": {"items.$[].stock": 1}}).await;
}

/// No document waits for an answer, and no record was given up.
async fn is_settled(pipeline: &mut Pipeline) {
    pipeline
        .until("every document that was asked for has come", |view| {
            let open = view.control()?.into_keys().filter(|key| key.starts_with("repair/")).count();
            ensure(open == 0, || format!("{open} are open"))
        })
        .await;
    assert!(pipeline.view.dead_letters().expect("Kafka answers").is_empty());
}

async fn in_both_phases(pipeline: &mut Pipeline) {
    let (articles, others) = (pipeline.collection("articles"), pipeline.collection("others"));
    let write = async |phase: Phase| {
        let first = if phase == Phase::Before { 0 } else { 1000 };
        change(&articles, first).await;
        change(&others, first).await;
    };
    write(Phase::Before).await;
    pipeline.start(2).await;
    write(Phase::Streaming).await;
    pipeline.copied().await;
    change(&articles, 2000).await;
    pipeline.arrives().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_target_holds_what_the_filter_finds() {
    let mut pipeline = Pipeline::new("filters").await;
    pipeline.rule("articles", json!({"filter": FILTER}));
    in_both_phases(&mut pipeline).await;
    is_settled(&mut pipeline).await;
    assert!(pipeline.at_target("articles").count().await > 10);
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filtered_documents_are_shaped_too() {
    let mut pipeline = Pipeline::new("filters_shaped").await;
    // The filter reads what the rules hide.
    let rule = json!({"filter": FILTER, "allow": ["name", "zip", "list", "region"], "rename": {"zip": "postcode"}, "mask": {"name": "hash"}});
    pipeline.rule("articles", rule);
    in_both_phases(&mut pipeline).await;
    is_settled(&mut pipeline).await;
    pipeline.close().await;
}

/// Nothing that lies in Kafka holds one of these texts.
fn lies_nowhere(pipeline: &mut Pipeline, texts: &[&str]) {
    let records = pipeline.view.records().expect("Kafka answers").to_vec();
    let letters = pipeline.view.dead_letters().expect("Kafka answers").to_vec();
    assert!(!records.is_empty());
    for record in records.iter().chain(&letters) {
        let headers = record.headers.iter().map(|(_, value)| value);
        for bytes in record.key.iter().chain(&record.value).chain(headers) {
            let text = String::from_utf8_lossy(bytes);
            let found = texts.iter().find(|denied| text.contains(**denied));
            assert_eq!(found, None, "{} at {}", record.partition.0, record.offset);
        }
    }
}

/// A document that holds what must not be seen at every place where rules can reach, and some that may.
fn patient(number: i32) -> Document {
    let ward = if number % 2 == 0 { "north" } else { "south" };
    doc! {
        "_id": number, "name": "plain-name", "ward": ward,
        "ssn": "denied-ssn", "address": {"zip": "00001", "street": "denied-street"},
        "visits": [{"cost": 5, "note": "denied-note"}, {"cost": 6}], "secret": {"deep": ["denied-deep"]}, "card": "masked-card",
    }
}

async fn treat(patients: &Collection, first: i32) {
    patients.insert((first..first + 30).map(patient)).await;
    for (number, change) in (first..).zip([
        doc! {"$set": {"ssn": "denied-ssn", "name": "b"}},
        doc! {"$set": {"ssn": "denied-ssn"}},
        doc! {"$set": {"address.street": "denied-street", "address.zip": "00002"}},
        doc! {"$set": {"address": {"street": "denied-street", "zip": "3"}}},
        doc! {"$push": {"visits": {"note": "denied-note", "cost": 7}}},
        doc! {"$set": {"visits.0.note": "denied-note", "visits.1.cost": 9}},
        doc! {"$push": {"visits": {"$each": [], "$slice": 1}}},
        doc! {"$unset": {"secret": "", "address.zip": ""}},
        doc! {"$set": {"card": "masked-card", "secret.deep.0": "denied-deep"}},
        doc! {"$set": {"ward": "west"}},
        doc! {"$set": {"ward": "north", "name": "c"}},
        doc! {"$set": {"ward": "west"}},
    ]) {
        patients.update(number, change).await;
        patients.update(number, doc! {"$set": {"more": number}, "$inc": {"visits.0.cost": 1}}).await;
    }
    patients.update(first + 11, doc! {"$set": {"ward": "south"}}).await;
    patients.replace(first + 20, doc! {"ward": "north", "ssn": "denied-ssn"}).await;
    patients.replace(first + 21, doc! {"ward": "west", "name": "hidden-name"}).await;
    patients.insert([doc! {"_id": first + 500, "ward": "east", "name": "hidden-name"}]).await;
    patients.delete(first + 22).await;
    let moved = vec![doc! {"$set": {"card": "$ssn"}}, doc! {"$unset": "name"}];
    patients.update(first + 23, moved).await;
}

const DENIED: [&str; 6] =
    ["denied-ssn", "denied-street", "denied-note", "denied-deep", "masked-card", "hidden-name"];

fn strict() -> serde_json::Value {
    json!({
        "filter": r#"{"ward": {"$in": ["north", "south"]}}"#, "at": "producer",
        "allow": ["name", "ward", "more", "address.zip", "visits.cost", "card"],
        "rename": {"address.zip": "postcode", "visits.cost": "price", "name": "called"}, "mask": {"card": "hash"},
    })
}

async fn treated(pipeline: &mut Pipeline) {
    let patients = pipeline.collection("patients");
    treat(&patients, 0).await;
    pipeline.start(2).await;
    treat(&patients, 1000).await;
    pipeline.copied().await;
    treat(&patients, 2000).await;
    pipeline.arrives().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_producer_keeps_back_never_enters_kafka() {
    let mut pipeline = Pipeline::new("kept_back").await;
    pipeline.rule("patients", strict());
    treated(&mut pipeline).await;
    is_settled(&mut pipeline).await;
    lies_nowhere(&mut pipeline, &DENIED);
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_the_producer_has_applied_are_not_applied_again_and_collisions_show_nothing() {
    let mut pipeline = Pipeline::new("applied_once").await;
    pipeline.rule(
        "patients",
        json!({"at": "producer", "allow": ["a", "b"], "rename": {"a": "b", "b": "c"}, "mask": {"a": "hash"}}),
    );
    pipeline.rule("taken", json!({"at": "producer", "rename": {"a": "b"}}));
    let (patients, taken) = (pipeline.collection("patients"), pipeline.collection("taken"));
    patients.insert((0..20).map(|n| doc! {"_id": n, "a": "x", "b": n, "c": "denied-c"})).await;
    pipeline.start(1).await;
    pipeline.copied().await;
    patients.insert((20..40).map(|n| doc! {"_id": n, "a": "x", "b": n, "c": "denied-c"})).await;
    patients.update(3, doc! {"$set": {"a": "y", "c": "denied-c"}}).await;
    taken.insert([doc! {"_id": 1, "a": 1, "b": "denied-b"}, doc! {"_id": 2, "a": 2}]).await;
    pipeline.applied().await;
    let letters = pipeline.view.dead_letters().unwrap();
    let kinds: Vec<_> = letters.iter().map(|letter| letter.header("dead.kind").to_owned()).collect();
    assert_eq!(kinds, ["collision"]);
    lies_nowhere(&mut pipeline, &["denied-c", "denied-b"]);
    let found = pipeline.at_target("patients").0.find_one(doc! {"_id": 30}).await.unwrap().unwrap();
    assert_eq!((found.get_str("b").unwrap().len(), found.get_i32("c").unwrap()), (64, 30));
    assert_eq!(pipeline.at_target("taken").ids().await, [2]);
    pipeline.close().await;
}

/// Has the source keep images of a collection.
async fn with_images(pipeline: &Pipeline, collection: &str) {
    let command = doc! {"create": collection, "changeStreamPreAndPostImages": {"enabled": true}};
    pipeline.database().run_command(command).await.expect("the source keeps images");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_images_nothing_is_asked_for_and_moved_fields_keep_the_sources_order() {
    let mut pipeline = Pipeline::new("images").await;
    with_images(&pipeline, "patients").await;
    with_images(&pipeline, "moving").await;
    with_images(&pipeline, "others").await;
    let ns = |collection: &str| format!("{}.{collection}", pipeline.name);
    pipeline.settings["images"] = json!([
        {"namespace": ns("patients"), "post": "available", "pre": "available"}, {"namespace": ns("moving"), "post": "available"},
    ]);
    pipeline.rule("patients", strict());
    let (moving, others) = (pipeline.collection("moving"), pipeline.collection("others"));
    moving
        .insert(
            (0..50)
                .map(|n| doc! {"_id": n, "a": n, "b": [1, 2], "c": "x".repeat(500), "d": {"e": 1, "f": 2}}),
        )
        .await;
    treated(&mut pipeline).await;
    for number in 0..50 {
        let moves = vec![
            doc! {"$set": {"d": {"f": number, "e": "$d.e"}}},
            doc! {"$unset": "a"},
            doc! {"$set": {"a": 5}},
        ];
        moving.update(number, moves).await;
    }
    others.insert((0..5).map(|n| doc! {"_id": n, "text": "before-others"})).await;
    others.update(1, doc! {"$set": {"text": "after"}}).await;
    pipeline.arrives().await;
    is_settled(&mut pipeline).await;
    lies_nowhere(&mut pipeline, &DENIED);
    let records = pipeline.view.records().unwrap();
    let of = |name: &'static str| records.iter().filter(move |record| record.header("ns").ends_with(name));
    assert!(of(".others").all(|record| !record.event().contains_key("fullDocumentBeforeChange")));
    assert!(
        of(".others")
            .any(|record| record.header("op") == "update" && !record.event().contains_key("fullDocument"))
    );
    let updates = of(".moving").filter(|record| record.header("op") == "update");
    assert!(
        updates.clone().count() >= 50
            && updates.clone().all(|record| record.event().contains_key("fullDocument"))
    );
    assert!(of(".patients").any(|record| record.event().get_document("fullDocumentBeforeChange").is_ok()));
    let changes = of(".patients").filter(|record| record.event().contains_key("documentKey"));
    assert!(changes.clone().count() > 90);
    assert!(changes.clone().all(|record| record.header("rules") == "applied"), "nobody had to be asked");
    pipeline.close().await;
}
