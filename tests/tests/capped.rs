//! Capped collections: the same documents in the same order, over crashes, and the same bounds once the target takes over.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use e2e::{Phase, Pipeline, history, in_both_phases, process::Binary, waiting::ensure};
use futures_util::TryStreamExt as _;
use mongodb::Client;
use serde_json::json;
use tokio::task::JoinHandle;

/// The largest size there is, which the target's collections have until it takes over.
const LARGEST: i64 = 1 << 50;

/// What [`turn`] deletes and inserts again; `worker::plan::insertions` and the workers' own tests see to its order.
const COME_AGAIN: [i32; 3] = [103, 1103, 2103];

async fn run(pipeline: &Pipeline, command: Document) {
    pipeline.database().run_command(command).await.expect("the source takes it");
}

/// The options of every capped collection.
async fn options(client: &Client, db: &str) -> BTreeMap<String, Document> {
    let cursor = client.database(db).run_cursor_command(doc! {"listCollections": 1}).await;
    let listed: Vec<Document> =
        cursor.expect("the server answers").try_collect().await.expect("the server answers");
    let named = listed.into_iter().filter_map(|found| {
        let options = found.get_document("options").expect("it has options").clone();
        let name = found.get_str("name").expect("it has a name").to_owned();
        options.get_bool("capped").is_ok_and(|capped| capped).then_some((name, options))
    });
    named.collect()
}

/// The `_id`s of a collection in its own order.
async fn in_order(client: &Client, db: &str, coll: &str) -> Vec<Bson> {
    let coll = client.database(db).collection::<Document>(coll);
    let found = coll.find(doc! {}).hint(mongodb::options::Hint::Keys(doc! {"$natural": 1})).await;
    let found: Vec<Document> =
        found.expect("the server answers").try_collect().await.expect("the server answers");
    found.into_iter().map(|mut document| document.remove("_id").expect("it has one")).collect()
}

/// Everything is applied, and every capped collection has the source's documents in the source's order. But for what came again: a batch
/// that is written once more, as one is whose worker has to begin anew with its topics meanwhile, takes it to the end (ADR 15).
async fn check(pipeline: &mut Pipeline) {
    pipeline.applied().await;
    let records = pipeline.view.records().expect("Kafka answers");
    history::is_sound(records).expect("the records are a sound history");
    pipeline.arrives().await;
    let db = pipeline.name.clone();
    for coll in options(&pipeline.source, &db).await.into_keys() {
        let (mut source, mut target) =
            (in_order(&pipeline.source, &db, &coll).await, in_order(&pipeline.target, &db, &coll).await);
        for order in [&mut source, &mut target] {
            order.retain(|id| !id.as_i32().is_some_and(|id| COME_AGAIN.contains(&id)));
        }
        assert_eq!(source, target, "{coll}");
    }
}

fn numbered(numbers: std::ops::Range<i32>) -> impl Iterator<Item = Document> {
    numbers.map(|n| doc! {"_id": n, "n": 0, "pad": "x".repeat(100)})
}

/// Turns a collection of at most 50 documents round, and changes what it holds.
async fn turn(pipeline: &Pipeline, name: &str, from: i32) {
    let coll = pipeline.collection(name);
    for part in 0..6 {
        coll.insert(numbered(from + part * 20..from + part * 20 + 20)).await;
    }
    for n in from + 80..from + 100 {
        coll.update(n, doc! {"$set": {"longer": "y".repeat(200)}, "$inc": {"n": 1}}).await;
    }
    coll.replace(from + 101, doc! {"replaced": true}).await;
    coll.delete(from + 102).await;
    // Comes again, behind the others.
    coll.delete(from + 103).await;
    coll.insert(numbered(from + 103..from + 104)).await;
    coll.insert(numbered(from + 120..from + 125)).await;
}

async fn make(pipeline: &Pipeline, phase: Phase) {
    let name = |name: &str| format!("{name}_{}", phase.name());
    run(pipeline, doc! {"create": name("few"), "capped": true, "size": 1_000_000, "max": 50}).await;
    turn(pipeline, &name("few"), 0).await;
    run(pipeline, doc! {"createIndexes": name("few"), "indexes": [{"key": {"n": 1}, "name": "n"}]}).await;
    turn(pipeline, &name("few"), 1000).await;

    run(pipeline, doc! {"create": name("small"), "capped": true, "size": 4096}).await;
    for n in 0..60 {
        let pad = "x".repeat(usize::try_from(n).expect("it is small") * 37 % 900);
        pipeline.collection(&name("small")).insert([doc! {"_id": n, "pad": pad}]).await;
    }
    run(pipeline, doc! {"create": name("empty"), "capped": true, "size": 8192, "max": 3}).await;
    run(pipeline, doc! {"create": name("bounded"), "capped": true, "size": 8192}).await;
    pipeline.collection(&name("bounded")).insert(numbered(0..30)).await;
    run(pipeline, doc! {"collMod": name("bounded"), "cappedMax": 10}).await;
    run(pipeline, doc! {"collMod": name("bounded"), "cappedSize": 4096}).await;
    pipeline.collection(&name("bounded")).insert(numbered(30..35)).await;

    pipeline.collection(&name("made_capped")).insert(numbered(0..200)).await;
    pipeline.collection(&name("made_capped")).delete(190).await;
    run(pipeline, doc! {"convertToCapped": name("made_capped"), "size": 8192}).await;
    pipeline.collection(&name("made_capped")).insert(numbered(200..250)).await;
    if phase == Phase::Streaming {
        turn(pipeline, "few_before", 2000).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capped_collections_have_the_sources_documents_order_and_in_the_end_bounds() {
    let mut pipeline = Pipeline::new("capped").await;
    make(&pipeline, Phase::Before).await;
    pipeline.start(2).await;
    pipeline.copied().await;
    make(&pipeline, Phase::Streaming).await;
    check(&mut pipeline).await;
    let db = pipeline.name.clone();
    let (source, target) = (options(&pipeline.source, &db).await, options(&pipeline.target, &db).await);
    assert_eq!(source.keys().collect::<Vec<_>>(), target.keys().collect::<Vec<_>>());
    let largest = doc! {"capped": true, "size": LARGEST};
    assert!(target.values().all(|options| *options == largest), "{target:?}");
    assert!(pipeline.producer().said().contains("a capped collection is copied in one go"));

    for worker in &mut pipeline.workers {
        assert_eq!(worker.stop().await, Some(0), "{}", worker.tail());
    }
    let (status, said) = pipeline.command(Binary::Worker, &["definitions", "restore", "--all"]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(options(&pipeline.target, &db).await, source, "{said}");
    pipeline.check_target().await;

    // It drops documents by itself now: nobody applies anything to it until it is put to sleep again.
    pipeline.collection("few_before").insert(numbered(5000..5001)).await;
    let worker = pipeline.restart_worker(0);
    assert_eq!(worker.ended(e2e::DEADLINE).await, Some(2), "{}", worker.tail());
    let said = worker.said();
    assert!(said.contains("drops documents by itself") && said.contains("cappedSize"), "{said}");
    assert_eq!(pipeline.producer().stop().await, Some(0));
    pipeline.discard().await;
}

/// Writes to `few` without a pause until it is told to stop; gives how many documents.
fn write_on(pipeline: &Pipeline, stop: tokio::sync::watch::Receiver<bool>) -> JoinHandle<i32> {
    let coll = pipeline.collection("few");
    tokio::spawn(async move {
        let mut n = 0;
        while !*stop.borrow() {
            coll.insert(numbered(n..n + 3)).await;
            // It may have been dropped already.
            coll.update_many(doc! {"_id": n - 20}, doc! {"$set": {"seen": n}, "$push": {"by": n}}).await;
            coll.update_many(doc! {"_id": n - 100}, doc! {"$unset": {"by": 1}, "$inc": {"n": 1}}).await;
            n += 3;
        }
        n
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_and_producers_killed_amid_a_turning_collection_repeat_without_a_trace() {
    let mut pipeline = Pipeline::new("capped_killed").await;
    pipeline.settings["kafka"]["options"]["session.timeout.ms"] = "6000".into();
    run(&pipeline, doc! {"create": "few", "capped": true, "size": 1_000_000, "max": 200}).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writer = write_on(&pipeline, stopped);
    pipeline.start(2).await;
    pipeline.copied().await;
    for round in 0..4_usize {
        let before = pipeline.view.records().expect("Kafka answers").len();
        pipeline.records(before + 500).await;
        pipeline.workers[round % 2].kill();
        if round == 2 {
            pipeline.producer().kill();
            pipeline.start_producer();
        }
        pipeline.restart_worker(round % 2);
    }
    stop.send(true).expect("the writer listens");
    let written = writer.await.expect("the writer ends");
    check(&mut pipeline).await;
    assert_eq!(pipeline.at_target("few").count().await, 200, "of {written}");
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_killed_amid_the_scan_begins_it_anew() {
    let mut pipeline = Pipeline::new("capped_scan").await;
    run(&pipeline, doc! {"create": "few", "capped": true, "size": 100_000_000, "max": 20_000}).await;
    let large = |n| doc! {"_id": n, "pad": "x".repeat(4000)};
    pipeline.collection("few").insert((-20_000..-5000).map(large)).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writer = write_on(&pipeline, stopped);
    let mut least = 300;
    for _ in 0..2 {
        pipeline.start_producer();
        pipeline.records(least).await;
        pipeline.producer().kill();
        least = pipeline.view.records().expect("Kafka answers").len() + 300;
    }
    pipeline.start(1).await;
    pipeline.copied().await;
    stop.send(true).expect("the writer listens");
    writer.await.expect("the writer ends");
    check(&mut pipeline).await;
    let log = std::fs::read_to_string(pipeline.folder().join("producer.log")).expect("it has a log");
    let begun = log.matches("a capped collection is copied in one go").count();
    assert!(begun > 1, "it was never killed amid the scan");
    pipeline.close().await;
}

/// What is missing is asked for anew, and what is too much goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capped_collection_is_repaired_and_reconciled() {
    let mut pipeline = Pipeline::new("capped_repair").await;
    run(&pipeline, doc! {"create": "few", "capped": true, "size": 1_000_000, "max": 50}).await;
    turn(&pipeline, "few", 0).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    let target = pipeline.at_target("few");
    target.delete(122).await;
    pipeline.collection("few").update(122, doc! {"$set": {"repaired": true}}).await;
    pipeline.arrives().await;

    target.delete(121).await;
    target.insert([doc! {"_id": "too much"}]).await;
    let ns = format!("{}.few", pipeline.name);
    let key = "snapshot/rs0/1".to_owned();
    let request = json!({"ns": ns, "reconcile": true});
    tokio::task::block_in_place(|| pipeline.view.ask(&[(key.clone(), request)]));
    pipeline
        .until("the request ends", |view| {
            let request = view.control()?.remove(&key).unwrap_or_default();
            ensure(request["state"] == "done", || format!("it is {request}"))
        })
        .await;
    pipeline.arrives().await;
    pipeline.close().await;
}

/// The target's own, which would drop what the source still has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capped_collection_of_the_targets_own_stops_the_worker() {
    let mut pipeline = Pipeline::new("capped_own").await;
    let own = doc! {"create": "users", "capped": true, "size": 4096};
    pipeline.target.database(&pipeline.name).run_command(own).await.expect("the target takes it");
    pipeline.collection("users").insert([doc! {"_id": 1}]).await;
    pipeline.start_producer().ready().await;
    let worker = pipeline.start_worker();
    assert_eq!(worker.ended(e2e::DEADLINE).await, Some(2), "{}", worker.tail());
    let (ns, said) = (format!("{}.users", pipeline.name), pipeline.workers[0].said());
    assert!(said.contains(&ns) && said.contains("drops documents by itself"), "{said}");
    assert_eq!(pipeline.producer().stop().await, Some(0));
    pipeline.discard().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn field_rules_hold_for_a_capped_collection() {
    let mut pipeline = Pipeline::new("capped_rules").await;
    pipeline.allow("few_before", &["n", "seen"]);
    in_both_phases(&mut pipeline, 1, async |pipeline, phase| {
        if phase == Phase::Before {
            run(pipeline, doc! {"create": "few_before", "capped": true, "size": 4096}).await;
        }
        let from = if phase == Phase::Before { 0 } else { 100 };
        for n in from..from + 60 {
            let document = doc! {"_id": n, "n": n, "secret": "s".repeat(usize::try_from(n).expect("small"))};
            pipeline.collection("few_before").insert([document]).await;
            pipeline.collection("few_before").update(n, doc! {"$set": {"seen": true, "secret": "t"}}).await;
        }
    })
    .await;
    pipeline.close().await;
}
