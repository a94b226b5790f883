//! Reading BSON in place.

use super::{Error, Kind};

/// A borrowed BSON document (or array: the layout is the same).
///
/// Only the outer length and the closing NUL were checked; elements are checked as they are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    bytes: &'a [u8],
}

/// One element of a document, undecoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The type.
    pub kind: Kind,
    /// The field name, without its NUL; UTF-8 unless the writer broke the specification.
    pub name: &'a [u8],
    /// The value's bytes as they stand in the document: a string with its length prefix and NUL, a document whole.
    pub value: &'a [u8],
}

/// Iterator over a document's elements in stored order; after an error it ends.
#[derive(Clone)]
pub struct Elements<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Document<'a> {
    /// The empty document.
    pub const EMPTY: Document<'static> = Document { bytes: &[5, 0, 0, 0, 0] };

    /// Views `bytes` as one document; its stated length must be exactly the slice's.
    ///
    /// # Errors
    /// [`Error::Truncated`] when it is not.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() < 5 || read_len(bytes, 0) != Some(bytes.len()) || bytes[bytes.len() - 1] != 0 {
            return Err(Error::Truncated { at: 0 });
        }
        Ok(Self { bytes })
    }

    /// The document's bytes, length prefix and closing NUL included.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The elements in stored order.
    #[must_use]
    pub const fn elements(&self) -> Elements<'a> {
        Elements { bytes: self.bytes, at: 4 }
    }

    /// Whether the document has no element.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.len() <= 5
    }

    /// The first element with this name.
    ///
    /// # Errors
    /// Malformed BSON before the element.
    pub fn get(&self, name: &str) -> Result<Option<Element<'a>>, Error> {
        for element in self.elements() {
            let element = element?;
            if element.name == name.as_bytes() {
                return Ok(Some(element));
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Document<'_> {
    /// Sizes only: document values never enter logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({} bytes)", self.bytes.len())
    }
}

impl std::fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Element({:?}, {} bytes)", self.kind, self.value.len())
    }
}

impl<'a> Element<'a> {
    /// The field name as text.
    ///
    /// # Errors
    /// [`Error::NotUtf8`].
    pub fn name_str(&self) -> Result<&'a str, Error> {
        std::str::from_utf8(self.name).map_err(|_| Error::NotUtf8)
    }

    /// The value as a document or array, if it is one.
    #[must_use]
    pub fn as_document(&self) -> Option<Document<'a>> {
        matches!(self.kind, Kind::Document | Kind::Array).then_some(Document { bytes: self.value })
    }

    /// The text of a `String`, `Symbol` or `Code` value.
    ///
    /// # Errors
    /// [`Error::NotUtf8`]; `Ok(None)` for other kinds.
    pub fn as_str(&self) -> Result<Option<&'a str>, Error> {
        if !matches!(self.kind, Kind::String | Kind::Symbol | Kind::Code) {
            return Ok(None);
        }
        let text = &self.value[4..self.value.len() - 1];
        std::str::from_utf8(text).map(Some).map_err(|_| Error::NotUtf8)
    }

    /// The value of an `Int32`.
    #[must_use]
    pub fn as_i32(&self) -> Option<i32> {
        (self.kind == Kind::Int32).then(|| i32::from_le_bytes(self.fixed()))
    }

    /// The value of an `Int64`.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        (self.kind == Kind::Int64).then(|| i64::from_le_bytes(self.fixed()))
    }

    /// The value of a `Double`.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        (self.kind == Kind::Double).then(|| f64::from_le_bytes(self.fixed()))
    }

    /// An `Int32`, `Int64` or whole `Double` as an integer, as server replies mix them (`ok`, `n`, `code`).
    #[must_use]
    #[allow(clippy::cast_possible_truncation)]
    pub fn as_integer(&self) -> Option<i64> {
        self.as_i32()
            .map(i64::from)
            .or_else(|| self.as_i64())
            .or_else(|| self.as_f64().filter(|v| v.fract() == 0.0 && v.abs() < 9e15).map(|v| v as i64))
    }

    /// The value of a `Boolean`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind == Kind::Boolean).then(|| self.value[0] != 0)
    }

    /// The packed 64 bits of a `Timestamp`: seconds in the high half, increment in the low.
    #[must_use]
    pub fn as_timestamp(&self) -> Option<u64> {
        (self.kind == Kind::Timestamp).then(|| u64::from_le_bytes(self.fixed()))
    }

    /// The value of a `Binary` that is a UUID (subtype 4).
    #[must_use]
    pub fn as_uuid(&self) -> Option<[u8; 16]> {
        match (self.kind, self.value) {
            (Kind::Binary, [16, 0, 0, 0, 4, uuid @ ..]) => uuid.try_into().ok(),
            _ => None,
        }
    }

    /// The leading `N` bytes; the reader has checked that fixed-size kinds hold them.
    fn fixed<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.value[..N]);
        bytes
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Error>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        match self.next_sound() {
            Some(element) => Some(Ok(element)),
            None => self.end().err().map(Err),
        }
    }
}

impl<'a> Elements<'a> {
    /// The next element; `None` at the end and before what is malformed, which [`Elements::end`] tells apart.
    ///
    /// Errors are told apart late and everything is inlined because an element within a result would be handed over
    /// through memory, which costs more than reading it.
    #[inline(always)]
    fn next_sound(&mut self) -> Option<Element<'a>> {
        let body = &self.bytes[..self.bytes.len() - 1];
        let kind = Kind::known(*body.get(self.at)?)?;
        let name_at = self.at + 1;
        let name_len = nul_at(&body[name_at..])?;
        let value_at = name_at + name_len + 1;
        let end = value_at.checked_add(value_len(kind, body, value_at)?)?;
        let value = body.get(value_at..end)?;
        self.at = end;
        Some(Element { kind, name: &body[name_at..name_at + name_len], value })
    }

    /// Ends the reading: nothing, or what is wrong with the element that [`Elements::next_sound`] stopped at.
    #[cold]
    fn end(&mut self) -> Result<(), Error> {
        let at = self.at;
        let end = self.bytes.len() - 1;
        if at >= end {
            return Ok(());
        }
        self.at = end;
        Kind::from_tag(self.bytes[at])?;
        Err(Error::Truncated { at })
    }
}

/// Length in bytes of the value of `kind` that starts at `at`, checked against its own inner lengths.
#[inline(always)]
fn value_len(kind: Kind, bytes: &[u8], at: usize) -> Option<usize> {
    Some(match kind {
        Kind::Undefined | Kind::Null | Kind::MinKey | Kind::MaxKey => 0,
        Kind::Boolean => 1,
        Kind::Int32 => 4,
        Kind::Double | Kind::DateTime | Kind::Timestamp | Kind::Int64 => 8,
        Kind::ObjectId => 12,
        Kind::Decimal128 => 16,
        Kind::String | Kind::Code | Kind::Symbol => string_len(bytes, at)?,
        Kind::DbPointer => string_len(bytes, at)? + 12,
        Kind::Document | Kind::Array => block_len(bytes, at, 5)?,
        Kind::CodeWithScope => block_len(bytes, at, 14)?,
        Kind::Binary => read_len(bytes, at)?.checked_add(5)?,
        Kind::Regex => {
            let pattern = cstring_len(bytes, at)?;
            pattern + cstring_len(bytes, at + pattern)?
        }
    })
}

#[inline]
fn read_len(bytes: &[u8], at: usize) -> Option<usize> {
    let len = i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    usize::try_from(len).ok()
}

/// A length-prefixed string with its closing NUL.
#[inline]
fn string_len(bytes: &[u8], at: usize) -> Option<usize> {
    let len = read_len(bytes, at)?;
    let closing = at.checked_add(4 + len)?;
    (len > 0 && bytes.get(closing - 1) == Some(&0)).then_some(4 + len)
}

/// A block whose length prefix counts itself and whose last byte is NUL.
#[inline]
fn block_len(bytes: &[u8], at: usize, least: usize) -> Option<usize> {
    let len = read_len(bytes, at)?;
    (len >= least && bytes.get(at + len - 1) == Some(&0)).then_some(len)
}

fn cstring_len(bytes: &[u8], at: usize) -> Option<usize> {
    nul_at(bytes.get(at..)?).map(|len| len + 1)
}

/// Index of the first NUL; eight bytes at a time, for names are short and many (Mycroft's zero-byte test).
#[inline]
fn nul_at(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    bytes[at..].iter().position(|b| *b == 0).map(|rest| at + rest)
}
