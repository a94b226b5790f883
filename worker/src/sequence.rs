//! What a partition has already delivered, by slice.
//!
//! Guards law 4: within one partition and slice, (epoch, sequence number) only rises. Kafka's transaction protocol has had
//! published flaws, so it is checked: a record that is not above the last one is a duplicate and is not applied again.
//! In exactly-once mode the partition's document keeps the places, and a new assignment goes on with them. In plain mode the check starts
//! anew with every assignment; what a restart replays is then not a duplicate but a redelivery.

use common::headers::Sequence;

/// The highest place delivered, of each slice that writes to a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Few slices write to one topic: a list is searched faster than a map.
    slices: Vec<(String, (u32, u64))>,
}

impl Delivered {
    /// Takes note of a record; `false` when it is a duplicate.
    pub fn admit(&mut self, sequence: &Sequence<'_>) -> bool {
        let place = (sequence.epoch, sequence.number);
        match self.slices.iter_mut().find(|(slice, _)| slice == sequence.slice) {
            Some((_, last)) if place <= *last => return false,
            Some((_, last)) => *last = place,
            None => self.slices.push((sequence.slice.to_owned(), place)),
        }
        true
    }

    /// The highest place of each slice.
    pub fn iter(&self) -> impl Iterator<Item = Sequence<'_>> {
        self.slices.iter().map(|(slice, (epoch, number))| Sequence { slice, epoch: *epoch, number: *number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_not_above_the_last_of_its_slice_is_a_duplicate() {
        let mut delivered = Delivered::default();
        let mut admit = |slice, epoch, number| delivered.admit(&Sequence { slice, epoch, number });
        assert!(admit("a", 1, 5));
        assert!(!admit("a", 1, 5));
        assert!(!admit("a", 1, 4));
        assert!(admit("b", 1, 4), "slices count apart");
        assert!(admit("a", 1, 9), "a partition sees only some of a slice's numbers");
        assert!(admit("a", 2, 1), "a new epoch counts from 1 again");
        assert!(!admit("a", 1, 10), "an old epoch does not come back");
    }
}
