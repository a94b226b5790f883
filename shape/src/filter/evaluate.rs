//! A query's expressions, and what they say of a document. Pure.
//!
//! Three answers: yes, no, and, where the document is known in part only, nobody knows. `no` of a part that is known is enough for an
//! `$and`, whatever the rest is.

use std::cmp::Ordering;

use common::raw::{self, Document, Element, Kind};

use super::{
    compare::{self, MISSING, NULL, order, rank},
    number::Number,
    operand::Operand,
    path::Path,
    pattern::Pattern,
};

/// A condition on a document.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    /// One of the values at the path passes.
    At(Path, Test),
}

/// A condition on one value, which may be missing.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Compare(Comparison, Operand),
    In {
        values: Vec<Operand>,
        patterns: Vec<Pattern>,
    },
    Exists,
    Type(Vec<Kind>),
    Matches(Pattern),
    /// An array of so many elements.
    Size(usize),
    /// An array with a document in it for which this holds.
    HasDocument(Box<Expression>),
    /// An array with a value in it for which all of these hold.
    HasValue(Vec<Condition>),
}

/// A condition on one value.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Test(Test),
    /// Not all of these hold.
    Not(Vec<Condition>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Expression {
    /// What it says of a document of which only the fields whose names `is_known` are known, missing ones too.
    pub(super) fn verdict(
        &self,
        document: Document<'_>,
        is_known: &impl Fn(&[u8]) -> bool,
    ) -> Result<Option<bool>, raw::Error> {
        Ok(match self {
            Self::And(all) => joined(all, false, document, is_known)?,
            Self::Or(any) => joined(any, true, document, is_known)?,
            Self::Not(inner) => inner.verdict(document, is_known)?.map(|is_so| !is_so),
            Self::At(path, _) if !is_known(&path.names[0]) => None,
            Self::At(path, test) => {
                Some(path.any(document, test.enters_arrays(), &mut |value| test.passes(value))?)
            }
        })
    }

    fn holds(&self, document: Document<'_>) -> Result<bool, raw::Error> {
        Ok(self.verdict(document, &|_| true)? == Some(true))
    }
}

/// `decisive` as soon as one part is; nobody knows where none is and one is not known.
fn joined(
    parts: &[Expression],
    decisive: bool,
    document: Document<'_>,
    is_known: &impl Fn(&[u8]) -> bool,
) -> Result<Option<bool>, raw::Error> {
    let mut answer = Some(!decisive);
    for part in parts {
        match part.verdict(document, is_known)? {
            Some(is_so) if is_so == decisive => return Ok(Some(decisive)),
            Some(_) => {}
            None => answer = None,
        }
    }
    Ok(answer)
}

impl Test {
    /// Whether each element of an array at the end of the path is asked about, beside the array.
    const fn enters_arrays(&self) -> bool {
        !matches!(self, Self::Size(_) | Self::HasDocument(_) | Self::HasValue(_))
    }

    fn passes(&self, value: Option<&Element<'_>>) -> Result<bool, raw::Error> {
        match self {
            Self::Compare(comparison, operand) => comparison.holds(value, &operand.view()),
            Self::In { values, patterns } => is_in(value, values, patterns),
            Self::Exists => Ok(value.is_some()),
            Self::Type(kinds) => Ok(value.is_some_and(|value| kinds.contains(&value.kind))),
            Self::Matches(pattern) => pattern.matches(value),
            Self::Size(size) => match array(value) {
                Some(array) => Ok(count(array)? == *size),
                None => Ok(false),
            },
            Self::HasDocument(expression) => any_element(value, |element| match element.as_document() {
                Some(document) => expression.holds(document),
                None => Ok(false),
            }),
            Self::HasValue(conditions) => any_element(value, |element| all_hold(conditions, element)),
        }
    }
}

fn is_in(value: Option<&Element<'_>>, values: &[Operand], patterns: &[Pattern]) -> Result<bool, raw::Error> {
    for operand in values {
        if Comparison::Equal.holds(value, &operand.view())? {
            return Ok(true);
        }
    }
    for pattern in patterns {
        if pattern.matches(value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn all_hold(conditions: &[Condition], value: &Element<'_>) -> Result<bool, raw::Error> {
    for condition in conditions {
        let holds = match condition {
            Condition::Test(test) => test.passes(Some(value))?,
            Condition::Not(inner) => !all_hold(inner, value)?,
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any_element(
    value: Option<&Element<'_>>,
    mut is_it: impl FnMut(&Element<'_>) -> Result<bool, raw::Error>,
) -> Result<bool, raw::Error> {
    for element in array(value).unwrap_or(Document::EMPTY).elements() {
        if is_it(&element?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn array<'a>(value: Option<&Element<'a>>) -> Option<Document<'a>> {
    value.filter(|value| value.kind == Kind::Array)?.as_document()
}

fn count(array: Document<'_>) -> Result<usize, raw::Error> {
    let mut count = 0;
    for element in array.elements() {
        element?;
        count += 1;
    }
    Ok(count)
}

impl Comparison {
    /// A value against one of the query's. Only values of one rank compare; the exceptions are the server's.
    fn holds(self, value: Option<&Element<'_>>, operand: &Element<'_>) -> Result<bool, raw::Error> {
        let (here, there) = (value.map_or(MISSING, |value| rank(value.kind)), compare::rank(operand.kind));
        let Some(value) = value.filter(|_| here == there) else {
            return Ok(match operand.kind {
                Kind::Null if here + there == NULL => self.takes_equal(),
                Kind::MinKey => matches!(self, Self::Greater | Self::GreaterOrEqual),
                Kind::MaxKey => matches!(self, Self::Less | Self::LessOrEqual),
                _ => false,
            });
        };
        if let Some((value, operand)) = Number::of(value).zip(Number::of(operand))
            && (value.is_nan() || operand.is_nan())
        {
            return Ok(value.is_nan() && operand.is_nan() && self.takes_equal());
        }
        Ok(match order(value, operand)? {
            Ordering::Equal => self.takes_equal(),
            Ordering::Less => matches!(self, Self::Less | Self::LessOrEqual),
            Ordering::Greater => matches!(self, Self::Greater | Self::GreaterOrEqual),
        })
    }

    const fn takes_equal(self) -> bool {
        matches!(self, Self::Equal | Self::LessOrEqual | Self::GreaterOrEqual)
    }
}
