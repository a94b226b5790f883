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
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use super::lane::{LaneId, Limit, Partition, Settled, Standing, Start, Taken, Unfit};
use super::{
    lane::Lane,
    order::{Place, Probe, merged},
    record::Record,
};

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
    /// What was last asked about the topics whose lanes are taken together, in the source's order.
    ordered: BTreeMap<Arc<str>, Probe>,
}

impl Intake {
    /// No lanes yet.
    #[must_use]
    pub const fn new(room: Room) -> Self {
        Self { lanes: BTreeMap::new(), next: 0, served: LaneId(0), room, ordered: BTreeMap::new() }
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
        self.lanes.insert(LaneId(self.next), Lane::new(start));
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

    /// Whether more of the lane may be read. A full one has room again once it is half empty.
    #[must_use]
    pub fn has_room(&self, id: LaneId) -> bool {
        self.lanes.get(&id).is_some_and(Lane::has_room)
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
        match self.lanes.get_mut(&id) {
            Some(lane) => lane.push(records, most),
            None => {
                records.clear();
                Ok(false)
            }
        }
    }

    /// Takes what is ready from lanes that are in no batch, in turn, until the limit is reached; the lanes of an ordered topic all
    /// together and without others. Empty when nothing is ready.
    pub fn take(&mut self, limit: Limit) -> Vec<Taken> {
        let half = self.lane_bytes() / 2;
        let (mut left, mut taken, mut tried) = (limit, Vec::new(), BTreeSet::new());
        for id in self.in_turn() {
            let lane = self.lanes.get_mut(&id).expect("the list was made of the lanes");
            if lane.is_ordered {
                let topic = lane.partition.topic.clone();
                let ordered = match taken.is_empty() && tried.insert(topic.clone()) {
                    true => self.take_ordered(&topic, limit, half),
                    false => Vec::new(),
                };
                if !ordered.is_empty() {
                    self.served = id;
                    return ordered;
                }
                continue;
            }
            if let Some(some) = lane.take(id, &mut left, taken.is_empty(), half) {
                self.served = id;
                taken.push(some);
            }
            if left.records == 0 || left.bytes == 0 {
                break;
            }
        }
        taken
    }

    /// Takes what is ready of an ordered topic, in the source's order.
    fn take_ordered(&mut self, topic: &str, mut left: Limit, half: usize) -> Vec<Taken> {
        let lanes: Vec<_> = self.of_topic(topic).collect();
        if !lanes.iter().all(|(_, lane)| lane.is_free()) {
            return Vec::new();
        }
        let reach = self.reach(topic);
        let mut counts = vec![0; lanes.len()];
        for (at, place, record) in merged(lanes.iter().map(|(_, lane)| lane.waiting())) {
            if record.goes_on() && counts[at] > 0 {
                continue;
            }
            let is_alone = counts.iter().all(|count| *count == 0);
            let spans = if place > reach { None } else { lanes[at].1.fits(counts[at], &mut left, is_alone) };
            let Some(spans) = spans else { break };
            counts[at] += spans;
        }
        let counts: Vec<_> =
            lanes.iter().map(|(id, _)| *id).zip(counts).filter(|(_, count)| *count > 0).collect();
        let mut give = |(id, count)| self.lanes.get_mut(&id).map(|lane| lane.give(id, count, half));
        counts.into_iter().filter_map(&mut give).collect()
    }

    fn of_topic(&self, topic: &str) -> impl Iterator<Item = (LaneId, &Lane)> {
        self.lanes
            .iter()
            .filter(move |(_, lane)| *lane.partition.topic == *topic)
            .map(|(id, lane)| (*id, lane))
    }

    /// Up to which place an ordered topic is complete.
    fn reach(&self, topic: &str) -> Place {
        let Some(probe) = self.ordered.get(topic) else { return Place::default() };
        self.of_topic(topic).map(|(_, lane)| lane.reach(probe)).min().unwrap_or_default()
    }

    /// The ordered topics of which records wait that might not be the next, and the highest place at hand of each: where their partitions
    /// end has to be asked, unless that was done.
    #[must_use]
    pub fn unsure(&self) -> Vec<(Arc<str>, Place)> {
        let unsure = |(topic, probe): (&Arc<str>, &Probe)| {
            let first = merged(self.of_topic(topic).map(|(_, lane)| lane.waiting())).next();
            let highest = self.of_topic(topic).map(|(_, lane)| lane.read_to()).max()?;
            let waits = first.is_some_and(|(_, place, _)| place > self.reach(topic));
            (waits && !probe.covers(highest)).then(|| (topic.clone(), highest))
        };
        self.ordered.iter().filter_map(unsure).collect()
    }

    /// Where an ordered topic's partitions end; to be asked after everything up to `Probe`'s place was at hand.
    pub fn probed(&mut self, topic: &str, probe: Probe) {
        if let Some(last) = self.ordered.get_mut(topic) {
            *last = probe;
        }
    }

    /// Whether records of ordered topics wait.
    #[must_use]
    pub fn waits_in_order(&self) -> bool {
        self.lanes.values().any(|lane| lane.is_ordered && lane.waiting().next().is_some())
    }

    fn in_turn(&self) -> Vec<LaneId> {
        let behind = self.lanes.keys().filter(|id| **id > self.served);
        behind.chain(self.lanes.keys().filter(|id| **id <= self.served)).copied().collect()
    }

    /// A batch has ended for one of its lanes.
    pub fn settle(&mut self, settled: Settled) {
        if let Some(lane) = self.lanes.get_mut(&settled.lane) {
            lane.settle(settled);
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
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.leave();
        }
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
