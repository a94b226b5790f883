//! Debezium's source connector → the worker: with whole documents, and with deltas.

use bson::{Bson, Document, doc};
use e2e::Collection;

use super::foreign::side_by_side;
use crate::types::values;

/// The files, and the prefix of their topics.
const MODES: [(&str, &str); 2] =
    [("debezium-mongodb-source", "debezium"), ("debezium-mongodb-source-deltas", "debezium-deltas")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_debezium_writes_is_read_as_whole_documents_and_as_deltas() {
    side_by_side(&MODES, before(), change).await;
}

/// What Debezium's texts tell apart: it words the deprecated DBPointer as a document with `$ref` and `$id`.
fn told() -> Vec<Bson> {
    values().into_iter().filter(|value| !matches!(value, Bson::DbPointer(_))).collect()
}

fn before() -> Vec<Document> {
    let values = (0..).zip(told()).map(|(n, value): (i32, _)| doc! {"_id": n, "v": value});
    let list: Vec<Document> = (0..50).map(|i| doc! {"i": i, "text": "x".repeat(40)}).collect();
    let text = doc! {"_id": "text", "list": list, "l": 5_i64};
    values.chain([text, doc! {"_id": {"a": 1, "b": 2_i64}}, doc! {"_id": 2.5}]).collect()
}

/// No integer of 64 bits is set by an update: the deltas of Debezium do not tell it from one of 32.
async fn change(collection: &Collection) {
    for (number, value) in (0..).zip(told().into_iter().rev()) {
        let number: i32 = number;
        if !matches!(value, Bson::Int64(_)) {
            collection.update(number, doc! {"$set": {"v": value.clone(), "in.w": value}}).await;
        }
    }
    collection.update("text", vec![doc! {"$set": {"list": {"$slice": ["$list", 30]}}}]).await;
    collection.update("text", doc! {"$set": {"list.3.i": f64::NAN}, "$unset": {"l": ""}}).await;
    collection.replace(2, doc! {"other": [1.5, 2_i64]}).await;
    collection.delete(2.5).await;
    collection.delete(doc! {"a": 1, "b": 2_i64}).await;
    collection.insert([doc! {"_id": 1_000_i64, "n": 1_i64}]).await;
    collection.update(1_000_i64, doc! {"$set": {"m": bson::oid::ObjectId::new()}}).await;
    collection.insert([doc! {"_id": "gone"}]).await;
    collection.delete("gone").await;
}
