//! Documents that a worker asks for anew.

use bson::{Bson, Document, doc};
use e2e::{Pipeline, log::Record, waiting::ensure};
use serde_json::{Value, json};

/// A request for a document. The digest in its key is the worker's business: any key of its own will do.
fn request(ns: &str, id: impl Into<Bson>, number: usize) -> (String, Value) {
    let key: Value = Bson::from(doc! {"_id": id.into()}).into_canonical_extjson();
    (format!("repair/rs0/{number:064x}"), json!({"ns": ns, "key": key, "epoch": 0, "sequence": 1}))
}

fn ask(pipeline: &Pipeline, requests: &[(String, Value)]) {
    tokio::task::block_in_place(|| pipeline.view.ask(requests));
}

/// Waits until every request was answered.
async fn answered(pipeline: &mut Pipeline) {
    pipeline
        .until("every repair is answered", |view| {
            let open: Vec<_> = view.control()?.into_keys().filter(|key| key.starts_with("repair/")).collect();
            ensure(open.is_empty(), || format!("{} are open, the first {:?}", open.len(), open.first()))
        })
        .await;
}

/// The records that are no change of the source and no first copy: those behind `begin`.
fn repairs(pipeline: &mut Pipeline, begin: u64) -> Vec<Record> {
    let records = pipeline.view.records().expect("Kafka answers").iter();
    records.filter(|record| record.is_snapshot() && record.sequence() > begin).cloned().collect()
}

fn last(pipeline: &mut Pipeline) -> u64 {
    let records = pipeline.view.records().expect("Kafka answers").iter();
    records.map(Record::sequence).max().unwrap_or_default()
}

fn id(record: &Record) -> Bson {
    record
        .event()
        .get_document("documentKey")
        .expect("a repair has a key")
        .get("_id")
        .expect("an _id")
        .clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_was_harmed_at_the_target_is_healed() {
    let mut pipeline = Pipeline::new("repaired").await;
    let collection = pipeline.collection("users");
    collection.insert((0..50).map(|n| doc! {"_id": n, "n": 0, "list": []})).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    let begin = last(&mut pipeline);
    let target = pipeline.at_target("users");
    target.update(7, doc! {"$set": {"n": "harmed"}}).await;
    target.delete(8).await;
    target.insert([doc! {"_id": 99, "never": "there"}]).await;
    // Meanwhile the documents go on changing.
    let writer = tokio::spawn(async move {
        for round in 0..300 {
            collection.update(7, doc! {"$inc": {"m": 1}, "$push": {"list": round}}).await;
        }
    });
    let ns = format!("{}.users", pipeline.name);
    ask(&pipeline, &[request(&ns, 7, 1), request(&ns, 8, 2), request(&ns, 99, 3)]);
    answered(&mut pipeline).await;
    writer.await.expect("the writer ends");
    let found: Vec<_> = repairs(&mut pipeline, begin)
        .iter()
        .map(|record| (id(record), record.header("op").to_owned()))
        .collect();
    for (id, operation) in [(7, "insert"), (8, "insert"), (99, "delete")] {
        let times = found.iter().filter(|found| **found == (id.into(), operation.to_owned())).count();
        assert_eq!(times, 1, "{id} in {found:?}");
    }
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_share_a_round_and_a_crash_answers_each_once() {
    let mut pipeline = Pipeline::new("repairs_many").await;
    let ids: Vec<Bson> = (0..1200)
        .map(|n| match n % 4 {
            0 => n.into(),
            1 => format!("text {n}").into(),
            2 => doc! {"a": n, "b": [n, "x"]}.into(),
            _ => Bson::Binary(bson::Binary {
                subtype: bson::spec::BinarySubtype::Generic,
                bytes: vec![7; n as usize],
            }),
        })
        .collect();
    // Every third is not there.
    let there: Vec<Document> =
        ids.iter().enumerate().filter(|(n, _)| n % 3 != 0).map(|(_, id)| doc! {"_id": id.clone()}).collect();
    pipeline.collection("users").insert(there).await;
    pipeline.start_producer();
    pipeline.published().await;
    let begin = last(&mut pipeline);
    let ns = format!("{}.users", pipeline.name);
    let requests: Vec<_> =
        ids.iter().enumerate().map(|(number, id)| request(&ns, id.clone(), number)).collect();
    ask(&pipeline, &requests[..800]);
    pipeline.records(usize::try_from(begin).expect("it is few") + 1).await;
    pipeline.producer().kill();
    ask(&pipeline, &requests[800..]);
    pipeline.start_producer();
    answered(&mut pipeline).await;
    let found: Vec<(Bson, String)> = repairs(&mut pipeline, begin)
        .iter()
        .map(|record| (id(record), record.header("op").to_owned()))
        .collect();
    assert_eq!(found.len(), ids.len(), "each request is answered once");
    for (number, wanted) in ids.iter().enumerate() {
        let operation = if number % 3 == 0 { "delete" } else { "insert" };
        let times = found.iter().filter(|(id, op)| id == wanted && op == operation).count();
        assert_eq!(times, 1, "{operation} of {wanted}");
    }
    pipeline.published().await;
    e2e::history::is_sound(pipeline.view.records().expect("Kafka answers")).expect("a sound history");
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_cannot_be_answered_are_turned_down() {
    let mut pipeline = Pipeline::new("repairs_refused").await;
    pipeline.collection("users").insert([doc! {"_id": 1}]).await;
    pipeline.start_producer();
    pipeline.published().await;
    let begin = last(&mut pipeline);
    let gone = format!("{}.gone", pipeline.name);
    ask(
        &pipeline,
        &[
            request("somewhere.else", 1, 1),
            request(&gone, 1, 2),
            ("repair/rs0/nonsense".to_owned(), json!({"ns": 7})),
            ("repair/another/1".to_owned(), json!({"ns": "of.another"})),
        ],
    );
    pipeline
        .until("three requests are turned down", |view| {
            let open: Vec<_> = view.control()?.into_keys().filter(|key| key.starts_with("repair/")).collect();
            ensure(open == ["repair/another/1"], || format!("open are {open:?}"))
        })
        .await;
    pipeline.producer().says(&["not carried", "the collection is gone", "cannot be understood"]).await;
    assert!(repairs(&mut pipeline, begin).is_empty());
    pipeline.close().await;
}
