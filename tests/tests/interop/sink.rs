//! The producer → the official sink connector with its `ChangeStreamHandler`.

use bson::doc;
use e2e::{
    Pipeline,
    connect::{Connect, DATABASE},
};
use serde_json::json;

use super::foreign::{collection, equal};
use crate::types::values;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_producer_writes_is_applied_by_the_official_sink() {
    let connect = Connect::turn().await;
    let collection = collection(&connect).await;
    let documents = (0..).zip(values()).map(|(n, value): (i32, _)| doc! {"_id": n, "v": value, "a": [1, 2]});
    collection.insert(documents.chain([doc! {"_id": "text"}, doc! {"_id": 2.5}])).await;
    let mut pipeline = Pipeline::new("to_connect").await;
    pipeline.settings["namespaces"]["include"] = json!([format!("{DATABASE}.*")]);
    pipeline.settings["kafka"]["topic_prefix"] = json!("");
    pipeline.start_producer().ready().await;
    pipeline.copied().await;
    let sink = connect.start("mongodb-sink").await;
    equal(&mut pipeline, DATABASE).await;
    for (number, value) in (0..).zip(values().into_iter().rev()) {
        let number: i32 = number;
        collection.update(number, doc! {"$set": {"v": value}}).await;
    }
    collection.update(1, doc! {"$set": {"a.1": 9, "in.w": 1}, "$unset": {"v": ""}}).await;
    collection.replace("text", doc! {"other": [1.5, 2_i64]}).await;
    collection.delete(2.5).await;
    // Not only documents: the topic also holds that the collection was made.
    pipeline.source.database(DATABASE).create_collection("made").await.expect("the source takes it");
    collection.insert([doc! {"_id": "new", "n": 1_i64}]).await;
    equal(&mut pipeline, DATABASE).await;
    sink.runs().await.expect("it runs to the end");
    sink.forget().await;
    pipeline.close().await;
}
