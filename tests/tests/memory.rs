//! Resident memory stays under its bound when the other side stands still, however much waits.

use std::time::{Duration, Instant};

use bson::{Document, doc};
use e2e::{Collection, DEADLINE, Pipeline, Stack, eventually, gate::Gate, process::Process, waiting::ensure};
use serde_json::json;
use tokio::{sync::watch, task::JoinSet};

/// `producer.memory_mib` and `worker.memory_mib` where nobody says otherwise.
const BOUND_MIB: u64 = 256;
/// A process that takes no more than before for so long has filled its queues.
const STEADY: Duration = Duration::from_secs(4);

/// Documents that do not compress to nothing, about 160 MB of them: small ones by the thousand, and some of a megabyte.
fn backlog() -> impl Iterator<Item = Vec<Document>> {
    let text = |id: i32, size: usize| -> String {
        let mut seed = u64::from(id.unsigned_abs()) + 1;
        let mut letter = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + u8::try_from((seed >> 33) % 26).expect("under 26"))
        };
        (0..size).map(|_| letter()).collect()
    };
    let small = move |batch: i32| {
        (0..2000).map(|n| batch * 10_000 + n).map(|id| doc! {"_id": id, "text": text(id, 300)}).collect()
    };
    let large = move |batch: i32| {
        let id = |n: i32| batch * 10_000 + 5000 + n;
        (0..4).map(|n| doc! {"_id": id(n), "text": text(id(n), 1_000_000)}).collect()
    };
    (0..30).flat_map(move |batch| [small(batch), large(batch)])
}

/// Documents of 12 MB whose text is 72 MB: of each control character six bytes. The largest would be 16 MB, but the transactions they are in do
/// not fit into what the servers here have for a cache.
fn largest() -> impl Iterator<Item = Document> {
    let text = |id: i32| -> String {
        let mut seed = u64::from(id.unsigned_abs()) + 1;
        let mut letter = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(14 + u8::try_from((seed >> 33) % 13).expect("under 13"))
        };
        (0..11_900_000).map(|_| letter()).collect()
    };
    (0..8).map(move |id| doc! {"_id": id, "text": text(id)})
}

async fn write_backlog(pipeline: &Pipeline) {
    write_to(&pipeline.collection("backlog")).await;
}

async fn write_to(collection: &Collection) {
    for documents in backlog() {
        collection.insert(documents).await;
    }
}

/// Waits until it takes no more, and gives the most that it took.
async fn steady_peak(process: &Process) -> u64 {
    let mut last = (process.peak_mib(), Instant::now());
    eventually("the queues are full", DEADLINE, async || {
        let peak = process.peak_mib();
        if peak > last.0 {
            last = (peak, Instant::now());
        }
        ensure(last.1.elapsed() > STEADY, || format!("{peak} MiB and rising"))
    })
    .await;
    last.0
}

/// A pipeline of one worker that has caught up, and what its target stands still by.
async fn freezable(test: &str, partitions: u16) -> (Pipeline, watch::Sender<bool>, JoinSet<()>) {
    let mut pipeline = Pipeline::new(test).await;
    pipeline.settings["kafka"]["partitions"] = json!(partitions);
    let (freeze, is_frozen) = watch::channel(false);
    let gate = Gate::closed();
    let uri = format!("mongodb://{}/?directConnection=true", gate.address());
    let target = gate.open_until_frozen(Stack::shared().address("target"), is_frozen);
    pipeline.settings["target"]["uri"] = json!(uri);
    pipeline.start(1).await;
    pipeline.applied().await;
    (pipeline, freeze, target)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_target_stands_still_keeps_to_its_memory() {
    let (mut pipeline, freeze, _target) = freezable("memory_worker", 64).await;

    freeze.send_replace(true);
    write_backlog(&pipeline).await;
    pipeline.published().await;
    let peak = steady_peak(&pipeline.workers[0]).await;
    assert!(peak < BOUND_MIB, "{peak} MiB while the target stands still");

    freeze.send_replace(false);
    pipeline.applied().await;
    let peak = pipeline.workers[0].peak_mib();
    assert!(peak < BOUND_MIB, "{peak} MiB once it goes on");
    pipeline.check_target().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_that_copies_beside_live_writes_keeps_to_its_memory() {
    let mut pipeline = Pipeline::new("memory_beside").await;
    pipeline.settings["kafka"]["partitions"] = json!(64);
    write_backlog(&pipeline).await;
    let live = pipeline.collection("live");
    pipeline.start(0).await;
    let writer = tokio::spawn(async move { write_to(&live).await });
    pipeline.copied().await;
    writer.await.expect("the writer ends");
    pipeline.published().await;
    let peak = pipeline.producer().peak_mib();
    eprintln!("producer {peak} MiB");
    assert!(peak < BOUND_MIB, "{peak} MiB");
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_documents_fit_into_both() {
    let (mut pipeline, freeze, _target) = freezable("memory_largest", 8).await;

    freeze.send_replace(true);
    let collection = pipeline.collection("largest");
    for document in largest() {
        collection.insert([document]).await;
    }
    pipeline.published().await;
    steady_peak(&pipeline.workers[0]).await;
    freeze.send_replace(false);
    pipeline.applied().await;
    let (producer, worker) = (pipeline.producer().peak_mib(), pipeline.workers[0].peak_mib());
    eprintln!("producer {producer} MiB, worker {worker} MiB");
    assert!(producer < BOUND_MIB, "{producer} MiB in the producer");
    assert!(worker < BOUND_MIB, "{worker} MiB in the worker");
    pipeline.check_target().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_whose_broker_stands_still_keeps_to_its_memory() {
    let kafka = Stack::with_own_kafka("memory-producer");
    let mut pipeline = Pipeline::on("memory_producer", Stack::shared(), &kafka).await;
    // One with a name of its own takes its former self, which the broker forgets meanwhile, for somebody else.
    pipeline.settings["producer"] = json!({});
    pipeline.settings["kafka"]["partitions"] = json!(64);
    pipeline.start(1).await;
    pipeline.copied().await;
    kafka.signal("kafka", "STOP");
    write_backlog(&pipeline).await;
    let peak = steady_peak(pipeline.producer()).await;
    kafka.signal("kafka", "CONT");
    assert!(peak < BOUND_MIB, "{peak} MiB while the broker stands still");

    pipeline.check().await;
    let peak = pipeline.producer().peak_mib();
    assert!(peak < BOUND_MIB, "{peak} MiB once it goes on");
    pipeline.close().await;
}
