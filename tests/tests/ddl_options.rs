//! Collections have the source's options at the target, but for what is put off.

use std::collections::BTreeMap;

use bson::{Document, doc};
use e2e::{
    DEADLINE, Phase, Pipeline,
    definitions::{indexes_of, listed, options},
    eventually, in_both_phases,
    process::Binary,
};
use mongodb::{Client, Collection};
use serde_json::json;

async fn run(pipeline: &Pipeline, command: Document) {
    pipeline.database().run_command(command).await.expect("the source takes it");
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
async fn a_collection_of_the_targets_own_stops_the_worker_or_stays_as_it_is() {
    let mut pipeline = Pipeline::new("ddl_own").await;
    let own =
        doc! {"create": "users", "validator": {"own": {"$exists": false}}, "collation": {"locale": "fr"}};
    pipeline.target.database(&pipeline.name).run_command(own).await.expect("the target takes it");
    let before = options(&pipeline.target, &pipeline.name).await["users"].clone();
    run(&pipeline, doc! {"create": "users", "collation": insensitive(), "validator": {"a": 1}}).await;
    pipeline.collection("users").insert([doc! {"_id": "x", "a": 1}]).await;
    pipeline.start_producer().ready().await;
    let status = pipeline.start_worker().ended(DEADLINE).await;
    let said = pipeline.workers[0].said();
    assert_eq!(status, Some(2), "{said}");
    let ns = format!("{}.users already", pipeline.name);
    for text in [&ns, "`collation` is", r#""locale": "fr""#, r#""locale": "en""#, "worker.ddl.differing"] {
        assert!(said.contains(text), "`{text}` is not said:\n{said}");
    }
    assert_eq!(pipeline.at_target("users").count().await, 0);

    pipeline.settings["worker"]["ddl"] = json!({"differing": "ignore"});
    pipeline.restart_worker(0).ready().await;
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

async fn index_shaped(pipeline: &Pipeline, phase: Phase) {
    let users = format!("users_{}", phase.name());
    let validated =
        doc! {"create": &users, "validator": {"name": {"$exists": true}}, "collation": insensitive()};
    run(pipeline, validated).await;
    let user = |n| doc! {"_id": n, "name": {"first": "a", "n": n}, "secret": n % 3, "mail": format!("m{n}"), "place": [n, 1]};
    pipeline.collection(&users).insert((0..50).map(user)).await;
    let wanted = vec![
        doc! {"key": {"place": "2dsphere"}, "name": "as it is"},
        doc! {"key": {"name.n": 1, "place": 1}, "name": "renamed", "partialFilterExpression": {"name.n": {"$gt": 3}}},
        doc! {"key": {"secret": 1}, "name": "denied"},
        doc! {"key": {"mail": "text"}, "name": "masked", "collation": {"locale": "simple"}},
        doc! {"key": {"place": 1}, "name": "filtered", "partialFilterExpression": {"secret": 1}},
        doc! {"key": {"name": 1}, "name": "gone"},
    ];
    run(pipeline, doc! {"createIndexes": &users, "indexes": wanted}).await;
    run(pipeline, doc! {"dropIndexes": &users, "index": ["gone", "masked"]}).await;
    run(pipeline, doc! {"collMod": &users, "index": {"name": "renamed", "hidden": true}}).await;
    run(pipeline, doc! {"collMod": &users, "index": {"name": "denied", "hidden": true}}).await;
    pipeline.collection(&users).update(7, doc! {"$set": {"place": [7, 7], "name.n": 70}}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_of_shaped_documents_are_of_what_passes_under_its_new_name() {
    let mut pipeline = Pipeline::new("ddl_shaped").await;
    for phase in ["before", "streaming"] {
        let rule = json!({"allow": ["name", "mail", "place"], "rename": {"name": "called"}, "mask": {"mail": "redact"}});
        pipeline.rule(&format!("users_{phase}"), rule);
    }
    in_both_phases(&mut pipeline, 2, index_shaped).await;
    for phase in ["before", "streaming"] {
        let coll = format!("users_{phase}");
        let found = indexes_of(&pipeline.target, &pipeline.name, &coll).await;
        assert_eq!(found.keys().collect::<Vec<_>>(), ["_id_", "as it is", "renamed"]);
        let renamed = &found["renamed"];
        assert_eq!(renamed.get_document("key").expect("keys"), &doc! {"called.n": 1, "place": 1});
        assert_eq!(
            renamed.get_document("partialFilterExpression").expect("some"),
            &doc! {"called.n": {"$gt": 3}}
        );
        assert!(renamed.get_bool("hidden").expect("it is"), "{renamed}");
        let options = options(&pipeline.target, &pipeline.name).await;
        assert!(
            options[&coll].contains_key("collation") && !options[&coll].contains_key("validator"),
            "{options:?}"
        );
    }
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_a_collection_before_its_copy_finds_it_with_its_options() {
    let mut pipeline = Pipeline::new("ddl_first").await;
    // Copied one after the other, in the order of their names: the last ones late.
    for n in 0..6 {
        let many = (0..400).map(|id| doc! {"_id": id, "filling": "x".repeat(10_000)});
        pipeline.collection(&format!("a{n}")).insert(many).await;
    }
    for name in ["indexed", "modified", "renamed", "written"] {
        run(&pipeline, doc! {"create": name, "collation": insensitive()}).await;
        pipeline.collection(name).insert([doc! {"_id": "a"}]).await;
    }
    pipeline.settings["producer"]["snapshot"] = json!({"parallel": 1, "chunk_mib": 1});
    pipeline.start(2).await;
    run(&pipeline, doc! {"createIndexes": "indexed", "indexes": [{"key": {"a": 1}, "name": "a"}]}).await;
    run(&pipeline, doc! {"collMod": "modified", "validator": {"a": 1}}).await;
    pipeline.collection("written").insert([doc! {"_id": "b"}]).await;
    let (from, to) = (format!("{}.renamed", pipeline.name), format!("{}.new", pipeline.name));
    let rename = doc! {"renameCollection": from, "to": to};
    pipeline.source.database("admin").run_command(rename).await.expect("the source renames");
    pipeline.collection("new").insert([doc! {"_id": "b"}]).await;
    pipeline.check().await;
    let found = same_options(&pipeline).await;
    assert!(found["new"].contains_key("collation"), "{found:?}");
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_killed_while_indexes_are_built_build_all_of_them_once() {
    let mut pipeline = Pipeline::new("ddl_builds").await;
    // The least that brokers allow: so long is a dead worker waited for.
    pipeline.settings["kafka"]["options"]["session.timeout.ms"] = "6000".into();
    let filling = "x".repeat(200);
    let many =
        |from: i32| (from..from + 10_000).map(|n| doc! {"_id": n, "n": n, "text": format!("{n}{filling}")});
    for from in [0, 10_000, 20_000, 30_000] {
        pipeline.collection("users").insert(many(from)).await;
    }
    pipeline.start(2).await;
    pipeline.copied().await;
    pipeline.applied().await;
    let wanted: Vec<_> = (0..16)
        .map(|n| doc! {"key": {"text": 1, "n": if n % 2 == 0 { 1 } else { -1 }, format!("x{n}"): 1}, "name": format!("i{n}"), "unique": true})
        .collect();
    run(&pipeline, doc! {"createIndexes": "users", "indexes": wanted}).await;
    for kill in 1..3 {
        let (target, name) = (pipeline.target.clone(), pipeline.name.clone());
        eventually("some indexes are there, and not all", DEADLINE, async || {
            let found = indexes_of(&target, &name, "users").await.len();
            if (1 + kill..17).contains(&found) { Ok(()) } else { Err(format!("{found} indexes")) }
        })
        .await;
        pipeline.workers.iter_mut().for_each(|worker| worker.kill());
        let found = indexes_of(&target, &name, "users").await.len();
        assert!(found < 17, "killed amid the work");
        for worker in 0..2 {
            pipeline.restart_worker(worker);
        }
    }
    pipeline.collection("users").update(7, doc! {"$set": {"n": -7}}).await;
    pipeline.check().await;
    assert_eq!(indexes_of(&pipeline.target, &pipeline.name, "users").await.len(), 17);
    assert_eq!(noted(&pipeline, "users").await.get_array("indexes").expect("noted").len(), 16);
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_killed_while_collections_are_made_and_changed_do_each_once() {
    let mut pipeline = Pipeline::new("ddl_made_kills").await;
    pipeline.settings["kafka"]["options"]["session.timeout.ms"] = "6000".into();
    pipeline.start(2).await;
    for kill in 0..3 {
        for n in 0..12_i32 {
            let name = format!("c{}", n % 4);
            let made = match n % 3 {
                0 => {
                    doc! {"create": &name, "expireAfterSeconds": 9_000_000, "clusteredIndex": {"key": {"_id": 1}, "unique": true}}
                }
                1 => doc! {"create": &name, "clusteredIndex": {"key": {"_id": 1}, "unique": true}},
                _ => doc! {"create": &name, "validator": {"n": {"$gt": n}}, "validationAction": "warn"},
            };
            pipeline.database().collection::<Document>(&name).drop().await.expect("the source drops");
            run(&pipeline, made).await;
            pipeline
                .collection(&name)
                .insert((20..40).map(|n| doc! {"_id": format!("{kill} {n}"), "n": n}))
                .await;
            run(
                &pipeline,
                doc! {"collMod": &name, "validator": {"n": {"$gt": n + 1}}, "validationLevel": "moderate"},
            )
            .await;
            if n % 5 == 4 {
                let worker = usize::from(n % 2 == 1);
                pipeline.workers[worker].kill();
                pipeline.restart_worker(worker);
            }
        }
    }
    pipeline.check().await;
    same_options(&pipeline).await;
    pipeline.close().await;
}

/// Runs `worker definitions`; gives whether it went well, and what it said.
fn definitions(pipeline: &Pipeline, arguments: &[&str]) -> (bool, String) {
    let (status, said) = pipeline.command(Binary::Worker, &[&["definitions"], arguments].concat());
    (status == Some(0), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_put_off_is_given_back_to_a_target_that_takes_over() {
    let mut pipeline = Pipeline::new("ddl_restore").await;
    pipeline.start(1).await;
    let validator = doc! {"$jsonSchema": {"required": ["mail"]}};
    run(&pipeline, doc! {"create": "users", "validator": validator, "validationLevel": "moderate"}).await;
    pipeline.collection("users").insert((0..20).map(|n| doc! {"_id": n, "mail": format!("m{n}")})).await;
    let wanted = vec![
        doc! {"key": {"mail": 1}, "name": "mail", "unique": true},
        doc! {"key": {"at": 1}, "name": "at", "expireAfterSeconds": 100_000},
    ];
    run(&pipeline, doc! {"createIndexes": "users", "indexes": wanted}).await;
    run(&pipeline, doc! {"collMod": "users", "index": {"name": "at", "expireAfterSeconds": 200_000}}).await;
    run(&pipeline, doc! {"create": "images", "changeStreamPreAndPostImages": {"enabled": true}}).await;
    let (from, to) = (format!("{}.users", pipeline.name), format!("{}.people", pipeline.name));
    pipeline
        .source
        .database("admin")
        .run_command(doc! {"renameCollection": from, "to": to})
        .await
        .expect("it renames");
    pipeline.check().await;

    let (is_ok, said) = definitions(&pipeline, &["restore", "--all"]);
    assert!(!is_ok && said.contains("stop the workers first"), "{said}");
    pipeline.workers.remove(0).stop().await;
    let (is_ok, said) = definitions(&pipeline, &["show"]);
    assert!(is_ok && said.lines().count() == 5 && said.contains(".people"), "{said}");
    for _ in 0..2 {
        let (is_ok, said) = definitions(&pipeline, &["restore", "--all"]);
        assert!(is_ok && said.lines().all(|line| line.ends_with(": done")), "{said}");
    }
    let all = |options: &Document| options.get_str("validationLevel").is_ok_and(|level| level == "moderate");
    let of = async |client: &Client, coll: &str| {
        let found = listed(client, &pipeline.name).await;
        let found = found.into_iter().find(|found| found.get_str("name").is_ok_and(|name| name == coll));
        let mut options = found.expect("it is there").get_document("options").expect("options").clone();
        // Said by any `collMod`, and what a validator does without.
        options.entry("validationAction").or_insert("error".into());
        options
    };
    let (source, target) = (of(&pipeline.source, "people").await, of(&pipeline.target, "people").await);
    assert!(source == target && all(&target), "{source}, {target}");
    assert_eq!(of(&pipeline.source, "images").await, of(&pipeline.target, "images").await);
    let (source, target) = (
        indexes_of(&pipeline.source, &pipeline.name, "people").await,
        indexes_of(&pipeline.target, &pipeline.name, "people").await,
    );
    assert_eq!(source["at"], target["at"]);
    assert_eq!(source["mail"].get("unique"), target["mail"].get("unique"));
    pipeline.close().await;
}
