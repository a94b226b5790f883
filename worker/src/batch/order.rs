//! The order over the lanes of a batch that is applied in the source's order. Pure.

use super::open::Place;
use crate::consume::{intake::Taken, order::merged};

/// The records of a batch in the source's order.
#[derive(Debug)]
pub(super) struct Order {
    places: Vec<Place>,
    /// The number of each lane's records in that order.
    ranks: Vec<Vec<usize>>,
}

impl Order {
    /// The order of what was taken together; `None` where lanes have none among each other.
    pub(super) fn of(taken: &[Taken]) -> Option<Self> {
        if !taken.first()?.is_ordered {
            return None;
        }
        let mut places = Vec::with_capacity(taken.iter().map(|taken| taken.records.len()).sum());
        let mut ranks: Vec<Vec<usize>> = taken.iter().map(|_| Vec::new()).collect();
        for (rank, (lane, _, _)) in merged(taken.iter().map(|taken| taken.records.iter())).enumerate() {
            places.push(Place { lane, record: ranks[lane].len() });
            ranks[lane].push(rank);
        }
        Some(Self { places, ranks })
    }

    /// All records.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Which one of all a record is.
    pub(super) fn rank(&self, place: Place) -> usize {
        self.ranks[place.lane][place.record]
    }
}
