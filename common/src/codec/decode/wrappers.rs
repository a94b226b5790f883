//! Type wrappers: `{"$oid": …}` and its kin.
//!
//! Each function starts after the marking key's colon. The specification is strict here on purpose: exactly the listed
//! keys in any order, values of exactly the listed types, everything else is an error.

use std::borrow::Cow;

use super::{Decoder, Dialect, Error, Reason, date};
use crate::{
    codec::{decimal128, hex, number, wrapper::Wrapper},
    raw::Kind,
};

impl<'t> Decoder<'t, '_> {
    /// The wrapper's value and its closing brace.
    pub(super) fn wrapper(&mut self, wrapper: Wrapper, level: usize) -> Result<Kind, Error> {
        let of = wrapper.key();
        let kind = match wrapper {
            Wrapper::Oid => self.object_id(of)?,
            Wrapper::NumberInt => self.int(of)?,
            Wrapper::NumberLong => self.long(Kind::Int64, of)?,
            Wrapper::NumberDouble => self.double(of)?,
            Wrapper::NumberDecimal => self.decimal(of)?,
            Wrapper::Date => self.date(of)?,
            Wrapper::Binary => self.binary(of)?,
            Wrapper::Uuid => self.uuid(of)?,
            Wrapper::Code => return self.code(level),
            Wrapper::DbPointer => self.db_pointer(of)?,
            Wrapper::MaxKey => self.fixed_word("1", Kind::MaxKey, of)?,
            Wrapper::MinKey => self.fixed_word("1", Kind::MinKey, of)?,
            Wrapper::RegularExpression => self.regex(of)?,
            Wrapper::Symbol => self.symbol(of)?,
            Wrapper::Timestamp => self.timestamp(of)?,
            Wrapper::Undefined => self.fixed_word("true", Kind::Undefined, of)?,
        };
        self.token(b'}', of)?;
        Ok(kind)
    }

    pub(super) fn malformed(&self, of: &'static str) -> Error {
        self.lexer.error(Reason::Wrapper(of))
    }

    /// One structural byte.
    #[inline]
    pub(super) fn token(&mut self, byte: u8, of: &'static str) -> Result<(), Error> {
        if self.lexer.skip(byte) { Ok(()) } else { Err(self.malformed(of)) }
    }

    /// The same, left to be read.
    pub(super) fn token_ahead(&mut self, byte: u8, of: &'static str) -> Result<(), Error> {
        if self.lexer.peek() == Some(byte) { Ok(()) } else { Err(self.malformed(of)) }
    }

    /// A string, and nothing else.
    #[inline]
    pub(super) fn text(&mut self, of: &'static str) -> Result<Cow<'t, [u8]>, Error> {
        if self.lexer.peek() == Some(b'"') { self.lexer.string() } else { Err(self.malformed(of)) }
    }

    /// The next field, which must have this name; its colon included.
    pub(super) fn named(&mut self, name: &str, of: &'static str) -> Result<(), Error> {
        if *self.lexer.name()? == *name.as_bytes() { Ok(()) } else { Err(self.malformed(of)) }
    }

    fn fixed_word(&mut self, word: &str, kind: Kind, of: &'static str) -> Result<Kind, Error> {
        if self.lexer.skip_word(word) { Ok(kind) } else { Err(self.malformed(of)) }
    }

    fn object_id(&mut self, of: &'static str) -> Result<Kind, Error> {
        let text = self.text(of)?;
        let id = hex::bytes::<12>(&text).ok_or_else(|| self.malformed(of))?;
        Ok(self.scalar(Kind::ObjectId, &id))
    }

    fn int(&mut self, of: &'static str) -> Result<Kind, Error> {
        let text = self.text(of)?;
        let value = number::parse_integer(&text).and_then(|value| i32::try_from(value).ok());
        let value = value.ok_or_else(|| self.malformed(of))?;
        Ok(self.scalar(Kind::Int32, &value.to_le_bytes()))
    }

    fn long(&mut self, kind: Kind, of: &'static str) -> Result<Kind, Error> {
        let text = self.text(of)?;
        let value = number::parse_integer(&text).ok_or_else(|| self.malformed(of))?;
        Ok(self.scalar(kind, &value.to_le_bytes()))
    }

    fn double(&mut self, of: &'static str) -> Result<Kind, Error> {
        let text = self.text(of)?;
        let value = std::str::from_utf8(&text).ok().and_then(number::parse_double);
        let value = value.ok_or_else(|| self.malformed(of))?;
        Ok(self.scalar(Kind::Double, &value.to_le_bytes()))
    }

    fn decimal(&mut self, of: &'static str) -> Result<Kind, Error> {
        let text = self.text(of)?;
        let value = decimal128::parse(&text).ok_or_else(|| self.malformed(of))?;
        Ok(self.scalar(Kind::Decimal128, &value))
    }

    /// `{"$numberLong": "…"}`, an RFC 3339 text, or in the old dialect bare milliseconds.
    fn date(&mut self, of: &'static str) -> Result<Kind, Error> {
        match self.lexer.peek() {
            Some(b'{') => {
                self.token(b'{', of)?;
                self.named("$numberLong", of)?;
                let kind = self.long(Kind::DateTime, of)?;
                self.token(b'}', of)?;
                Ok(kind)
            }
            Some(b'"') => {
                let millis = date::parse(&self.lexer.string()?).ok_or_else(|| self.malformed(of))?;
                Ok(self.scalar(Kind::DateTime, &millis.to_le_bytes()))
            }
            Some(b'-' | b'0'..=b'9') if self.dialect == Dialect::V2AndV1 => {
                let millis = number::parse_integer(self.lexer.number()?.0.as_bytes());
                let millis = millis.ok_or_else(|| self.malformed(of))?;
                Ok(self.scalar(Kind::DateTime, &millis.to_le_bytes()))
            }
            _ => Err(self.malformed(of)),
        }
    }

    /// The canonical form with hyphens.
    fn uuid(&mut self, of: &'static str) -> Result<Kind, Error> {
        let text = self.text(of)?;
        let hyphens = [8, 13, 18, 23];
        let mut digits = [0; 32];
        let placed = text.len() == 36 && hyphens.iter().all(|at| text[*at] == b'-');
        let rest = text.iter().enumerate().filter(|(at, _)| !hyphens.contains(at));
        digits.iter_mut().zip(rest).for_each(|(to, (_, from))| *to = *from);
        let bytes = Some(digits).filter(|_| placed).and_then(|digits| hex::bytes::<16>(&digits));
        let bytes = bytes.ok_or_else(|| self.malformed(of))?;
        self.out.extend_from_slice(&[16, 0, 0, 0, 4]);
        Ok(self.scalar(Kind::Binary, &bytes))
    }

    fn symbol(&mut self, of: &'static str) -> Result<Kind, Error> {
        self.token_ahead(b'"', of)?;
        self.lexer.bson_string(self.out)?;
        Ok(Kind::Symbol)
    }

    /// `{"t": 0, "i": 0}`; the increment comes first in BSON.
    fn timestamp(&mut self, of: &'static str) -> Result<Kind, Error> {
        let (time, increment) = self.pair(of, ["t", "i"], |this, _| {
            let (text, is_integer) = this.lexer.number().map_err(|_| this.malformed(of))?;
            let value = text.parse::<u32>().ok().filter(|_| is_integer);
            value.ok_or_else(|| this.malformed(of))
        })?;
        self.out.extend_from_slice(&increment.to_le_bytes());
        Ok(self.scalar(Kind::Timestamp, &time.to_le_bytes()))
    }

    /// An object of exactly these two keys, in any order.
    pub(super) fn pair<T>(
        &mut self,
        of: &'static str,
        names: [&str; 2],
        read: impl Fn(&mut Self, usize) -> Result<T, Error>,
    ) -> Result<(T, T), Error> {
        self.token(b'{', of)?;
        let first = self.lexer.name()?;
        let which = names.iter().position(|name| *name.as_bytes() == *first);
        let which = which.ok_or_else(|| self.malformed(of))?;
        let one = read(self, which)?;
        self.token(b',', of)?;
        self.named(names[1 - which], of)?;
        let other = read(self, 1 - which)?;
        self.token(b'}', of)?;
        Ok(if which == 0 { (one, other) } else { (other, one) })
    }
}
