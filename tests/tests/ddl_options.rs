//! Collections have the source's options at the target, but for what is put off.

use std::collections::BTreeMap;

use bson::{Document, doc};
use e2e::{DEADLINE, Phase, Pipeline, eventually, in_both_phases};
use futures_util::TryStreamExt as _;
use mongodb::{Client, Collection};

/// What the target has otherwise on purpose.
const PUT_OFF: [&str; 4] =
    ["validationLevel", "expireAfterSeconds", "changeStreamPreAndPostImages", "storageEngine"];

async fn run(pipeline: &Pipeline, command: Document) {
    pipeline.database().run_command(command).await.expect("the source takes it");
}

async fn listed(client: &Client, db: &str) -> Vec<Document> {
    let cursor = client.database(db).run_cursor_command(doc! {"listCollections": 1}).await;
    cursor.expect("the server answers").try_collect().await.expect("the server answers")
}

/// The options of every collection, without what is put off.
async fn options(client: &Client, db: &str) -> BTreeMap<String, Document> {
    let named = listed(client, db).await.into_iter().filter_map(|found| {
        let name = found.get_str("name").expect("it has a name").to_owned();
        let mut options = found.get_document("options").expect("it has options").clone();
        PUT_OFF.iter().for_each(|name| drop(options.remove(name)));
        (!name.starts_with("system.")).then_some((name, options))
    });
    named.collect()
}

async fn same_options(pipeline: &Pipeline) -> BTreeMap<String, Document> {
    let name = &pipeline.name;
    let (source, target) = (options(&pipeline.source, name).await, options(&pipeline.target, name).await);
    assert_eq!(source, target);
    target
}

/// What is noted at the target of a collection that is there now.
async fn noted(pipeline: &Pipeline, coll: &str) -> Document {
    let found = listed(&pipeline.target, &pipeline.name).await;
    let found =
        found.iter().find(|found| found.get_str("name").is_ok_and(|name| name == coll)).expect("it is there");
    let uuid = found.get_document("info").expect("it has").get("uuid").expect("a UUID").clone();
    let notes: Collection<Document> =
        pipeline.target.database("oplogue").collection(&format!("{}.definitions", pipeline.name));
    notes.find_one(doc! {"_id": uuid}).await.expect("it answers").unwrap_or_default()
}

fn insensitive() -> Document {
    doc! {"locale": "en", "strength": 2}
}

/// Strings that differ in bytes are one `_id` here, and take turns.
async fn collated(pipeline: &Pipeline, name: &str) {
    run(pipeline, doc! {"create": name, "collation": insensitive()}).await;
    let coll = pipeline.collection(name);
    coll.insert((0..50).map(|n| doc! {"_id": format!("key {n}"), "n": n})).await;
    let indexes = [
        doc! {"key": {"n": 1}, "name": "as the collection"},
        doc! {"key": {"n": -1}, "name": "simple", "collation": {"locale": "simple"}},
    ];
    run(pipeline, doc! {"createIndexes": name, "indexes": indexes.to_vec()}).await;
    for n in 0..20 {
        coll.delete(format!("Key {n}")).await;
        coll.insert([doc! {"_id": format!("KEY {n}"), "n": n}]).await;
        coll.update(format!("key {n}"), doc! {"$set": {"turn": n}}).await;
    }
}

/// A validator that refuses what is there already, changed, and changed again.
async fn validated(pipeline: &Pipeline, name: &str) {
    let coll = pipeline.collection(name);
    coll.insert((0..20).map(|n| doc! {"_id": n, "a": n})).await;
    run(
        pipeline,
        doc! {"collMod": name, "validator": {"a": {"$type": "string"}}, "validationLevel": "moderate"},
    )
    .await;
    coll.update(3, doc! {"$set": {"b": 1}}).await;
    coll.insert([doc! {"_id": "good", "a": "a"}]).await;
    let schema =
        doc! {"$jsonSchema": {"required": ["a"], "properties": {"a": {"bsonType": ["string", "int"]}}}};
    run(pipeline, doc! {"collMod": name, "validator": schema, "validationAction": "warn"}).await;
    coll.insert([doc! {"_id": "bad"}]).await;
    run(pipeline, doc! {"collMod": name, "validationLevel": "strict"}).await;
    coll.insert([doc! {"_id": "worse", "a": 1.5}]).await;
}

async fn define(pipeline: &Pipeline, phase: Phase) {
    let name = |name: &str| format!("{name}_{}", phase.name());
    run(pipeline, doc! {"create": name("empty")}).await;
    collated(pipeline, &name("collated")).await;
    validated(pipeline, &name("validated")).await;

    let clustered = doc! {"key": {"_id": 1}, "unique": true, "name": "by id"};
    run(
        pipeline,
        doc! {"create": name("clustered"), "clusteredIndex": clustered, "expireAfterSeconds": 100_000},
    )
    .await;
    let coll = pipeline.collection(&name("clustered"));
    coll.insert((0..300).map(|n| doc! {"_id": n, "n": n})).await;
    coll.delete(7).await;
    run(pipeline, doc! {"collMod": name("clustered"), "expireAfterSeconds": 200_000}).await;

    let images = doc! {"enabled": true};
    let engine = doc! {"wiredTiger": {"configString": "block_compressor=zlib"}};
    run(
        pipeline,
        doc! {"create": name("images"), "changeStreamPreAndPostImages": images, "storageEngine": engine},
    )
    .await;
    pipeline.collection(&name("images")).insert([doc! {"_id": 1}]).await;

    // A name that means another collection every time.
    for collation in [doc! {"locale": "fr"}, doc! {"locale": "simple"}, insensitive()] {
        run(pipeline, doc! {"create": name("again"), "collation": &collation}).await;
        pipeline.collection(&name("again")).insert([doc! {"_id": "é"}]).await;
        if collation != insensitive() {
            run(pipeline, doc! {"drop": name("again")}).await;
        }
    }
    run(pipeline, doc! {"create": name("old"), "validator": {"x": 1}, "validationLevel": "off"}).await;
    let to = format!("{}.{}", pipeline.name, name("new"));
    let rename = doc! {"renameCollection": format!("{}.{}", pipeline.name, name("old")), "to": to};
    pipeline.source.database("admin").run_command(rename).await.expect("the source renames");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_are_those_of_the_source_but_for_what_is_put_off() {
    let mut pipeline = Pipeline::new("ddl_options").await;
    in_both_phases(&mut pipeline, 2, define).await;
    let found = same_options(&pipeline).await;
    for phase in ["before", "streaming"] {
        let of = |name: &str| found.get(&format!("{name}_{phase}")).expect("it is there");
        assert!(of("empty").is_empty() && of("clustered").contains_key("clusteredIndex"), "{found:?}");
        assert!(
            of("validated").contains_key("validator") && of("again").contains_key("collation"),
            "{found:?}"
        );
        let clustered = noted(&pipeline, &format!("clustered_{phase}")).await;
        assert_eq!(
            clustered.get_document("options").expect("noted").get_i64("expireAfterSeconds").ok(),
            Some(200_000)
        );
        let validated = noted(&pipeline, &format!("validated_{phase}")).await;
        assert_eq!(
            validated.get_document("options").expect("noted").get_str("validationLevel").ok(),
            Some("strict")
        );
        assert!(noted(&pipeline, &format!("images_{phase}")).await.contains_key("options"));
    }
    for found in listed(&pipeline.target, &pipeline.name).await {
        let options = found.get_document("options").expect("it has options");
        let level = options.get_str("validationLevel").unwrap_or("off");
        assert_eq!(level, "off", "{found:?}");
        assert!(!options.contains_key("expireAfterSeconds"), "{found:?}");
    }
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_made_in_a_transaction_is_made_once_and_its_transaction_stays_whole() {
    let mut pipeline = Pipeline::new("ddl_made_within").await;
    pipeline.collection("there").insert([doc! {"_id": 0}]).await;
    pipeline.start(2).await;
    pipeline.copied().await;
    let mut session = pipeline.source.start_session().await.expect("it answers");
    for n in 1..6 {
        session.start_transaction().await.expect("it begins");
        let database = pipeline.database();
        for name in ["there".to_owned(), format!("made_{n}"), "there".to_owned()] {
            let coll: Collection<Document> = database.collection(&name);
            coll.insert_one(doc! {"n": n}).session(&mut session).await.expect("the source takes writes");
        }
        session.commit_transaction().await.expect("it commits");
    }
    pipeline.check().await;
    same_options(&pipeline).await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_of_the_targets_own_stays_as_it_is() {
    let mut pipeline = Pipeline::new("ddl_own").await;
    let own =
        doc! {"create": "users", "validator": {"own": {"$exists": false}}, "collation": {"locale": "fr"}};
    pipeline.target.database(&pipeline.name).run_command(own).await.expect("the target takes it");
    let before = options(&pipeline.target, &pipeline.name).await["users"].clone();
    run(&pipeline, doc! {"create": "users", "collation": insensitive(), "validator": {"a": 1}}).await;
    pipeline.collection("users").insert([doc! {"_id": "x", "a": 1}]).await;
    pipeline.start(1).await;
    pipeline.copied().await;
    run(&pipeline, doc! {"collMod": "users", "validator": {"a": {"$gt": 0}}}).await;
    pipeline.collection("users").insert([doc! {"_id": "y", "a": 2}]).await;
    pipeline.applied().await;
    assert_eq!(options(&pipeline.target, &pipeline.name).await["users"], before);
    assert_eq!(pipeline.at_target("users").count().await, 2);
    for said in ["has other options than the source's", "has a validator of its own"] {
        let worker = &pipeline.workers[0];
        let heard =
            async || if worker.said().contains(said) { Ok(()) } else { Err("nothing is said".to_owned()) };
        eventually(said, DEADLINE, heard).await;
    }
    pipeline.close().await;
}
