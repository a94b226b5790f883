//! Documents that change while they are copied.

use bson::{Document, doc};
use e2e::{Collection, Pipeline};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// Documents that are there at the start.
const DOCUMENTS: i32 = 20_000;
/// Set it to see a failed run again.
const SEED: &str = "OPLOGUE_E2E_SEED";

fn document(id: i32) -> Document {
    doc! {"_id": id, "n": 0, "list": [1, 2, 3], "in": {"a": 1, "b": 2}, "pad": "x".repeat(400)}
}

/// One random write; `next` is the first `_id` that was never used.
async fn write(collection: &Collection, random: &mut StdRng, next: &mut i32) {
    let id = random.random_range(0..*next);
    let filter = doc! {"_id": id};
    let change = match random.random_range(0..10) {
        0 => {
            *next += 1;
            return collection.insert([document(*next - 1)]).await;
        }
        1 => {
            collection.0.delete_one(filter).await.expect("the source takes writes");
            return;
        }
        2 => {
            let replaced = collection.0.replace_one(filter, document(id)).upsert(true).await;
            replaced.expect("the source takes writes");
            return;
        }
        3 | 4 => doc! {"$push": {"list": id}},
        5 => doc! {"$pop": {"list": -1}},
        6 => doc! {"$push": {"list": {"$each": [], "$slice": 2}}},
        7 => doc! {"$set": {"in.c": id}, "$unset": {"in.a": ""}},
        _ => doc! {"$inc": {"n": 1}},
    };
    collection.0.update_one(filter, change).await.expect("the source takes writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_that_change_while_they_are_copied_arrive_as_they_are() {
    let seed =
        std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u64>);
    eprintln!("{SEED}={seed}");
    let mut pipeline = Pipeline::new("changing").await;
    // Many rounds: some 12 MB in chunks of 1 MiB.
    pipeline.settings["producer"]["snapshot"] = serde_json::json!({"chunk_mib": 1});
    let collections = ["first", "second"].map(|name| pipeline.collection(name));
    for collection in &collections {
        collection.insert((0..DOCUMENTS / 2).map(document)).await;
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writers = collections.map(|collection| {
        let (stopped, mut random) = (stopped.clone(), StdRng::seed_from_u64(seed));
        tokio::spawn(async move {
            let mut next = DOCUMENTS / 2;
            while !*stopped.borrow() {
                write(&collection, &mut random, &mut next).await;
            }
        })
    });
    pipeline.start(2).await;
    pipeline.copied().await;
    stop.send_replace(true);
    for writer in writers {
        writer.await.expect("the writer ends");
    }
    pipeline.check().await;
    let records = pipeline.view.records().expect("Kafka answers");
    let streamed = records.iter().filter(|record| !record.is_snapshot()).count();
    let copied = records.len() - streamed;
    assert!(streamed > 100, "only {streamed} changes were made while {copied} documents were copied");
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_collections_are_copied() {
    let mut pipeline = Pipeline::new("many").await;
    pipeline.settings["kafka"]["partitions"] = 1.into();
    for number in 0..25 {
        pipeline.collection(&format!("c{number}")).insert((0..=number).map(|n| doc! {"_id": n})).await;
    }
    pipeline.start(1).await;
    pipeline.check().await;
    pipeline.close().await;
}
