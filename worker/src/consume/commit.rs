//! The checkpoint: how far each partition is durable, told to Kafka.
//!
//! Guards law 3: only heads are committed, and every commit is made on the reader's thread, so none can follow the release
//! of its partition. A commit that fails costs nothing: the next one carries a later head.

use std::{
    thread,
    time::{Duration, Instant},
};

use common::kafka::admin::REQUEST_TIMEOUT;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
};

use super::{
    context::Context,
    intake::{LaneId, Partition},
    reader::Reader,
    tap::Tap,
};

/// How long to wait before a commit that was not taken is made again, while a partition waits to be released.
const TRY_AGAIN: Duration = Duration::from_millis(100);

impl Reader {
    /// Commits what is durable, at the configured interval. The client's statistics tell later whether it was taken.
    pub(super) fn commit_when_due(&mut self) {
        let now = Instant::now();
        if now < self.commit_due {
            return;
        }
        self.commit_due = now + self.commit_interval;
        self.pass_markers();
        let mut intake = self.shared.intake();
        let heads = intake.uncommitted(self.taps.iter().map(Tap::lane));
        if heads.is_empty() {
            return;
        }
        match self.consumer.commit(&offsets(&heads), CommitMode::Async) {
            Ok(()) => heads.iter().for_each(|(partition, offset)| intake.told(partition, *offset)),
            Err(error) => tracing::debug!(%error, "offsets could not be committed"),
        }
    }

    /// Commits these lanes' heads and waits until Kafka has them, at the longest until `until`.
    ///
    /// A synchronous commit would wait without a limit for a coordinator that is away. Instead Kafka is asked what it holds
    /// afterwards: both requests go over one connection, in order.
    pub(super) fn commit_and_wait(&self, lanes: &[LaneId], until: Instant) {
        let heads = self.shared.intake().uncommitted(lanes.iter().copied());
        if heads.is_empty() {
            return;
        }
        let wanted = offsets(&heads);
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let held = self
                .consumer
                .commit(&wanted, CommitMode::Async)
                .and_then(|()| self.consumer.committed_offsets(wanted.clone(), left.min(REQUEST_TIMEOUT)));
            match held {
                Ok(held) if held == wanted => return,
                held => tracing::debug!(?held, ?wanted, "a commit was not taken yet"),
            }
            thread::sleep(TRY_AGAIN);
        }
        let partitions = heads.len();
        tracing::warn!(partitions, "offsets could not be committed in time; what they cover is done again");
    }

    /// Where a lane has nothing waiting, its head follows the client over transaction markers, so that a partition that was
    /// read to its end shows no lag.
    pub(super) fn pass_markers(&self) {
        self.pass(Some(&self.consumer));
        self.pass(self.leading.client.as_deref());
    }

    pub(super) fn pass(&self, client: Option<&BaseConsumer<Context>>) {
        let Some(Ok(positions)) = client.map(BaseConsumer::position) else { return };
        let mut intake = self.shared.intake();
        for element in positions.elements() {
            if let Offset::Offset(offset) = element.offset()
                && let Some(lane) = intake.lane(element.topic(), element.partition())
            {
                intake.passed(lane, offset);
            }
        }
    }
}

fn offsets(heads: &[(Partition, i64)]) -> TopicPartitionList {
    let offsets = heads
        .iter()
        .map(|(partition, offset)| (partition.topic.to_string(), partition.number, Offset::Offset(*offset)));
    offsets.collect()
}
