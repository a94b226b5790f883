//! What goes in and out of a lane: partitions, starts, records taken, how they were settled.

use std::{fmt, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::record::Record;
use crate::checkpoint::{Anchor, Known, NotThere};

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its number.
    pub number: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.number)
    }
}

/// One assignment of a partition; a partition that comes back is another lane, so late news of the old one meets nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub(super) u64);

/// Records of one lane on their way to the target.
#[derive(Debug)]
pub struct Taken {
    /// The lane.
    pub lane: LaneId,
    /// Its partition.
    pub partition: Partition,
    /// In order of offsets; never empty.
    pub records: Vec<Record>,
    /// What the target knows of the partition before them.
    pub known: Known,
    /// Whether they are to be applied in the source's order over all lanes of the batch.
    pub is_ordered: bool,
    /// Whether nothing is to be had that could be added to them.
    pub is_all: bool,
    /// Cancelled when the partition is no longer this worker's: nothing may be written for it any more.
    pub gone: CancellationToken,
}

/// A lane whose next record is a barrier.
#[derive(Debug, Clone)]
pub struct AtBarrier {
    /// Its partition.
    pub partition: Partition,
    /// The record.
    pub record: Record,
    /// What the target knows of the partition before it.
    pub known: Known,
}

/// How a batch ended for one of its lanes.
#[derive(Debug)]
pub struct Settled {
    /// The lane.
    pub lane: LaneId,
    /// Offset behind the last durable record, when there is one.
    pub head: Option<i64>,
    /// What the target knows of the partition up to there.
    pub known: Known,
    /// What is to be done again, in order.
    pub rest: Vec<Record>,
    /// Set where the rest of all lanes of the batch cannot be carried out without more records: so many are too few.
    pub too_few: Option<usize>,
}

impl Settled {
    /// A lane whose batch says nothing: it is no longer in flight, and its head stays.
    #[must_use]
    pub fn nothing(lane: LaneId) -> Self {
        Self { lane, head: None, known: Known::default(), rest: Vec::new(), too_few: None }
    }
}

/// How much a batch takes.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Records at most.
    pub records: usize,
    /// Bytes at most; one larger record goes alone.
    pub bytes: usize,
}

/// A record that came where none may come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Kafka's order within a partition broke.
    #[error("{partition} delivered offset {offset} after {read}")]
    OutOfOrder {
        /// The partition.
        partition: Partition,
        /// The record's offset.
        offset: i64,
        /// The offset behind all that was read before.
        read: i64,
    },
    /// The topic does not hold what was applied of it.
    #[error(transparent)]
    NotThere(#[from] NotThere),
}

/// Where a lane begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The partition.
    pub partition: Partition,
    /// The offset to read first: the anchor's, where there is one.
    pub at: i64,
    /// The offset that Kafka holds for the group.
    pub committed: Option<i64>,
    /// The record that must be read first.
    pub anchor: Option<Anchor>,
    /// What the target knows.
    pub known: Known,
    /// Whether its topic is applied in the source's order over all partitions.
    pub is_ordered: bool,
}

/// How a lane stands.
#[derive(Debug)]
pub struct Standing<'a> {
    /// Its partition.
    pub partition: &'a Partition,
    /// Records that were read and are not durable.
    pub waiting: usize,
    /// Bytes of those that are in no batch.
    pub bytes: usize,
    /// Whether it is not read because its buffer is full.
    pub is_full: bool,
    /// Whether its topic is applied in the source's order.
    pub is_ordered: bool,
}
