//! Lanes that are taken together, in the source's order.

use std::{collections::BTreeMap, sync::Arc};

use super::{Intake, Lane, LaneId, Limit, Taken};
use crate::consume::order::{Place, Probe, merged};

/// How much more a batch takes at one time where what it took was too little.
const MORE: usize = 8;

/// What is known of each ordered topic.
pub(super) type Ordered = BTreeMap<Arc<str>, Known>;

/// What is known of an ordered topic.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What was last asked.
    probe: Probe,
    /// So many records could not be carried out without more.
    too_few: Option<usize>,
    /// Grows whenever older answers no longer count.
    round: u64,
}

/// Asks where the partitions of an ordered topic end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The topic.
    pub topic: Arc<str>,
    /// Everything up to this place was at hand before it was asked.
    pub upto: Place,
    round: u64,
}

impl Intake {
    /// Takes what is ready of an ordered topic, in the source's order; where that was too little, only when there is more, or nothing more
    /// can be had.
    pub(super) fn take_ordered(&mut self, topic: &str, limit: Limit, half: usize) -> Vec<Taken> {
        let lanes: Vec<_> = self.of_topic(topic).collect();
        let Some(known) = self.ordered.get(topic).filter(|_| lanes.iter().all(|(_, lane)| lane.is_free()))
        else {
            return Vec::new();
        };
        let more = if known.too_few.is_some() { MORE } else { 1 };
        let limit =
            Limit { records: limit.records.saturating_mul(more), bytes: limit.bytes.saturating_mul(more) };
        let (counts, is_cut) = self.ready(topic, &lanes, limit);
        let total: usize = counts.iter().sum();
        let waiting: usize = lanes.iter().map(|(_, lane)| lane.waiting().count()).sum();
        let is_complete = total == waiting && lanes.iter().all(|(_, lane)| lane.is_at_end(&known.probe));
        let is_full = lanes.iter().any(|(_, lane)| !lane.has_room());
        let is_all = is_complete || (known.too_few.is_some() && (is_cut || is_full));
        if !is_all && known.too_few.is_some_and(|too_few| total <= too_few) {
            return Vec::new();
        }
        let counts: Vec<_> =
            lanes.iter().map(|(id, _)| *id).zip(counts).filter(|(_, count)| *count > 0).collect();
        let mut give = |(id, count)| self.change(id, |lane| lane.give(id, count, half, is_all));
        counts.into_iter().filter_map(&mut give).collect()
    }

    /// How many records of each lane are the next, and whether the limit has cut them off.
    fn ready(&self, topic: &str, lanes: &[(LaneId, &Lane)], mut left: Limit) -> (Vec<usize>, bool) {
        let reach = self.reach(topic);
        let mut counts = vec![0; lanes.len()];
        for (at, place, record) in merged(lanes.iter().map(|(_, lane)| lane.waiting())) {
            if record.goes_on() && counts[at] > 0 {
                continue;
            }
            if place > reach {
                break;
            }
            // Whatever its size where nothing else is under way.
            let is_alone = self.flying == 0 && counts.iter().all(|count| *count == 0);
            let Some(spans) = lanes[at].1.fits(counts[at], &mut left, is_alone) else {
                return (counts, true);
            };
            counts[at] += spans;
        }
        (counts, false)
    }

    /// What a batch took of the topic was too little, or was enough.
    pub(super) fn was_too_little(&mut self, topic: &str, too_few: Option<usize>) {
        if let Some(known) = self.ordered.get_mut(topic).filter(|known| known.too_few != too_few) {
            // What is there has to be asked anew.
            *known = Known { too_few, round: known.round + 1, probe: Probe::default() };
        }
    }

    pub(super) fn of_topic(&self, topic: &str) -> impl Iterator<Item = (LaneId, &Lane)> {
        self.lanes
            .iter()
            .filter(move |(_, lane)| *lane.partition.topic == *topic)
            .map(|(id, lane)| (*id, lane))
    }

    /// Up to which place an ordered topic is complete.
    fn reach(&self, topic: &str) -> Place {
        let Some(Known { probe, .. }) = self.ordered.get(topic) else { return Place::default() };
        self.of_topic(topic).map(|(_, lane)| lane.reach(probe)).min().unwrap_or_default()
    }

    /// The ordered topics of which records wait that might not be the next: where their partitions end has to be asked, unless that was done.
    #[must_use]
    pub fn unsure(&self) -> Vec<Question> {
        let unsure = |(topic, Known { probe, too_few, round }): (&Arc<str>, &Known)| {
            let first = merged(self.of_topic(topic).map(|(_, lane)| lane.waiting())).next();
            let upto = self.of_topic(topic).map(|(_, lane)| lane.read_to()).max()?;
            let waits = first.is_some_and(|(_, place, _)| too_few.is_some() || place > self.reach(topic));
            (waits && !probe.covers(upto)).then(|| Question { topic: topic.clone(), upto, round: *round })
        };
        self.ordered.iter().filter_map(unsure).collect()
    }

    /// Where an ordered topic's partitions end. An answer that something has overtaken since it was asked for does not count.
    pub fn probed(&mut self, question: &Question, ends: BTreeMap<i32, i64>) {
        if let Some(known) =
            self.ordered.get_mut(&question.topic).filter(|known| known.round == question.round)
        {
            known.probe = Probe::new(question.upto, ends);
        }
    }

    /// Whether records of ordered topics wait.
    #[must_use]
    pub fn waits_in_order(&self) -> bool {
        self.lanes.values().any(|lane| lane.is_ordered && lane.waiting().next().is_some())
    }
}
