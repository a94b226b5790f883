//! Unique secondary indexes that are enforced at the target while values change hands between documents of different partitions.

use bson::{Document, doc};
use e2e::Pipeline;
use mongodb::{Client, IndexModel, options::IndexOptions};

const DOCUMENTS: i32 = 24;

async fn unique(pipeline: &Pipeline, client: &Client) {
    let options = IndexOptions::builder().unique(true).build();
    let index = IndexModel::builder().keys(doc! {"seat": 1}).options(options).build();
    let collection = client.database(&pipeline.name).collection::<Document>("seats");
    collection.create_index(index).await.expect("an index can be made");
}

/// Documents pass their seats round in circles of two to five, over a seat that nobody else takes.
async fn pass_round(pipeline: &Pipeline, taken: &mut [i32], rounds: i32) {
    let seats = pipeline.collection("seats");
    for round in 0..rounds {
        let (size, first) = (2 + round % 4, round * 7 % DOCUMENTS);
        let circle: Vec<_> = (0..size)
            .map(|step| usize::try_from((first + step * 5) % DOCUMENTS).expect("it is positive"))
            .collect();
        let sit = async |who: usize, seat: i32| {
            seats.update(i32::try_from(who).expect("they are few"), doc! {"$set": {"seat": seat}}).await;
        };
        let kept = taken[circle[0]];
        sit(circle[0], -1).await;
        for pair in circle.windows(2) {
            sit(pair[1], -2).await;
            taken.swap(pair[0], pair[1]);
            sit(pair[0], taken[pair[0]]).await;
            sit(pair[1], -1).await;
        }
        let last = circle[circle.len() - 1];
        assert_eq!(taken[last], kept);
        sit(last, kept).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_change_hands_between_partitions_arrive_while_a_worker_is_killed() {
    let mut pipeline = Pipeline::new("unique").await;
    for client in [&pipeline.source, &pipeline.target] {
        unique(&pipeline, client).await;
    }
    pipeline.collection("seats").insert((0..DOCUMENTS).map(|id| doc! {"_id": id, "seat": id})).await;
    pipeline.start(3).await;
    let mut taken: Vec<i32> = (0..DOCUMENTS).collect();
    pass_round(&pipeline, &mut taken, 20).await;
    for worker in 0..2 {
        pipeline.workers[worker].kill();
        pass_round(&pipeline, &mut taken, 10).await;
        pipeline.restart_worker(worker);
    }
    pass_round(&pipeline, &mut taken, 10).await;
    pipeline.check().await;
    let leads = "this worker applies the topic in the source's order";
    assert!(pipeline.workers.iter().any(|worker| worker.said().contains(leads)));
    pipeline.close().await;
}
