//! Raw BSON to canonical Extended JSON v2 text.
//!
//! Owns the wording of every type. Guards the codec's law (see [`super`]): what is written decodes to the very bytes that
//! were read; what text cannot hold is an [`Error`], never an approximation.

mod value;

use self::value::value;
use super::{number, text, wrapper::Wrapper};
use crate::raw::{self, Document, Element};

/// Why a document has no exact text.
///
/// Every variant but [`Error::Malformed`] concerns documents that a server can hold: their records travel as raw BSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not BSON, or nested deeper than [`raw::MAX_DEPTH`].
    #[error(transparent)]
    Malformed(#[from] raw::Error),
    /// A name or string is not UTF-8; the server does not check that.
    #[error("a name or string is not UTF-8")]
    NotUtf8,
    /// A nested document has a field with the name of a type wrapper, as `{"$oid": 1}`: readers would take it for the wrapper.
    #[error("a nested document has a field named like an Extended JSON type wrapper")]
    Ambiguous,
    /// A value that text would flatten into another one.
    #[error("{0} has no exact text")]
    Inexact(Inexact),
}

/// Values that differ in bytes but not in canonical text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inexact {
    /// A double NaN with a sign or payload.
    #[error("a NaN with a sign or payload")]
    Nan,
    /// A Decimal128 NaN with a sign, payload or signalling bit, or a non-canonical encoding.
    #[error("a non-canonical Decimal128")]
    Decimal128,
    /// An array whose element names are not `0`, `1`, `2`, ….
    #[error("an array with irregular element names")]
    ArrayNames,
    /// Regular expression options out of alphabetical order.
    #[error("a regular expression with unsorted options")]
    RegexOptions,
    /// Binary subtype 2 whose inner length contradicts the outer.
    #[error("an old binary with a wrong inner length")]
    OldBinary,
    /// A boolean byte other than 0 and 1.
    #[error("a boolean that is neither true nor false")]
    Boolean,
}

impl Error {
    /// Whether the document's raw bytes are sound BSON all the same, so that the record can be sent in that format.
    #[must_use]
    pub const fn fits_bson(self) -> bool {
        !matches!(self, Self::Malformed(_))
    }
}

/// Appends the document's text to `out`.
///
/// # Errors
/// [`Error`]; `out` is then as it was.
pub fn document(document: Document<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    restoring(out, |out| {
        out.reserve(2 * document.as_bytes().len());
        fields(document, Level::TOP, out)
    })
}

/// Appends `{"<name>":<value>}`, as record keys need it.
///
/// # Errors
/// [`Error`]; `out` is then as it was.
pub fn field(name: &str, element: &Element<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    restoring(out, |out| {
        out.extend_from_slice(b"{\"");
        text::escape(name.as_bytes(), out).ok_or(Error::NotUtf8)?;
        out.extend_from_slice(b"\":");
        value(element, Level::TOP, out)?;
        out.push(b'}');
        Ok(())
    })
}

fn restoring(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>) -> Result<(), Error> {
    let start = out.len();
    write(out).inspect_err(|_| out.truncate(start))
}

/// How deep a document or array stands.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Level(usize);

impl Level {
    const TOP: Self = Self(1);

    fn deeper(self) -> Result<Self, Error> {
        if self.0 == raw::MAX_DEPTH {
            return Err(raw::Error::TooDeep.into());
        }
        Ok(Self(self.0 + 1))
    }
}

fn fields(document: Document<'_>, level: Level, out: &mut Vec<u8>) -> Result<(), Error> {
    let mut open: &[u8; 2] = b"{\"";
    for element in document.elements() {
        let element = element?;
        // Readers take only nested objects for wrappers.
        if level != Level::TOP && Wrapper::marked_by(element.name).is_some() {
            return Err(Error::Ambiguous);
        }
        out.extend_from_slice(open);
        text::escape(element.name, out).ok_or(Error::NotUtf8)?;
        out.extend_from_slice(b"\":");
        value(&element, level, out)?;
        open = b",\"";
    }
    out.extend_from_slice(if document.is_empty() { b"{}" } else { b"}" });
    Ok(())
}

fn items(array: Document<'_>, level: Level, out: &mut Vec<u8>) -> Result<(), Error> {
    let mut index = number::Index::new();
    out.push(b'[');
    for element in array.elements() {
        let element = element?;
        if element.name != index.as_bytes() {
            return Err(Error::Inexact(Inexact::ArrayNames));
        }
        value(&element, level, out)?;
        out.push(b',');
        index.advance();
    }
    if !array.is_empty() {
        out.pop();
    }
    out.push(b']');
    Ok(())
}
