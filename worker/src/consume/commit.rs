//! The checkpoint: how far each partition is durable, told to Kafka.
//!
//! Guards law 3: only heads are committed, and every commit is made on the reader's thread, so none can follow the release
//! of its partition. A commit that fails costs nothing: the next one carries a later head.

use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer as _},
};

use super::{
    intake::{LaneId, Partition},
    reader::Reader,
};

/// How long to wait before a failed commit is tried again while a partition waits to be released.
const TRY_AGAIN: Duration = Duration::from_millis(100);

impl Reader {
    /// Commits what is durable, at the configured interval.
    pub(super) fn commit_when_due(&mut self) {
        self.note_commits();
        let now = Instant::now();
        if now < self.commit_due {
            return;
        }
        self.commit_due = now + self.commit_interval;
        let lanes: Vec<_> = self.taps.iter().map(super::tap::Tap::lane).collect();
        self.pass_markers();
        let heads = self.shared.intake().uncommitted(lanes.into_iter());
        if !heads.is_empty()
            && let Err(error) = self.consumer.commit(&offsets(&heads), CommitMode::Async)
        {
            tracing::debug!(%error, "offsets could not be committed");
        }
    }

    /// Commits these lanes' heads and waits until Kafka has confirmed them, or `until`.
    pub(super) fn commit_and_wait(&mut self, lanes: &[LaneId], until: Instant) {
        let mut next_try = Instant::now();
        loop {
            let heads = self.shared.intake().uncommitted(lanes.iter().copied());
            if heads.is_empty() {
                return;
            }
            let now = Instant::now();
            if now > until {
                let partitions = heads.len();
                tracing::warn!(partitions, "offsets could not be committed in time; what they cover is done again");
                return;
            }
            if now >= next_try {
                let result = self.consumer.commit(&offsets(&heads), CommitMode::Async);
                tracing::debug!(?result, ?heads, "commits before release");
                next_try = now + TRY_AGAIN * 10;
            }
            if let Err(error) = self.serve() {
                tracing::debug!(reason = error.chain(), "while committing");
            }
            if self.note_commits() {
                next_try = now + TRY_AGAIN;
            }
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Takes note of what Kafka confirmed; `true` when something failed.
    fn note_commits(&self) -> bool {
        let mut failed = false;
        for commit in self.consumer.context().take_commits() {
            match commit.result {
                Ok(()) => self.shared.intake().committed(&commit.topic, commit.partition, commit.offset),
                Err(error) => {
                    failed = true;
                    let (topic, partition) = (commit.topic, commit.partition);
                    tracing::warn!(topic, partition, %error, "an offset was not committed");
                }
            }
        }
        failed
    }

    /// Where a lane has nothing waiting, its head follows the client over transaction markers, so that a partition that was
    /// read to its end shows no lag.
    pub(super) fn pass_markers(&self) {
        let Ok(positions) = self.consumer.position() else { return };
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
    let offsets = heads.iter().map(|(partition, offset)| {
        (partition.topic.to_string(), partition.number, Offset::Offset(*offset))
    });
    offsets.collect()
}
