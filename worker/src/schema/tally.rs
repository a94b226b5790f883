//! What is counted at one path, and the sum of what many have counted. Pure.
//!
//! Guards: merging is commutative, associative, and for everything but the counts idempotent. Types are a union, the first time is the
//! least, the last the greatest; counts are added. So it does not matter in which order workers report, nor who reads.

use common::{cluster_time::ClusterTime, raw::Kind};

/// How often one type was seen at a path, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The type.
    pub kind: Kind,
    /// In documents (whole ones, or such that an update put in as a whole).
    pub count: u64,
    /// Put in by an update, by its own path.
    pub set: u64,
    /// Cluster time of the first.
    pub first: ClusterTime,
    /// Cluster time of the last.
    pub last: ClusterTime,
}

/// What is known of one path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The types that were seen.
    pub seen: Vec<Seen>,
    /// The first time that a document was seen without it.
    pub lacking: Option<ClusterTime>,
    /// The first time that an update removed it.
    pub removed: Option<ClusterTime>,
}

impl Tally {
    /// Nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty() && self.lacking.is_none() && self.removed.is_none()
    }

    /// One more value.
    pub(super) fn note(&mut self, kind: Kind, at: ClusterTime, is_set: bool) {
        let place = match self.seen.iter().position(|seen| seen.kind == kind) {
            Some(place) => place,
            None => {
                self.seen.push(Seen { kind, count: 0, set: 0, first: at, last: at });
                self.seen.len() - 1
            }
        };
        let seen = &mut self.seen[place];
        *(if is_set { &mut seen.set } else { &mut seen.count }) += 1;
        seen.first = seen.first.min(at);
        seen.last = seen.last.max(at);
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for theirs in &other.seen {
            match self.seen.iter_mut().find(|seen| seen.kind == theirs.kind) {
                Some(seen) => {
                    seen.count += theirs.count;
                    seen.set += theirs.set;
                    seen.first = seen.first.min(theirs.first);
                    seen.last = seen.last.max(theirs.last);
                }
                None => self.seen.push(theirs.clone()),
            }
        }
        self.lacking = earliest(self.lacking, other.lacking);
        self.removed = earliest(self.removed, other.removed);
    }

    /// How often it was seen in documents.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.seen.iter().map(|seen| seen.count).sum()
    }

    /// When it was first seen.
    #[must_use]
    pub fn first(&self) -> Option<ClusterTime> {
        self.seen.iter().map(|seen| seen.first).min()
    }

    /// When it was last seen.
    #[must_use]
    pub fn last(&self) -> Option<ClusterTime> {
        self.seen.iter().map(|seen| seen.last).max()
    }

    /// How many documents stand at this path.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.seen.iter().filter(|seen| seen.kind == Kind::Document).map(|seen| seen.count + seen.set).sum()
    }

    /// Since when it is known that a document may be without it.
    #[must_use]
    pub fn optional(&self) -> Option<ClusterTime> {
        earliest(self.lacking, self.removed)
    }
}

/// The lesser of two, of which either may be unknown.
pub(super) fn earliest(a: Option<ClusterTime>, b: Option<ClusterTime>) -> Option<ClusterTime> {
    [a, b].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tally() -> impl Strategy<Value = Tally> {
        let kind = prop::sample::select(vec![Kind::Int32, Kind::Int64, Kind::Null]);
        let value = (kind, 0..9_u64, any::<bool>());
        let time = || prop::option::of((0..9_u64).prop_map(ClusterTime));
        (prop::collection::vec(value, 0..6), time(), time()).prop_map(|(values, lacking, removed)| {
            let mut tally = Tally { lacking, removed, ..Tally::default() };
            values.into_iter().for_each(|(kind, at, is_set)| tally.note(kind, ClusterTime(at), is_set));
            tally
        })
    }

    fn merged(tallies: &[&Tally]) -> Tally {
        let mut sum = Tally::default();
        tallies.iter().for_each(|tally| sum.merge(tally));
        sum.seen.sort_by_key(|seen| seen.kind);
        sum
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_which_order_tallies_are_merged(a in tally(), b in tally(), c in tally()) {
            let wanted = merged(&[&a, &b, &c]);
            prop_assert_eq!(merged(&[&c, &b, &a]), wanted.clone());
            prop_assert_eq!(merged(&[&a, &merged(&[&b, &c])]), wanted);
        }
    }
}
