//! The floor's way through Kafka: one thread produces, another consumes. Idempotence and lz4 as our producer has them, but no
//! transactions, no keys to hash, no headers, no offsets kept.

use std::{mem, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail};
use bson::RawDocumentBuf;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use tokio::sync::mpsc;

use super::{
    Batch,
    change::{Change, Kind, LANES},
};
use crate::command::MOST;

const FLUSH: Duration = Duration::from_secs(60);
/// Between two looks for whether anybody still wants records.
const POLL: Duration = Duration::from_millis(100);
const FULL: Duration = Duration::from_millis(5);

/// A topic to go through.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    pub(super) brokers: String,
    pub(super) name: String,
}

impl Topic {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// Makes it, with a partition for each lane.
    pub(super) async fn create(&self) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client().create()?;
        let topic = NewTopic::new(&self.name, i32::try_from(LANES)?, TopicReplication::Fixed(1));
        for created in admin.create_topics([&topic], &AdminOptions::new()).await? {
            created.map_err(|(name, code)| anyhow!("cannot create {name}: {code}"))?;
        }
        Ok(())
    }

    /// Produces until there is no more. Blocks.
    pub(super) fn produce(&self, mut batches: mpsc::Receiver<Batch>) -> Result<()> {
        let mut config = self.client();
        config.set("enable.idempotence", "true").set("compression.type", "lz4");
        // As our producer has it.
        config.set("linger.ms", "1");
        let producer: BaseProducer = config.create()?;
        while let Some(batch) = batches.blocking_recv() {
            for change in &batch {
                self.send(&producer, change)?;
            }
            producer.poll(Duration::ZERO);
        }
        Ok(producer.flush(FLUSH)?)
    }

    fn send(&self, producer: &BaseProducer, change: &Change) -> Result<()> {
        let key = [change.kind as u8];
        let record = BaseRecord::to(&self.name).key(&key).payload(change.statement.as_bytes());
        let mut record = record.partition(i32::try_from(change.lane)?);
        while let Err((error, back)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                bail!(error);
            }
            producer.poll(FULL);
            record = back;
        }
        Ok(())
    }

    /// All of it, from the start.
    fn partitions(&self) -> Result<TopicPartitionList> {
        let mut all = TopicPartitionList::new();
        for lane in 0..i32::try_from(LANES)? {
            all.add_partition_offset(&self.name, lane, Offset::Beginning)?;
        }
        Ok(all)
    }

    /// Consumes so many records, or until nobody wants them. Blocks.
    pub(super) fn consume(&self, count: usize, to: &mpsc::Sender<Batch>) -> Result<()> {
        let mut config = self.client();
        // Required, but nobody joins it: all partitions are this consumer's.
        config.set("group.id", format!("{}-floor", self.name)).set("enable.auto.commit", "false");
        // A broker answers as soon as it has a byte: this is about how often it is asked in vain. As our worker has it.
        config.set("fetch.wait.max.ms", "100").set("fetch.queue.backoff.ms", "10");
        let consumer: BaseConsumer = config.create()?;
        consumer.assign(&self.partitions()?)?;
        let (mut done, mut batch) = (0, Vec::with_capacity(MOST));
        while done < count && !to.is_closed() {
            let record = consumer.poll(if batch.is_empty() { POLL } else { Duration::ZERO });
            let is_idle = !matches!(record, Some(Ok(_)));
            match record {
                Some(Ok(record)) => {
                    batch.push(change(&record)?);
                    done += 1;
                }
                // It was created, but not every part of the broker knows it yet.
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::UnknownTopicOrPartition)))
                | None => {}
                Some(Err(error)) => bail!(error),
            }
            if batch.len() == MOST || (!batch.is_empty() && (is_idle || done == count)) {
                to.blocking_send(mem::take(&mut batch)).ok().context("the target has ended")?;
            }
        }
        Ok(())
    }
}

fn change(record: &rdkafka::message::BorrowedMessage<'_>) -> Result<Change> {
    Ok(Change {
        kind: Kind::of(record.key().context("a key")?)?,
        lane: usize::try_from(record.partition())?,
        statement: RawDocumentBuf::from_bytes(record.payload().context("a value")?.to_vec())?,
    })
}
