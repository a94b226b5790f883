//! One assigned partition: what of it is buffered, in flight, durable, committed.

use std::{collections::VecDeque, fmt, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{
    order::{self, Place, Probe},
    record::Record,
};
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
    /// Cancelled when the partition is no longer this worker's: nothing may be written for it any more.
    pub gone: CancellationToken,
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
}

impl Settled {
    /// A lane whose batch says nothing: it is no longer in flight, and its head stays.
    #[must_use]
    pub fn nothing(lane: LaneId) -> Self {
        Self { lane, head: None, known: Known::default(), rest: Vec::new() }
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

/// A lane's state.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) partition: Partition,
    queue: VecDeque<Record>,
    bytes: usize,
    /// Told to read no more until half of the limit is free.
    is_full: bool,
    /// Records in the batch that holds this lane.
    in_flight: Option<usize>,
    /// Gives nothing out any more; waits for its batch.
    is_leaving: bool,
    /// Offset behind the last record that was read.
    read: i64,
    /// Offset behind the last durable record.
    head: i64,
    /// What Kafka was told or says that it holds; `None` before the first commit.
    pub(super) committed: Option<i64>,
    /// The record that must come first.
    anchor: Option<Anchor>,
    known: Known,
    pub(super) is_ordered: bool,
    /// In an ordered topic: the place of the last record that was read, and the offset that the client has passed, markers included.
    read_to: Place,
    position: i64,
    pub(super) gone: CancellationToken,
}

impl Lane {
    pub(super) fn new(start: Start) -> Self {
        let head = start.anchor.as_ref().map_or(start.at, |anchor| anchor.offset + 1);
        Self {
            partition: start.partition,
            queue: VecDeque::new(),
            bytes: 0,
            is_full: false,
            in_flight: None,
            is_leaving: false,
            read: start.at,
            head,
            committed: start.committed,
            anchor: start.anchor,
            known: start.known,
            is_ordered: start.is_ordered,
            read_to: Place::default(),
            position: start.at,
            gone: CancellationToken::new(),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        (!self.is_full || self.wants_more()) && !self.is_leaving
    }

    /// Whether the first value's parts have not all come: however large it is, only more of it helps.
    fn wants_more(&self) -> bool {
        self.queue.front().is_some_and(|first| first.spans() > self.queue.len())
    }

    pub(super) fn is_drained(&self) -> bool {
        self.in_flight.is_none()
    }

    /// The offset that is read next.
    pub(super) const fn next(&self) -> i64 {
        self.read
    }

    /// Keeps records, full from `most` bytes on; a leaving lane drops them, its next owner reads them. `true` when somebody may
    /// be waiting for them.
    pub(super) fn push(&mut self, records: &mut Vec<Record>, most: usize) -> Result<bool, Unfit> {
        if self.is_leaving {
            records.clear();
            return Ok(false);
        }
        for record in records.drain(..) {
            if record.offset < self.read {
                let partition = self.partition.clone();
                return Err(Unfit::OutOfOrder { partition, offset: record.offset, read: self.read });
            }
            self.read = record.offset + 1;
            if let Some(anchor) = self.anchor.take() {
                anchor.check(&self.partition, &record)?;
                continue;
            }
            if self.is_ordered {
                self.read_to = order::place(&record).unwrap_or_default().max(self.read_to);
            }
            self.bytes += record.size();
            self.queue.push_back(record);
        }
        self.is_full = self.bytes >= most;
        Ok(self.in_flight.is_none())
    }

    /// Takes what fits, at least one record where `is_first` says that nothing was taken before it; room again at `half`.
    pub(super) fn take(
        &mut self,
        id: LaneId,
        left: &mut Limit,
        is_first: bool,
        half: usize,
    ) -> Option<Taken> {
        if !self.is_free() {
            return None;
        }
        let mut count = 0;
        while count < self.queue.len() {
            let Some(spans) = self.fits(count, left, is_first && count == 0) else { break };
            count += spans;
        }
        (count > 0).then(|| self.give(id, count, half))
    }

    /// Whether it is in no batch and stays.
    pub(super) const fn is_free(&self) -> bool {
        self.in_flight.is_none() && !self.is_leaving
    }

    /// How many records the value has that begins at `from`, if it is whole and fits what is left, which it then takes; however large it is
    /// where it `is_alone`.
    pub(super) fn fits(&self, from: usize, left: &mut Limit, is_alone: bool) -> Option<usize> {
        let spans = self.queue.get(from)?.spans();
        let size = self.queue.iter().skip(from).take(spans).map(Record::size).sum::<usize>();
        let is_over = left.records == 0 || (size > left.bytes && !is_alone);
        // A batch never ends amid the parts of a value.
        if is_over || spans > self.queue.len() - from {
            return None;
        }
        left.records = left.records.saturating_sub(spans);
        left.bytes = left.bytes.saturating_sub(size);
        Some(spans)
    }

    /// Gives out the first records; room again at `half`.
    pub(super) fn give(&mut self, id: LaneId, count: usize, half: usize) -> Taken {
        let records: Vec<_> = self.queue.drain(..count).collect();
        self.bytes -= records.iter().map(Record::size).sum::<usize>();
        self.in_flight = Some(count);
        self.is_full = self.is_full && self.bytes > half;
        let (partition, gone, is_ordered) = (self.partition.clone(), self.gone.clone(), self.is_ordered);
        Taken { lane: id, partition, records, known: std::mem::take(&mut self.known), is_ordered, gone }
    }

    /// The records that wait, in order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Record> {
        self.queue.iter()
    }

    /// Up to which place nothing is missing of what was read.
    pub(super) fn reach(&self, probe: &Probe) -> Place {
        probe.reach(self.partition.number, self.position, self.read_to)
    }

    /// The place of the last record that was read.
    pub(super) const fn read_to(&self) -> Place {
        self.read_to
    }

    pub(super) fn settle(&mut self, settled: Settled) {
        self.in_flight = None;
        self.head = self.head.max(settled.head.unwrap_or(self.head));
        self.known = settled.known;
        if self.is_leaving {
            return;
        }
        for record in settled.rest.into_iter().rev() {
            self.bytes += record.size();
            self.queue.push_front(record);
        }
    }

    pub(super) fn passed(&mut self, position: i64) {
        self.position = self.position.max(position);
        // A leaving lane's buffer is empty because it was dropped.
        let is_idle =
            self.queue.is_empty() && self.in_flight.is_none() && !self.is_leaving && self.anchor.is_none();
        if is_idle && position > self.head {
            self.head = position;
            self.read = self.read.max(position);
        }
    }

    pub(super) fn leave(&mut self) {
        self.is_leaving = true;
        self.queue = VecDeque::new();
        self.bytes = 0;
    }

    /// The head, when Kafka does not know it.
    pub(super) fn uncommitted(&self) -> Option<(Partition, i64)> {
        let is_known = self.committed.map_or(self.head == 0, |at| at == self.head);
        (!is_known).then(|| (self.partition.clone(), self.head))
    }

    pub(super) fn standing(&self) -> Standing<'_> {
        Standing {
            partition: &self.partition,
            waiting: self.queue.len() + self.in_flight.unwrap_or(0),
            bytes: self.bytes,
            is_full: self.is_full,
            is_ordered: self.is_ordered,
        }
    }
}
