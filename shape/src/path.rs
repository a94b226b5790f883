//! Field paths as change events and rules write them: component names between dots.
//!
//! Owns what a name is *by its text*: whether it can be an array index, and in which order `$set` takes names. It must
//! not look at documents: what a path means in one is for those who have one.

use std::cmp::Ordering;

use common::{
    event::UpdateDescription,
    raw::{self, Element},
};

/// Most elements by which an update may lengthen an array; the server refuses more (code 34).
pub const MAX_PADDING: usize = 1_500_000;

/// Whether the name can stand for an array index: decimal digits without a leading zero, as the server writes them.
///
/// A document may use such names too; without the document at hand nobody can tell which it is.
#[must_use]
#[inline]
pub fn is_numeric(name: &[u8]) -> bool {
    match name {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// The array index the name can stand for, if it is one that an array can have.
#[must_use]
pub fn index(name: &[u8]) -> Option<usize> {
    (is_numeric(name) && name.len() <= 9)
        .then(|| name.iter().fold(0, |index, digit| index * 10 + usize::from(digit - b'0')))
}

/// The components of a dotted path, empty names included.
pub fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    path.split(|byte| *byte == b'.')
}

/// A number as the text of an array index, without an allocation.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    digits: [u8; 20],
    from: usize,
}

impl Decimal {
    /// The number's text.
    #[must_use]
    pub fn of(number: usize) -> Self {
        let (mut digits, mut from, mut rest) = ([b'0'; 20], 19, number);
        loop {
            digits[from] = b"0123456789"[rest % 10];
            rest /= 10;
            if rest == 0 {
                return Self { digits, from };
            }
            from -= 1;
        }
    }

    /// The digits.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.digits[self.from..]
    }
}

/// The path that an element of `removedFields` is.
///
/// # Errors
/// It is no string of names.
pub fn of_removal<'a>(element: &Element<'a>) -> Result<&'a [u8], raw::Error> {
    names(element)?.ok_or(raw::Error::Unexpected { field: "removedFields", expected: "path" })
}

/// The text of a string, if it can be a name or path: a NUL, which a BSON string may hold, would end the name early and
/// make the rest of it bytes of somebody else's choice.
///
/// # Errors
/// [`raw::Error::NotUtf8`]; `Ok(None)` when it is no such string.
pub fn names<'a>(element: &Element<'a>) -> Result<Option<&'a [u8]>, raw::Error> {
    Ok(element.as_str()?.map(str::as_bytes).filter(|text| !text.contains(&0)))
}

/// The path and the new length that an element of `truncatedArrays` holds.
///
/// # Errors
/// It is not `{field: <string>, newSize: <length>}`.
pub fn of_truncation<'a>(element: &Element<'a>) -> Result<(&'a [u8], usize), raw::Error> {
    const UNREADABLE: raw::Error =
        raw::Error::Unexpected { field: "truncatedArrays", expected: "truncation" };
    let truncation = element.as_document().ok_or(UNREADABLE)?;
    let path = names(&truncation.get("field")?.ok_or(UNREADABLE)?)?.ok_or(UNREADABLE)?;
    let len = truncation.get("newSize")?.and_then(|len| len.as_integer()).ok_or(UNREADABLE)?;
    Ok((path, usize::try_from(len).map_err(|_| UNREADABLE)?))
}

/// The truncations of a delta.
pub fn truncations<'a>(
    delta: &UpdateDescription<'a>,
) -> impl Iterator<Item = Result<(&'a [u8], usize), raw::Error>> + use<'a> {
    delta.truncated_arrays.elements().map(|element| of_truncation(&element?))
}

/// The paths that a delta removes. `_id` is none of them: the server reports it when a pipeline makes a document
/// without `_id`, and puts it back.
pub fn removals<'a>(
    delta: &UpdateDescription<'a>,
) -> impl Iterator<Item = Result<&'a [u8], raw::Error>> + use<'a> {
    let paths = delta.removed_fields.elements().map(|element| of_removal(&element?));
    paths.filter(|path| !matches!(path, Ok(b"_id")))
}

/// In which order a server's `$set` takes the fields of one document, and so appends the ones that are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SetOrder {
    /// By bytes. MongoDB up to 4.4 (tried: 4.4.2).
    Lexicographic,
    /// By bytes, but two names that both begin with a digit other than 0 first by length. MongoDB from 5.0 on (tried:
    /// 5.0.4, 6.0.5; 2,000 random sets of names each).
    #[default]
    Numeric,
}

impl SetOrder {
    /// Compares two names of one document.
    #[must_use]
    pub fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        let by_length = self == Self::Numeric && begins_a_number(a) && begins_a_number(b);
        if by_length { a.len().cmp(&b.len()).then_with(|| a.cmp(b)) } else { a.cmp(b) }
    }
}

fn begins_a_number(name: &[u8]) -> bool {
    matches!(name.first(), Some(b'1'..=b'9'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_decimals_can_be_indexes() {
        for (name, expected) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("999999999", Some(999_999_999)),
            ("1000000000", None),
            ("01", None),
            ("", None),
            ("-1", None),
            ("1a", None),
        ] {
            assert_eq!(index(name.as_bytes()), expected, "{name}");
        }
        assert!(is_numeric(b"12345678901234567890123"));
    }

    #[test]
    fn a_decimal_is_the_numbers_text() {
        for number in [0, 7, 10, 1_500_000, usize::MAX] {
            assert_eq!(Decimal::of(number).bytes(), number.to_string().as_bytes());
        }
    }

    #[test]
    fn a_path_with_a_nul_is_no_path() {
        let list = bson::doc! {"0": "a\0\u{2}evil", "1": "a"}.to_vec().unwrap();
        let list = raw::Document::new(&list).unwrap();
        let paths: Vec<_> = list.elements().map(|element| of_removal(&element.unwrap())).collect();
        assert_eq!(paths[1], Ok(&b"a"[..]));
        assert!(paths[0].is_err());
    }

    #[test]
    fn set_order_is_the_servers() {
        // As 6.0.5 appended them from one shuffled `$set`.
        let numeric =
            [" ", "-1", "0", "00", "001", "010", "0a", "1", "9", "10", "1a", "9a", "100", "10a", "A", "a"];
        // As 4.4.2 did.
        let lexicographic = ["-9", "0", "1A02A", "20A", "29", "2a", "A", "A-9", "a0A"];
        for (order, names) in [(SetOrder::Numeric, &numeric[..]), (SetOrder::Lexicographic, &lexicographic)] {
            let mut sorted = names.to_vec();
            sorted.reverse();
            sorted.sort_by(|a, b| order.compare(a.as_bytes(), b.as_bytes()));
            assert_eq!(sorted, names);
        }
    }
}
