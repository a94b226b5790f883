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

mod ordered;

use std::collections::{BTreeMap, BTreeSet};

use self::ordered::Ordered;
pub use ordered::Question;

pub use super::taken::{AtBarrier, LaneId, Limit, Partition, Settled, Standing, Start, Taken, Unfit};
use super::{lane::Lane, record::Record};
use crate::checkpoint::Known;

/// How much is held, in bytes. What is larger is still read and taken, alone.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Waiting in one lane.
    pub of_lane: usize,
    /// Waiting in all lanes; where they are many, each has an equal share.
    pub of_all: usize,
    /// In batches that are under way.
    pub of_batches: usize,
}

/// All lanes of the worker.
#[derive(Debug)]
pub struct Intake {
    lanes: BTreeMap<LaneId, Lane>,
    next: u64,
    /// The lane that was served last; the next batch begins behind it.
    served: LaneId,
    room: Room,
    /// Bytes that wait in all lanes.
    waiting: usize,
    /// Bytes in batches.
    flying: usize,
    /// What was last asked about the topics whose lanes are taken together, in the source's order.
    ordered: Ordered,
    /// Whether lanes stop at barriers.
    holds_barriers: bool,
}

impl Intake {
    /// No lanes yet.
    #[must_use]
    pub const fn new(room: Room) -> Self {
        Self {
            lanes: BTreeMap::new(),
            next: 0,
            served: LaneId(0),
            room,
            waiting: 0,
            flying: 0,
            ordered: BTreeMap::new(),
            holds_barriers: false,
        }
    }

    /// From now on lanes that are assigned stop at barriers, which somebody lets them pass.
    pub const fn hold_barriers(&mut self) {
        self.holds_barriers = true;
    }

    /// Bytes that wait in all lanes.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Bytes that each lane may buffer now.
    fn lane_bytes(&self) -> usize {
        self.room.of_lane.min(self.room.of_all / self.lanes.len().max(1))
    }

    /// A partition is this worker's from now on.
    pub fn assign(&mut self, start: Start) -> LaneId {
        self.next += 1;
        if start.is_ordered {
            self.ordered.entry(start.partition.topic.clone()).or_default();
        }
        self.lanes.insert(LaneId(self.next), Lane::new(start, self.holds_barriers));
        LaneId(self.next)
    }

    /// The lane that a partition has now.
    #[must_use]
    pub fn lane(&self, topic: &str, number: i32) -> Option<LaneId> {
        let is_it = |lane: &Lane| lane.partition.number == number && *lane.partition.topic == *topic;
        self.lanes.iter().find(|(_, lane)| is_it(lane)).map(|(id, _)| *id)
    }

    /// The lanes that a topic's partitions have now.
    #[must_use]
    pub fn lanes_of(&self, topic: &str) -> Vec<LaneId> {
        self.of_topic(topic).map(|(id, _)| id).collect()
    }

    /// Bytes that may be read of the lane now, the last record going beyond. A full lane has room again once it is half empty.
    ///
    /// When all lanes together are full, only these go on, or nothing ever would: the first lane whose value has not all its parts,
    /// and lanes that hold nothing, where the other lanes of an ordered topic or lanes at a barrier may have to wait for them.
    #[must_use]
    pub fn room(&self, id: LaneId) -> usize {
        let Some(lane) = self.lanes.get(&id).filter(|lane| lane.has_room()) else { return 0 };
        // A value that is larger than the room of batches takes from what may wait.
        let beyond = self.flying.saturating_sub(self.room.of_batches);
        let left = self.room.of_all.saturating_sub(self.waiting + beyond);
        if left > 0 {
            return left.min(self.lane_bytes().saturating_sub(lane.bytes)).max(1);
        }
        let first = self.lanes.iter().find(|(_, lane)| lane.wants_more()).map(|(id, _)| *id);
        let is_awaited =
            lane.is_awaited() || (lane.is_empty() && self.lanes.values().any(Lane::is_at_barrier));
        usize::from(first == Some(id) || is_awaited)
    }

    /// The lanes whose next record is a barrier.
    #[must_use]
    pub fn at_barriers(&self) -> Vec<LaneId> {
        self.lanes.iter().filter(|(_, lane)| lane.is_at_barrier()).map(|(id, _)| *id).collect()
    }

    /// Whether the lane's next record is a barrier.
    #[must_use]
    pub fn is_at_barrier(&self, id: LaneId) -> bool {
        self.lanes.get(&id).is_some_and(Lane::is_at_barrier)
    }

    /// The barrier that is the lane's next record.
    #[must_use]
    pub fn barrier(&self, id: LaneId) -> Option<AtBarrier> {
        self.lanes.get(&id)?.at_barrier()
    }

    /// What the barrier asks for is done: the lane goes on behind it, from what the target knows now.
    pub fn pass_barrier(&mut self, id: LaneId, known: Known) {
        self.change(id, |lane| lane.pass_barrier(known));
    }

    /// Changes a lane and keeps the sums.
    fn change<T>(&mut self, id: LaneId, change: impl FnOnce(&mut Lane) -> T) -> Option<T> {
        let lane = self.lanes.get_mut(&id)?;
        (self.waiting, self.flying) = (self.waiting - lane.bytes, self.flying - lane.flying);
        let changed = change(lane);
        (self.waiting, self.flying) = (self.waiting + lane.bytes, self.flying + lane.flying);
        Some(changed)
    }

    /// The offset that is read next.
    #[must_use]
    pub fn next_offset(&self, id: LaneId) -> Option<i64> {
        self.lanes.get(&id).map(Lane::next)
    }

    /// Keeps records that were read. `Ok(true)` when somebody may be waiting for them.
    ///
    /// # Errors
    /// [`Unfit`] when an offset is not above all before it, or the first record is not the one that was applied last.
    pub fn push(&mut self, id: LaneId, records: &mut Vec<Record>) -> Result<bool, Unfit> {
        let most = self.lane_bytes();
        let pushed = self.change(id, |lane| lane.push(records, most));
        records.clear();
        pushed.unwrap_or(Ok(false))
    }

    /// Takes what is ready from lanes that are in no batch, in turn, until the limit is reached; the lanes of an ordered topic all
    /// together and without others. Empty when nothing is ready, or the batches under way have to end first: a value that is larger
    /// than their room goes when it is its lane's turn and nothing else is under way.
    pub fn take(&mut self, limit: Limit) -> Vec<Taken> {
        let half = self.lane_bytes() / 2;
        let free = self.room.of_batches.saturating_sub(self.flying);
        let (mut left, mut taken) = (Limit { bytes: limit.bytes.min(free), ..limit }, Vec::new());
        let is_idle = self.flying == 0;
        let mut tried = BTreeSet::new();
        for id in self.in_turn() {
            let is_first = taken.is_empty();
            let lane = &self.lanes[&id];
            let is_too_large = lane.first().is_some_and(|bytes| bytes > left.bytes);
            if is_first && !is_idle && is_too_large {
                break;
            }
            if lane.is_ordered {
                let topic = lane.partition.topic.clone();
                if is_first && tried.insert(topic.clone()) {
                    taken = self.take_ordered(&topic, left, half);
                }
                if is_first && !taken.is_empty() {
                    self.served = id;
                    return taken;
                }
                continue;
            }
            if let Some(some) = self.change(id, |lane| lane.take(id, &mut left, is_first, half)).flatten() {
                self.served = id;
                taken.push(some);
            }
            if left.records == 0 || left.bytes == 0 {
                break;
            }
        }
        taken
    }

    fn in_turn(&self) -> Vec<LaneId> {
        let behind = self.lanes.keys().filter(|id| **id > self.served);
        behind.chain(self.lanes.keys().filter(|id| **id <= self.served)).copied().collect()
    }

    /// A batch has ended for one of its lanes.
    pub fn settle(&mut self, settled: Settled) {
        let (id, too_few) = (settled.lane, settled.too_few);
        self.change(id, |lane| lane.settle(settled));
        if let Some(topic) =
            self.lanes.get(&id).filter(|lane| lane.is_ordered).map(|lane| lane.partition.topic.clone())
        {
            self.was_too_little(&topic, too_few);
        }
    }

    /// The reader has passed everything below `position`, transaction markers included. Where nothing of the lane waits, all
    /// of it is durable.
    pub fn passed(&mut self, id: LaneId, position: i64) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.passed(position);
        }
    }

    /// The lane gives nothing out any more; what it had buffered is dropped.
    pub fn leave(&mut self, id: LaneId) {
        self.change(id, Lane::leave);
    }

    /// Whether no batch holds the lane.
    #[must_use]
    pub fn is_drained(&self, id: LaneId) -> bool {
        self.lanes.get(&id).is_none_or(Lane::is_drained)
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
            (self.waiting, self.flying) = (self.waiting - lane.bytes, self.flying - lane.flying);
            lane.gone.cancel();
            if self.of_topic(&lane.partition.topic).next().is_none() {
                self.ordered.remove(&lane.partition.topic);
            }
        }
    }

    /// Heads of these lanes that Kafka does not know yet.
    #[must_use]
    pub fn uncommitted(&self, ids: impl Iterator<Item = LaneId>) -> Vec<(Partition, i64)> {
        ids.filter_map(|id| self.lanes.get(&id)?.uncommitted()).collect()
    }

    /// Kafka was told an offset. Of an ordered topic's partitions, which may be other members', it is told until it says so itself.
    pub fn told(&mut self, partition: &Partition, offset: i64) {
        let lane = self.lane(&partition.topic, partition.number);
        if let Some(lane) = lane.and_then(|id| self.lanes.get_mut(&id)).filter(|lane| !lane.is_ordered) {
            lane.committed = Some(offset);
        }
    }

    /// Kafka says which offset it holds; `None` when it holds none.
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
        self.lanes.values().map(Lane::standing)
    }
}

#[cfg(test)]
mod tests;
