//! Lanes that are taken together, in the source's order.

use std::{collections::BTreeMap, sync::Arc};

use super::{Intake, Lane, LaneId, Limit, Taken};
use crate::consume::order::{Place, Probe, merged};

/// What was last asked about each ordered topic.
pub(super) type Ordered = BTreeMap<Arc<str>, Probe>;

impl Intake {
    /// Takes what is ready of an ordered topic, in the source's order.
    pub(super) fn take_ordered(&mut self, topic: &str, mut left: Limit, half: usize) -> Vec<Taken> {
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
            // Whatever its size where nothing else is under way.
            let is_alone = self.flying == 0 && counts.iter().all(|count| *count == 0);
            let spans = if place > reach { None } else { lanes[at].1.fits(counts[at], &mut left, is_alone) };
            let Some(spans) = spans else { break };
            counts[at] += spans;
        }
        let counts: Vec<_> =
            lanes.iter().map(|(id, _)| *id).zip(counts).filter(|(_, count)| *count > 0).collect();
        let mut give = |(id, count)| self.change(id, |lane| lane.give(id, count, half));
        counts.into_iter().filter_map(&mut give).collect()
    }

    pub(super) fn of_topic(&self, topic: &str) -> impl Iterator<Item = (LaneId, &Lane)> {
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
}
