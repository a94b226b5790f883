//! Unique indexes that exist at the target while changes come.

use bson::{Document, doc};
use mongodb::{IndexModel, options::IndexOptions};

use crate::support::{Events, Pipe, event::*};

async fn unique(pipe: &Pipe, events: &Events) {
    let options = IndexOptions::builder().unique(true).build();
    let index = IndexModel::builder().keys(doc! {"seat": 1}).options(options).build();
    pipe.coll(events).create_index(index).await.unwrap();
}

fn sits(id: i32, seat: i32) -> Document {
    doc! {"_id": id, "seat": seat}
}

#[tokio::test(flavor = "multi_thread")]
async fn value_that_nobody_will_free_stops_the_worker_while_other_partitions_went_on() {
    let pipe = Pipe::new("taken").await;
    let people = pipe.events("people", 4).await;
    unique(&pipe, &people).await;
    pipe.coll(&people).insert_one(sits(-1, 3)).await.unwrap();
    pipe.publish(&people, (0..40).map(|id| insert(sits(id, id)))).await;
    let (status, log) = pipe.worker("").ended();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("unique index") && log.contains("offset"), "{log}");
    let partition = crate::support::partition(&doc! {"_id": 3}, 4);
    for id in 0..40 {
        let passed = crate::support::partition(&doc! {"_id": id}, 4) != partition || id < 3;
        let there = pipe.coll(&people).count_documents(doc! {"_id": id}).await.unwrap() == 1;
        assert_eq!(there, passed, "{id}");
    }
    pipe.coll(&people).delete_one(doc! {"_id": -1}).await.unwrap();
    let _worker = pipe.worker("");
    pipe.until_count(&people, 40).await;
}
