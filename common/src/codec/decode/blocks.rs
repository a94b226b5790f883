//! Type wrappers whose BSON has parts of its own: binaries, regular expressions, pointers, code.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{Decoder, Dialect, Error, Open, Reason, lexer::bson_len};
use crate::{
    codec::{hex, wrapper::Wrapper},
    raw::Kind,
};

/// A regular expression's pattern and options.
type Regex<'t> = (Cow<'t, [u8]>, Cow<'t, [u8]>);

impl<'t> Decoder<'t, '_> {
    /// `{"base64": "…", "subType": "…"}`, or in the old dialect `"…", "$type": "…"`.
    pub(super) fn binary(&mut self, of: &'static str) -> Result<Kind, Error> {
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

    pub(super) fn regex(&mut self, of: &'static str) -> Result<Kind, Error> {
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

    fn try_old_regex(&mut self) -> Result<Regex<'t>, Error> {
        const OF: &str = "$regex";
        let pattern = self.text(OF)?;
        self.token(b',', OF)?;
        self.named("$options", OF)?;
        let options = self.text(OF)?;
        self.token(b'}', OF)?;
        Ok((pattern, options))
    }

    /// `{"$ref": "…", "$id": {"$oid": "…"}}`.
    pub(super) fn db_pointer(&mut self, of: &'static str) -> Result<Kind, Error> {
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
        let id = hex::bytes::<12>(&id).ok_or_else(|| self.malformed(of))?;
        self.out.extend_from_slice(&bson_len(namespace.len()));
        self.out.extend_from_slice(&namespace);
        self.out.push(0);
        Ok(self.scalar(Kind::DbPointer, &id))
    }

    /// Code, with or without a scope after it.
    pub(super) fn code(&mut self, level: usize) -> Result<Kind, Error> {
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
}

/// One or two hexadecimal digits.
fn subtype_byte(text: &[u8]) -> Option<u8> {
    match text {
        [digit] => hex::digit(*digit),
        _ => hex::bytes::<1>(text).map(|[byte]| byte),
    }
}
