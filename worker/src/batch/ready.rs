//! A batch that was opened and shaped, and what a portion of it means for the partitions' documents, the marks and the misses.

use std::ops::Range;

use common::{cluster_time::ClusterTime, error::Result, headers::Sequence, namespace::Namespace};

use super::{
    open::{self, Events, Notes, Place},
    portion::Progress,
    select::{Marked, Selected, Verdict},
    shaped::Shaped,
};
use crate::{
    checkpoint::{Advance, Change, sequence_of},
    consume::intake::Taken,
    control::Control,
    decode,
    sink::Judge,
};

/// A batch that was opened and shaped.
pub(super) struct Ready<'r> {
    pub(super) taken: &'r [Taken],
    pub(super) notes: &'r Notes,
    pub(super) events: &'r Events<'r>,
    /// By the source's names: marks, repairs and what the control topic says go by them.
    pub(super) names: &'r [Namespace],
    /// By the target's names.
    pub(super) targets: &'r [Namespace],
    pub(super) shaped: &'r Shaped<'r>,
}

/// How a portion moves the documents of its lanes.
pub(super) fn advances(ready: &Ready<'_>, ranges: &[Range<usize>], progress: &Progress) -> Vec<Advance> {
    let mut advances = Vec::with_capacity(ranges.len());
    for (number, (range, lane)) in ranges.iter().zip(&progress.lanes).enumerate() {
        let Some(last) = range.end.checked_sub(1).filter(|_| !range.is_empty()) else { continue };
        let taken = &ready.taken[number];
        let is_whole = *range == (0..taken.records.len());
        let delivered = match is_whole {
            true => ready.notes.delivered[number].clone(),
            false => open::delivered(lane.known.delivered.clone(), &taken.records[range.clone()]),
        };
        advances.push(Advance {
            partition: taken.partition.clone(),
            from: lane.known.offset,
            to: taken.records[last].offset + 1,
            delivered,
            cluster_time: ready.latest(number, range),
            anchor: sequence_of(&taken.records[last]).map(str::to_owned),
        });
    }
    advances
}

pub(super) fn changes<'r>(ready: &Ready<'r>, marked: &'r [Marked<'r>]) -> Vec<Change<'r>> {
    let change = |marked: &'r Marked<'r>| Change {
        partition: &ready.taken[marked.lane].partition,
        ns: &ready.names[marked.namespace.0 as usize],
        id: marked.id,
        key: marked.key,
        mark: marked.mark.clone(),
    };
    marked.iter().map(change).collect()
}

/// What the target knows now.
pub(super) fn move_on(
    marked: &[Marked<'_>],
    ready: &Ready<'_>,
    advances: Vec<Advance>,
    progress: &mut Progress,
) {
    for marked in marked {
        let ns = &ready.names[marked.namespace.0 as usize];
        progress.lanes[marked.lane].known.marks.note(ns, marked.key, marked.mark.clone());
    }
    let mut advances = advances.into_iter().peekable();
    for (lane, taken) in progress.lanes.iter_mut().zip(ready.taken) {
        if let Some(advance) = advances.next_if(|advance| advance.partition == taken.partition) {
            (lane.known.offset, lane.known.delivered) = (advance.to, advance.delivered);
        }
    }
}

impl Ready<'_> {
    /// Has the documents asked for that only show what is left of their updates; updates without a sequence find nobody to be asked.
    pub(super) fn ask(&self, progress: &mut Progress) {
        for (place, reason) in self.shaped.asks() {
            let verdict = match self.sequence(place) {
                Some(sequence) => Verdict::Missing(sequence.into()),
                None => Verdict::Refuse(reason.clone()),
            };
            progress.verdicts.insert(place, verdict);
        }
    }

    pub(super) fn sequence(&self, place: Place) -> Option<Sequence<'_>> {
        decode::headers(&self.taken[place.lane].records[place.record]).ok()?.sequence
    }

    /// Cluster time of the last event of a lane's records.
    fn latest(&self, lane: usize, range: &Range<usize>) -> Option<ClusterTime> {
        let place = |event: &open::Event<'_>| (event.place.lane, event.place.record);
        let end = self.events.events.partition_point(|event| place(event) < (lane, range.end));
        let mut events = self.events.events[..end].iter().rev();
        let here =
            events.by_ref().take_while(|event| event.place.lane == lane && event.place.record >= range.start);
        here.filter_map(|event| event.change.cluster_time).next()
    }
}

/// Which documents should be there, by what the control topic says.
pub(super) struct Expects<'e> {
    pub(super) control: &'e Control,
    pub(super) ready: &'e Ready<'e>,
    pub(super) selected: &'e Selected<'e>,
}

impl Expects<'_> {
    /// Whether a filter may keep the record's document away from the target.
    fn may_be_away(&self, record: usize) -> bool {
        self.ready.shaped.kept.contains(&self.selected.places[record])
    }

    fn is_copied(&self, record: usize) -> bool {
        let Some(sequence) = self.ready.sequence(self.selected.places[record]) else { return false };
        let namespace = self.selected.records[record].namespace;
        self.control.is_copied(&sequence, &self.ready.names[namespace.0 as usize])
    }

    fn has_sequence(&self, record: usize) -> bool {
        self.ready.sequence(self.selected.places[record]).is_some()
    }
}

impl Judge for Expects<'_> {
    async fn should_be_there(&self, records: &[usize], is_other: bool) -> Result<Vec<usize>> {
        let carried = records.iter().copied().filter(|record| is_other || !self.may_be_away(*record));
        let is_open = |record: usize| self.has_sequence(record) && !self.is_copied(record);
        if self.control.is_followed() && carried.clone().any(is_open) {
            self.control.catch_up().await?;
        }
        Ok(carried.filter(|record| self.is_copied(*record)).collect())
    }
}
