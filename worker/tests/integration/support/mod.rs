//! A pipeline of one test: its topics, its database, its workers.

mod barrier;
pub(crate) mod event;
mod positions;
pub(crate) mod process;
pub(crate) mod proxy;

use std::{
    collections::BTreeMap,
    future::Future,
    process::ExitStatus,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bson::{Document, doc};
use common::{
    config::types::Kafka,
    kafka::admin::{Admin, Wanted},
    key,
    namespace::Namespace,
    position::Topic,
    raw,
    topics::Topics,
};
use mongodb::{Client, Collection, Database, IndexModel, options::IndexOptions};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    consumer::{BaseConsumer, Consumer},
    message::{Header, Headers, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};

pub(crate) use self::process::Worker;

/// Longest wait for anything; a busy machine is slow.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Everything a test needs, under names of its own.
pub(crate) struct Pipe {
    pub(crate) name: String,
    pub(crate) target: Database,
    pub(crate) brokers: String,
    pub(crate) target_uri: String,
    dir: tempfile::TempDir,
    producer: FutureProducer,
    sequence: AtomicU64,
}

/// An event topic of the pipeline.
#[derive(Clone)]
pub(crate) struct Events {
    pub(crate) ns: Namespace,
    pub(crate) topic: String,
    pub(crate) partitions: u16,
}

/// A record as it was found in a topic.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: BTreeMap<String, String>,
}

fn needed(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: start services (`scripts/stack up`) and set it, see worker/tests/integration/main.rs")
    })
}

impl Pipe {
    /// A pipeline named after the test.
    pub(crate) async fn new(test: &str) -> Self {
        let (target_uri, brokers) = (needed("OPLOGUE_TEST_TARGET_URI"), needed("OPLOGUE_TEST_BROKERS"));
        let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() % 10_000_000_000;
        let name = format!("{test}-{stamp}");
        let client = Client::with_uri_str(&target_uri).await.unwrap();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .set("message.max.bytes", "134217728")
            .set("linger.ms", "2")
            .create()
            .unwrap();
        Self {
            target: client.database(&name),
            name,
            brokers,
            target_uri,
            dir: tempfile::tempdir().unwrap(),
            producer,
            sequence: AtomicU64::new(0),
        }
    }

    pub(crate) fn kafka(&self) -> Kafka {
        serde_json::from_value(serde_json::json!({"brokers": self.brokers})).unwrap()
    }

    pub(crate) fn topics(&self) -> Topics {
        Topics::new("", &self.name)
    }

    pub(crate) async fn create(&self, name: &str, partitions: u16) {
        let config = [("max.message.bytes".to_owned(), "134217728".to_owned())].into();
        let wanted = Wanted { name: name.to_owned(), partitions, replication_factor: 1, config };
        Admin::new(&self.kafka(), "test").ensure(&wanted).await.unwrap();
    }

    /// Creates the topic of a collection and announces it.
    pub(crate) async fn events(&self, coll: &str, partitions: u16) -> Events {
        let events = self.unannounced(coll, partitions).await;
        self.announce(&events).await;
        events
    }

    /// Creates the topic of a collection.
    pub(crate) async fn unannounced(&self, coll: &str, partitions: u16) -> Events {
        let events = self.to_be(coll, partitions);
        self.create(&events.topic, partitions).await;
        events
    }

    /// The topic of a collection, which is not there yet.
    pub(crate) fn to_be(&self, coll: &str, partitions: u16) -> Events {
        let ns = Namespace::new(&self.name, coll);
        Events { topic: self.topics().events(&ns), ns, partitions }
    }

    pub(crate) async fn announce(&self, events: &Events) {
        let control = self.topics().control();
        self.create(&control, 1).await;
        let Events { ns, topic, partitions } = events.clone();
        let entry = Topic { ns, topic, partitions };
        let value = serde_json::to_vec(&entry).unwrap();
        let record = FutureRecord::to(&control).key(entry.key().as_bytes().to_vec().leak()).payload(&value);
        self.producer.send::<[u8], _, _>(record, DEADLINE).await.unwrap();
    }

    /// Publishes change events, each into the partition of its key.
    pub(crate) async fn publish(&self, events: &Events, changes: impl IntoIterator<Item = Document>) {
        let mut sent = Vec::new();
        for change in changes {
            let change = event::complete(&events.ns, change);
            let number = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
            let headers = event::headers(&change, number);
            let key = change.get_document("documentKey").map(event::text).ok();
            let partition =
                change.get_document("documentKey").map_or(0, |key| partition(key, events.partitions));
            let value = event::text(&change);
            sent.push(self.send(&events.topic, partition, key.as_deref(), Some(&value), headers));
        }
        futures_util::future::join_all(sent).await;
    }

    /// Writes a record of the control topic.
    pub(crate) async fn control(&self, key: &str, value: &str) {
        let control = self.topics().control();
        let record = FutureRecord::to(&control).key(key.as_bytes()).payload(value);
        self.producer.send::<[u8], _, _>(record, DEADLINE).await.unwrap();
    }

    /// The sequence number of the record that was published last.
    pub(crate) fn published(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed)
    }

    /// Deletes a topic and waits until it is gone.
    pub(crate) async fn delete(&self, events: &Events) {
        let admin: AdminClient<_> =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap();
        admin.delete_topics(&[&events.topic], &AdminOptions::new()).await.unwrap();
        let topics = Admin::new(&self.kafka(), "test");
        until("the topic is gone", async || topics.partitions(&events.topic).unwrap().is_none()).await;
    }

    /// Removes the records before an offset, as retention does.
    pub(crate) async fn delete_records(&self, events: &Events, before: i64) {
        let admin: AdminClient<_> =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap();
        let list = [(events.topic.clone(), 0, Offset::Offset(before))].into_iter().collect();
        admin.delete_records(&list, &AdminOptions::new()).await.unwrap();
    }

    /// Publishes a change event whose value is spread over `parts` records.
    pub(crate) async fn publish_in_parts(&self, events: &Events, change: Document, parts: usize) {
        let change = event::complete(&events.ns, change);
        let number = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let (key, value) = (event::text(change.get_document("documentKey").unwrap()), event::text(&change));
        let partition = partition(change.get_document("documentKey").unwrap(), events.partitions);
        let size = value.len().div_ceil(parts);
        for (place, part) in value.chunks(size).enumerate() {
            let text = format!("{}/{}", place + 1, value.len().div_ceil(size));
            let header = Header { key: "part", value: Some(text.as_bytes()) };
            let headers = event::headers(&change, number).insert(header);
            self.send(&events.topic, partition, Some(&key), Some(part), headers).await;
        }
    }

    /// Publishes one record as it is.
    pub(crate) async fn publish_raw(
        &self,
        events: &Events,
        partition: i32,
        value: Option<&[u8]>,
        headers: &[(&str, &str)],
    ) {
        let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value): &(&str, &str)| {
            headers.insert(Header { key, value: Some(*value) })
        });
        self.send(&events.topic, partition, Some(b"a key"), value, headers).await;
    }

    /// Publishes one record as it is, in the first partition, under a sequence number that it took.
    pub(crate) async fn publish_keyed(
        &self,
        events: &Events,
        key: &[u8],
        value: &[u8],
        headers: &[(&str, &str)],
    ) {
        let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value): &(&str, &str)| {
            headers.insert(Header { key, value: Some(*value) })
        });
        self.sequence.fetch_add(1, Ordering::Relaxed);
        self.send(&events.topic, 0, Some(key), Some(value), headers).await;
    }

    fn send(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: OwnedHeaders,
    ) -> impl Future<Output = ()> + use<> {
        let mut record = FutureRecord::<[u8], [u8]>::to(topic).partition(partition).headers(headers);
        (record.key, record.payload) = (key, value);
        let sent = self.producer.send_result(record).map_err(|(error, _)| error).unwrap();
        async move {
            sent.await.unwrap().map_err(|(error, _)| error).unwrap();
        }
    }

    /// Starts a worker of this pipeline; `extra` is more configuration.
    pub(crate) fn worker(&self, extra: &str) -> Worker {
        Worker::start(self, self.dir.path(), extra)
    }

    /// Runs one of the worker's commands to its end; gives the exit status and what it said.
    pub(crate) fn command(&self, arguments: &[&str]) -> (ExitStatus, String) {
        self.command_with(arguments, "")
    }

    /// The same with more configuration.
    pub(crate) fn command_with(&self, arguments: &[&str], extra: &str) -> (ExitStatus, String) {
        process::command(self, self.dir.path(), (arguments, extra))
    }

    /// Makes an index of the target's collection that no two documents may have the same value of.
    pub(crate) async fn unique(&self, events: &Events, field: &str) {
        let options = IndexOptions::builder().unique(true).build();
        let index = IndexModel::builder().keys(doc! {field: 1}).options(options).build();
        self.coll(events).create_index(index).await.unwrap();
    }

    pub(crate) fn coll(&self, events: &Events) -> Collection<Document> {
        self.target.collection(&events.ns.coll)
    }

    pub(crate) async fn count(&self, events: &Events) -> u64 {
        self.coll(events).count_documents(doc! {}).await.unwrap()
    }

    /// Waits until the collection has that many documents.
    pub(crate) async fn until_count(&self, events: &Events, wanted: u64) {
        until(&format!("{wanted} documents in {}", events.ns), async || self.count(events).await == wanted)
            .await;
    }

    /// Waits until the document with `_id` equals this one in every byte.
    pub(crate) async fn until_is(&self, events: &Events, id: impl Into<bson::Bson>, wanted: &Document) {
        let filter = doc! {"_id": id.into()};
        let coll = self.coll(events);
        until(&format!("{wanted} in {}", events.ns), async || {
            let found = coll.find_one(filter.clone()).await.unwrap();
            found.is_some_and(|found| found.to_vec().unwrap() == wanted.to_vec().unwrap())
        })
        .await;
    }

    /// Publishes a marker and waits until it has arrived: with one partition all before it is then applied.
    pub(crate) async fn sync(&self, events: &Events) {
        let id = format!("marker {}", self.sequence.load(Ordering::Relaxed));
        let marker = doc! {"_id": &id};
        self.publish(events, [event::insert(marker.clone())]).await;
        self.until_is(events, id.clone(), &marker).await;
        self.coll(events).delete_one(marker).await.unwrap();
    }

    /// The committed offset of each partition; `None` where there is none.
    pub(crate) fn committed(&self, events: &Events) -> Vec<Option<i64>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&events.topic, 0, i32::from(events.partitions) - 1);
        let held = self.group().committed_offsets(list, DEADLINE).unwrap();
        held.elements()
            .iter()
            .map(|e| if let Offset::Offset(at) = e.offset() { Some(at) } else { None })
            .collect()
    }

    /// Members of the group.
    pub(crate) fn members(&self) -> usize {
        let name = format!("oplogue.{}", self.name);
        let groups = self.group().client().fetch_group_list(Some(&name), DEADLINE).unwrap();
        groups.groups().first().map_or(0, |group| group.members().len())
    }

    /// The end of each partition.
    pub(crate) fn ends(&self, events: &Events) -> Vec<i64> {
        let consumer = self.group();
        let end = |p| consumer.fetch_watermarks(&events.topic, i32::from(p), DEADLINE).unwrap().1;
        (0..events.partitions).map(end).collect()
    }

    /// Commits an offset as the group that has no member.
    pub(crate) fn commit(&self, events: &Events, partition: i32, offset: i64) {
        let list = [(events.topic.clone(), partition, Offset::Offset(offset))].into_iter().collect();
        self.group().commit(&list, rdkafka::consumer::CommitMode::Sync).unwrap();
    }

    fn group(&self) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("group.id", format!("oplogue.{}", self.name));
        config.set("enable.auto.commit", "false").create().unwrap()
    }

    /// Waits for `wanted` records of a topic's first partition and gives them.
    pub(crate) fn records(&self, topic: &str, wanted: usize) -> Vec<Found> {
        self.records_of(topic, "", wanted)
    }

    /// The same of the control topic's records whose keys begin so.
    pub(crate) fn said(&self, prefix: &str, wanted: usize) -> Vec<Found> {
        self.records_of(&self.topics().control(), prefix, wanted)
    }

    fn records_of(&self, topic: &str, prefix: &str, wanted: usize) -> Vec<Found> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("group.id", "reads nothing but once");
        config.set("auto.offset.reset", "earliest").set("fetch.message.max.bytes", "134217728");
        let consumer: BaseConsumer = config.create().unwrap();
        let from = [(topic.to_owned(), 0, Offset::Beginning)].into_iter().collect();
        consumer.assign(&from).unwrap();
        let until = Instant::now() + DEADLINE;
        let mut found = Vec::new();
        while found.len() < wanted {
            assert!(Instant::now() < until, "{} of {wanted} records in {topic}", found.len());
            if let Some(Ok(record)) = consumer.poll(Duration::from_millis(100))
                && record.key().unwrap_or_default().starts_with(prefix.as_bytes())
            {
                found.push(Found::of(&record));
            }
        }
        found
    }

    pub(crate) fn dead_letters(&self, wanted: usize) -> Vec<Found> {
        self.records(&self.topics().dead_letters(), wanted)
    }
}

impl Found {
    fn of(record: &impl Message) -> Self {
        let mut headers = BTreeMap::new();
        for header in record.headers().map(Headers::iter).into_iter().flatten() {
            let value = String::from_utf8_lossy(header.value.unwrap_or_default()).into_owned();
            headers.insert(header.key.to_owned(), value);
        }
        Self { key: record.key().map(<[u8]>::to_vec), value: record.payload().map(<[u8]>::to_vec), headers }
    }
}

/// The partition of a document.
pub(crate) fn partition(document_key: &Document, partitions: u16) -> i32 {
    let bytes = document_key.to_vec().unwrap();
    let key = raw::Document::new(&bytes).unwrap();
    key::partition(&key.get("_id").unwrap().unwrap(), partitions, &mut Vec::new()).unwrap()
}

/// Waits until it holds.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
