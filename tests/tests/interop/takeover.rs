//! Moving from the official connector to Oplogue without a new snapshot: its resume token is where the producer begins.

use bson::{Document, doc};
use e2e::{
    Collection,
    connect::{Connect, DATABASE},
    log::Record,
};
use serde_json::json;

use super::foreign::{carried, close, collection, filled, reading, topic};

/// The recipe of `connect-configs/README.md`, step by step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_producer_goes_on_at_the_official_connectors_token() {
    let connect = Connect::turn().await;
    let collection = collection(&connect).await;
    collection.insert((0..200).map(|n| doc! {"_id": n, "n": 0})).await;
    let connector = connect.start("mongodb-source-json").await;
    filled(&connect, &topic("connect", &collection), 200).await;
    let mut pipeline = reading("connect", &collection).await;
    pipeline.start_worker().ready().await;
    change(&collection, 0).await;
    carried(&mut pipeline).await;

    connector.token().await;
    connector.stop().await;
    let token = connector.token().await;
    // What is written meanwhile, both have to do without.
    change(&collection, 100).await;
    assert_eq!(pipeline.workers[0].stop().await, Some(0));

    pipeline.settings["worker"].as_object_mut().expect("a table").remove("topics");
    pipeline.settings["producer"]["start"] = json!({"token": token["_data"]});
    pipeline.start_producer().ready().await;
    pipeline.producer().says(&["first start of this slice"]).await;
    change(&collection, 150).await;
    pipeline.restart_worker(0).ready().await;
    carried(&mut pipeline).await;
    let records = pipeline.view.records().expect("Kafka answers").to_vec();
    assert!(!records.iter().any(Record::is_snapshot), "nothing was copied again");
    let ours =
        records.iter().filter(|r| r.header("ns") == format!("{DATABASE}.{}", collection.0.name())).count();
    assert_eq!(ours, 2 * CHANGES, "what came after the token, and no more");
    connector.forget().await;
    close(pipeline).await;
}

/// How many events [`change`] makes.
const CHANGES: usize = 32;

async fn change(collection: &Collection, first: i32) {
    let documents = (0..10).map(|n| doc! {"_id": format!("{first} {n}")});
    collection.insert(documents.collect::<Vec<Document>>()).await;
    for n in first..first + 20 {
        collection.update(n, doc! {"$inc": {"n": 1}}).await;
    }
    collection.delete(first + 30).await;
    collection.replace(first + 31, doc! {"replaced": true}).await;
}
