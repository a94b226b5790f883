//! The wording of single values.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{Error, Inexact, Level, fields, items};
use crate::{
    codec::{decimal128, hex, number, text},
    raw::{self, Document, Element, Kind},
};

/// Appends the text of one value.
#[inline]
pub(super) fn value(element: &Element<'_>, level: Level, out: &mut Vec<u8>) -> Result<(), Error> {
    let bytes = element.value;
    match element.kind {
        Kind::String => string(b"\"", bytes, b"\"", out),
        Kind::Int32 => integer(b"{\"$numberInt\":\"", i32::from_le_bytes(fixed(bytes)), b"\"}", out),
        Kind::Int64 => integer(b"{\"$numberLong\":\"", i64::from_le_bytes(fixed(bytes)), b"\"}", out),
        Kind::DateTime => {
            integer(b"{\"$date\":{\"$numberLong\":\"", i64::from_le_bytes(fixed(bytes)), b"\"}}", out)
        }
        Kind::ObjectId => object_id(b"{\"$oid\":\"", fixed(bytes), b"\"}", out),
        Kind::Boolean => boolean(bytes, out),
        Kind::Null => word(b"null", out),
        Kind::Document => fields(Document::new(bytes)?, level.deeper()?, out),
        Kind::Array => items(Document::new(bytes)?, level.deeper()?, out),
        Kind::Double => double(f64::from_le_bytes(fixed(bytes)), out),
        Kind::Timestamp => timestamp(u64::from_le_bytes(fixed(bytes)), out),
        Kind::Binary => binary(bytes, out),
        Kind::Decimal128 => decimal(fixed(bytes), out),
        Kind::Regex => regex(bytes, out),
        Kind::Symbol => string(b"{\"$symbol\":\"", bytes, b"\"}", out),
        Kind::Code => string(b"{\"$code\":\"", bytes, b"\"}", out),
        Kind::CodeWithScope => code_with_scope(bytes, level, out),
        Kind::DbPointer => db_pointer(bytes, out),
        Kind::Undefined => word(b"{\"$undefined\":true}", out),
        Kind::MinKey => word(b"{\"$minKey\":1}", out),
        Kind::MaxKey => word(b"{\"$maxKey\":1}", out),
    }
}

fn word(text: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(text);
    Ok(())
}

/// A length-prefixed string with its closing NUL, both checked by the reader.
#[inline]
fn string(open: &[u8], bytes: &[u8], close: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(open);
    text::escape(&bytes[4..bytes.len() - 1], out).ok_or(Error::NotUtf8)?;
    word(close, out)
}

#[inline]
fn integer(open: &[u8], value: impl itoa::Integer, close: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(open);
    number::write(value, out);
    word(close, out)
}

fn double(value: f64, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(b"{\"$numberDouble\":\"");
    number::write_double(value, out).ok_or(Error::Inexact(Inexact::Nan))?;
    word(b"\"}", out)
}

fn decimal(bytes: [u8; 16], out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(b"{\"$numberDecimal\":\"");
    decimal128::write(bytes, out).ok_or(Error::Inexact(Inexact::Decimal128))?;
    word(b"\"}", out)
}

fn object_id(open: &[u8], bytes: [u8; 12], close: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(open);
    let mut text = [0; 24];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&hex::pair(byte));
    }
    out.extend_from_slice(&text);
    word(close, out)
}

fn boolean(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    match bytes[0] {
        0 => word(b"false", out),
        1 => word(b"true", out),
        _ => Err(Error::Inexact(Inexact::Boolean)),
    }
}

fn timestamp(packed: u64, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(b"{\"$timestamp\":{\"t\":");
    number::write(packed >> 32, out);
    out.extend_from_slice(b",\"i\":");
    number::write(packed & u64::from(u32::MAX), out);
    word(b"}}", out)
}

/// Length, subtype, bytes; subtype 2 repeats the length before its bytes, which text leaves out.
fn binary(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let (subtype, mut payload) = (bytes[4], &bytes[5..]);
    if subtype == 2 {
        let (inner, rest) = payload.split_first_chunk().ok_or(Error::Inexact(Inexact::OldBinary))?;
        if usize::try_from(i32::from_le_bytes(*inner)) != Ok(rest.len()) {
            return Err(Error::Inexact(Inexact::OldBinary));
        }
        payload = rest;
    }
    out.extend_from_slice(b"{\"$binary\":{\"base64\":\"");
    base64(payload, out);
    out.extend_from_slice(b"\",\"subType\":\"");
    out.extend_from_slice(&hex::pair(subtype));
    word(b"\"}}", out)
}

fn base64(payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + payload.len().div_ceil(3) * 4, 0);
    BASE64.encode_slice(payload, &mut out[start..]).expect("four characters for three bytes");
}

/// Pattern and options, each closed by a NUL.
fn regex(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let mut parts = bytes.split(|b| *b == 0);
    let (pattern, options) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if !std::str::from_utf8(options).map_err(|_| Error::NotUtf8)?.chars().is_sorted() {
        return Err(Error::Inexact(Inexact::RegexOptions));
    }
    out.extend_from_slice(b"{\"$regularExpression\":{\"pattern\":\"");
    text::escape(pattern, out).ok_or(Error::NotUtf8)?;
    out.extend_from_slice(b"\",\"options\":\"");
    text::escape(options, out).ok_or(Error::NotUtf8)?;
    word(b"\"}}", out)
}

/// Total length, string, document.
fn code_with_scope(bytes: &[u8], level: Level, out: &mut Vec<u8>) -> Result<(), Error> {
    let code_len = i32::from_le_bytes(fixed(&bytes[4..]));
    let scope_at = usize::try_from(code_len).map_or(0, |len| 8 + len);
    // The shortest code is its NUL, the shortest scope five bytes.
    if scope_at < 9 || scope_at + 5 > bytes.len() || bytes[scope_at - 1] != 0 {
        return Err(raw::Error::Truncated { at: 4 }.into());
    }
    string(b"{\"$code\":\"", &bytes[4..scope_at], b"\",\"$scope\":", out)?;
    fields(Document::new(&bytes[scope_at..])?, level.deeper()?, out)?;
    word(b"}", out)
}

/// String, object id.
fn db_pointer(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let (namespace, id) = bytes.split_at(bytes.len() - 12);
    string(b"{\"$dbPointer\":{\"$ref\":\"", namespace, b"\",\"$id\":", out)?;
    object_id(b"{\"$oid\":\"", fixed(id), b"\"}}}", out)
}

/// The leading `N` bytes; the reader has checked that the value has them.
#[inline]
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("the reader checks sizes")
}
