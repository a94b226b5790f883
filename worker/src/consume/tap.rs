//! One lane's own queue inside librdkafka.
//!
//! Partitions are read from queues of their own and not from the consumer's common one. A lane whose buffer is full is simply not
//! read: librdkafka stops fetching it once its small queue is full and goes on by itself, while the others flow.
//! `pause()` would throw the fetched records away and fetch them again after every `resume()` (read: librdkafka
//! 2.12, `rd_kafka_toppar_pause_resume`).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::Thread,
    time::Duration,
};

use common::{
    error::{Error, Kind, Result},
    kafka::failed,
};
use rdkafka::{
    consumer::{BaseConsumer, base_consumer::PartitionQueue},
    error::KafkaError,
};

use super::{
    context::Context,
    intake::{LaneId, Partition, Unfit},
    record::Record,
    shared::Shared,
};

/// Records moved in one turn, before the other lanes have theirs.
const TURN: usize = 500;

/// A lane's queue.
pub(super) struct Tap {
    lane: LaneId,
    partition: Partition,
    queue: PartitionQueue<Context>,
    /// Set when the queue may hold something.
    flowing: Arc<AtomicBool>,
}

impl Tap {
    /// Parts the partition's queue from the common one; to be done before the partition is assigned, or its first records would
    /// come out of the common one.
    pub(super) fn open(
        consumer: &Arc<BaseConsumer<Context>>,
        lane: LaneId,
        partition: Partition,
        reader: &Thread,
    ) -> Result<Self> {
        let queue = consumer.split_partition_queue(&partition.topic, partition.number);
        let mut queue =
            queue.ok_or_else(|| Error::new(Kind::Transient, format!("no queue for {partition}")))?;
        let flowing = Arc::new(AtomicBool::new(true));
        let (flag, reader) = (flowing.clone(), reader.clone());
        queue.set_nonempty_callback(move || {
            flag.store(true, Ordering::Release);
            reader.unpark();
        });
        Ok(Self { lane, partition, queue, flowing })
    }

    pub(super) fn lane(&self) -> LaneId {
        self.lane
    }

    /// Moves what is there into the lane's buffer, as far as there is room. `true` when there may be more at once.
    pub(super) fn flow(&self, shared: &Shared, scratch: &mut Vec<Record>) -> Result<bool> {
        if !self.flowing.load(Ordering::Acquire) {
            return Ok(false);
        }
        let room = shared.intake().room(self.lane);
        if room == 0 {
            return Ok(false);
        }
        // Before looking, so that what comes while we look is not missed.
        self.flowing.store(false, Ordering::Release);
        let more = self.read(shared, scratch, room)?;
        self.flowing.fetch_or(more, Ordering::AcqRel);
        if !scratch.is_empty() {
            shared.push(self.lane, scratch).map_err(unfit)?;
        }
        Ok(more)
    }

    fn read(&self, shared: &Shared, records: &mut Vec<Record>, room: usize) -> Result<bool> {
        let mut bytes = 0;
        while records.len() < TURN && bytes < room {
            match self.queue.poll(Duration::ZERO) {
                None => return Ok(false),
                Some(Ok(message)) => {
                    records.push(Record::copy(&message));
                    bytes += records.last().map_or(0, Record::size);
                }
                Some(Err(error)) => self.trouble(shared, error)?,
            }
        }
        Ok(true)
    }

    /// What librdkafka says about this partition: an offset that is gone is the end, the rest passes.
    fn trouble(&self, shared: &Shared, error: KafkaError) -> Result<()> {
        let offset = shared.intake().next_offset(self.lane).unwrap_or_default();
        let error = failed(format!("cannot read {} at offset {offset}", self.partition), error);
        match error.kind {
            Kind::Transient | Kind::Fenced => {
                tracing::warn!(partition = %self.partition, reason = error.chain(), "read again");
                Ok(())
            }
            _ => Err(error),
        }
    }
}

fn unfit(error: Unfit) -> Error {
    match error {
        Unfit::OutOfOrder { .. } => {
            Error::caused(Kind::Invariant, "Kafka's order within a partition broke", error)
        }
        Unfit::NotThere(_) => Error::new(Kind::PositionLost, error.to_string()),
    }
}
