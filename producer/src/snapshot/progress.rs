//! How far the snapshot has come, over all collections (pure).

use common::position::{CollectionCopy, SnapshotState};

/// The copies of a snapshot, in the order in which they are taken up.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    copies: Vec<CollectionCopy>,
}

impl Progress {
    /// From the records of the position.
    #[must_use]
    pub const fn new(copies: Vec<CollectionCopy>) -> Self {
        Self { copies }
    }

    /// The first `most` collections that are not done, by index.
    #[must_use]
    pub fn next(&self, most: usize) -> Vec<usize> {
        let open = self.copies.iter().enumerate().filter(|(_, copy)| !copy.done);
        open.map(|(index, _)| index).take(most).collect()
    }

    /// One collection's copy.
    #[must_use]
    pub fn copy(&self, index: usize) -> &CollectionCopy {
        &self.copies[index]
    }

    /// One collection's copy, to advance it.
    pub fn copy_mut(&mut self, index: usize) -> &mut CollectionCopy {
        &mut self.copies[index]
    }

    /// Takes a collection up, anew where it was copied before.
    pub fn add(&mut self, copy: CollectionCopy) {
        match self.copies.iter_mut().find(|known| known.uuid == copy.uuid) {
            Some(known) => *known = copy,
            None => self.copies.push(copy),
        }
    }

    /// Every copy.
    #[must_use]
    pub fn copies(&self) -> &[CollectionCopy] {
        &self.copies
    }

    /// What the position says of the snapshot as a whole.
    #[must_use]
    pub fn state(&self) -> SnapshotState {
        if self.copies.iter().all(|copy| copy.done) { SnapshotState::Ended } else { SnapshotState::Copying }
    }

    /// Documents published so far, over all collections.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.copies.iter().map(|copy| copy.documents).sum()
    }
}

#[cfg(test)]
mod tests {
    use common::namespace::Namespace;

    use super::*;

    fn copy(coll: &str, done: bool) -> CollectionCopy {
        CollectionCopy {
            ns: Namespace::new("db", coll),
            uuid: String::new(),
            after: None,
            documents: 5,
            done,
        }
    }

    #[test]
    fn finished_collections_are_never_taken_up_again() {
        let mut progress = Progress::new(vec![copy("a", true), copy("b", false), copy("c", false)]);
        assert_eq!(progress.next(8), [1, 2]);
        assert_eq!(progress.next(1), [1]);
        assert_eq!(progress.state(), SnapshotState::Copying);
        progress.copy_mut(1).done = true;
        progress.copy_mut(2).done = true;
        assert!(progress.next(8).is_empty());
        assert_eq!((progress.state(), progress.documents()), (SnapshotState::Ended, 15));
    }

    #[test]
    fn nothing_to_copy_is_a_finished_snapshot() {
        assert_eq!(Progress::default().state(), SnapshotState::Ended);
    }
}
