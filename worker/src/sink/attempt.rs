//! What an attempt writes, who is asked about misses, and what it may teach.

use common::error::Result;

use super::Run;
use crate::{
    checkpoint::{Advance, Change},
    dead_letter::Reason,
    plan::{NamespaceId, Plan},
};

/// What a transaction that could not be carried out has taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// A partition's document does not stand where it has to.
    Lost,
    /// A document that was to be inserted exists, in this namespace.
    Exists(NamespaceId),
    /// A statement that stands for several records is refused: each is to be tried alone.
    Unfold,
    /// One of several statements is refused, nobody says which: fewer are to be tried.
    Fewer,
    /// A record is refused.
    Refused(usize, Reason),
    /// These records need a document that is not there as it should be.
    Missing(Vec<usize>),
    /// The namespace's collection has a unique index or is capped, and the attempt keeps no order between documents.
    Unique(NamespaceId),
    /// A record's value is held by another document, in a unique index, although the attempt keeps the order.
    Blocked(usize),
}

/// What an attempt writes.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'r, 'a> {
    /// The records and their namespaces.
    pub run: Run<'r, 'a>,
    /// Their plan.
    pub plan: &'r Plan<'a>,
    /// Whether the plan keeps the source's order between documents.
    pub is_ordered: bool,
    /// How the partitions' documents move.
    pub advances: &'r [Advance],
    /// How the marks change.
    pub marks: &'r [Change<'r>],
}

/// Says which of the records that found no document, or another one, should have found theirs.
pub trait Judge: Sync {
    /// Of these records; `is_other` where they found another one, which nobody has kept away.
    fn should_be_there(
        &self,
        records: &[usize],
        is_other: bool,
    ) -> impl Future<Output = Result<Vec<usize>>> + Send;
}
