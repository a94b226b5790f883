//! Regular expressions, in the server's wording (PCRE), on an engine that never runs away.
//!
//! Owns the translation. What the two read alike is handed on; what they read differently is reworded so that it means here what it
//! means there (`\d` is an ASCII digit, `$` also stands before a newline at the end, a bracket within brackets is a bracket); what
//! this engine cannot do (back references, lookaround) or would do otherwise is refused.

use std::iter::Peekable;

use common::raw::{self, Element, Kind};
use regex::{Regex, RegexBuilder};

/// A compiled regular expression, and as it was written.
#[derive(Clone)]
pub(super) struct Pattern {
    regex: Regex,
    text: Box<[u8]>,
    options: Box<[u8]>,
    /// Whether `^` also stands behind a newline.
    begins_lines: bool,
}

/// Its length only: the text is the user's.
impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pattern({} bytes)", self.text.len())
    }
}

impl Pattern {
    /// A regular expression as a BSON value.
    pub(super) fn literal(element: &Element<'_>) -> Result<Self, String> {
        let mut parts = element.value.split(|byte| *byte == 0);
        let mut part = || {
            let text = parts.next().unwrap_or_default();
            std::str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())
        };
        let (text, options) = (part()?, part()?);
        Self::compile(text, options)
    }

    /// What `$regex` and `$options` say.
    pub(super) fn operators(regex: &Element<'_>, options: Option<&Element<'_>>) -> Result<Self, String> {
        let text = |element: &Element<'_>| match element.as_str() {
            Ok(Some(text)) if element.kind == Kind::String => Ok(text.to_owned()),
            _ => Err(format!("expected a string, found {}", element.kind.alias())),
        };
        let options = options.map(text).transpose()?;
        if regex.kind != Kind::Regex {
            return Self::compile(&text(regex)?, &options.unwrap_or_default());
        }
        let pattern = Self::literal(regex)?;
        match options {
            None => Ok(pattern),
            Some(_) if !pattern.options.is_empty() => {
                Err("has options of its own beside `$options`".to_owned())
            }
            Some(options) => Self::compile(&String::from_utf8_lossy(&pattern.text), &options),
        }
    }

    fn compile(text: &str, options: &str) -> Result<Self, String> {
        if let Some(unknown) = options.chars().find(|option| !"imsx".contains(*option)) {
            return Err(format!("the option `{unknown}` is unknown; there are i, m, s and x"));
        }
        if text.contains('\0') {
            return Err("holds a NUL".to_owned());
        }
        let has = |option| options.contains(option);
        let has_lines = has('m');
        let regex = RegexBuilder::new(&Translation::of(text, has('m'), has('x'))?)
            .case_insensitive(has('i'))
            .multi_line(has('m'))
            .dot_matches_new_line(has('s'))
            .ignore_whitespace(has('x'))
            .build()
            .map_err(|error| format!("is no regular expression that can be matched here: {error}"))?;
        let mut options: Vec<u8> = options.bytes().collect();
        options.sort_unstable();
        options.dedup();
        let begins_lines = has_lines && text.contains('^');
        Ok(Self { regex, text: text.as_bytes().into(), options: options.into(), begins_lines })
    }

    /// There is no line behind a newline that ends the text.
    fn is_in(&self, text: &str) -> bool {
        if self.begins_lines && text.ends_with('\n') {
            return self.regex.find(text).is_some_and(|found| found.start() < text.len());
        }
        self.regex.is_match(text)
    }

    /// Whether a value is a text with a match in it, or this very regular expression.
    pub(super) fn matches(&self, value: Option<&Element<'_>>) -> Result<bool, raw::Error> {
        let Some(value) = value else { return Ok(false) };
        match value.kind {
            Kind::String | Kind::Symbol => Ok(value.as_str()?.is_some_and(|text| self.is_in(text))),
            Kind::Regex => {
                let mut parts = value.value.split(|byte| *byte == 0);
                Ok(parts.next() == Some(&*self.text) && parts.next() == Some(&*self.options))
            }
            _ => Ok(false),
        }
    }
}

/// A pattern on its way from PCRE's words to this engine's.
struct Translation<'t> {
    rest: Peekable<std::str::Chars<'t>>,
    out: String,
    is_multi_line: bool,
    is_extended: bool,
}

const DIGIT: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const SPACE: &str = r"\t\n\x0B\x0C\r ";

impl<'t> Translation<'t> {
    fn of(text: &'t str, is_multi_line: bool, is_extended: bool) -> Result<String, String> {
        let (rest, out) = (text.chars().peekable(), String::new());
        let mut translation = Self { rest, out, is_multi_line, is_extended };
        while let Some(next) = translation.rest.next() {
            translation.outside(next)?;
        }
        Ok(translation.out)
    }

    fn outside(&mut self, next: char) -> Result<(), String> {
        match next {
            '\\' => self.escape(false)?,
            '[' => self.class()?,
            '(' if self.rest.peek() == Some(&'?') => self.group()?,
            '$' if !self.is_multi_line => {
                if !matches!(self.rest.peek(), None | Some(')' | '|')) {
                    return Err(
                        "`$` stands where something follows it: that cannot be matched here".to_owned()
                    );
                }
                self.out.push_str(r"(?:\n?\z)");
            }
            '#' if self.is_extended => {
                return Err("a comment: leave it out".to_owned());
            }
            _ => self.out.push(next),
        }
        Ok(())
    }

    /// `(?…`: groups without a number and with a name; flags would change what has been read already.
    fn group(&mut self) -> Result<(), String> {
        let rest: String = self.rest.clone().take(3).collect();
        let is_named = rest.starts_with("?<") && !rest.starts_with("?<=") && !rest.starts_with("?<!");
        if !rest.starts_with("?:") && !rest.starts_with("?P<") && !is_named {
            return Err(format!(
                "`({rest}…` cannot be matched here: no lookaround, and flags only as options"
            ));
        }
        self.out.push('(');
        Ok(())
    }

    /// What follows a backslash.
    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let Some(next) = self.rest.next() else { return Err("ends in a backslash".to_owned()) };
        let (open, not, close) = if in_class { ("[", "[^", "]") } else { ("(?-i:[", "(?-i:[^", "])") };
        let class = match next {
            'd' | 'D' => Some(DIGIT),
            'w' | 'W' => Some(WORD),
            's' | 'S' => Some(SPACE),
            _ => None,
        };
        match class {
            Some(class) => {
                self.out.push_str(if next.is_ascii_uppercase() { not } else { open });
                self.out.push_str(class);
                self.out.push_str(close);
            }
            None if next == 'b' && !in_class => self.out.push_str(r"(?-u:\b)"),
            None if "tnrf".contains(next) || (next == 'A' || next == 'z') && !in_class => {
                self.out.extend(['\\', next]);
            }
            None if next == 'x' => self.out.push_str(r"\x"),
            None if next.is_ascii_alphanumeric() => return Err(format!("`\\{next}` cannot be matched here")),
            None if next.is_ascii() => {
                // Always by its number, for each engine has its own characters that mean something.
                self.out.push_str(&format!(r"\x{:02X}", u32::from(next)));
            }
            None => self.out.push(next),
        }
        Ok(())
    }

    /// `[…]`.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        if self.rest.next_if_eq(&']').is_some() {
            self.out.push_str(r"\]");
        }
        loop {
            match self.rest.next() {
                None => return Err("a `[` is never closed".to_owned()),
                Some(']') => break,
                Some('\\') => self.escape(true)?,
                Some('[') if matches!(self.rest.peek(), Some(':')) => {
                    self.out.push('[');
                    while let Some(next) = self.rest.next_if(|next| *next != ']') {
                        self.out.push(next);
                    }
                    self.rest.next();
                    self.out.push(']');
                }
                Some(next @ ('[' | '&' | '~' | '#' | ' ' | '\t' | '\n')) => {
                    self.out.push_str(&format!(r"\x{:02X}", u32::from(next)));
                }
                Some('-') if self.rest.peek() == Some(&'-') => return Err("`--` in a class".to_owned()),
                Some(next) => self.out.push(next),
            }
        }
        self.out.push(']');
        Ok(())
    }
}
