//! Reading the dead-letter topic: all of it, or records by their numbers. In no group; nothing is committed.
//!
//! Records are handed on one at a time and not kept: a letter may be as large as a document's event, and there may be many.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use common::{
    cli::LetterId,
    config::types::Kafka,
    error::{Error, Kind, Result},
    kafka::{self, admin::REQUEST_TIMEOUT},
};
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};

use crate::consume::record::Record;

/// How long the brokers may be silent.
const SILENCE: Duration = Duration::from_secs(30);

type Client = BaseConsumer<kafka::Context>;

/// Hands every record that the topic holds now to `each`, partition by partition in the order of each. A topic that is not there holds
/// none.
///
/// # Errors
/// Transient when the brokers do not answer.
pub(super) fn all(kafka: &Kafka, topic: &str, mut each: impl FnMut(i32, &Record)) -> Result<()> {
    let consumer = client(kafka)?;
    let mut ends = ends(&consumer, topic)?;
    let from = ends.iter().map(|(partition, (low, _))| (*partition, *low));
    assign(&consumer, topic, from)?;
    let mut heard = Instant::now();
    while !ends.is_empty() {
        let Some((partition, record)) = next(&consumer, topic, &mut heard)? else { continue };
        let Some((_, end)) = ends.get(&partition) else { continue };
        if record.offset + 1 >= *end {
            ends.remove(&partition);
        }
        each(partition, &record);
    }
    Ok(())
}

/// The records of these numbers, in their order.
///
/// # Errors
/// As [`all`]; [`Kind::PositionLost`] when one is gone.
pub(super) fn some(kafka: &Kafka, topic: &str, ids: &[LetterId]) -> Result<Vec<Record>> {
    let consumer = client(kafka)?;
    let mut records = Vec::with_capacity(ids.len());
    for id in ids {
        assign(&consumer, topic, [(id.partition, id.offset)])?;
        let mut heard = Instant::now();
        let record = loop {
            if let Some((partition, record)) = next(&consumer, topic, &mut heard)?
                && partition == id.partition
                && record.offset >= id.offset
            {
                break record;
            }
        };
        if record.offset != id.offset {
            return Err(Error::new(Kind::PositionLost, format!("{topic} no longer holds the record {id}")));
        }
        records.push(record);
    }
    Ok(records)
}

fn client(kafka: &Kafka) -> Result<Client> {
    kafka::client_config(kafka, "oplogue-worker-dead-letters")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "100")
        // librdkafka wants a group id for manual assignment too; nothing is committed under it.
        .set("group.id", "oplogue-dead-letters")
        .create_with_context(kafka::Context)
        .map_err(|error| kafka::failed("cannot build a Kafka consumer", error))
}

/// First offset and end of each partition that holds anything.
fn ends(consumer: &Client, topic: &str) -> Result<BTreeMap<i32, (i64, i64)>> {
    let failed = |error| kafka::failed(format!("cannot look the end of {topic} up"), error);
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST_TIMEOUT).map_err(failed)?;
    let numbers =
        metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id());
    let mut ends = BTreeMap::new();
    for number in numbers {
        let (low, high) = consumer.fetch_watermarks(topic, number, REQUEST_TIMEOUT).map_err(failed)?;
        if low < high {
            ends.insert(number, (low, high));
        }
    }
    Ok(ends)
}

fn assign(consumer: &Client, topic: &str, from: impl IntoIterator<Item = (i32, i64)>) -> Result<()> {
    let failed = |error| kafka::failed(format!("cannot read {topic}"), error);
    let mut list = TopicPartitionList::new();
    for (partition, offset) in from {
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).map_err(failed)?;
    }
    consumer.assign(&list).map_err(failed)
}

fn next(consumer: &Client, topic: &str, heard: &mut Instant) -> Result<Option<(i32, Record)>> {
    match consumer.poll(Duration::from_millis(250)) {
        Some(Ok(record)) => {
            *heard = Instant::now();
            Ok(Some((record.partition(), Record::copy(&record))))
        }
        Some(Err(error)) if !is_passing(&error) => Err(kafka::failed(format!("cannot read {topic}"), error)),
        _ if heard.elapsed() > SILENCE => {
            Err(Error::new(Kind::Transient, format!("{topic} could not be read: the brokers are silent")))
        }
        _ => Ok(None),
    }
}

/// Brokers that come and go are waited for.
fn is_passing(error: &KafkaError) -> bool {
    kafka::classify(error) == Kind::Transient
}
