//! The source's order over the partitions of one topic. Pure.
//!
//! Sequence numbers rise within each partition, and over all of them they say what came before what. To go in their order one has to know
//! that nothing earlier is still to come from a partition of which nothing is at hand:
//!
//! ```text
//!   p0  ▮3 ▮7 ▮8             reach 8          probe: at 9 being the highest number at hand, p2's log ends at offset 40,
//!   p1  ▮4 ▮9                reach 9                 and p2 is read to 40  ⇒  whatever comes there comes after 9
//!   p2                       reach 9 by the probe
//!                            ──────────────────  taken: 3 4 7 8      (9 waits until p0 is known to hold nothing below)
//! ```
//!
//! The ends that a probe brings are those of uncommitted records, too: what belongs to a Kafka transaction that is visible in one partition is
//! in the log of every other one, even where it cannot be read yet. So once a partition is read to such an end, no record comes out of it
//! that is before any that was at hand when the probe was sent.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    iter::Peekable,
};

use common::headers::Sequence;

use super::record::Record;
use crate::checkpoint::sequence_of;

/// A record's place in its source's history: epoch and sequence number.
pub type Place = (u32, u64);

/// The place that a record states.
pub fn place(record: &Record) -> Option<Place> {
    let sequence = Sequence::parse(sequence_of(record)?)?;
    Some((sequence.epoch, sequence.number))
}

/// What is known of an ordered topic's partitions from outside of them.
#[derive(Debug, Default)]
pub struct Probe {
    /// The highest place that was at hand when the ends were asked for.
    upto: Place,
    /// The offset behind the last record of each partition, committed or not.
    ends: BTreeMap<i32, i64>,
}

impl Probe {
    /// What came of asking after everything up to `upto` was at hand.
    #[must_use]
    pub const fn new(upto: Place, ends: BTreeMap<i32, i64>) -> Self {
        Self { upto, ends }
    }

    /// Whether it was asked after everything up to this place was at hand.
    #[must_use]
    pub fn covers(&self, place: Place) -> bool {
        self.upto >= place
    }

    /// Up to which place a partition is complete that was read to `offset`, its last record's place being `read`.
    #[must_use]
    pub fn reach(&self, number: i32, offset: i64, read: Place) -> Place {
        if self.is_end(number, offset) { read.max(self.upto) } else { read }
    }

    /// Whether a partition was read to its end that was read to `offset`.
    #[must_use]
    pub fn is_end(&self, number: i32, offset: i64) -> bool {
        self.ends.get(&number).is_some_and(|end| offset >= *end)
    }
}

/// The records of several lanes in the source's order, each with its lane's number here and its place. Within a lane nothing moves: a
/// record without a sequence comes right behind the one before it.
pub fn merged<'r, I>(lanes: impl IntoIterator<Item = I>) -> Merged<I>
where
    I: Iterator<Item = &'r Record>,
{
    let lanes: Vec<_> = lanes.into_iter().map(Iterator::peekable).collect();
    let mut merged = Merged { next: BinaryHeap::with_capacity(lanes.len()), lanes };
    (0..merged.lanes.len()).for_each(|lane| merged.look(lane, Place::default()));
    merged
}

/// See [`merged`].
pub struct Merged<I: Iterator> {
    lanes: Vec<Peekable<I>>,
    next: BinaryHeap<Reverse<(Place, usize)>>,
}

impl<'r, I: Iterator<Item = &'r Record>> Merged<I> {
    fn look(&mut self, lane: usize, before: Place) {
        if let Some(record) = self.lanes[lane].peek() {
            self.next.push(Reverse((place(record).unwrap_or(before).max(before), lane)));
        }
    }
}

impl<'r, I: Iterator<Item = &'r Record>> Iterator for Merged<I> {
    type Item = (usize, Place, &'r Record);

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((place, lane)) = self.next.pop()?;
        let record = self.lanes[lane].next()?;
        self.look(lane, place);
        Some((lane, place, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Record {
        let header = (!text.is_empty()).then_some(("seq", Some(text.as_bytes())));
        Record::new(0, None, None, None, header.into_iter())
    }

    #[test]
    fn lanes_are_merged_by_sequence_and_keep_their_own_order() {
        let lanes = [
            ["rs0/0/3", "", "rs0/0/9", "rs0/1/1"].map(record),
            ["rs0/0/1", "rs0/0/4", "rs0/0/8", "rs0/0/10"].map(record),
        ];
        let order: Vec<_> =
            merged(lanes.iter().map(|lane| lane.iter())).map(|(l, place, _)| (l, place)).collect();
        let wanted = [
            (1, (0, 1)),
            (0, (0, 3)),
            (0, (0, 3)),
            (1, (0, 4)),
            (1, (0, 8)),
            (0, (0, 9)),
            (1, (0, 10)),
            (0, (1, 1)),
        ];
        assert_eq!(order, wanted);
    }

    #[test]
    fn partition_at_its_end_reaches_as_far_as_the_probe() {
        let probe = Probe::new((0, 9), BTreeMap::from([(0, 12), (2, 40)]));
        assert_eq!(probe.reach(0, 11, (0, 8)), (0, 8), "there is more to read");
        assert_eq!(probe.reach(2, 40, (0, 0)), (0, 9));
        assert_eq!(probe.reach(2, 44, (0, 30)), (0, 30));
        assert_eq!(probe.reach(7, 44, (0, 3)), (0, 3), "a partition that was not asked about");
    }
}
