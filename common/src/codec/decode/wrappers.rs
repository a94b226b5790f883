//! Type wrappers: `{"$oid": …}` and its kin.
//!
//! Each function starts after the marking key's colon. The specification is strict here on purpose: exactly the listed
//! keys in any order, values of exactly the listed types, everything else is an error.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{Decoder, Dialect, Error, Open, Reason, date, lexer::bson_len};
use crate::{
    codec::{decimal128, number, wrapper::Wrapper},
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

    fn malformed(&self, of: &'static str) -> Error {
        self.lexer.error(Reason::Wrapper(of))
    }

    /// One structural byte.
    #[inline]
    fn token(&mut self, byte: u8, of: &'static str) -> Result<(), Error> {
        if self.lexer.skip(byte) { Ok(()) } else { Err(self.malformed(of)) }
    }

    /// A string, and nothing else.
    #[inline]
    fn text(&mut self, of: &'static str) -> Result<Cow<'t, [u8]>, Error> {
        if self.lexer.peek() == Some(b'"') { self.lexer.string() } else { Err(self.malformed(of)) }
    }

    /// The next field, which must have this name; its colon included.
    fn named(&mut self, name: &str, of: &'static str) -> Result<(), Error> {
        if *self.lexer.name()? == *name.as_bytes() { Ok(()) } else { Err(self.malformed(of)) }
    }

    fn fixed_word(&mut self, word: &str, kind: Kind, of: &'static str) -> Result<Kind, Error> {
        if self.lexer.skip_word(word) { Ok(kind) } else { Err(self.malformed(of)) }
    }

    fn object_id(&mut self, of: &'static str) -> Result<Kind, Error> {
        let text = self.text(of)?;
        let id = hex::<12>(&text).ok_or_else(|| self.malformed(of))?;
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

    /// `{"base64": "…", "subType": "…"}`, or in the old dialect `"…", "$type": "…"`.
    fn binary(&mut self, of: &'static str) -> Result<Kind, Error> {
        let (base64, subtype) = if self.lexer.peek() == Some(b'"') && self.dialect == Dialect::V2AndV1 {
            let base64 = self.lexer.string()?;
            self.token(b',', of)?;
            self.named("$type", of)?;
            (base64, self.text(of)?)
        } else {
            self.pair(of, ["base64", "subType"], |this, _| this.text(of))?
        };
        let subtype = subtype_byte(&subtype).ok_or_else(|| self.malformed(of))?;
        self.bson_binary(subtype, &base64).ok_or_else(|| self.malformed(of))
    }

    /// Length, subtype, bytes; subtype 2 repeats the length before its bytes.
    fn bson_binary(&mut self, subtype: u8, base64: &[u8]) -> Option<Kind> {
        let start = self.out.len();
        let payload_at = start + if subtype == 2 { 9 } else { 5 };
        self.out.resize(payload_at + base64::decoded_len_estimate(base64.len()), 0);
        let len = BASE64.decode_slice(base64, &mut self.out[payload_at..]).ok()?;
        self.out.truncate(payload_at + len);
        let block = u32::try_from(self.out.len() - start - 5).ok()?;
        self.out[start..start + 4].copy_from_slice(&block.to_le_bytes());
        self.out[start + 4] = subtype;
        if subtype == 2 {
            self.out[start + 5..payload_at].copy_from_slice(&(block - 4).to_le_bytes());
        }
        Some(Kind::Binary)
    }

    /// The canonical form with hyphens.
    fn uuid(&mut self, of: &'static str) -> Result<Kind, Error> {
        let text = self.text(of)?;
        let hyphens = [8, 13, 18, 23];
        let mut digits = [0; 32];
        let placed = text.len() == 36 && hyphens.iter().all(|at| text[*at] == b'-');
        let rest = text.iter().enumerate().filter(|(at, _)| !hyphens.contains(at));
        digits.iter_mut().zip(rest).for_each(|(to, (_, from))| *to = *from);
        let bytes = Some(digits).filter(|_| placed).and_then(|digits| hex::<16>(&digits));
        let bytes = bytes.ok_or_else(|| self.malformed(of))?;
        self.out.extend_from_slice(&[16, 0, 0, 0, 4]);
        Ok(self.scalar(Kind::Binary, &bytes))
    }

    fn symbol(&mut self, of: &'static str) -> Result<Kind, Error> {
        self.token_ahead(b'"', of)?;
        self.lexer.bson_string(self.out)?;
        Ok(Kind::Symbol)
    }

    fn token_ahead(&mut self, byte: u8, of: &'static str) -> Result<(), Error> {
        if self.lexer.peek() == Some(byte) { Ok(()) } else { Err(self.malformed(of)) }
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

    fn regex(&mut self, of: &'static str) -> Result<Kind, Error> {
        let (pattern, options) = self.pair(of, ["pattern", "options"], |this, _| this.text(of))?;
        self.bson_regex(&pattern, &options)
    }

    /// Pattern and options, each closed by a NUL; the specification wants the options in alphabetical order.
    fn bson_regex(&mut self, pattern: &[u8], options: &[u8]) -> Result<Kind, Error> {
        if pattern.contains(&0) || options.contains(&0) {
            return Err(self.lexer.error(Reason::Nul));
        }
        self.out.extend_from_slice(pattern);
        self.out.push(0);
        let mut sorted: Vec<char> = String::from_utf8_lossy(options).chars().collect();
        sorted.sort_unstable();
        self.out.extend_from_slice(String::from_iter(sorted).as_bytes());
        self.out.push(0);
        Ok(Kind::Regex)
    }

    /// The old dialect's regular expression, after `"$regex":`; nothing is read unless it is one.
    pub(super) fn old_regex(&mut self) -> Result<bool, Error> {
        let before = self.lexer.clone();
        let Ok((pattern, options)) = self.try_old_regex() else {
            self.lexer = before;
            return Ok(false);
        };
        self.bson_regex(&pattern, &options)?;
        Ok(true)
    }

    fn try_old_regex(&mut self) -> Result<(Cow<'t, [u8]>, Cow<'t, [u8]>), Error> {
        const OF: &str = "$regex";
        let pattern = self.text(OF)?;
        self.token(b',', OF)?;
        self.named("$options", OF)?;
        let options = self.text(OF)?;
        self.token(b'}', OF)?;
        Ok((pattern, options))
    }

    /// `{"$ref": "…", "$id": {"$oid": "…"}}`.
    fn db_pointer(&mut self, of: &'static str) -> Result<Kind, Error> {
        let (namespace, id) = self.pair(of, ["$ref", "$id"], |this, which| {
            if which == 0 {
                return this.text(of);
            }
            this.token(b'{', of)?;
            this.named("$oid", of)?;
            let id = this.text(of)?;
            this.token(b'}', of)?;
            Ok(id)
        })?;
        let id = hex::<12>(&id).ok_or_else(|| self.malformed(of))?;
        self.out.extend_from_slice(&bson_len(namespace.len()));
        self.out.extend_from_slice(&namespace);
        self.out.push(0);
        Ok(self.scalar(Kind::DbPointer, &id))
    }

    /// Code, with or without a scope after it.
    fn code(&mut self, level: usize) -> Result<Kind, Error> {
        const OF: &str = "$code";
        let start = self.out.len();
        self.token_ahead(b'"', OF)?;
        self.lexer.bson_string(self.out)?;
        if self.lexer.skip(b'}') {
            return Ok(Kind::Code);
        }
        self.token(b',', OF)?;
        self.named("$scope", OF)?;
        self.out.extend_from_slice(&[0; 4]);
        self.out[start..].rotate_right(4);
        self.scope(level, OF)?;
        self.fill_in_length(start)?;
        self.token(b'}', OF)?;
        Ok(Kind::CodeWithScope)
    }

    /// An object that is no wrapper; looked at before it is read, for wrappers do not count as levels.
    fn scope(&mut self, level: usize, of: &'static str) -> Result<(), Error> {
        self.token(b'{', of)?;
        if self.lexer.skip(b'}') {
            return self.empty(level).map(drop);
        }
        let name = self.lexer.name()?;
        let plain = Wrapper::marked_by(&name).is_none() && self.document(name, level)? == Kind::Document;
        if plain { Ok(()) } else { Err(self.malformed(of)) }
    }

    /// `{"$scope": …, "$code": "…"}` was begun as a document and stands after the second name.
    pub(super) fn scope_then_code(&mut self, open: Open) -> Result<Kind, Error> {
        const OF: &str = "$code";
        let scope_at = open.at + 4;
        let header_len = b"\x03$scope\0".len();
        self.out.drain(scope_at..scope_at + header_len);
        let scope_len = self.out.len() - scope_at;
        self.token_ahead(b'"', OF)?;
        self.lexer.bson_string(self.out)?;
        self.out[scope_at..].rotate_left(scope_len);
        self.fill_in_length(open.at)?;
        self.token(b'}', OF)?;
        Ok(Kind::CodeWithScope)
    }

    /// An object of exactly these two keys, in any order.
    fn pair<T>(
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

/// Exactly `N` bytes as hexadecimal digits of either case.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(bytes)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// One or two hexadecimal digits.
fn subtype_byte(text: &[u8]) -> Option<u8> {
    match text {
        [digit] => hex_digit(*digit),
        _ => hex::<1>(text).map(|[byte]| byte),
    }
}
