//! Records that carry no change event: they go to the dead letters whole, the rest flows.

use std::time::Duration;

use bson::doc;
use e2e::Pipeline;
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};

type Foreign = (&'static str, Option<&'static [u8]>, &'static [(&'static str, &'static str)]);

const INSERT: &[u8] = br#"{"_id":{"_data":"82"},"operationType":"insert","clusterTime":{"$timestamp":{"t":1,"i":1}},"ns":{"db":"d","coll":"c"},"documentKey":{"_id":{"$numberInt":"-1"}},"fullDocument":{"_id":{"$numberInt":"-1"}}}"#;

const FOREIGN: [Foreign; 9] = [
    ("no value", None, &[]),
    ("an empty value", Some(b""), &[]),
    ("text", Some(b"hello"), &[("trace", "1"), ("trace", "2")]),
    ("a truncated event", Some(br#"{"_id":{"_data":"82"},"operationType":"ins"#), &[("v", "1")]),
    ("JSON of somebody else", Some(br#"{"user":5,"name":"x"}"#), &[]),
    (
        "a number that is none",
        Some(br#"{"operationType":"insert","fullDocument":{"_id":{"$numberInt":"x"}}}"#),
        &[],
    ),
    ("bytes that are no UTF-8", Some(b"\xff\xfe\x00"), &[("v", "1"), ("format", "extjson?")]),
    ("broken BSON", Some(b"\x10\x00\x00\x00\x02a\x00"), &[("v", "1"), ("format", "bson")]),
    ("a header that contradicts", Some(INSERT), &[("v", "1"), ("ns", "other.place"), ("op", "insert")]),
];

fn produce(brokers: &str, topic: &str) {
    let mut config = ClientConfig::new();
    let producer: BaseProducer =
        config.set("bootstrap.servers", brokers).create().expect("librdkafka takes these options");
    for (key, value, headers) in FOREIGN {
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
        let mut record = BaseRecord::<str, [u8]>::to(topic).key(key).headers(headers);
        if let Some(value) = value {
            record = record.payload(value);
        }
        producer.send(record).map_err(|(error, _)| error).expect("there is room in the queue");
    }
    producer.flush(Duration::from_secs(30)).expect("Kafka takes records");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_and_corrupt_records_go_to_the_dead_letters_whole() {
    let mut pipeline = Pipeline::new("poison").await;
    let collection = pipeline.collection("users");
    collection.insert((0..50).map(|n| doc! {"_id": n, "n": 0})).await;
    pipeline.start(2).await;
    pipeline.applied().await;

    let topic = pipeline.view.topics().expect("Kafka answers")[&format!("{}.users", pipeline.name)].0.clone();
    let brokers = pipeline.settings["kafka"]["brokers"].as_str().expect("a text").to_owned();
    produce(&brokers, &topic);
    for n in 0..50 {
        collection.update(n, doc! {"$inc": {"n": 1}}).await;
    }
    pipeline.applied().await;
    pipeline.check_target().await;

    let letters = pipeline.view.dead_letters().expect("Kafka answers");
    assert_eq!(letters.len(), FOREIGN.len());
    for (key, value, headers) in FOREIGN {
        let letter = letters.iter().find(|letter| letter.key.as_deref() == Some(key.as_bytes()));
        let letter = letter.unwrap_or_else(|| panic!("no dead letter for {key}"));
        assert_eq!(letter.value.as_deref(), value, "{key}");
        let (added, own): (Vec<_>, Vec<_>) =
            letter.headers.iter().partition(|(name, _)| name.starts_with("dead."));
        let own: Vec<_> = own.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let sent: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        assert_eq!(own, sent, "{key}");
        assert!(!letter.header("dead.reason").is_empty(), "{key}: {added:?}");
        assert_eq!(letter.header("dead.topic"), topic, "{key}");
    }
    let said: String = pipeline.workers.iter().map(e2e::process::Process::said).collect();
    assert!(said.contains("dead letter"), "{said}");
    assert!(!said.contains("hello"), "a log holds a record's value: {said}");
    pipeline.close().await;
}
