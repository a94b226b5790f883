//! Which document an `_id` names: bytes that are equal exactly when the server holds the values equal.
//!
//! [`crate::key`] only promises that equal values share a partition: it rounds numbers to doubles. Folding needs both directions, or
//! two documents whose `_id`s are neighbouring large integers would become one. So a number is the double that it is exactly,
//! else the 64-bit integer that it is exactly, else its decimal digits.

use crate::raw::{self, Document, Element, Kind};

/// Appends the identity of a value.
///
/// # Errors
/// [`raw::Error`] when it is malformed or nested too deep.
pub fn write(value: &Element<'_>, out: &mut Vec<u8>) -> Result<(), raw::Error> {
    at_depth(value, out, 0)
}

fn at_depth(value: &Element<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), raw::Error> {
    if depth > raw::MAX_DEPTH {
        return Err(raw::Error::TooDeep);
    }
    match value.kind {
        Kind::Int32 | Kind::Int64 => integer(value.as_integer().unwrap_or(0), out),
        Kind::Double => double(value.as_f64().unwrap_or(0.0), out),
        Kind::Decimal128 => decimal(value.value, out),
        Kind::Symbol => plain(Kind::String, value.value, out),
        Kind::Document | Kind::Array => {
            out.push(value.kind as u8);
            for element in value.as_document().unwrap_or(Document::EMPTY).elements() {
                let element = element?;
                out.extend_from_slice(element.name);
                out.push(0);
                at_depth(&element, out, depth + 1)?;
            }
            out.push(0);
        }
        kind => plain(kind, value.value, out),
    }
    Ok(())
}

fn plain(kind: Kind, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(kind as u8);
    out.extend_from_slice(bytes);
}

fn double(number: f64, out: &mut Vec<u8>) {
    let number = match number {
        number if number.is_nan() => f64::NAN,
        0.0 => 0.0,
        number => number,
    };
    plain(Kind::Double, &number.to_le_bytes(), out);
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn integer(number: i64, out: &mut Vec<u8>) {
    let nearest = number as f64;
    if nearest as i128 == i128::from(number) {
        double(nearest, out);
    } else {
        plain(Kind::Int64, &number.to_le_bytes(), out);
    }
}

/// A decimal128 in BID encoding (IEEE 754-2008; 16 bytes, little endian).
fn decimal(bytes: &[u8], out: &mut Vec<u8>) {
    let mut sixteen = [0; 16];
    sixteen.copy_from_slice(&bytes[..16]);
    let bits = u128::from_le_bytes(sixteen);
    let is_negative = bits >> 127 == 1;
    match (bits >> 122) & 0b1_1111 {
        0b1_1111 => return double(f64::NAN, out),
        0b1_1110 if is_negative => return double(f64::NEG_INFINITY, out),
        0b1_1110 => return double(f64::INFINITY, out),
        // A coefficient beyond 34 digits, which the standard reads as zero.
        0b1_1000.. => return double(0.0, out),
        _ => {}
    }
    let exponent = i32::try_from((bits >> 113) & 0x3FFF).unwrap_or(0) - 6176;
    let coefficient = bits & ((1 << 113) - 1);
    finite(is_negative, coefficient, exponent, out);
}

fn finite(is_negative: bool, mut digits: u128, mut exponent: i32, out: &mut Vec<u8>) {
    if digits == 0 || digits >= 10_u128.pow(34) {
        return double(0.0, out);
    }
    while digits.is_multiple_of(10) {
        (digits, exponent) = (digits / 10, exponent + 1);
    }
    let sign = if is_negative { "-" } else { "" };
    let nearest: f64 = format!("{sign}{digits}e{exponent}").parse().unwrap_or(f64::NAN);
    if is_exactly(nearest.abs(), digits, exponent) {
        return double(nearest, out);
    }
    if let Some(number) = as_i64(is_negative, digits, exponent) {
        return integer(number, out);
    }
    out.extend_from_slice(&[Kind::Decimal128 as u8, u8::from(is_negative)]);
    out.extend_from_slice(&digits.to_le_bytes());
    out.extend_from_slice(&exponent.to_le_bytes());
}

fn as_i64(is_negative: bool, digits: u128, exponent: i32) -> Option<i64> {
    let scale = 10_i128.checked_pow(u32::try_from(exponent).ok()?)?;
    let number = i128::try_from(digits).ok()?.checked_mul(scale)?;
    i64::try_from(if is_negative { -number } else { number }).ok()
}

/// Whether a double is `digits` times ten to the `exponent`, to the last digit.
fn is_exactly(number: f64, digits: u128, exponent: i32) -> bool {
    if !number.is_finite() {
        return false;
    }
    // No double has more than 1074 digits behind the point, and Rust prints all that are asked for.
    let text = format!("{number:.1074}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let zeros = "0".repeat(usize::try_from(exponent).unwrap_or(0));
    let places = usize::try_from(-exponent).unwrap_or(0);
    fraction.len() == places
        && format!("{whole}{fraction}").trim_start_matches('0') == format!("{digits}{zeros}")
}

#[cfg(test)]
mod tests;
