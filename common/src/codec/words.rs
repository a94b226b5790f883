//! Single values as the words that Extended JSON has for them, and back. Exact: what has no exact counterpart has none at all.

use super::{decimal128, decode, number};

/// The decimal that a text stands for.
#[must_use]
pub fn decimal(text: &str) -> Option<[u8; 16]> {
    decimal128::parse(text.as_bytes())
}

/// The text of a decimal.
#[must_use]
pub fn of_decimal(bytes: [u8; 16]) -> Option<String> {
    let mut out = Vec::new();
    decimal128::write(bytes, &mut out)?;
    String::from_utf8(out).ok()
}

/// The text of a double.
#[must_use]
pub fn of_double(value: f64) -> Option<String> {
    let mut out = Vec::new();
    number::write_double(value, &mut out)?;
    String::from_utf8(out).ok()
}

/// Milliseconds since 1970 of a date in ISO 8601, with its time and its zone.
#[must_use]
pub fn date(text: &str) -> Option<i64> {
    decode::date(text.as_bytes())
}
