//! Reading a value as one of another type, so that nothing is lost: the other way round gives what stood there.
//!
//! | from | to | where |
//! |---|---|---|
//! | a number | another number | it is the same number |
//! | `string` | a number | it is spelt as that number is: no sign, zero or space too many |
//! | `string` | `date` | ISO 8601 in UTC, `2026-11-20T16:20:00Z`, with no or three decimals |
//! | `string` | `objectId`, `binData` (a UUID), `bool` | 24 hex digits, a UUID, `true` or `false`, in lower case |
//! | a finite number, `date`, `objectId`, a UUID, `bool`, `symbol` | `string` | as above; a date of a year of four digits |
//!
//! Nothing is read from or as a document, an array or null. Of several types that would do the first in the order of
//! [`super::kinds`] is taken.

use common::{
    codec::{hex, words},
    raw::{Element, Kind},
};

use super::{Sort, kinds::Kinds, number};

/// The value of one of these types that the element's is.
pub(super) fn read(element: &Element<'_>, kinds: Kinds, sort: Sort) -> Option<(Kind, Vec<u8>)> {
    let among = |kind: &Kind| sort != Sort::WidenedType || Kinds::NUMBERS.has(*kind);
    kinds.iter().filter(among).find_map(|kind| Some((kind, read_as(element, kind)?)))
}

/// The value of that type that the element's is.
pub(super) fn read_as(element: &Element<'_>, kind: Kind) -> Option<Vec<u8>> {
    match (element.kind, kind) {
        (Kind::String, _) => of_text(element.as_str().ok()??, kind),
        (_, Kind::String) => text(element).map(|text| string(&text)),
        (from, _) if Kinds::NUMBERS.has(from) => of_number(element, kind),
        _ => None,
    }
}

fn of_number(element: &Element<'_>, kind: Kind) -> Option<Vec<u8>> {
    Some(match kind {
        Kind::Int32 => i32::try_from(number::long(element)?).ok()?.to_le_bytes().to_vec(),
        Kind::Int64 => number::long(element)?.to_le_bytes().to_vec(),
        Kind::Double => number::double(element)?.to_le_bytes().to_vec(),
        Kind::Decimal128 => number::decimal(element)?.bytes().to_vec(),
        _ => return None,
    })
}

fn of_text(text: &str, kind: Kind) -> Option<Vec<u8>> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if Kinds::NUMBERS.has(kind) && !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some(match kind {
        Kind::Int32 => spelt(text.parse::<i32>().ok()?, text)?.to_le_bytes().to_vec(),
        Kind::Int64 => spelt(text.parse::<i64>().ok()?, text)?.to_le_bytes().to_vec(),
        Kind::Double => {
            let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
            let is_spelt = words::of_double(value).as_deref() == Some(text) || value.to_string() == text;
            is_spelt.then(|| value.to_le_bytes().to_vec())?
        }
        Kind::Decimal128 => {
            let value = words::decimal(text)?;
            (words::of_decimal(value).as_deref() == Some(text)).then(|| value.to_vec())?
        }
        Kind::DateTime => {
            let millis = words::date(text)?;
            let is_spelt = date(millis, true).as_deref() == Some(text)
                || (millis % 1000 == 0 && date(millis, false).as_deref() == Some(text));
            is_spelt.then(|| millis.to_le_bytes().to_vec())?
        }
        Kind::ObjectId => hex::parse(text).filter(|id| id.len() == 12 && hex::text(id) == text)?,
        Kind::Boolean => match text {
            "true" => vec![1],
            "false" => vec![0],
            _ => return None,
        },
        Kind::Binary => {
            let bytes = hex::parse(&text.replace('-', "")).filter(|bytes| bytes.len() == 16)?;
            (uuid(&bytes) == text).then(|| [&[16, 0, 0, 0, 4], &bytes[..]].concat())?
        }
        _ => return None,
    })
}

fn spelt<N: ToString>(value: N, text: &str) -> Option<N> {
    (value.to_string() == text).then_some(value)
}

/// The value's text, if it has one that is read back as the same value.
fn text(element: &Element<'_>) -> Option<String> {
    match element.kind {
        Kind::Int32 => element.as_i32().map(|value| value.to_string()),
        Kind::Int64 => element.as_i64().map(|value| value.to_string()),
        Kind::Double => words::of_double(element.as_f64().filter(|value| value.is_finite())?),
        Kind::Decimal128 => {
            number::Decimal::of(element)?;
            words::of_decimal(element.value.try_into().ok()?)
        }
        Kind::DateTime => date(i64::from_le_bytes(element.value.try_into().ok()?), true),
        Kind::ObjectId => Some(hex::text(element.value)),
        Kind::Boolean => element.as_bool().map(|truth| truth.to_string()),
        Kind::Binary => element.as_uuid().map(|bytes| uuid(&bytes)),
        Kind::Symbol => element.as_str().ok()?.map(str::to_owned),
        _ => None,
    }
}

fn uuid(bytes: &[u8]) -> String {
    let digits = hex::text(bytes);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

/// A string's bytes.
fn string(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len() + 1).expect("these texts are short");
    [&len.to_le_bytes()[..], text.as_bytes(), &[0]].concat()
}

/// `2026-11-20T16:20:00.000Z`, of the years 0 to 9999 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date(millis: i64, with_millis: bool) -> Option<String> {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let (days, of_day) = (millis.div_euclid(DAY) + 719_468, millis.rem_euclid(DAY));
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // The year begins in March, so that the leap day is its last.
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (seconds, millis) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = if with_millis { format!(".{millis:03}") } else { String::new() };
    (0..=9999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
}

#[cfg(test)]
mod tests;
