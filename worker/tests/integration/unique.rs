//! Unique indexes that exist at the target while changes come.

use bson::{Document, doc};
use mongodb::{IndexModel, options::IndexOptions};

use crate::support::{Events, Pipe, event::*, until};

async fn unique(pipe: &Pipe, events: &Events) {
    let options = IndexOptions::builder().unique(true).build();
    let index = IndexModel::builder().keys(doc! {"seat": 1}).options(options).build();
    pipe.coll(events).create_index(index).await.unwrap();
}

fn sits(id: i32, seat: i32) -> Document {
    doc! {"_id": id, "seat": seat}
}

fn moves(id: i32, seat: i32) -> Document {
    update(id, doc! {"updatedFields": {"seat": seat}})
}

#[tokio::test(flavor = "multi_thread")]
async fn values_swapped_between_documents_of_different_partitions_arrive() {
    const PAIRS: i32 = 10;
    let pipe = Pipe::new("seats").await;
    let people = pipe.events("people", 4).await;
    unique(&pipe, &people).await;
    pipe.publish(&people, (0..2 * PAIRS).map(|id| insert(sits(id, id)))).await;
    // One of a pair stands up, the other takes the seat, the first takes the one that became free.
    for round in 0..12 {
        for pair in 0..PAIRS {
            let (one, other) = (2 * pair, 2 * pair + 1);
            let (seat, free) = if round % 2 == 0 { (one, other) } else { (other, one) };
            let take = if round % 3 == 0 { replace(sits(one, free)) } else { moves(one, free) };
            pipe.publish(&people, [moves(one, 1000 + one)]).await;
            pipe.publish(&people, [moves(other, seat)]).await;
            pipe.publish(&people, [take]).await;
        }
    }
    let workers = [pipe.worker(""), pipe.worker("[worker]\nbatch_statements = 7\n")];
    for id in 0..2 * PAIRS {
        pipe.until_is(&people, id, &sits(id, id)).await;
    }
    until("all is passed", async || pipe.offsets(&people).await.iter().sum::<i64>() == 20 + 12 * 30).await;
    for worker in &workers {
        assert_eq!(worker.metric("oplogue_worker_dead_letters_total"), 0.0);
    }
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
