//! The commonest wrappers as our own encoder writes them: without white space or escapes.
//!
//! A short cut and nothing more: what does not match byte by byte is left to [`super::wrappers`], which reads the same
//! value from it (a property test holds the two together).

use super::Decoder;
use crate::{
    codec::{hex, number},
    raw::Kind,
};

impl Decoder<'_, '_> {
    /// The value and closing brace of a wrapper whose opening brace is read; `None`, and nothing read, unless it matches.
    #[inline]
    pub(super) fn compact(&mut self) -> Option<Kind> {
        let rest = self.lexer.rest();
        let [b'"', b'$', initial, ..] = rest else { return None };
        match initial {
            b'n' => self.compact_number(rest),
            b'o' => {
                let (digits, rest) = rest.strip_prefix(b"\"$oid\":\"")?.split_first_chunk::<24>()?;
                let id = hex::bytes::<12>(digits)?;
                self.compact_end(rest, b"\"}", Kind::ObjectId, &id)
            }
            b'd' => {
                let rest = rest.strip_prefix(b"\"$date\":{\"$numberLong\":\"")?;
                let (millis, rest) = integer(rest)?;
                self.compact_end(rest, b"\"}}", Kind::DateTime, &millis.to_le_bytes())
            }
            _ => None,
        }
    }

    #[inline]
    fn compact_number(&mut self, rest: &[u8]) -> Option<Kind> {
        if let Some(rest) = rest.strip_prefix(b"\"$numberInt\":\"") {
            let (value, rest) = integer(rest)?;
            let value = i32::try_from(value).ok()?;
            return self.compact_end(rest, b"\"}", Kind::Int32, &value.to_le_bytes());
        }
        if let Some(rest) = rest.strip_prefix(b"\"$numberLong\":\"") {
            let (value, rest) = integer(rest)?;
            return self.compact_end(rest, b"\"}", Kind::Int64, &value.to_le_bytes());
        }
        let rest = rest.strip_prefix(b"\"$numberDouble\":\"")?;
        let (digits, rest) = rest.split_at(rest.iter().position(|b| *b == b'"')?);
        let value = std::str::from_utf8(digits).ok().and_then(number::parse_double)?;
        self.compact_end(rest, b"\"}", Kind::Double, &value.to_le_bytes())
    }

    #[inline]
    fn compact_end(&mut self, rest: &[u8], close: &[u8], kind: Kind, bytes: &[u8]) -> Option<Kind> {
        self.lexer.go_to_rest(rest.strip_prefix(close)?);
        Some(self.scalar(kind, bytes))
    }
}

/// As many digits as cannot overflow.
const MOST_DIGITS: usize = 18;

/// An integer of up to [`MOST_DIGITS`].
#[inline]
fn integer(text: &[u8]) -> Option<(i64, &[u8])> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let mut value = 0;
    for (len, byte) in digits.iter().enumerate().take(MOST_DIGITS + 1) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let value = if negative { -value } else { value };
            return (len > 0).then_some((value, &digits[len..]));
        }
        if len == MOST_DIGITS {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    None
}
