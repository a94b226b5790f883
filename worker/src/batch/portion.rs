//! How much of a batch is carried out at one time. Pure.
//!
//! Normally all of it. Where the target refuses something its transaction is gone, so a refused record costs all that was sent with it;
//! then half is tried next, and twice as much after each success: a thousand refused records cost a few thousand, not a thousand
//! times a thousand.

use std::{collections::BTreeMap, ops::Range};

use common::error::Error;

use super::{Stands, open::Place, order::Order, select::Verdict};
use crate::{
    checkpoint::Known,
    consume::intake::Taken,
    dead_letter::Reason,
    plan::{Late, NamespaceId},
};

/// One lane of a batch, on its way.
#[derive(Debug)]
pub(super) struct Lane {
    /// The first record that is not dealt with.
    pub(super) from: usize,
    /// Where the lane ends for this batch.
    pub(super) end: usize,
    /// What the target knows of the partition up to `from`.
    pub(super) known: Known,
}

/// A batch on its way, and what was found out about it.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) lanes: Vec<Lane>,
    pub(super) verdicts: BTreeMap<Place, Verdict>,
    /// Whether several records of one document may become one write.
    pub(super) folds: bool,
    /// The order over all lanes, where there is one.
    pub(super) order: Option<Order>,
    /// Documents that are written last, for in between another one has a value of theirs.
    pub(super) late: Late,
    /// Why the worker has to stop where the lanes are cut.
    pub(super) stop: Option<Error>,
    /// Whether what comes behind the cut needs more records.
    pub(super) wants_more: bool,
    /// Records tried at one time.
    size: usize,
}

impl Progress {
    /// A batch that begins where each lane's document stands and ends at these records.
    pub(super) fn new(taken: &[Taken], ends: &[usize]) -> Self {
        let lane = |(taken, end): (&Taken, &usize)| {
            let mut lane = Lane { from: 0, end: *end, known: taken.known.clone() };
            lane.catch_up(taken);
            lane
        };
        let lanes = taken.iter().zip(ends).map(lane).collect();
        let (verdicts, late, order) = (BTreeMap::new(), Late::new(), Order::of(taken));
        Self { lanes, verdicts, folds: true, order, late, stop: None, wants_more: false, size: usize::MAX }
    }

    /// What is tried next: a range of each lane's records. Values in parts stay whole.
    pub(super) fn next(&self, taken: &[Taken]) -> Vec<Range<usize>> {
        if let Some(order) = &self.order {
            return self.next_in(order, taken);
        }
        let mut left = self.size;
        let ranges = self.lanes.iter().zip(taken).map(|(lane, taken)| {
            let mut to = lane.end.min(lane.from.saturating_add(left));
            while to > lane.from && to < lane.end && taken.records[to].goes_on() {
                to += 1;
            }
            left = left.saturating_sub(to - lane.from);
            lane.from..to
        });
        ranges.collect()
    }

    /// The next records in the source's order; a lane that is cut cuts all of them.
    fn next_in(&self, order: &Order, taken: &[Taken]) -> Vec<Range<usize>> {
        let (mut left, mut ranges) =
            (self.size, self.lanes.iter().map(|lane| lane.from..lane.from).collect::<Vec<_>>());
        for place in order.places() {
            let lane = &self.lanes[place.lane];
            if place.record < lane.from {
                continue;
            }
            let goes_on = taken[place.lane].records[place.record].goes_on() && !ranges[place.lane].is_empty();
            if place.record >= lane.end || (left == 0 && !goes_on) {
                break;
            }
            ranges[place.lane].end = place.record + 1;
            left = left.saturating_sub(1);
        }
        ranges
    }

    /// These records are dealt with.
    pub(super) fn done(&mut self, ranges: &[Range<usize>]) {
        for (lane, range) in self.lanes.iter_mut().zip(ranges) {
            lane.from = range.end;
        }
        (self.size, self.folds) = (self.size.saturating_mul(2), true);
        self.late.clear();
    }

    /// Fewer records are tried next.
    pub(super) fn shrink(&mut self, ranges: &[Range<usize>]) {
        self.size = (records(ranges) / 2).max(1);
    }

    pub(super) fn refuse(&mut self, place: Place, reason: Reason) {
        self.verdicts.insert(place, Verdict::Refuse(reason));
    }

    /// The document is written last, of as many records as there are; `false` when that was so already.
    pub(super) fn write_late(&mut self, document: (NamespaceId, Vec<u8>)) -> bool {
        self.size = usize::MAX;
        self.late.insert(document)
    }

    /// Only what comes before this record in the source's order is carried out; then the worker stops, or, without an error, comes again
    /// with more records.
    pub(super) fn cut(&mut self, place: Place, error: Option<Error>) {
        self.late.clear();
        (self.wants_more, self.stop) = (error.is_none(), error);
        let Some(order) = &self.order else { return };
        let rank = order.rank(place);
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            let before = |record: &usize| order.rank(Place { lane: number, record: *record }) < rank;
            lane.end = lane.from + (lane.from..lane.end).take_while(before).count();
        }
    }

    /// How the lanes stand in the end.
    pub(super) fn stands(self) -> Vec<Stands> {
        let stands = self.lanes.into_iter().map(|lane| Stands {
            end: lane.from,
            head: Some(lane.known.offset),
            known: lane.known,
        });
        stands.collect()
    }
}

impl Lane {
    /// Passes over what the partition's document has passed.
    pub(super) fn catch_up(&mut self, taken: &Taken) {
        let is_done = |record: &&crate::consume::record::Record| record.offset < self.known.offset;
        self.from = taken.records.iter().take_while(is_done).count().max(self.from);
        self.end = self.end.max(self.from);
    }
}

/// How many records these are.
pub(super) fn records(ranges: &[Range<usize>]) -> usize {
    ranges.iter().map(Range::len).sum()
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::consume::{
        intake::{LaneId, Partition},
        record::Record,
    };

    fn taken(offset: i64, parts: &[&str]) -> Taken {
        let record = |(offset, part): (i64, &&str)| {
            let header = (!part.is_empty()).then_some(("part", Some(part.as_bytes())));
            Record::new(offset, None, None, None, header.into_iter())
        };
        Taken {
            lane: LaneId::default(),
            partition: Partition { topic: "t".into(), number: 0 },
            records: (10..).zip(parts).map(record).collect(),
            known: Known { offset, ..Known::default() },
            is_ordered: false,
            is_all: false,
            gone: CancellationToken::new(),
        }
    }

    #[test]
    fn half_after_a_refusal_twice_after_a_success_and_parts_stay_together() {
        let taken = [taken(10, &["", "", "1/3", "2/3", "3/3", ""]), taken(10, &["", ""])];
        let mut progress = Progress::new(&taken, &[6, 2]);
        assert_eq!(progress.next(&taken), [0..6, 0..2]);
        progress.shrink(&[0..6, 0..2]);
        assert_eq!(progress.next(&taken), [0..5, 0..0]);
        progress.shrink(&[0..4, 0..0]);
        assert_eq!(progress.next(&taken), [0..2, 0..0]);
        progress.done(&[0..2, 0..0]);
        assert_eq!(progress.next(&taken), [2..6, 0..0]);
        progress.done(&[2..6, 0..0]);
        assert_eq!(progress.next(&taken), [6..6, 0..2]);
        progress.done(&[6..6, 0..2]);
        assert_eq!(records(&progress.next(&taken)), 0);
    }

    #[test]
    fn what_the_document_has_passed_is_not_done_again() {
        let taken = [taken(12, &["", "", "", ""]), taken(99, &[""])];
        let progress = Progress::new(&taken, &[4, 1]);
        assert_eq!(progress.next(&taken), [2..4, 1..1]);
        assert_eq!(progress.stands()[1].head, Some(99));
    }
}
