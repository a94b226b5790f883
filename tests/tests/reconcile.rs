//! Snapshots that reconcile: what is gone from the source goes from the target, and nothing else does.

use std::{collections::BTreeSet, str::FromStr as _};

use bson::{Bson, Decimal128, Document, doc, oid::ObjectId, spec::BinarySubtype};
use e2e::{Pipeline, collection::Collection, log::Record, process::Binary, waiting::ensure};
use serde_json::{Value, json};

/// Longer than three batches.
const MANY: i32 = 7000;

/// An `_id` of every type that one can have, and neighbours of what the source holds.
fn strays() -> Vec<Bson> {
    let binary = Bson::Binary(bson::Binary { subtype: BinarySubtype::Uuid, bytes: vec![3; 16] });
    vec![
        Bson::MinKey,
        Bson::MaxKey,
        Bson::Null,
        Bson::Boolean(false),
        7.5.into(),
        f64::NAN.into(),
        f64::INFINITY.into(),
        ((1_i64 << 53) + 1).into(),
        decimal("0.1"),
        decimal("1E+400"),
        "stray".into(),
        String::new().into(),
        Bson::Symbol("symbol".to_owned()),
        doc! {}.into(),
        doc! {"a": 1, "b": [1, null]}.into(),
        binary,
        Bson::ObjectId(ObjectId::from_bytes([9; 12])),
        Bson::DateTime(bson::DateTime::from_millis(-1)),
        Bson::Timestamp(bson::Timestamp { time: 1, increment: 1 }),
        "x".repeat(5000).into(),
    ]
}

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(Decimal128::from_str(text).expect("a decimal"))
}

fn with(ids: impl IntoIterator<Item = Bson>) -> Vec<Document> {
    ids.into_iter().map(|id| doc! {"_id": id, "stray": true}).collect()
}

fn run(pipeline: &Pipeline, coll: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Binary::Producer.command();
    let ns = format!("{}.{coll}", pipeline.name);
    command.args(["snapshot", "--namespace", &ns]).args(arguments).current_dir(pipeline.folder());
    let output = tokio::task::block_in_place(|| command.output().expect("the binary can be started"));
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.code(), said.concat())
}

async fn ask(pipeline: &Pipeline, id: &str, request: Value) -> String {
    let key = format!("snapshot/rs0/{id}");
    tokio::task::block_in_place(|| pipeline.view.ask(&[(key.clone(), request)]));
    key
}

/// Waits until the request is as wanted, and gives it.
async fn once(pipeline: &mut Pipeline, key: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    pipeline
        .until("the request gets on", |view| {
            let request = view.control()?.remove(key).unwrap_or_default();
            ensure(wanted(&request), || format!("it is {request}")).map(|()| request)
        })
        .await
}

/// Keys of the deletes that came of reads.
fn deletes(pipeline: &mut Pipeline) -> Vec<Vec<u8>> {
    let records = pipeline.view.records().expect("Kafka answers").iter();
    let deletes = records.filter(|record| record.is_snapshot() && record.header("op") == "delete");
    deletes.map(|record: &Record| record.key.clone().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_goes_and_what_is_there_stays_whatever_the_type_of_its_id() {
    let mut pipeline = Pipeline::new("reconciled").await;
    let there = [Bson::Double(9_007_199_254_740_992.0), 0.1.into(), "Stray".into(), doc! {"a": 1}.into()];
    let documents = there.map(|id| doc! {"_id": id, "n": 1}).into_iter();
    pipeline.collection("users").insert(documents.chain((0..3000).map(|n| doc! {"_id": n, "n": n}))).await;
    pipeline.start(2).await;
    pipeline.applied().await;
    let target = pipeline.at_target("users");
    target.insert(with(strays())).await;
    target.update(5, doc! {"$set": {"n": "harmed"}}).await;
    let (code, said) = run(&pipeline, "users", &["--reconcile"]);
    let done = format!("done: 3004 documents, {} removed", strays().len());
    assert!(code == Some(0) && said.contains(&done), "{said}");
    pipeline.applied().await;
    let gone = deletes(&mut pipeline);
    assert_eq!((gone.len(), gone.iter().collect::<BTreeSet<_>>().len()), (strays().len(), strays().len()));
    let left: Vec<_> = pipeline.view.control().expect("Kafka answers").into_keys().collect();
    assert!(!left.iter().any(|key| key.starts_with("sweep/")), "{left:?}");
    pipeline.check().await;
    pipeline.close().await;
}

/// The server holds `1`, `1.0` and `NumberLong(1)` equal: one that stands at the target under another type is not gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_equal_id_of_another_type_is_not_gone() {
    let mut pipeline = Pipeline::new("reconciled_equal").await;
    let source = [1.into(), 2_i64.into(), 3.0.into(), decimal("4"), doc! {"a": 5}.into()];
    pipeline.collection("users").insert(source.map(|id: Bson| doc! {"_id": id, "n": 1})).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    let target = pipeline.at_target("users");
    target.0.delete_many(doc! {}).await.expect("the target takes writes");
    let other = [1.0.into(), decimal("2.00"), 3.into(), 4_i64.into(), doc! {"a": 5.0}.into()];
    target.insert(other.map(|id: Bson| doc! {"_id": id, "n": 0})).await;
    target.insert(with([6.into()])).await;
    let (code, said) = run(&pipeline, "users", &["--reconcile"]);
    assert!(code == Some(0) && said.contains("done: 5 documents, 1 removed"), "{said}");
    pipeline.applied().await;
    assert_eq!((deletes(&mut pipeline).len(), target.count().await), (1, 5));
    pipeline.close().await;
}

/// Writes, deletes and inserts the same documents again until told to stop.
fn traffic(collection: Collection, stop: tokio::sync::watch::Receiver<bool>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut round = 0;
        while !*stop.borrow() {
            let id = (round * 37) % MANY;
            collection.delete(id).await;
            collection.insert([doc! {"_id": id, "n": round, "again": true}]).await;
            collection.update((id + 1) % MANY, doc! {"$set": {"n": round}}).await;
            round += 1;
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_outlives_its_producer_and_its_workers_under_load() {
    let mut pipeline = Pipeline::new("reconciled_kills").await;
    let collection = pipeline.collection("users");
    collection.insert((0..MANY).map(|n| doc! {"_id": n, "n": n})).await;
    pipeline.start(2).await;
    pipeline.applied().await;
    let numbers = (0..MANY).map(|n| Bson::from(f64::from(n) + 0.5));
    let texts = (0..MANY).map(|n| Bson::from(format!("stray {n}")));
    pipeline.at_target("users").insert(with(numbers.chain(texts))).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writer = traffic(collection, stopped);
    let key = ask(&pipeline, "1", json!({"ns": format!("{}.users", pipeline.name), "reconcile": true})).await;
    let mut swept = Value::Null;
    for victim in 0..4 {
        let request = once(&mut pipeline, &key, |r| r["state"] != "copying" && r["swept"] != swept).await;
        assert_eq!(request["state"], "sweeping", "{request}");
        swept = request["swept"].clone();
        if victim % 2 == 0 {
            pipeline.producer().kill();
            pipeline.start_producer();
        } else {
            // Both, so that whoever owns partition 0 is among them.
            for worker in 0..2 {
                pipeline.workers[worker].kill();
                pipeline.restart_worker(worker);
            }
        }
    }
    let request = once(&mut pipeline, &key, |request| request["state"] == "done").await;
    assert!(request["removed"].as_i64() >= Some(i64::from(2 * MANY)), "{request}");
    stop.send_replace(true);
    writer.await.expect("the writer ends");
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_is_gone_is_emptied_under_its_mapped_name() {
    let mut pipeline = Pipeline::new("reconciled_gone").await;
    pipeline.settings["worker"]["ddl"] = json!({"drop": "ignore"});
    let (from, to) = (format!("{}.old", pipeline.name), format!("{}.mapped", pipeline.name));
    pipeline.settings["map"] = json!([{"from": from, "to": to}]);
    pipeline.collection("old").insert((0..2500).map(|n| doc! {"_id": n})).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    let target = pipeline.at_target("mapped");
    pipeline.collection("old").0.drop().await.expect("the source takes it");
    pipeline.applied().await;
    assert_eq!(target.count().await, 2500);
    let (code, said) = run(&pipeline, "old", &["--reconcile"]);
    assert!(code == Some(0) && said.contains("done: 0 documents, 2500 removed"), "{said}");
    pipeline.applied().await;
    assert_eq!(target.count().await, 0);
    // It is made anew: what is in it stays.
    pipeline.collection("old").insert((0..10).map(|n| doc! {"_id": n})).await;
    pipeline.applied().await;
    let (code, said) = run(&pipeline, "old", &["--reconcile"]);
    assert!(code == Some(0) && said.contains("done: 10 documents, 0 removed"), "{said}");
    assert_eq!(target.count().await, 10);
    pipeline.close().await;
}

/// Makes a collection, fills it and drops it, over and over; at the end it holds something.
async fn made_anew(collection: &Collection, rounds: i32) {
    for round in 0..rounds {
        if round > 0 {
            collection.0.drop().await.expect("the source takes it");
        }
        for n in 0..40 {
            collection.insert([doc! {"_id": (round * 17 + n) % 2500, "round": round}]).await;
        }
    }
}

/// Between "there is no such collection" and the place where that is said in the log, one may come to be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_is_made_anew_amid_its_sweep_keeps_what_is_in_it() {
    let mut pipeline = Pipeline::new("reconciled_anew").await;
    pipeline.settings["worker"]["ddl"] = json!({"drop": "ignore"});
    let collection = pipeline.collection("users");
    collection.insert((0..2500).map(|n| doc! {"_id": n})).await;
    pipeline.start(2).await;
    pipeline.applied().await;
    collection.0.drop().await.expect("the source takes it");
    let writer = tokio::spawn(async move { made_anew(&collection, 60).await });
    let users = format!("{}.users", pipeline.name);
    for number in 0.. {
        let key = ask(&pipeline, &number.to_string(), json!({"ns": users, "reconcile": true})).await;
        let has_ended = |request: &Value| request["state"] == "done" || request["state"] == "refused";
        once(&mut pipeline, &key, has_ended).await;
        if writer.is_finished() {
            break;
        }
    }
    writer.await.expect("the writer ends");
    pipeline.applied().await;
    let there = pipeline.at_target("users").ids().await;
    let lost: Vec<_> =
        pipeline.collection("users").ids().await.into_iter().filter(|id| !there.contains(id)).collect();
    assert!(lost.is_empty(), "the source has them, the target does not: {lost:?}");
    let (code, said) = run(&pipeline, "users", &["--reconcile"]);
    assert!(code == Some(0), "{said}");
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reconciled_is_refused() {
    let mut pipeline = Pipeline::new("reconcile_refused").await;
    pipeline.collection("users").insert([doc! {"_id": 1}]).await;
    let collated = doc! {"create": "names", "collation": {"locale": "en", "strength": 2}};
    pipeline.database().run_command(collated).await.expect("the source takes it");
    pipeline.collection("names").insert([doc! {"_id": "a"}]).await;
    pipeline.start(1).await;
    let [users, names, never] = ["users", "names", "never"].map(|coll| format!("{}.{coll}", pipeline.name));
    for (number, (request, reason)) in [
        (json!({"ns": names, "reconcile": true}), "collation of its own"),
        (json!({"ns": never, "reconcile": true}), "gone"),
        (json!({"ns": users, "reconcile": true, "filter": {}}), "only some"),
        (json!({"ns": users, "reconcile": true, "keys": [{"_id": 1}]}), "only some"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = ask(&pipeline, &number.to_string(), request).await;
        let ended = once(&mut pipeline, &key, |request| request["state"] == "refused").await;
        assert!(ended["reason"].as_str().unwrap_or_default().contains(reason), "{ended}");
    }
    for wrong in [["--filter", "{}"], ["--key", r#"{"_id": 1}"#]] {
        let (code, _) = run(&pipeline, "users", &[&["--reconcile"], wrong.as_slice()].concat());
        assert_eq!(code, Some(2));
    }
    pipeline.check().await;
    pipeline.close().await;
}
