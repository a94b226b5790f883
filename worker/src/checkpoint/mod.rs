//! What the target knows of each partition: how far it was applied, what it has delivered, which documents are not as they should be.
//!
//! Guards law 3 in exactly-once mode: a partition's document moves in the transaction that writes what it passes, by comparing
//! the offset that it holds with the one that the batch begins at. So there is no moment at which the two disagree, and of two
//! workers that believe to own a partition only one can move it.
//!
//! ```text
//!   oplogue.<pipeline>        {_id: {topic, partition}, offset ▸ next to be read, sequences: {slice: {epoch, sequence}},
//!                              clusterTime, anchor ▸ sequence of the record at offset - 1, owner ▸ sessions,
//!                              ordered ▸ the collection whose unique index asks for the source's order,
//!                              at ▸ the barrier that it stands at, what is about to be done about it, whether it is done}
//!   oplogue.<pipeline>.keys   {_id: {topic, partition, ns, key}, why: "missing" | "dead", slice, epoch, sequence}
//! ```
//!
//! The document is the authority. Kafka's committed offset follows it, for those who look there. Reading begins one record early: that
//! record, the *anchor*, must stand there with the sequence that the document knows, or else it is another topic of the same name.

mod anchor;
mod at;
mod document;
mod held;
mod marks;
mod number;
mod renamed;
mod store;
mod stored;

pub(crate) use anchor::sequence_of;
pub use anchor::{Anchor, NotThere};
pub use at::{At, Intent, Uuid};
pub use document::Advance;
pub(crate) use document::compare_and_set;
pub use held::Held;
pub use marks::{Change, Mark, Marks, Origin, Repair};
pub(crate) use marks::{cleared, key_document, set};
pub(crate) use renamed::Home;
pub use store::Store;
pub(crate) use store::topics;
pub use stored::Stored;

use crate::sequence::Delivered;

/// What the target knows of a partition. In plain mode only what was delivered since the assignment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The offset that the partition's document holds.
    pub offset: i64,
    /// The last record of each slice.
    pub delivered: Delivered,
    /// Documents whose deltas are not applied.
    pub marks: Marks,
}
