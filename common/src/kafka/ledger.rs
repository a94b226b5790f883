//! Reading ledgers: compacted topics of small records.
//!
//! Guards: "read to the end" means the end that a `read_uncommitted` client names. Under `read_committed` librdkafka
//! answers that question with the last stable offset, which an open transaction holds back, so the read could look
//! complete too early. Reading goes on until the consumer's *position* has passed that end.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{Context, admin::REQUEST_TIMEOUT, client_config, failed, poll};
use crate::{
    config::types::Kafka,
    error::{Error, Kind, Result},
};

/// How long brokers wait for news before they say that there are none, in milliseconds: only then is it known that what is behind the last
/// record is a transaction's marker, so who reads to the end waits that long for it.
const READS: &str = "100";
/// As [`READS`], for who goes on reading: each answer costs both sides.
const FOLLOWS: &str = "500";

/// The newest value of each key; a key whose newest record has no value is gone.
pub type Entries = BTreeMap<String, Vec<u8>>;

/// Reads one partition of a ledger from its beginning to the end it has now.
///
/// Blocks; run it on a thread of its own.
///
/// # Errors
/// Transient when the brokers do not answer or an open transaction outlives `deadline`.
pub fn read(kafka: &Kafka, topic: &str, partition: i32, deadline: Duration) -> Result<Entries> {
    read_to(kafka, topic, partition, deadline).map(|(entries, _)| entries)
}

/// As [`read`], and hands out a follower that stands behind what was read.
///
/// # Errors
/// As [`read`].
pub fn read_and_follow(
    kafka: &Kafka,
    topic: &str,
    partition: i32,
    deadline: Duration,
) -> Result<(Entries, Follower)> {
    let (entries, position) = read_to(kafka, topic, partition, deadline)?;
    let mut follower = Follower::create(kafka, topic, partition, Offset::Offset(position), FOLLOWS)?;
    follower.position = position;
    Ok((entries, follower))
}

/// The entries, and the offset behind what was read.
fn read_to(kafka: &Kafka, topic: &str, partition: i32, deadline: Duration) -> Result<(Entries, i64)> {
    let end = end(kafka, topic, partition)?;
    let mut follower = Follower::create(kafka, topic, partition, Offset::Beginning, READS)?;
    let until = Instant::now() + deadline;
    let mut entries = Entries::new();
    while follower.position < end {
        if Instant::now() > until {
            let context = format!("{topic} could not be read to its end, offset {end}, in {deadline:?}");
            return Err(Error::new(Kind::Transient, context));
        }
        follower.poll(Duration::from_millis(100), |key, value| match value {
            Some(value) => drop(entries.insert(key, value)),
            None => drop(entries.remove(&key)),
        })?;
    }
    Ok((entries, follower.position))
}

/// The offset behind the last record, committed or not.
///
/// # Errors
/// Transient when the brokers do not answer.
pub fn end(kafka: &Kafka, topic: &str, partition: i32) -> Result<i64> {
    let consumer: BaseConsumer<Context> = client_config(kafka, "oplogue-ledger")
        .set("isolation.level", "read_uncommitted")
        .create_with_context(Context)
        .map_err(|error| failed("cannot build a Kafka consumer", error))?;
    let context = || format!("cannot look the end of {topic} up");
    let (_, end) = consumer
        .fetch_watermarks(topic, partition, REQUEST_TIMEOUT)
        .map_err(|error| failed(context(), error))?;
    Ok(end)
}

/// Follows one partition of a ledger from its beginning, committed records only, in no group. For the thread that opened it.
pub struct Follower {
    consumer: BaseConsumer<Context>,
    topic: String,
    partition: i32,
    /// Offset of the next record, aborted records and transaction markers passed over.
    pub position: i64,
}

impl Follower {
    /// Opens the partition at its beginning.
    ///
    /// # Errors
    /// Transient when the brokers do not answer; [`Kind::Misconfigured`] when librdkafka does not take an option.
    pub fn open(kafka: &Kafka, topic: &str, partition: i32) -> Result<Self> {
        Self::create(kafka, topic, partition, Offset::Beginning, FOLLOWS)
    }

    fn create(kafka: &Kafka, topic: &str, partition: i32, from: Offset, waits: &str) -> Result<Self> {
        let mut consumer: BaseConsumer<Context> = client_config(kafka, "oplogue-ledger")
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", waits)
            // librdkafka wants a group id for manual assignment too; nothing is committed under it.
            .set("group.id", "oplogue-ledger")
            .create_with_context(Context)
            .map_err(|error| failed("cannot build a Kafka consumer", error))?;
        poll::wakes_this_thread(&mut consumer);
        // Without knowing the partition's leader librdkafka first looks for where to begin half a second later.
        consumer
            .fetch_metadata(Some(topic), REQUEST_TIMEOUT)
            .map_err(|error| failed(format!("cannot look {topic} up"), error))?;
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(topic, partition, from)
            .map_err(|error| failed("cannot assign a ledger's partition", error))?;
        consumer.assign(&assignment).map_err(|error| failed("cannot assign a ledger's partition", error))?;
        Ok(Self { consumer, topic: topic.to_owned(), partition, position: 0 })
    }

    /// Waits at most `timeout` for one record and hands it to `entry`; keys that are not UTF-8 are passed over (they
    /// are nobody's of ours).
    ///
    /// # Errors
    /// What the client reports, but for the end of the partition.
    pub fn poll(&mut self, timeout: Duration, entry: impl FnOnce(String, Option<Vec<u8>>)) -> Result<()> {
        match poll::poll(&self.consumer, timeout) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => return Err(failed(format!("cannot read {}", self.topic), error)),
            Some(Ok(record)) => {
                let key = record.key().and_then(|key| String::from_utf8(key.to_vec()).ok());
                if let Some(key) = key {
                    entry(key, record.payload().map(<[u8]>::to_vec));
                }
            }
        }
        self.position = self.position.max(self.client_position()?);
        Ok(())
    }

    fn client_position(&self) -> Result<i64> {
        let context = || format!("cannot tell the position in {}", self.topic);
        let positions = self.consumer.position().map_err(|error| failed(context(), error))?;
        let here = positions.find_partition(&self.topic, self.partition);
        Ok(match here.map(|p| p.offset()) {
            Some(Offset::Offset(offset)) => offset,
            _ => 0,
        })
    }
}
