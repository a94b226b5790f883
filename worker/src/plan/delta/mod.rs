//! Deltas: what an update did to a document, done again exactly.
//!
//! Owns both roads a delta can take, and the decision which. It must not guess: what cannot be done exactly is
//! [`Inexact`], and the caller asks for the document itself (a repair).
//!
//! ```text
//!                    ┌─ plain: `$push`/`$set`/`$unset` statements that the target carries out      (statements)
//!   delta ── road ──▸┤
//!                    └─ on the document: read it, apply the delta here, write it back whole        (apply)
//! ```
//!
//! # What the server means by a delta
//!
//! A change event's delta is the oplog's diff, flattened (tried on 4.4.2, 5.0.4, 6.0.5; read: the server's diff parser and
//! applier). For each document on the way: first the fields whose value was replaced, then the fields that are new, in
//! the order in which they were appended, then what happened deeper. For arrays: the new length when it shrank,
//! then the elements by rising index. So, with the right base at hand,
//!
//! * a field that exists keeps its place; one that does not is appended, in the delta's order;
//! * an index at or past the end appends, `null` filling the gap (`{$set: {"a.6": 1}}` on three elements reports just
//!   `a.6`);
//! * the parent of every path exists: of `{$set: {"a.b.c": 1}}` on `{}` the delta is `a: {b: {c: 1}}`; but not on 4.4, which
//!   logs operators and not diffs: there it is `a.b.c: 1`, and `a` and `b` are made (`UpdateDescription::is_diff`);
//! * `_id` in `removedFields` means nothing: a pipeline that makes a document without `_id` reports it removed, and the
//!   server puts it back;
//! * what cannot be seen: a pipeline that *moves* an existing field to the end reports it like one replaced in place.
//!
//! # Names that hold dots
//!
//! A path is text, so `a.b` may be the field `b` of `a` or a field named `a.b`. From 6.1 on `disambiguatedPaths` says which, and a
//! path that is not listed there has no dotted name and no number that is a name. On 4.4 no path has a dotted name, for
//! nothing there can update a field of one. In between the document at hand
//! decides: the reading whose target exists holds; where none exists, the one that adds a plain name to an existing
//! document; where that is impossible too, the one that adds a dotted name. Two that hold equally are ambiguous.
//!
//! What remains, on sources from 5.0 to 6.0 only: a dotted name that a `$setField` *adds* while a plain path of the same text
//! fits too is taken for that path; and the plain road, which does not look, takes every path for plain names. Nothing in
//! the event tells the two apart. Where documents get such names, post-images or lookups are the answer.

mod apply;
mod arrays;
mod plain;
mod reading;
mod road;
mod tree;

#[cfg(test)]
pub(crate) mod model;
#[cfg(test)]
mod tests;

pub use apply::apply;
pub use road::{MAX_STATEMENTS, Road, road};

use common::raw;

/// Why a delta cannot be applied exactly to this base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inexact {
    /// A path can be read in two ways.
    #[error("a path of the delta can be read in two ways")]
    Ambiguous,
    /// A parent is missing or of another type, or an array is shorter than what it was cut to: this is not the document
    /// that the update found.
    #[error("the document is not the one that the update found")]
    BaseDoesNotFit,
    /// The delta or the base is not the BSON it should be.
    #[error(transparent)]
    Malformed(#[from] raw::Error),
}
