//! What this worker has been assigned, what it has read of it and how far that is durable.
//!
//! Pure state under one lock, between the thread that reads Kafka and the loop that applies. Guards law 3: a lane's head
//! moves only when the batch it was taken in says that everything up to there is durable, and one lane is in at most one
//! batch, so heads move in order.
//!
//! ```text
//!            committed        head                 read
//!   ────────────┼──────────────┼─────────┬──────────┼──────────▶ offsets
//!     done, told to Kafka      │in flight│ buffered │ not read yet
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

use super::record::Record;
use crate::sequence::Delivered;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(u64);

/// Records of one lane on their way to the target.
#[derive(Debug)]
pub struct Taken {
    /// The lane.
    pub lane: LaneId,
    /// Its partition.
    pub partition: Partition,
    /// In order of offsets; never empty.
    pub records: Vec<Record>,
    /// What the lane has delivered before them.
    pub delivered: Delivered,
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
    /// What the lane has delivered up to there.
    pub delivered: Delivered,
    /// What is to be done again, in order.
    pub rest: Vec<Record>,
}

impl Settled {
    /// A lane whose batch says nothing: it is no longer in flight, and its head stays.
    #[must_use]
    pub fn nothing(lane: LaneId) -> Self {
        Self { lane, head: None, delivered: Delivered::default(), rest: Vec::new() }
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
#[error("{partition} delivered offset {offset} after {read}")]
pub struct OutOfOrder {
    partition: Partition,
    offset: i64,
    read: i64,
}

#[derive(Debug)]
struct Lane {
    partition: Partition,
    queue: VecDeque<Record>,
    bytes: usize,
    /// Told to read no more until half of the limit is free.
    full: bool,
    /// Records in the batch that holds this lane.
    in_flight: Option<usize>,
    /// Gives nothing out any more; waits for its batch.
    leaving: bool,
    /// Offset behind the last record that was read.
    read: i64,
    /// Offset behind the last durable record.
    head: i64,
    /// What Kafka was told or says that it holds; `None` before the first commit.
    committed: Option<i64>,
    delivered: Delivered,
    gone: CancellationToken,
}

/// How much is buffered, in bytes. A record that is larger is still read, alone.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// By one lane.
    pub of_lane: usize,
    /// By all lanes; where they are many, each has an equal share.
    pub of_all: usize,
}

/// All lanes of the worker.
#[derive(Debug)]
pub struct Intake {
    lanes: BTreeMap<LaneId, Lane>,
    next: u64,
    /// The lane that was served last; the next batch begins behind it.
    served: LaneId,
    room: Room,
}

impl Intake {
    /// No lanes yet.
    #[must_use]
    pub const fn new(room: Room) -> Self {
        Self { lanes: BTreeMap::new(), next: 0, served: LaneId(0), room }
    }

    /// Bytes that each lane may buffer now.
    fn lane_bytes(&self) -> usize {
        self.room.of_lane.min(self.room.of_all / self.lanes.len().max(1))
    }

    /// A partition is this worker's from now on, to be read from `start`.
    pub fn assign(&mut self, partition: Partition, start: i64, committed: Option<i64>) -> LaneId {
        self.next += 1;
        let lane = Lane {
            partition,
            queue: VecDeque::new(),
            bytes: 0,
            full: false,
            in_flight: None,
            leaving: false,
            read: start,
            head: start,
            committed,
            delivered: Delivered::default(),
            gone: CancellationToken::new(),
        };
        self.lanes.insert(LaneId(self.next), lane);
        LaneId(self.next)
    }

    /// The lane that a partition has now.
    #[must_use]
    pub fn lane(&self, topic: &str, number: i32) -> Option<LaneId> {
        let is_it = |lane: &Lane| lane.partition.number == number && *lane.partition.topic == *topic;
        self.lanes.iter().find(|(_, lane)| is_it(lane)).map(|(id, _)| *id)
    }

    /// Whether more of the lane may be read. A full one has room again once it is half empty.
    #[must_use]
    pub fn has_room(&self, id: LaneId) -> bool {
        self.lanes.get(&id).is_some_and(|lane| !lane.full && !lane.leaving)
    }

    /// Keeps records that were read; those of a lane that is leaving are dropped, they will be read by its next owner.
    /// `Ok(true)` when somebody may be waiting for them.
    ///
    /// # Errors
    /// [`OutOfOrder`] when an offset is not above all before it.
    pub fn push(&mut self, id: LaneId, records: &mut Vec<Record>) -> Result<bool, OutOfOrder> {
        let most = self.lane_bytes();
        let Some(lane) = self.lanes.get_mut(&id).filter(|lane| !lane.leaving) else {
            records.clear();
            return Ok(false);
        };
        for record in records.drain(..) {
            if record.offset < lane.read {
                let partition = lane.partition.clone();
                return Err(OutOfOrder { partition, offset: record.offset, read: lane.read });
            }
            lane.read = record.offset + 1;
            lane.bytes += record.size();
            lane.queue.push_back(record);
        }
        lane.full = lane.bytes >= most;
        Ok(lane.in_flight.is_none())
    }

    /// Takes what is ready from lanes that are in no batch, in turn, until the limit is reached. Empty when nothing is ready.
    pub fn take(&mut self, limit: Limit) -> Vec<Taken> {
        let half = self.lane_bytes() / 2;
        let mut left = limit;
        let mut taken = Vec::new();
        for id in self.in_turn() {
            let lane = self.lanes.get_mut(&id).expect("the list was made of the lanes");
            if lane.queue.is_empty() || lane.in_flight.is_some() || lane.leaving {
                continue;
            }
            let records = lane.take(&mut left, taken.is_empty());
            if records.is_empty() {
                break;
            }
            lane.full = lane.full && lane.bytes > half;
            self.served = id;
            taken.push(Taken {
                lane: id,
                partition: lane.partition.clone(),
                records,
                delivered: std::mem::take(&mut lane.delivered),
                gone: lane.gone.clone(),
            });
        }
        taken
    }

    fn in_turn(&self) -> Vec<LaneId> {
        let behind = self.lanes.keys().filter(|id| **id > self.served);
        behind.chain(self.lanes.keys().filter(|id| **id <= self.served)).copied().collect()
    }

    /// A batch has ended for one of its lanes.
    pub fn settle(&mut self, settled: Settled) {
        let Some(lane) = self.lanes.get_mut(&settled.lane) else { return };
        lane.in_flight = None;
        lane.head = lane.head.max(settled.head.unwrap_or(lane.head));
        lane.delivered = settled.delivered;
        if lane.leaving {
            return;
        }
        for record in settled.rest.into_iter().rev() {
            lane.bytes += record.size();
            lane.queue.push_front(record);
        }
    }

    /// The reader has passed everything below `position`, transaction markers included. Where nothing of the lane waits, all of it
    /// is durable.
    pub fn passed(&mut self, id: LaneId, position: i64) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.queue.is_empty()
            && lane.in_flight.is_none()
            // A leaving lane's buffer is empty because it was dropped.
            && !lane.leaving
            && position > lane.head
        {
            lane.head = position;
            lane.read = lane.read.max(position);
        }
    }

    /// The lane gives nothing out any more; what it had buffered is dropped.
    pub fn leave(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.leaving = true;
            lane.queue = VecDeque::new();
            lane.bytes = 0;
        }
    }

    /// Whether no batch holds the lane.
    #[must_use]
    pub fn is_drained(&self, id: LaneId) -> bool {
        self.lanes.get(&id).is_none_or(|lane| lane.in_flight.is_none())
    }

    /// The lane's batch must stop writing.
    pub fn cancel(&self, id: LaneId) {
        if let Some(lane) = self.lanes.get(&id) {
            lane.gone.cancel();
        }
    }

    /// The lane is no longer this worker's.
    pub fn remove(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.remove(&id) {
            lane.gone.cancel();
        }
    }

    /// Heads of these lanes that Kafka does not know yet.
    #[must_use]
    pub fn uncommitted(&self, ids: impl Iterator<Item = LaneId>) -> Vec<(Partition, i64)> {
        let lanes = ids.filter_map(|id| self.lanes.get(&id));
        let moved = lanes.filter(|lane| lane.committed.map_or(lane.head > 0, |at| at != lane.head));
        moved.map(|lane| (lane.partition.clone(), lane.head)).collect()
    }

    /// Kafka was told an offset, or says which one it holds; `None` when it holds none.
    pub fn committed(&mut self, partition: &Partition, offset: Option<i64>) {
        let lane = self.lane(&partition.topic, partition.number);
        if let Some(lane) = lane.and_then(|id| self.lanes.get_mut(&id)) {
            lane.committed = offset;
        }
    }

    /// All lanes.
    #[must_use]
    pub fn ids(&self) -> Vec<LaneId> {
        self.lanes.keys().copied().collect()
    }

    /// How each lane stands, for metrics.
    pub fn standings(&self) -> impl Iterator<Item = Standing<'_>> {
        self.lanes.values().map(|lane| Standing {
            partition: &lane.partition,
            waiting: lane.queue.len() + lane.in_flight.unwrap_or(0),
            bytes: lane.bytes,
            is_full: lane.full,
        })
    }
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
}

impl Lane {
    /// Takes what fits, at least one record where `first` says that nothing was taken before it.
    fn take(&mut self, left: &mut Limit, first: bool) -> Vec<Record> {
        let mut records = Vec::with_capacity(self.queue.len().min(left.records));
        while let Some(next) = self.queue.front() {
            let alone = first && records.is_empty();
            if left.records == 0 || (next.size() > left.bytes && !alone) {
                break;
            }
            let record = self.queue.pop_front().expect("it was looked at");
            left.records -= 1;
            left.bytes = left.bytes.saturating_sub(record.size());
            self.bytes -= record.size();
            records.push(record);
        }
        self.in_flight = (!records.is_empty()).then_some(records.len());
        records
    }
}

#[cfg(test)]
mod tests;
