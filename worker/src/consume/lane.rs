//! One assigned partition: what of it is buffered, in flight, durable, committed.

use std::collections::VecDeque;

use tokio_util::sync::CancellationToken;

use super::{
    order::{self, Place, Probe},
    record::Record,
    taken::{AtBarrier, LaneId, Limit, Partition, Settled, Standing, Start, Taken, Unfit},
};
use crate::checkpoint::{Anchor, Known};

/// A lane's state.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) partition: Partition,
    queue: VecDeque<Record>,
    /// Bytes that wait.
    pub(super) bytes: usize,
    /// Bytes in the batch that holds this lane.
    pub(super) flying: usize,
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
    /// Whether it stops at barriers; else they are given out like anything else.
    holds_barriers: bool,
    /// In an ordered topic: the place of the last record that was read, and the offset that the client has passed, markers included.
    read_to: Place,
    position: i64,
    pub(super) gone: CancellationToken,
}

impl Lane {
    pub(super) fn new(start: Start, holds_barriers: bool) -> Self {
        let head = start.anchor.as_ref().map_or(start.at, |anchor| anchor.offset + 1);
        Self {
            partition: start.partition,
            queue: VecDeque::new(),
            bytes: 0,
            flying: 0,
            is_full: false,
            in_flight: None,
            is_leaving: false,
            read: start.at,
            head,
            committed: start.committed,
            anchor: start.anchor,
            known: start.known,
            is_ordered: start.is_ordered,
            holds_barriers,
            read_to: Place::default(),
            position: start.at,
            gone: CancellationToken::new(),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        (!self.is_full || self.wants_more()) && !self.is_leaving && !self.is_barrier(0)
    }

    /// Whether the record at this place of the queue is where the lane stops.
    fn is_barrier(&self, place: usize) -> bool {
        self.holds_barriers && self.queue.get(place).is_some_and(|record| record.is_barrier)
    }

    /// Whether everything before a barrier is done, and the barrier is next.
    pub(super) fn is_at_barrier(&self) -> bool {
        self.is_free() && self.is_barrier(0)
    }

    /// The barrier that is next, and what is known before it.
    pub(super) fn at_barrier(&self) -> Option<AtBarrier> {
        let record = self.queue.front().filter(|_| self.is_at_barrier())?.clone();
        let (partition, known) = (self.partition.clone(), self.known.clone());
        Some(AtBarrier { partition, record, known })
    }

    /// The barrier is behind it.
    pub(super) fn pass_barrier(&mut self, known: Known) {
        if !self.is_at_barrier() {
            return;
        }
        if let Some(record) = self.queue.pop_front() {
            self.bytes -= record.size();
        }
        self.is_full = false;
        self.head = self.head.max(known.offset);
        self.known = known;
    }

    /// Whether it holds nothing, so that it may be what others wait for at a barrier.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_none()
    }

    /// Whether the first value's parts have not all come: however large it is, only more of it helps.
    pub(super) fn wants_more(&self) -> bool {
        !self.is_leaving && self.queue.front().is_some_and(|first| first.spans() > self.queue.len())
    }

    /// Whether it holds nothing that others of an ordered topic may wait for.
    pub(super) fn is_awaited(&self) -> bool {
        self.is_ordered && self.is_empty()
    }

    /// Bytes of the first value, where it could be taken.
    pub(super) fn first(&self) -> Option<usize> {
        let spans = self.queue.front()?.spans();
        (self.is_free() && !self.is_barrier(0) && spans <= self.queue.len())
            .then(|| self.queue.iter().take(spans).map(Record::size).sum())
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

    /// Takes what fits, at least one record where `is_first` says that nothing was taken before it and nothing is under way; room
    /// again at `half`.
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
        (count > 0).then(|| self.give(id, count, half, false))
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
        if self.is_barrier(from) {
            return None;
        }
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
    pub(super) fn give(&mut self, id: LaneId, count: usize, half: usize, is_all: bool) -> Taken {
        let records: Vec<_> = self.queue.drain(..count).collect();
        self.flying = records.iter().map(Record::size).sum();
        self.bytes -= self.flying;
        self.in_flight = Some(count);
        self.is_full = self.is_full && self.bytes > half;
        let (partition, gone, is_ordered) = (self.partition.clone(), self.gone.clone(), self.is_ordered);
        Taken {
            lane: id,
            partition,
            records,
            known: std::mem::take(&mut self.known),
            is_ordered,
            is_all,
            gone,
        }
    }

    /// The records that wait, in order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Record> {
        self.queue.iter()
    }

    /// Up to which place nothing is missing of what was read.
    pub(super) fn reach(&self, probe: &Probe) -> Place {
        probe.reach(self.partition.number, self.position, self.read_to)
    }

    /// Whether everything was read that was there when the ends were asked for.
    pub(super) fn is_at_end(&self, probe: &Probe) -> bool {
        probe.is_end(self.partition.number, self.position)
    }

    /// The place of the last record that was read.
    pub(super) const fn read_to(&self) -> Place {
        self.read_to
    }

    pub(super) fn settle(&mut self, settled: Settled) {
        (self.in_flight, self.flying) = (None, 0);
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
