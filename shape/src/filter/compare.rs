//! Values against each other, as the server orders them (manual, "Comparison/Sort Order"; simple collation). Pure.

use std::cmp::Ordering;

use common::raw::{self, Document, Element, Kind};

use super::number::Number;

/// Types that are compared with each other have one rank; Undefined has that of what is missing.
pub(super) const fn rank(kind: Kind) -> i32 {
    match kind {
        Kind::MinKey => -1,
        Kind::Undefined => MISSING,
        Kind::Null => NULL,
        Kind::Double | Kind::Int32 | Kind::Int64 | Kind::Decimal128 => 10,
        Kind::String | Kind::Symbol => 15,
        Kind::Document => 20,
        Kind::Array => 25,
        Kind::Binary => 30,
        Kind::ObjectId => 35,
        Kind::Boolean => 40,
        Kind::DateTime => 45,
        Kind::Timestamp => 47,
        Kind::Regex => 50,
        Kind::DbPointer => 55,
        Kind::Code => 60,
        Kind::CodeWithScope => 65,
        Kind::MaxKey => 127,
    }
}

/// The rank of what is not there.
pub(super) const MISSING: i32 = 0;
/// The rank of null.
pub(super) const NULL: i32 = 5;

/// The order of two values, names aside.
pub(super) fn order(a: &Element<'_>, b: &Element<'_>) -> Result<Ordering, raw::Error> {
    let ranks = rank(a.kind).cmp(&rank(b.kind));
    if ranks.is_ne() {
        return Ok(ranks);
    }
    if let Some((a, b)) = Number::of(a).zip(Number::of(b)) {
        return Ok(a.order(b));
    }
    Ok(match a.kind {
        Kind::String | Kind::Symbol | Kind::Code => text(a.value).cmp(text(b.value)),
        Kind::Document | Kind::Array => return fields(a, b),
        Kind::Boolean | Kind::ObjectId | Kind::Regex => a.value.cmp(b.value),
        Kind::DateTime => fixed(a, i64::from_le_bytes).cmp(&fixed(b, i64::from_le_bytes)),
        Kind::Timestamp => a.as_timestamp().cmp(&b.as_timestamp()),
        // Shorter first, whatever they hold; a binary's length is followed by its subtype.
        Kind::Binary | Kind::DbPointer => {
            a.value.len().cmp(&b.value.len()).then_with(|| a.value[4..].cmp(&b.value[4..]))
        }
        Kind::CodeWithScope => a.value[4..].cmp(&b.value[4..]),
        _ => Ordering::Equal,
    })
}

/// Element by element: type, then name where names count, then value; what ends first is less.
fn fields(a: &Element<'_>, b: &Element<'_>) -> Result<Ordering, raw::Error> {
    let names_count = a.kind == Kind::Document;
    let (a, b) = (a.as_document().unwrap_or(Document::EMPTY), b.as_document().unwrap_or(Document::EMPTY));
    let (mut a, mut b) = (a.elements(), b.elements());
    loop {
        let (a, b) = match (a.next().transpose()?, b.next().transpose()?) {
            (Some(a), Some(b)) => (a, b),
            (a, b) => return Ok(a.is_some().cmp(&b.is_some())),
        };
        let mut found = rank(a.kind).cmp(&rank(b.kind));
        if names_count {
            found = found.then_with(|| a.name.cmp(b.name));
        }
        if found.is_eq() {
            found = order(&a, &b)?;
        }
        if found.is_ne() {
            return Ok(found);
        }
    }
}

/// A string's bytes, without its length and closing NUL.
fn text(value: &[u8]) -> &[u8] {
    &value[4..value.len() - 1]
}

fn fixed<N>(element: &Element<'_>, read: fn([u8; 8]) -> N) -> N {
    read(element.value.try_into().unwrap_or_default())
}
