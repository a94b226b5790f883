//! Planning: from the shaped records of a batch to the fewest statements that do the same.
//!
//! Owns the order in which things are written, and folding. It must not do input or output, and must not drop a record:
//! every record stands behind exactly one statement ([`Plan::records`]), or is untouched, or refused.
//! Guards the law: *carrying out the plan leaves the target as carrying out the records one by one would*, byte for byte.
//!
//! ```text
//!   records      key    folded                     steps        1                 2
//!   0 insert      A     A: insert of 0+3           delete       B ⟨1⟩
//!   1 delete      B     B: delete ⟨1⟩, delta ⟨5⟩    update       C ⟨2⟩             B ⟨5⟩, C ⟨4⟩
//!   2 delta       C     C: delta ⟨2⟩, delta ⟨4⟩     insert       A ⟨0, 3⟩
//!   3 delta       A
//!   4 delta       C     (a delta after a delete finds nothing: it must go out, so that the miss is seen)
//!   5 delta       B
//! ```
//!
//! Within a step every statement is about another document, so its groups may go out unordered, over several
//! connections, in commands of any size; the next step begins when the step before is durable. Groups stand in the order delete,
//! update, replacement, insert, which frees a unique value before it is taken again within a batch. Where the target's collection has a
//! unique secondary index that is not enough: [`in_order`] plans such a batch record by record; [`by_insertion`] one of a capped collection.

pub mod code;
mod command;
pub mod delta;
mod fold;
mod in_order;
mod insertions;
mod reply;
mod rewrite;
mod steps;

#[cfg(test)]
mod law;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use command::{Command, Commands, Limits, MAX_BODY_BYTES, Way, commands};
pub use fold::DOCUMENT_FROM;
pub use in_order::{Late, in_order};
pub use insertions::by_insertion;
pub use reply::{Failure, Fault, Reply, Sort};
pub use rewrite::{Repair, Rewritten, rewrite};
pub use steps::plan;

use std::{borrow::Cow, ops::Range};

use common::{
    event::UpdateDescription,
    raw::{self, Document, Element},
};

use shape::path::SetOrder;

/// A namespace by the number that the caller gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespaceId(pub u32);

/// One shaped record of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Where its document lives.
    pub namespace: NamespaceId,
    /// Which document: the normal form of `_id`, equal for all values that the server holds equal.
    pub key: &'a [u8],
    /// `_id` as the record has it.
    pub id: Element<'a>,
    /// What happened to the document.
    pub change: Change<'a>,
}

/// What happened to a document.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// It came to be, and the target has none of that `_id`: a real insert.
    Insert(Document<'a>),
    /// It is this now, whether it was there or not.
    Image(Document<'a>),
    /// It was changed.
    Delta(UpdateDescription<'a>),
    /// It is gone.
    Delete,
}

/// What a plan depends on besides the records.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether several records of one document may become one write. Off, each record has its own statement: for finding out
    /// which one of a folded statement the target refuses.
    pub fold: bool,
    /// How the target's `$set` takes its fields.
    pub set_order: SetOrder,
}

impl Default for Options {
    fn default() -> Self {
        Self { fold: true, set_order: SetOrder::default() }
    }
}

/// A batch's writes, step by step.
#[derive(Debug, Default)]
pub struct Plan<'a> {
    /// To be carried out one after the other.
    pub steps: Vec<Step<'a>>,
    /// Records whose delta changes nothing.
    pub untouched: Vec<usize>,
    /// Records that cannot be carried out: for the dead letters.
    pub refused: Vec<Refused>,
    /// The statements' records, end to end.
    records: Vec<usize>,
}

/// Statements about different documents.
#[derive(Debug, Default)]
pub struct Step<'a> {
    /// By kind, then namespace; see the module for the order of kinds.
    pub groups: Vec<Group<'a>>,
}

/// Statements of one kind for one namespace.
#[derive(Debug)]
pub struct Group<'a> {
    /// What they do.
    pub kind: Kind,
    /// Where.
    pub namespace: NamespaceId,
    /// The statements, in the order of their first records.
    pub statements: Vec<Statement<'a>>,
}

/// Kinds of statement, in the order in which a step's groups stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// By `_id`.
    Delete,
    /// Update operators on one document, which must exist.
    Update,
    /// Deltas to be applied to the document here: read, [`rewrite`], and send what comes of it.
    OnDocument,
    /// A whole document in the place of one that must exist.
    Replace,
    /// A whole document, whether there was one or not.
    Upsert,
    /// A whole document where there was none.
    Insert,
}

/// One write.
#[derive(Debug, Clone)]
pub struct Statement<'a> {
    /// Which document: the record's key.
    pub key: &'a [u8],
    /// Its `_id`.
    pub id: Element<'a>,
    /// What is written.
    pub write: Write<'a>,
    /// Its records, as a range of [`Plan::records`].
    records: Range<usize>,
}

/// What a statement writes.
#[derive(Debug, Clone)]
pub enum Write<'a> {
    /// Nothing: the document goes.
    Delete,
    /// Update operators (`u` of an update statement).
    Operators {
        /// The operators.
        operators: Vec<u8>,
        /// Whether the record is done with this, or another statement of it follows in the next step.
        completes: bool,
    },
    /// Deltas, one after the other.
    Deltas(Vec<UpdateDescription<'a>>),
    /// A whole document.
    Document(Cow<'a, [u8]>),
}

/// A record that cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Its place in the batch.
    pub record: usize,
    /// Why.
    pub reason: Refusal,
}

/// Why a record cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its delta is not the BSON it should be.
    #[error("the delta cannot be read: {0}")]
    Malformed(raw::Error),
    /// It is a delta to what an earlier refused record would have made.
    #[error("it follows a refused change of the same document")]
    Follows {
        /// The earlier record.
        record: usize,
    },
}

impl Plan<'_> {
    /// The records a statement stands for, in the batch's order; never none.
    #[must_use]
    pub fn records(&self, statement: &Statement<'_>) -> &[usize] {
        &self.records[statement.records.clone()]
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}
