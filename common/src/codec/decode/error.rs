//! What can be wrong with a text.

use crate::raw::MAX_DEPTH;

/// Why a text is not the Extended JSON of a document. Holds no part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {at}")]
pub struct Error {
    /// Offset in the text, at or shortly after what is wrong.
    pub at: usize,
    /// What is wrong.
    pub reason: Reason,
}

/// What can be wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The text is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Something else than JSON's grammar asks for.
    #[error("{0} expected")]
    Expected(&'static str),
    /// An escape sequence that JSON does not have.
    #[error("unknown escape sequence")]
    Escape,
    /// Half of a surrogate pair.
    #[error("lone surrogate")]
    LoneSurrogate,
    /// A number outside the range of its type.
    #[error("number out of range or not exact")]
    Range,
    /// A NUL where BSON allows none: in a name or regular expression.
    #[error("NUL within a name or regular expression")]
    Nul,
    /// A type wrapper whose keys or values are not the specification's.
    #[error("malformed {0}")]
    Wrapper(&'static str),
    /// A wrapper's key beside other fields.
    #[error("a type wrapper's key beside other fields")]
    StrayWrapper,
    /// More than [`MAX_DEPTH`] levels.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A document that would have more than 2 GiB.
    #[error("document too large")]
    TooLarge,
}
