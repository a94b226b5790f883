//! What a pipeline has in Kafka: its position, its topics, its records, its workers' offsets.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::{
    log::{self, Log, Partition, Record, parse_time},
    waiting::ensure,
};

const REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// Looks at one pipeline; everything blocks.
pub struct View {
    ledgers: Log,
    events: Log,
    dead_letters: Log,
    group: ClientConfig,
    asks: Option<BaseConsumer>,
    writer: ClientConfig,
    pipeline: String,
}

impl View {
    /// The view of a pipeline by its name.
    #[must_use]
    pub fn new(brokers: &str, pipeline: &str) -> Self {
        let mut ledgers = Log::open(brokers);
        ledgers.follow(&format!("oplogue.{pipeline}.positions"), 1);
        ledgers.follow(&format!("oplogue.{pipeline}.control"), 1);
        let mut dead_letters = Log::open(brokers);
        dead_letters.follow(&format!("oplogue.{pipeline}.dead-letters"), 1);
        let group = log::client(brokers, &format!("oplogue.{pipeline}"));
        Self {
            ledgers,
            events: Log::open(brokers),
            dead_letters,
            writer: ClientConfig::new().set("bootstrap.servers", brokers).clone(),
            group,
            asks: None,
            pipeline: pipeline.to_owned(),
        }
    }

    /// The newest value under `key` in the positions topic.
    ///
    /// # Errors
    /// When Kafka does not answer, or nothing is there yet.
    pub fn position(&mut self, key: &str) -> Result<Value, String> {
        self.ledgers.read()?;
        self.entries("positions").remove(key).ok_or_else(|| format!("no position `{key}` yet"))
    }

    /// Writes a record of the positions topic as if the producer had.
    ///
    /// # Panics
    /// When Kafka does not take it.
    pub fn write_position(&self, key: &str, value: &Value) {
        let producer: BaseProducer = self.writer.create().expect("librdkafka takes these options");
        let (topic, value) = (format!("oplogue.{}.positions", self.pipeline), value.to_string());
        let record = BaseRecord::to(&topic).partition(0).key(key).payload(&value);
        producer.send(record).map_err(|(error, _)| error).expect("the queue has room");
        producer.flush(REQUEST_WITHIN).expect("Kafka takes a record");
    }

    /// The gaps that the control topic records, with their keys.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn gaps(&mut self) -> Result<Vec<(String, Value)>, String> {
        self.ledgers.read()?;
        Ok(self.entries("control").into_iter().filter(|(key, _)| key.starts_with("gap/")).collect())
    }

    /// The cluster time up to which everything is published.
    ///
    /// # Errors
    /// As [`View::position`].
    pub fn published(&mut self) -> Result<(u32, u32), String> {
        let token = self.position("token")?;
        let time = token["clusterTime"].as_str().and_then(parse_time);
        time.ok_or_else(|| format!("a position without cluster time: {token}"))
    }

    /// Name and number of partitions of each event topic that the producer announced, by namespace.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn topics(&mut self) -> Result<BTreeMap<String, (String, i32)>, String> {
        self.ledgers.read()?;
        let announced = self.entries("control").into_iter().filter(|(key, _)| key.starts_with("topic/"));
        Ok(announced.map(|(_, topic)| announcement(&topic)).collect())
    }

    /// The newest value under each key of the control topic; withdrawn keys are gone.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn control(&mut self) -> Result<BTreeMap<String, Value>, String> {
        self.ledgers.read()?;
        Ok(self.entries("control"))
    }

    /// How often a key of the control topic was written, withdrawals included.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn times_told(&mut self, key: &str) -> Result<usize, String> {
        self.ledgers.read()?;
        let topic = format!("oplogue.{}.control", self.pipeline);
        let records = self.ledgers.records.iter().filter(|record| record.partition.0 == topic);
        Ok(records.filter(|record| record.key.as_deref() == Some(key.as_bytes())).count())
    }

    /// Writes records to the control topic, as workers and operators do. Blocks.
    ///
    /// # Panics
    /// When Kafka does not take them.
    pub fn ask(&self, entries: &[(String, Value)]) {
        let topic = format!("oplogue.{}.control", self.pipeline);
        let producer: BaseProducer = self.writer.create().expect("librdkafka takes these options");
        for (key, value) in entries {
            let value = value.to_string();
            let record = BaseRecord::<str, str>::to(&topic).partition(0).key(key).payload(&value);
            producer.send(record).map_err(|(error, _)| error).expect("Kafka takes a record");
        }
        producer.flush(REQUEST_WITHIN).expect("Kafka takes a record");
    }

    fn entries(&self, ledger: &str) -> BTreeMap<String, Value> {
        let topic = format!("oplogue.{}.{ledger}", self.pipeline);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut entries = BTreeMap::new();
        for record in self.ledgers.records.iter().filter(|record| record.partition.0 == topic) {
            let Some(key) = record.key.as_deref().map(text) else { continue };
            match record.value.as_deref().filter(|value| !value.is_empty()) {
                Some(value) => entries.insert(key, serde_json::from_slice(value).expect("ledgers hold JSON")),
                None => entries.remove(&key),
            };
        }
        entries
    }

    /// Every record of every event topic.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn records(&mut self) -> Result<&[Record], String> {
        for (topic, partitions) in self.topics()?.into_values() {
            self.events.follow(&topic, partitions);
        }
        self.events.read()?;
        Ok(&self.events.records)
    }

    /// Changes what a topic takes, as operators do. Blocks.
    ///
    /// # Panics
    /// When Kafka does not do it.
    pub fn limit(&self, topic: &str, bytes: usize) {
        let admin: AdminClient<DefaultClientContext> =
            self.writer.create().expect("librdkafka takes these options");
        let bytes = bytes.to_string();
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", &bytes);
        let changed = Handle::current().block_on(admin.alter_configs([&change], &AdminOptions::new()));
        let changed = changed.expect("Kafka answers");
        assert!(changed.iter().all(Result::is_ok), "{changed:?}");
    }

    /// Every dead letter.
    ///
    /// # Errors
    /// When Kafka does not answer, or the topic is not there.
    pub fn dead_letters(&mut self) -> Result<&[Record], String> {
        self.dead_letters.read()?;
        Ok(&self.dead_letters.records)
    }

    /// Whether the workers have committed offsets behind every record.
    ///
    /// # Errors
    /// Names the partitions where they have not.
    pub fn is_applied(&mut self) -> Result<(), String> {
        let mut ends: BTreeMap<Partition, i64> = BTreeMap::new();
        for record in self.records()? {
            ends.insert(record.partition.clone(), record.offset + 1);
        }
        let committed = self.committed(ends.keys())?;
        let behind: Vec<_> =
            ends.iter().filter(|(partition, end)| committed.get(partition).is_none_or(|c| c < end)).collect();
        ensure(behind.is_empty(), || format!("not committed up to {behind:?}, but to {committed:?}"))
    }

    fn committed<'a>(
        &mut self,
        partitions: impl Iterator<Item = &'a Partition>,
    ) -> Result<BTreeMap<Partition, i64>, String> {
        let mut list = TopicPartitionList::new();
        for (topic, number) in partitions {
            list.add_partition(topic, *number);
        }
        let create = || self.group.create().expect("librdkafka takes these options");
        let asks = self.asks.take().unwrap_or_else(create);
        let found = asks.committed_offsets(list, REQUEST_WITHIN).map_err(|error| error.to_string())?;
        // Only one that was answered is asked again.
        self.asks = Some(asks);
        let known = found.elements().into_iter().filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some(((element.topic().to_owned(), element.partition()), offset)),
            _ => None,
        });
        Ok(known.collect())
    }
}

fn announcement(topic: &Value) -> (String, (String, i32)) {
    let text =
        |field: &str| topic[field].as_str().unwrap_or_else(|| panic!("no {field}: {topic}")).to_owned();
    let partitions = topic["partitions"].as_i64().and_then(|n| i32::try_from(n).ok());
    (text("ns"), (text("topic"), partitions.unwrap_or_else(|| panic!("no partitions: {topic}"))))
}
