//! JSON tokens (RFC 8259) over text that is known to be UTF-8.
//!
//! Strings without escapes are borrowed; only those with escapes are copied. White space is skipped before every token.

use std::borrow::Cow;

use super::{Error, Reason};
use crate::codec::text::{BadEscape, first_special, unescape};

/// A place in a text.
#[derive(Clone)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) const fn error(&self, reason: Reason) -> Error {
        Error { at: self.at, reason }
    }

    pub(super) const fn expected(&self, what: &'static str) -> Error {
        self.error(Reason::Expected(what))
    }

    /// The byte that the next token begins with.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let byte = self.byte();
        if byte.is_some_and(|byte| byte <= b' ') { self.peek_past_space() } else { byte }
    }

    #[cold]
    fn peek_past_space(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        self.byte()
    }

    /// Goes past the next token if it is this byte.
    #[inline]
    pub(super) fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Error> {
        if self.skip(byte) { Ok(()) } else { Err(self.expected(what)) }
    }

    /// Goes past this word if it is next.
    pub(super) fn skip_word(&mut self, word: &str) -> bool {
        self.peek();
        let found = self.rest().starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    pub(super) fn end(&mut self) -> Result<(), Error> {
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end")) }
    }

    /// A field name with its colon.
    #[inline(always)]
    pub(super) fn name(&mut self) -> Result<Cow<'t, [u8]>, Error> {
        // Nearly every name: no white space, no escapes.
        if let Some((b'"', rest)) = self.rest().split_first() {
            let (name, rest) = rest.split_at(first_special(rest));
            if let [b'"', b':', ..] = rest {
                self.at += name.len() + 3;
                return Ok(Cow::Borrowed(name));
            }
        }
        self.any_name()
    }

    #[cold]
    fn any_name(&mut self) -> Result<Cow<'t, [u8]>, Error> {
        let name = self.string()?;
        // Without escapes there is no NUL: JSON allows no bare control characters.
        if matches!(&name, Cow::Owned(name) if name.contains(&0)) {
            return Err(self.error(Reason::Nul));
        }
        self.expect(b':', "`:`")?;
        Ok(name)
    }

    /// A string's characters.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Cow<'t, [u8]>, Error> {
        self.expect(b'"', "a string")?;
        let rest = self.rest();
        let len = first_special(rest);
        if rest.get(len) == Some(&b'"') {
            self.at += len + 1;
            return Ok(Cow::Borrowed(&rest[..len]));
        }
        let mut owned = Vec::new();
        self.rest_of_string(&mut owned)?;
        Ok(Cow::Owned(owned))
    }

    /// Appends a string as BSON has it: length, bytes, NUL.
    #[inline]
    pub(super) fn bson_string(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.expect(b'"', "a string")?;
        let rest = self.rest();
        let len = first_special(rest);
        let len_at = out.len();
        out.extend_from_slice(&bson_len(len));
        if rest.get(len) == Some(&b'"') {
            self.at += len + 1;
            out.extend_from_slice(&rest[..len]);
        } else {
            self.rest_of_string(out)?;
            let len = out.len() - len_at - 4;
            out[len_at..len_at + 4].copy_from_slice(&bson_len(len));
        }
        out.push(0);
        Ok(())
    }

    /// Appends the characters up to the closing quote, escapes resolved.
    #[cold]
    fn rest_of_string(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        loop {
            let rest = self.rest();
            let len = first_special(rest);
            out.extend_from_slice(&rest[..len]);
            self.at += len;
            match rest.get(len) {
                Some(b'"') => break,
                Some(b'\\') => self.escape(&rest[len + 1..], out)?,
                Some(_) => return Err(self.expected("an escaped control character")),
                None => return Err(self.expected("a closing quote")),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self, after: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let (char, len) = unescape(after).map_err(|bad| match bad {
            BadEscape::Unknown => self.error(Reason::Escape),
            BadEscape::LoneSurrogate => self.error(Reason::LoneSurrogate),
        })?;
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += 1 + len;
        Ok(())
    }

    /// A number, and whether it has neither fraction nor exponent.
    pub(super) fn number(&mut self) -> Result<(&'t str, bool), Error> {
        self.peek();
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let whole_end = self.at;
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok((&self.text[start..self.at], self.at == whole_end))
    }

    fn digits(&mut self) -> Result<(), Error> {
        let len = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += len;
        if len == 0 { Err(self.expected("a digit")) } else { Ok(()) }
    }

    /// Goes on to where this much, the end of [`Self::rest`], is left.
    #[inline]
    pub(super) fn go_to_rest(&mut self, rest: &[u8]) {
        self.at = self.text.len() - rest.len();
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// What has not been read.
    #[inline]
    pub(super) fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.at..]
    }
}

/// The length prefix of a string with that many bytes; the whole text has under 2 GiB.
#[inline]
pub(super) fn bson_len(len: usize) -> [u8; 4] {
    u32::try_from(len + 1).expect("texts of 2 GiB are refused").to_le_bytes()
}
