//! The official source connector → the worker, in each of the connector's outputs, side by side.

use bson::{Bson, Document, doc};
use e2e::Collection;

use super::foreign::side_by_side;
use crate::types::values;

/// The files, and the prefix of their topics.
const OUTPUTS: [(&str, &str); 3] = [
    ("mongodb-source-json", "connect"),
    ("mongodb-source-string", "connect-string"),
    ("mongodb-source-bson", "connect-bson"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_official_source_writes_is_read_in_every_output() {
    side_by_side(&OUTPUTS, before(), change).await;
}

/// Every type, and `_id`s of some.
fn before() -> Vec<Document> {
    let values =
        (0..).zip(values()).map(|(n, value): (i32, _)| doc! {"_id": n, "v": value, "list": [1, 2, 3, 4]});
    let ids = [Bson::from("text"), doc! {"a": 1, "b": 2_i64}.into(), Bson::from(2.5), Bson::from(1_000_i64)];
    values.chain(ids.into_iter().map(|id| doc! {"_id": id, "n": 0})).collect()
}

async fn change(collection: &Collection) {
    for (number, value) in (0..).zip(values().into_iter().rev()) {
        let number: i32 = number;
        collection.update(number, doc! {"$set": {"v": value.clone(), "in.w": value}}).await;
    }
    collection.update(1, doc! {"$set": {"list.1": 9}, "$unset": {"v": ""}}).await;
    collection.update(2, vec![doc! {"$set": {"list": {"$slice": ["$list", 2]}}}]).await;
    collection.replace("text", doc! {"other": [1.5, 2_i64]}).await;
    collection.delete(2.5).await;
    collection.delete(doc! {"a": 1, "b": 2_i64}).await;
    collection.insert([doc! {"_id": "new", "n": 1}]).await;
    collection.update("new", doc! {"$inc": {"n": 1}}).await;
}
