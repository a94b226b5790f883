//! What rules and schemas leave of an event.

use std::ops::Range;

use common::{event::UpdateDescription, raw::Document};

use crate::dead_letter::Reason;

/// What is left of an event.
#[derive(Debug)]
pub(super) enum Left<'a> {
    /// A whole document, shaped, by its place in the arena.
    Shaped(Range<usize>),
    /// A whole document that no rule touches.
    Whole(Document<'a>),
    /// A delta, shaped.
    Delta(shape::Delta),
    /// A delta that no rule touches.
    WholeDelta(UpdateDescription<'a>),
    Delete,
    /// It cannot be shaped.
    Unclear(Reason),
    /// Only the document itself can tell what is left; the reason is for where nobody can be asked for it.
    Asks(Reason),
}
