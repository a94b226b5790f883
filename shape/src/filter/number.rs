//! Numbers of all four types on one line, as the server compares them. Pure.
//!
//! No value is rounded to be compared, but one: a double meets a decimal with its first 34 digits, which are all that a decimal has.
//! NaN is below every number and equal to itself; -0 is 0.

use std::cmp::Ordering;

use common::raw::{Element, Kind};

#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Integer(i64),
    Double(f64),
    Decimal(Decimal),
}

/// `± coefficient × 10^exponent`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Decimal {
    NaN,
    Infinite { is_negative: bool },
    Finite { is_negative: bool, coefficient: u128, exponent: i32 },
}

/// 2^63, the first double above every integer.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

impl Number {
    pub(super) fn of(element: &Element<'_>) -> Option<Self> {
        Some(match element.kind {
            Kind::Int32 => Self::Integer(element.as_i32()?.into()),
            Kind::Int64 => Self::Integer(element.as_i64()?),
            Kind::Double => Self::Double(element.as_f64()?),
            Kind::Decimal128 => Self::Decimal(Decimal::of(element.value.try_into().ok()?)),
            _ => return None,
        })
    }

    pub(super) fn is_nan(self) -> bool {
        match self {
            Self::Integer(_) => false,
            Self::Double(double) => double.is_nan(),
            Self::Decimal(decimal) => matches!(decimal, Decimal::NaN),
        }
    }

    /// Its order on the line.
    pub(super) fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            (Self::Double(a), Self::Double(b)) => doubles(a, b),
            (Self::Integer(a), Self::Double(b)) => integer_and_double(a, b),
            (Self::Double(a), Self::Integer(b)) => integer_and_double(b, a).reverse(),
            (a, b) => a.decimal().order(b.decimal()),
        }
    }

    fn decimal(self) -> Decimal {
        match self {
            Self::Integer(integer) => Decimal::Finite {
                is_negative: integer < 0,
                coefficient: integer.unsigned_abs().into(),
                exponent: 0,
            },
            Self::Double(double) => Decimal::of_double(double),
            Self::Decimal(decimal) => decimal,
        }
    }
}

fn doubles(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

#[allow(clippy::cast_possible_truncation)]
fn integer_and_double(integer: i64, double: f64) -> Ordering {
    if double.is_nan() || double < -BEYOND {
        return Ordering::Greater;
    }
    if double >= BEYOND {
        return Ordering::Less;
    }
    integer.cmp(&(double.trunc() as i64)).then(doubles(0.0, double.fract()))
}

impl Decimal {
    /// From the binary integer encoding (IEEE 754-2008); a coefficient that is too large is zero.
    fn of(bytes: [u8; 16]) -> Self {
        const LARGEST: u128 = 9_999_999_999_999_999_999_999_999_999_999_999;
        let bits = u128::from_le_bytes(bytes);
        let (is_negative, magnitude) = (bits >> 127 == 1, bits & !(1 << 127));
        match magnitude >> 122 {
            0b11111 => return Self::NaN,
            0b11110 => return Self::Infinite { is_negative },
            _ => {}
        }
        let coefficient = magnitude & ((1 << 113) - 1);
        let is_valid = magnitude >> 125 != 0b11 && coefficient <= LARGEST;
        let exponent = i32::try_from((magnitude >> 113) & 0x3FFF).unwrap_or_default() - 6176;
        Self::Finite { is_negative, coefficient: if is_valid { coefficient } else { 0 }, exponent }
    }

    fn of_double(double: f64) -> Self {
        let is_negative = double.is_sign_negative();
        if double.is_nan() {
            return Self::NaN;
        }
        if double.is_infinite() {
            return Self::Infinite { is_negative };
        }
        // One digit, a point, 33 digits, the exponent.
        let text = format!("{:.33e}", double.abs());
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let coefficient = digits
            .bytes()
            .filter(u8::is_ascii_digit)
            .fold(0, |sum: u128, digit| sum * 10 + u128::from(digit - b'0'));
        Self::Finite { is_negative, coefficient, exponent: exponent.parse().unwrap_or(0) - 33 }
    }

    fn order(self, other: Self) -> Ordering {
        let sign = self.sign().cmp(&other.sign());
        if sign.is_ne() || self.sign() == Some(0) || self.sign().is_none() {
            return sign;
        }
        let magnitude = match (self, other) {
            (Self::Finite { .. }, Self::Finite { .. }) => self.digits().cmp(&other.digits()),
            (a, b) => matches!(a, Self::Infinite { .. }).cmp(&matches!(b, Self::Infinite { .. })),
        };
        if self.sign() < Some(0) { magnitude.reverse() } else { magnitude }
    }

    /// None for NaN, which is below all.
    const fn sign(self) -> Option<i8> {
        match self {
            Self::NaN => None,
            Self::Finite { coefficient: 0, .. } => Some(0),
            Self::Finite { is_negative, .. } | Self::Infinite { is_negative } => {
                Some(if is_negative { -1 } else { 1 })
            }
        }
    }

    /// Where the first digit stands, and the digits without zeros at the end: of two numbers above zero the greater one's is greater.
    fn digits(self) -> (i32, String) {
        let Self::Finite { coefficient, exponent, .. } = self else { return (i32::MAX, String::new()) };
        let text = coefficient.to_string();
        let point = exponent + i32::try_from(text.len()).unwrap_or(i32::MAX);
        (point, text.trim_end_matches('0').to_owned())
    }
}
