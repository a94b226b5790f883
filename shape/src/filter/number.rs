//! Numbers of all four types on one line, as the server compares them. Pure.
//!
//! No value is rounded to be compared. NaN is below every number and equal to itself; -0 is 0.

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
            (a, b) => a.place().order(&b.place()),
        }
    }

    fn place(self) -> Place {
        match self {
            Self::Integer(integer) => Place::of(integer < 0, &integer.unsigned_abs().to_string(), 0),
            Self::Double(double) if double.is_nan() => Place::NAN,
            Self::Double(double) if double.is_infinite() => Place::infinite(double < 0.0),
            // All its digits, of which there are 767 at the most: one, a point, the others, the exponent.
            Self::Double(double) => {
                let text = format!("{:.766e}", double.abs());
                let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let exponent: i32 = exponent.parse().unwrap_or(0);
                Place::of(double < 0.0, &digits.replace('.', ""), exponent - 766)
            }
            Self::Decimal(Decimal::NaN) => Place::NAN,
            Self::Decimal(Decimal::Infinite { is_negative }) => Place::infinite(is_negative),
            Self::Decimal(Decimal::Finite { is_negative, coefficient, exponent }) => {
                Place::of(is_negative, &coefficient.to_string(), exponent)
            }
        }
    }
}

/// Where a number stands on the line.
#[derive(Debug)]
struct Place {
    /// None for NaN, which is below all.
    sign: Option<i8>,
    /// How many digits stand before the point, and the digits without zeros at either end: of two numbers above zero the greater one's
    /// is greater.
    magnitude: (i32, String),
}

impl Place {
    const NAN: Self = Self { sign: None, magnitude: (0, String::new()) };

    const fn infinite(is_negative: bool) -> Self {
        Self { sign: Some(if is_negative { -1 } else { 1 }), magnitude: (i32::MAX, String::new()) }
    }

    /// `± digits × 10^exponent`.
    fn of(is_negative: bool, digits: &str, exponent: i32) -> Self {
        let digits = digits.trim_start_matches('0');
        let point = exponent + i32::try_from(digits.len()).unwrap_or(i32::MAX);
        let sign = match (digits.is_empty(), is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        Self { sign: Some(sign), magnitude: (point, digits.trim_end_matches('0').to_owned()) }
    }

    fn order(&self, other: &Self) -> Ordering {
        let magnitude = || self.magnitude.cmp(&other.magnitude);
        self.sign.cmp(&other.sign).then_with(|| match self.sign {
            Some(1) => magnitude(),
            Some(-1) => magnitude().reverse(),
            _ => Ordering::Equal,
        })
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
}
