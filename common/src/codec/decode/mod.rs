//! Extended JSON v2 text, canonical or relaxed, to raw BSON.
//!
//! Owns the shape of documents and arrays; tokens are read by `lexer`, type wrappers by `wrappers`. Guards: one pass,
//! straight into the output; an object that holds a wrapper's key is that wrapper or an error, never a plain document;
//! nothing is rounded; arbitrary bytes make an [`Error`], never a panic.
//!
//! A value's type is known only after its first bytes, so each element is written with an empty type byte that is filled
//! in when the value is through:
//!
//! ```text
//! out:  … ▒ n a m e 0 v v v v          ▒ ← the kind that `value` returns
//! ```

mod blocks;
mod compact;
mod date;
mod error;
mod lexer;
mod wrappers;

use std::borrow::Cow;

pub(super) use self::date::parse as date;
pub use self::error::{Error, Reason};
use self::lexer::Lexer;
use super::{number, wrapper::Wrapper};
use crate::raw::{Kind, MAX_DEPTH};

/// Which wrappers are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// Extended JSON v2.
    #[default]
    V2,
    /// Also what MongoDB's Kafka source connector writes by default (its `DefaultJson` formatter, Extended JSON v1 as the
    /// Java driver's mode `STRICT` words it): `{"$date": 0}`, `{"$binary": "…", "$type": "00"}`,
    /// `{"$regex": "…", "$options": "…"}`, and `NaN` and `Infinity` as bare words.
    V2AndV1,
}

/// Appends the BSON bytes of the one document that `text` holds.
///
/// # Errors
/// [`Error`]; `out` is then as it was.
pub fn document(text: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    document_in(Dialect::V2, text, out)
}

/// As [`document`], in the dialect asked for.
///
/// # Errors
/// [`Error`]; `out` is then as it was.
pub fn document_in(dialect: Dialect, text: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    // Every string's length fits its prefix from here on.
    if i32::try_from(text.len()).is_err() {
        return Err(Error { at: 0, reason: Reason::TooLarge });
    }
    let text = std::str::from_utf8(text)
        .map_err(|error| Error { at: error.valid_up_to(), reason: Reason::NotUtf8 })?;
    let start = out.len();
    out.reserve(text.len());
    let mut decoder = Decoder { lexer: Lexer::new(text), dialect, out };
    let decoded = decoder.whole();
    if decoded.is_err() {
        out.truncate(start);
    }
    decoded
}

/// One pass over a text; reads at the lexer's place, appends to `out`.
struct Decoder<'t, 'o> {
    lexer: Lexer<'t>,
    dialect: Dialect,
    out: &'o mut Vec<u8>,
}

/// A document or array whose length is still to be filled in.
#[derive(Clone, Copy)]
struct Open {
    /// Where its length stands in the output.
    at: usize,
    /// Its nesting level; the outermost document has 1.
    level: usize,
}

/// How the fields of an object ended.
enum Fields {
    /// With the closing brace.
    Plain,
    /// After a lone `$scope` with the name `$code`: it was a wrapper with its keys the other way round.
    ScopeThenCode,
}

impl<'t> Decoder<'t, '_> {
    fn whole(&mut self) -> Result<(), Error> {
        self.lexer.expect(b'{', "an object")?;
        let open = self.open(1)?;
        if !self.lexer.skip(b'}') {
            let name = self.lexer.name()?;
            self.fields(name, open)?;
        }
        self.close(open)?;
        self.lexer.end()
    }

    fn open(&mut self, level: usize) -> Result<Open, Error> {
        if level > MAX_DEPTH {
            return Err(self.lexer.error(Reason::TooDeep));
        }
        let at = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        Ok(Open { at, level })
    }

    fn close(&mut self, open: Open) -> Result<(), Error> {
        self.out.push(0);
        self.fill_in_length(open.at)
    }

    /// Fills in the length of the block that begins at `at` and ends where the output ends now.
    fn fill_in_length(&mut self, at: usize) -> Result<(), Error> {
        let len = i32::try_from(self.out.len() - at).map_err(|_| self.lexer.error(Reason::TooLarge))?;
        self.out[at..at + 4].copy_from_slice(&len.to_le_bytes());
        Ok(())
    }

    /// A value of any type, in a document or array of this level; its bytes are appended.
    fn value(&mut self, level: usize) -> Result<Kind, Error> {
        match self.lexer.peek() {
            Some(b'{') => self.object(level + 1),
            Some(b'"') => self.string(),
            Some(b'[') => self.array(level + 1),
            Some(b'N' | b'I' | b'-') if self.dialect == Dialect::V2AndV1 => self.number_or_bare_word(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Kind::Boolean, &[1]),
            Some(b'f') => self.word("false", Kind::Boolean, &[0]),
            Some(b'n') => self.word("null", Kind::Null, &[]),
            _ => Err(self.lexer.expected("a value")),
        }
    }

    fn string(&mut self) -> Result<Kind, Error> {
        self.lexer.bson_string(self.out)?;
        Ok(Kind::String)
    }

    fn word(&mut self, word: &'static str, kind: Kind, bytes: &[u8]) -> Result<Kind, Error> {
        if !self.lexer.skip_word(word) {
            return Err(self.lexer.expected(word));
        }
        Ok(self.scalar(kind, bytes))
    }

    fn array(&mut self, level: usize) -> Result<Kind, Error> {
        self.lexer.expect(b'[', "an array")?;
        let open = self.open(level)?;
        let mut index = number::Index::new();
        let mut ended = self.lexer.skip(b']');
        while !ended {
            self.element(index.as_bytes(), level)?;
            index.advance();
            ended = self.lexer.skip(b']');
            if !ended {
                self.lexer.expect(b',', "`,` or `]`")?;
            }
        }
        self.close(open)?;
        Ok(Kind::Array)
    }

    /// A nested object: a type wrapper if its first key says so, else a document.
    fn object(&mut self, level: usize) -> Result<Kind, Error> {
        self.lexer.expect(b'{', "an object")?;
        if let Some(kind) = self.compact() {
            return Ok(kind);
        }
        if self.lexer.skip(b'}') {
            return self.empty(level);
        }
        let name = self.lexer.name()?;
        if name.first() == Some(&b'$') {
            if let Some(wrapper) = Wrapper::marked_by(&name) {
                return self.wrapper(wrapper, level);
            }
            if self.dialect == Dialect::V2AndV1 && *name == *b"$regex" && self.old_regex()? {
                return Ok(Kind::Regex);
            }
        }
        self.document(name, level)
    }

    fn empty(&mut self, level: usize) -> Result<Kind, Error> {
        let open = self.open(level)?;
        self.close(open)?;
        Ok(Kind::Document)
    }

    /// A document whose first name is read already; or the code with scope that it turns out to be.
    fn document(&mut self, first: Cow<'t, [u8]>, level: usize) -> Result<Kind, Error> {
        let open = self.open(level)?;
        match self.fields(first, open)? {
            Fields::Plain => self.close(open).map(|()| Kind::Document),
            Fields::ScopeThenCode => self.scope_then_code(open),
        }
    }

    /// The fields up to and including the closing brace; the first name and its colon are read already.
    fn fields(&mut self, first: Cow<'t, [u8]>, open: Open) -> Result<Fields, Error> {
        let mut lone_scope = *first == *b"$scope";
        let mut name = first;
        loop {
            lone_scope &= self.element(&name, open.level)? == Kind::Document;
            if self.lexer.skip(b'}') {
                return Ok(Fields::Plain);
            }
            self.lexer.expect(b',', "`,` or `}`")?;
            name = self.lexer.name()?;
            if name.first() == Some(&b'$') && open.level > 1 {
                match Wrapper::marked_by(&name) {
                    None => {}
                    Some(Wrapper::Code) if lone_scope => return Ok(Fields::ScopeThenCode),
                    Some(_) => return Err(self.lexer.error(Reason::StrayWrapper)),
                }
            }
            lone_scope = false;
        }
    }

    /// An element of this name with the value that follows.
    #[inline]
    fn element(&mut self, name: &[u8], level: usize) -> Result<Kind, Error> {
        let kind_at = self.out.len();
        self.out.push(0);
        self.out.extend_from_slice(name);
        self.out.push(0);
        let kind = self.value(level)?;
        self.out[kind_at] = kind as u8;
        Ok(kind)
    }

    /// A bare JSON number: the smallest integer type that holds it, else a double.
    fn number(&mut self) -> Result<Kind, Error> {
        let (text, is_integer) = self.lexer.number()?;
        if is_integer && let Ok(value) = text.parse::<i64>() {
            return Ok(match i32::try_from(value) {
                Ok(value) => self.scalar(Kind::Int32, &value.to_le_bytes()),
                Err(_) => self.scalar(Kind::Int64, &value.to_le_bytes()),
            });
        }
        let value = number::parse_double(text).ok_or_else(|| self.lexer.error(Reason::Range))?;
        Ok(self.scalar(Kind::Double, &value.to_le_bytes()))
    }

    fn number_or_bare_word(&mut self) -> Result<Kind, Error> {
        let word = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| self.lexer.skip_word(word));
        match word.and_then(number::parse_double) {
            Some(value) => Ok(self.scalar(Kind::Double, &value.to_le_bytes())),
            None => self.number(),
        }
    }

    #[inline]
    fn scalar(&mut self, kind: Kind, bytes: &[u8]) -> Kind {
        self.out.extend_from_slice(bytes);
        kind
    }
}
