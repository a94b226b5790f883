//! Documents beyond what a topic takes in one record: they travel in parts and arrive whole.

use std::time::Duration;

use bson::{Bson, Document, doc};
use e2e::{Collection, Pipeline};
use serde_json::json;
use tokio::task::{JoinHandle, block_in_place};

/// What the topics of most tests take.
const LIMIT: usize = 64 * 1024;
/// Sizes on both sides of the limit, up to 2 MB.
const SIZES: [usize; 12] =
    [1, 900, 30_000, 50_000, 60_000, 61_000, 65_536, 130_000, 262_144, 700_000, 1_048_576, 2_000_000];

/// A document of about `size` bytes whose text does not repeat, so that no codec makes it small.
fn document(id: i32, size: usize) -> Document {
    let mut seed = u64::from(id.unsigned_abs()) + 1;
    let letter = |_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + u8::try_from((seed >> 33) % 90).expect("under 90"))
    };
    doc! {"_id": id, "n": 0, "pad": (0..size).map(letter).collect::<String>()}
}

/// A pipeline whose topics take no more than [`LIMIT`].
async fn narrow(test: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(test).await;
    pipeline.settings["kafka"]["topic_config"] = json!({"max.message.bytes": LIMIT.to_string()});
    pipeline
}

/// Changes of every kind, small ones between large ones.
async fn write(sizes: &Collection, round: i32) {
    let count = i32::try_from(SIZES.len()).expect("a dozen");
    for (id, size) in (round * 100..).zip(SIZES) {
        sizes.insert([document(id, size), doc! {"_id": id + 50, "small": true}]).await;
    }
    for id in round * 100..round * 100 + count {
        sizes.update(id, doc! {"$inc": {"n": 1}}).await;
    }
    sizes.update(round * 100, doc! {"$set": {"pad": "y".repeat(300_000)}}).await;
    sizes.replace(round * 100 + 1, document(round * 100 + 1, 400_000)).await;
    sizes.delete(round * 100 + count - 1).await;
}

async fn most_parts(pipeline: &mut Pipeline) -> usize {
    let records = block_in_place(|| pipeline.view.records().map(<[_]>::to_vec)).expect("Kafka answers");
    records.iter().map(|record| record.parts).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_beyond_the_topics_limit_arrive_whole() {
    let mut pipeline = narrow("parts").await;
    let sizes = pipeline.collection("sizes");
    write(&sizes, 0).await;
    pipeline.start(2).await;
    pipeline.copied().await;
    write(&sizes, 1).await;
    pipeline.check().await;
    // 2 MB in records of at most 64 KB.
    assert!(most_parts(&mut pipeline).await > 31);
    assert!(
        !pipeline.producer().said().contains("batches become smaller"),
        "the configuration says what the topics take"
    );
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_survive_producers_and_workers_that_are_killed_amid_them() {
    let mut pipeline = narrow("parts_killed").await;
    pipeline.settings["kafka"]["options"]["session.timeout.ms"] = "6000".into();
    let sizes = pipeline.collection("sizes");
    write(&sizes, 0).await;
    pipeline.start(2).await;
    let writer: JoinHandle<()> = tokio::spawn({
        let sizes = sizes.clone();
        async move {
            for round in 1..13 {
                write(&sizes, round).await;
            }
        }
    });
    for round in 0..4 {
        pipeline.records(40 + 80 * round).await;
        pipeline.producer().kill();
        pipeline.workers[round % 2].kill();
        pipeline.start_producer();
        pipeline.restart_worker(round % 2);
    }
    writer.await.expect("the writer ends");
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_is_lowered_later_makes_the_parts_smaller() {
    let mut pipeline = Pipeline::new("parts_lowered").await;
    let sizes = pipeline.collection("sizes");
    write(&sizes, 0).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    assert_eq!(most_parts(&mut pipeline).await, 1);

    let ns = format!("{}.sizes", pipeline.name);
    let topic = pipeline.view.topics().expect("Kafka answers")[&ns].0.clone();
    block_in_place(|| pipeline.view.limit(&topic, LIMIT));
    write(&sizes, 1).await;
    pipeline.producer().says(&["batches become smaller"]).await;
    pipeline.check().await;
    assert!(most_parts(&mut pipeline).await > 31);
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_no_record_can_hold_stops_the_producer_by_name() {
    let mut pipeline = narrow("parts_key").await;
    pipeline.start(0).await;
    pipeline.collection("keys").insert([doc! {"_id": "k".repeat(100_000)}]).await;
    let code = pipeline.producer().ended(Duration::from_secs(60)).await;
    let (said, ns) = (pipeline.producer().said(), format!("{}.keys", pipeline.name));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&ns) && said.contains("max.message.bytes (65536)"), "{said}");
    assert!(!said.contains("kkkk"), "a log holds a key");

    // What the message asks for helps.
    let topic = pipeline.view.topics().expect("Kafka answers").get(&ns).map(|(topic, _)| topic.clone());
    let topic = topic.unwrap_or_else(|| format!("{0}.{0}.keys", pipeline.name));
    block_in_place(|| pipeline.view.limit(&topic, 1_000_000));
    pipeline.start_producer().ready().await;
    pipeline.start_worker().ready().await;
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dead_letters_of_a_document_in_parts_are_all_its_parts() {
    let mut pipeline = narrow("parts_dead").await;
    pipeline.rule("people", json!({"rename": {"name": "full_name"}}));
    let people = pipeline.collection("people");
    people.insert([doc! {"_id": 1, "name": "Ada"}]).await;
    pipeline.start(1).await;
    let mut refused = document(2, 500_000);
    refused.insert("name", "Grace");
    refused.insert("full_name", "Grace Hopper");
    people.insert([refused, document(3, 500_000)]).await;
    pipeline.applied().await;

    let letters = block_in_place(|| pipeline.view.dead_letters().map(<[_]>::to_vec)).expect("Kafka answers");
    assert_eq!(letters.len(), 1);
    assert!(letters[0].parts > 7, "{}", letters[0].parts);
    let records = block_in_place(|| pipeline.view.records().map(<[_]>::to_vec)).expect("Kafka answers");
    let of_people = |record: &&e2e::log::Record| record.partition.0 == letters[0].header("dead.topic");
    let mut records = records.iter().filter(of_people);
    let record = records.find(|record| record.key == letters[0].key).expect("the record is there");
    assert_eq!((&letters[0].value, letters[0].parts), (&record.value, record.parts));
    assert_eq!(pipeline.at_target("people").ids().await, [1, 3]);
    pipeline.close().await;
}

/// Just under 16 MB whose text is over 90 MB: what has no sign of its own takes six characters.
fn largest(id: i32) -> Document {
    let ints: Vec<Bson> = (0..10).map(|_| Bson::Array(vec![Bson::Int32(i32::MIN); 10])).collect();
    doc! {"_id": id, "controls": "\u{1}".repeat(16 * 1024 * 1024 - 8192), "ints": ints}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_of_16_mb_whose_text_exceeds_90_mb_arrives_whole_in_both_phases() {
    let mut pipeline = Pipeline::new("parts_largest").await;
    pipeline.settings["kafka"]["topic_config"] = json!({"max.message.bytes": "1048588"});
    let sizes = pipeline.collection("sizes");
    sizes.insert([largest(1)]).await;
    sizes.insert([document(2, 10)]).await;
    pipeline.start(1).await;
    pipeline.copied().await;
    sizes.insert([largest(3)]).await;
    sizes.insert([document(4, 10)]).await;
    pipeline.check().await;
    assert!(most_parts(&mut pipeline).await > 90);
    pipeline.close().await;
}
