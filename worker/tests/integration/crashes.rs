//! Workers that are killed at any moment: what is written and how far it reaches never disagree.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bson::{Document, doc};

use crate::support::{DEADLINE, Events, Pipe, event::*, until};

const DOCUMENTS: i32 = 40;
const ROUNDS: i32 = 250;
const PARTITIONS: u16 = 4;
const KILLS: u32 = 10;

/// The counter of a document, or `None` where it is not there.
type Counters = BTreeMap<i32, i32>;

/// Document `id` is inserted, counted up each round, deleted in round 100 and made anew in round 101 when its `_id` divides by 7.
fn change(id: i32, round: i32) -> Document {
    match round {
        0 => insert(doc! {"_id": id, "n": 0, "list": [0]}),
        100 if id % 7 == 0 => delete(id),
        101 if id % 7 == 0 => insert(doc! {"_id": id, "n": 101, "list": [0]}),
        round if round % 10 == 3 => replace(doc! {"_id": id, "n": round, "list": [0]}),
        round => update(id, doc! {"updatedFields": {"n": round, "list.1": round}}),
    }
}

/// What the partitions hold, in the order of their offsets: id and counter; `None` for a delete.
fn history() -> Vec<Vec<(i32, Option<i32>)>> {
    let mut partitions = vec![Vec::new(); usize::from(PARTITIONS)];
    for round in 0..ROUNDS {
        for id in 0..DOCUMENTS {
            let there = (!(round == 100 && id % 7 == 0)).then_some(round);
            let partition = crate::support::partition(&doc! {"_id": id}, PARTITIONS);
            partitions[usize::try_from(partition).unwrap()].push((id, there));
        }
    }
    partitions
}

/// What the target must hold where the partitions stand at these offsets.
fn expected(history: &[Vec<(i32, Option<i32>)>], positions: &[Document]) -> Counters {
    let mut counters = Counters::new();
    for position in positions {
        let partition = position.get_document("_id").unwrap().get_i32("partition").unwrap();
        let offset = usize::try_from(position.get_i64("offset").unwrap()).unwrap();
        for (id, there) in &history[usize::try_from(partition).unwrap()][..offset] {
            match there {
                Some(n) => drop(counters.insert(*id, *n)),
                None => drop(counters.remove(id)),
            }
        }
    }
    counters
}

fn counters(documents: &[Document]) -> Counters {
    documents.iter().map(|d| (d.get_i32("_id").unwrap(), d.get_i32("n").unwrap())).collect()
}

/// Looks at the counters until told to stop, and panics when one goes back.
async fn watch(pipe: &Pipe, things: &Events, is_over: &AtomicBool) -> u32 {
    let (mut seen, mut looks) = (Counters::new(), 0);
    while !is_over.load(Ordering::SeqCst) {
        let (documents, _) = pipe.at_once(things).await;
        for (id, n) in counters(&documents) {
            let before = seen.insert(id, n).unwrap_or(0);
            assert!(n >= before, "document {id} went back from {before} to {n}");
        }
        looks += 1;
    }
    looks
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_killed_at_any_moment_leaves_offsets_and_documents_of_one_moment_and_none_goes_back() {
    let pipe = Arc::new(Pipe::new("exact").await);
    let things = pipe.events("things", PARTITIONS).await;
    for round in 0..ROUNDS {
        pipe.publish(&things, (0..DOCUMENTS).map(|id| change(id, round))).await;
    }
    let (history, is_over) = (history(), Arc::new(AtomicBool::new(false)));
    let watching = tokio::spawn({
        let (pipe, things, is_over) = (pipe.clone(), things.clone(), is_over.clone());
        async move { watch(&pipe, &things, &is_over).await }
    });
    // Few records at a time, so that there are many moments to be killed at.
    let slowly = "[worker]\nbatch_statements = 20\n";
    let total = i64::from(ROUNDS * DOCUMENTS);
    for kill in 0..KILLS {
        let worker = pipe.worker(slowly);
        let before: i64 = pipe.offsets(&things).await.iter().map(|offset| (*offset).max(0)).sum();
        let began = Instant::now();
        until("it goes on", async || {
            pipe.offsets(&things).await.iter().sum::<i64>() > (before + 40).min(total - 1)
        })
        .await;
        assert!(
            began.elapsed() < DEADLINE / 2,
            "what a killed worker left open holds the next one up: {:?}",
            began.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(u64::from(kill * 37 % 100))).await;
        worker.kill();
        let (documents, positions) = pipe.at_once(&things).await;
        assert_eq!(counters(&documents), expected(&history, &positions), "after kill {kill}");
    }
    let worker = pipe.worker("");
    until("all is applied", async || pipe.offsets(&things).await.iter().sum::<i64>() == total).await;
    is_over.store(true, Ordering::SeqCst);
    assert!(watching.await.unwrap() > 10);
    let (documents, positions) = pipe.at_once(&things).await;
    assert_eq!(counters(&documents), expected(&history, &positions));
    assert_eq!(counters(&documents), (0..DOCUMENTS).map(|id| (id, ROUNDS - 1)).collect());
    assert_eq!(worker.metric("oplogue_worker_dead_letters_total"), 0.0);
    until("Kafka follows", async || pipe.committed(&things).into_iter().flatten().sum::<i64>() == total)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_that_a_dead_worker_left_open_is_ended_by_the_next_owner() {
    let pipe = Pipe::new("held").await;
    let things = pipe.events("things", 1).await;
    pipe.publish(&things, [insert(doc! {"_id": 1})]).await;
    let worker = pipe.worker("");
    pipe.until_count(&things, 1).await;
    assert!(worker.stop().0.success());
    // As a worker that was killed amid a transaction leaves it.
    let mut dead = pipe.target.client().start_session().await.unwrap();
    let owner = dead.id().get("id").unwrap().clone();
    let id = doc! {"_id": {"topic": &things.topic, "partition": 0}};
    pipe.positions().update_one(id.clone(), doc! {"$set": {"owner": [owner]}}).await.unwrap();
    dead.start_transaction().await.unwrap();
    let moves = doc! {"$set": {"offset": 99_i64}};
    pipe.positions().update_one(id, moves).session(&mut dead).await.unwrap();

    pipe.publish(&things, [insert(doc! {"_id": 2})]).await;
    let began = Instant::now();
    let worker = pipe.worker("");
    pipe.until_count(&things, 2).await;
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "not only when the server ends it: {:?}",
        began.elapsed()
    );
    worker.until_log("its sessions are ended");
    assert!(dead.commit_transaction().await.is_err());
    assert_eq!(pipe.offsets(&things).await, [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_owner_wrote_is_not_written_again_and_a_document_that_went_back_is_followed() {
    let pipe = Pipe::new("moved").await;
    let things = pipe.events("things", 1).await;
    let worker = pipe.worker("");
    pipe.publish(&things, (0..10).map(|id| insert(doc! {"_id": id}))).await;
    pipe.until_count(&things, 10).await;

    let id = doc! {"_id": {"topic": &things.topic, "partition": 0}};
    let further = doc! {"$set": {"offset": 15_i64, "sequences.rs0.sequence": 15_i64}};
    pipe.positions().update_one(id.clone(), further).await.unwrap();
    pipe.publish(&things, (10..20).map(|id| insert(doc! {"_id": id}))).await;
    pipe.until_is(&things, 19, &doc! {"_id": 19}).await;
    let there = pipe.coll(&things).distinct("_id", doc! {}).await.unwrap();
    let wanted: Vec<_> = (0..10).chain(15..20).map(bson::Bson::Int32).collect();
    assert_eq!(there, wanted);
    worker.until_log("further than was known here");

    pipe.coll(&things).delete_many(doc! {}).await.unwrap();
    let back = doc! {"$set": {"offset": 5_i64, "sequences": {}}, "$unset": {"anchor": ""}};
    pipe.positions().update_one(id, back).await.unwrap();
    pipe.publish(&things, [insert(doc! {"_id": 20})]).await;
    pipe.until_count(&things, 16).await;
    worker.until_log("everything is built anew");
    assert_eq!(pipe.offsets(&things).await, [21]);
}

#[tokio::test(flavor = "multi_thread")]
async fn value_in_parts_arrives_whole_however_small_the_batches() {
    let pipe = Pipe::new("parts").await;
    let things = pipe.events("things", 1).await;
    let document = doc! {"_id": 1, "text": "x".repeat(3_000_000), "end": true};
    pipe.publish(&things, [insert(doc! {"_id": 0})]).await;
    pipe.publish_in_parts(&things, insert(document.clone()), 40).await;
    pipe.publish(&things, [update(1, doc! {"updatedFields": {"end": false}}), insert(doc! {"_id": 2})]).await;
    let worker = pipe.worker("[worker]\nbatch_statements = 3\npartition_mib = 1\n");
    let mut wanted = document;
    wanted.insert("end", false);
    pipe.until_is(&things, 2, &doc! {"_id": 2}).await;
    pipe.until_is(&things, 1, &wanted).await;
    assert_eq!(pipe.offsets(&things).await, [43]);
    assert_eq!(worker.metric("oplogue_worker_dead_letters_total"), 0.0);
    assert_eq!(worker.metric("oplogue_worker_duplicates_total"), 0.0);
    // The last record that was applied is the anchor, also where it is one part of many.
    drop(worker);
    pipe.publish_in_parts(&things, insert(doc! {"_id": 3, "text": "y".repeat(1000)}), 4).await;
    let worker = pipe.worker("");
    pipe.until_count(&things, 4).await;
    assert!(worker.stop().0.success());
    let _worker = pipe.worker("");
    pipe.sync(&things).await;
}
