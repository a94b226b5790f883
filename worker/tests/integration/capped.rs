//! A capped collection, which is written while a transaction is open but not in it: who is killed there leaves it ahead of the offset.

use bson::{Document, doc};
use futures_util::TryStreamExt as _;
use mongodb::options::Hint;
use worker::sink::{Deployment, Nature, target::Target as _};

use crate::{
    orphans::open_for,
    support::{Events, Pipe, Worker, event::*, until},
};

/// Documents that come, and how many the source's collection holds.
const DOCUMENTS: i32 = 12_000;
const HELD: i32 = 150;
/// How many documents later one is changed.
const LATER: i32 = 40;

/// Document `n` comes, an older one is changed, the oldest goes: three records.
fn turn(n: i32) -> [Document; 3] {
    [
        insert(doc! {"_id": n, "seen": 0, "text": "x".repeat(100)}),
        update(n - LATER, doc! {"updatedFields": {"seen": n}}),
        delete(n - HELD),
    ]
}

fn expected() -> Vec<Document> {
    let seen = |n: i32| if n + LATER < DOCUMENTS { n + LATER } else { 0 };
    let documents =
        (DOCUMENTS - HELD..DOCUMENTS).map(|n| doc! {"_id": n, "seen": seen(n), "text": "x".repeat(100)});
    documents.collect()
}

async fn make(pipe: &Pipe, ring: &Events, size: i64) {
    let create = doc! {"create": &ring.ns.coll, "capped": true, "size": size};
    pipe.target.run_command(create).await.unwrap();
}

/// In the collection's own order.
async fn held(pipe: &Pipe, ring: &Events) -> Vec<Document> {
    let found = pipe.coll(ring).find(doc! {}).hint(Hint::Keys(doc! {"$natural": 1})).await.unwrap();
    found.try_collect().await.unwrap()
}

/// Stops the worker where it has written what the offset does not tell.
async fn stop_ahead(pipe: &Pipe, ring: &Events, worker: &Worker) {
    until("stopped amid a transaction, with documents written", async || {
        worker.signal("STOP");
        let is_open = open_for(pipe).await.is_some();
        let newest = held(pipe, ring).await.last().map_or(0, |last| last.get_i32("_id").unwrap());
        if is_open && i64::from(newest) * 3 > pipe.offsets(ring).await[0] {
            return true;
        }
        worker.signal("CONT");
        false
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_worker_has_written_of_a_capped_collection_is_written_again_and_the_same() {
    const OPTIONS: &str =
        "[kafka.options]\n\"session.timeout.ms\" = \"6000\"\n[worker]\nbatch_statements = 1000\n";
    let pipe = Pipe::new("capped").await;
    let ring = pipe.events("ring", 1).await;
    make(&pipe, &ring, 1 << 50).await;
    pipe.publish(&ring, (0..DOCUMENTS).flat_map(turn)).await;
    for _ in 0..3 {
        let worker = pipe.worker(OPTIONS);
        stop_ahead(&pipe, &ring, &worker).await;
        worker.kill();
    }
    let worker = pipe.worker(OPTIONS);
    until("all is applied", async || pipe.offsets(&ring).await == [i64::from(DOCUMENTS) * 3]).await;
    assert_eq!(held(&pipe, &ring).await, expected());
    assert_eq!(worker.metric("oplogue_worker_dead_letters_total"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_drops_documents_by_itself_is_told_from_one_that_does_not() {
    let pipe = Pipe::new("nature").await;
    let (ours, other) = (pipe.events("ours", 1).await, pipe.events("other", 1).await);
    make(&pipe, &ours, 1 << 50).await;
    make(&pipe, &other, 1 << 49).await;
    let target = Deployment::plain(pipe.target.client().clone());
    let nature = |is_tied| Nature { is_tied, is_capped: true };
    assert_eq!(target.nature(&ours.ns).await.unwrap(), nature(false));
    assert!(target.nature(&other.ns).await.is_err());
    pipe.unique(&ours, "n").await;
    assert_eq!(target.nature(&ours.ns).await.unwrap(), nature(true));
}
