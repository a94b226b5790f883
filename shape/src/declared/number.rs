//! Numbers of one type as the same number of another, or not at all. Nothing is rounded; a negative zero is no integer.

use common::raw::{Element, Kind};

/// The largest coefficient of a decimal: 34 nines.
const LARGEST: u128 = 9_999_999_999_999_999_999_999_999_999_999_999;
const BIAS: i32 = 6176;
const COEFFICIENT_BITS: u32 = 113;
const SIGN: u128 = 1 << 127;
/// 5 to this power is the largest that 128 bits hold with room to spare.
const MOST_FIVES: u32 = 48;

/// A finite decimal: `coefficient × 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    coefficient: u128,
    exponent: i32,
}

impl Decimal {
    pub(super) fn of(element: &Element<'_>) -> Option<Self> {
        let bytes = element.value.try_into().ok().filter(|_| element.kind == Kind::Decimal128)?;
        let bits = u128::from_le_bytes(bytes);
        let magnitude = bits & !SIGN;
        let coefficient = magnitude & ((1 << COEFFICIENT_BITS) - 1);
        // Infinities, NaNs and coefficients that are no valid ones.
        if magnitude >> 125 == 0b11 || coefficient > LARGEST {
            return None;
        }
        let biased = i32::try_from(magnitude >> COEFFICIENT_BITS).ok()?;
        Some(Self { negative: bits & SIGN != 0, coefficient, exponent: biased - BIAS })
    }

    pub(super) fn bytes(self) -> [u8; 16] {
        let sign = if self.negative { SIGN } else { 0 };
        let biased = u128::from((self.exponent + BIAS).unsigned_abs());
        (sign | (biased << COEFFICIENT_BITS) | self.coefficient).to_le_bytes()
    }

    fn of_long(value: i64) -> Self {
        Self { negative: value < 0, coefficient: value.unsigned_abs().into(), exponent: 0 }
    }

    /// A finite double, if 34 digits hold it.
    fn of_double(value: f64) -> Option<Self> {
        let (negative, mut odd, mut twos) = taken_apart(value)?;
        let made = |coefficient, exponent| Some(Self { negative, coefficient, exponent });
        if odd == 0 {
            return made(0, 0);
        }
        if twos < 0 {
            let fives = 5_u128.pow(Some(twos.unsigned_abs()).filter(|fives| *fives <= MOST_FIVES)?);
            let coefficient = odd.checked_mul(fives).filter(|coefficient| *coefficient <= LARGEST)?;
            return made(coefficient, twos);
        }
        let mut tens = 0;
        while twos > 0 && odd.is_multiple_of(5) && doubled(odd, twos).is_none() {
            (odd, twos, tens) = (odd / 5, twos - 1, tens + 1);
        }
        made(doubled(odd, twos)?, tens)
    }

    fn to_long(self) -> Option<i64> {
        let Self { negative, mut coefficient, mut exponent } = self;
        if coefficient == 0 {
            return (!negative).then_some(0);
        }
        while exponent < 0 && coefficient.is_multiple_of(10) {
            (coefficient, exponent) = (coefficient / 10, exponent + 1);
        }
        while exponent > 0 {
            (coefficient, exponent) = (coefficient.checked_mul(10)?, exponent - 1);
        }
        let value = i128::try_from(coefficient).ok().filter(|_| exponent == 0)?;
        i64::try_from(if negative { -value } else { value }).ok()
    }

    fn to_double(self) -> Option<f64> {
        let sign = if self.negative { -1.0 } else { 1.0 };
        if self.coefficient == 0 {
            return Some(0.0 * sign);
        }
        let mut twos = i32::try_from(self.coefficient.trailing_zeros()).ok()?;
        let mut odd = self.coefficient >> twos;
        twos += self.exponent;
        for _ in 0..self.exponent.unsigned_abs() {
            odd = match self.exponent {
                1.. => odd.checked_mul(5)?,
                _ if odd.is_multiple_of(5) => odd / 5,
                _ => return None,
            };
        }
        put_together(odd, twos).map(|value| value * sign)
    }
}

/// Sign, odd number and power of two of a finite double.
fn taken_apart(value: f64) -> Option<(bool, u128, i32)> {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52) & 0x7FF, bits & ((1 << 52) - 1));
    let (significand, twos) = match exponent {
        0x7FF => return None,
        0 => (fraction, -1074),
        _ => (fraction | (1 << 52), i32::try_from(exponent).ok()? - 1075),
    };
    if significand == 0 {
        return Some((value.is_sign_negative(), 0, 0));
    }
    let zeros = significand.trailing_zeros();
    Some((value.is_sign_negative(), (significand >> zeros).into(), twos + i32::try_from(zeros).ok()?))
}

/// The double `odd × 2^twos`, if it is one; it need not be odd any more.
fn put_together(odd: u128, twos: i32) -> Option<f64> {
    let zeros = odd.trailing_zeros();
    let (odd, twos) = (odd >> zeros, twos + i32::try_from(zeros).ok()?);
    let significand = u32::try_from(odd).map(f64::from).ok().or_else(|| {
        let whole = u64::try_from(odd).ok().filter(|odd| *odd < 1 << 53)?;
        #[allow(clippy::cast_precision_loss)] // it has 53 bits
        Some(whole as f64)
    })?;
    // What decimals hold is far from the ends of the doubles' range: 2^-48 and 2^(6111 + 113).
    let value = significand * 2_f64.powi(twos);
    value.is_finite().then_some(value)
}

/// `odd × 2^twos`, if it is a coefficient.
fn doubled(odd: u128, twos: i32) -> Option<u128> {
    let twos = u32::try_from(twos).ok().filter(|twos| *twos < odd.leading_zeros())?;
    Some(odd << twos).filter(|coefficient| *coefficient <= LARGEST)
}

/// The number as a `long`.
pub(super) fn long(element: &Element<'_>) -> Option<i64> {
    match element.kind {
        Kind::Double => {
            let value = element.as_f64()?;
            let is_whole = value.fract() == 0.0 && !(value == 0.0 && value.is_sign_negative());
            #[allow(clippy::cast_possible_truncation)] // it is whole and in range
            (is_whole && (-TWO_63..TWO_63).contains(&value)).then_some(value as i64)
        }
        Kind::Decimal128 => Decimal::of(element)?.to_long(),
        _ => element.as_i32().map(i64::from).or_else(|| element.as_i64()),
    }
}

const TWO_63: f64 = 9_223_372_036_854_775_808.0;

/// The number as a `double`.
pub(super) fn double(element: &Element<'_>) -> Option<f64> {
    match element.kind {
        Kind::Decimal128 => Decimal::of(element)?.to_double(),
        _ => Decimal::of_long(long(element)?).to_double(),
    }
}

/// The number as a `decimal`.
pub(super) fn decimal(element: &Element<'_>) -> Option<Decimal> {
    match element.kind {
        Kind::Double => Decimal::of_double(element.as_f64()?),
        _ => long(element).map(Decimal::of_long),
    }
}
