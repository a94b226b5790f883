//! Raw BSON: reading elements in place and writing documents into reused buffers.
//!
//! Owns the byte layout of BSON (bsonspec.org, version 1.1) for everything that the hot path touches: no value is
//! decoded before somebody needs it, nothing is allocated per element. It must not interpret what documents mean.
//! Guards: a length that does not fit its surroundings is an error, never a panic and never a read out of bounds.

mod kind;
mod read;
mod write;

pub use kind::Kind;
pub use read::{Document, Element, Elements};
pub use write::Writer;

/// Deepest nesting that is followed, in documents and arrays.
///
/// The server refuses to store more than 180 levels (`maxBSONDepth` 200 less its own margin); a change event adds a few
/// around the document. Recursion stays far from the end of a two-megabyte stack.
pub const MAX_DEPTH: usize = 256;

/// Bytes that are not the BSON they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A length or the end of the buffer contradicts what stands there.
    #[error("BSON ends early or states a wrong length at byte {at}")]
    Truncated {
        /// Offset within the buffer that was read.
        at: usize,
    },
    /// An element type that the specification does not name.
    #[error("unknown BSON element type 0x{tag:02x}")]
    UnknownKind {
        /// The type byte.
        tag: u8,
    },
    /// More than [`MAX_DEPTH`] levels.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A field name or string that is not UTF-8.
    #[error("a name or string is not UTF-8")]
    NotUtf8,
    /// A field has another type than the one that is needed there, or is missing.
    #[error("field `{field}` is missing or not a {expected}")]
    Unexpected {
        /// Name of the field.
        field: &'static str,
        /// The type that was needed.
        expected: &'static str,
    },
}
