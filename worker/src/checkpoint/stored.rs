//! What a partition's document and its marks say, once read.

use bson::Bson;
use common::namespace::Namespace;

use super::{Anchor, At, Known, Marks, marks::Repair};
use crate::sequence::Delivered;

/// A partition's document as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The offset to be read next.
    pub offset: i64,
    /// The last record of each slice.
    pub delivered: Delivered,
    /// The record before; none where nothing was applied yet, or an operator has set the offset.
    pub anchor: Option<Anchor>,
    /// The partition's marks.
    pub marks: Marks,
    /// Repairs that were asked for and have not come.
    pub repairs: Vec<Repair>,
    /// Ids of the sessions of the worker that took it over last.
    pub owner: Vec<Bson>,
    /// Set where the topic is applied in the source's order: the target's collection whose unique index asks for it.
    pub ordered: Option<Namespace>,
    /// The barrier that it stands at.
    pub barrier: Option<At>,
}

impl Stored {
    /// A document of which only the offset is known.
    #[must_use]
    pub fn at(offset: i64) -> Self {
        Self {
            offset,
            delivered: Delivered::default(),
            anchor: None,
            marks: Marks::default(),
            repairs: Vec::new(),
            owner: Vec::new(),
            ordered: None,
            barrier: None,
        }
    }

    /// What a lane has to know.
    #[must_use]
    pub fn known(&self) -> Known {
        Known { offset: self.offset, delivered: self.delivered.clone(), marks: self.marks.clone() }
    }
}
