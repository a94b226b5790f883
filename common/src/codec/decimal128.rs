//! Decimal128 to text and back.
//!
//! The value is IEEE 754-2008 decimal128 in binary integer encoding, the text is the scientific string of the BSON
//! Decimal128 specification. Guards: a value is rounded in neither direction; where the other side cannot hold it
//! exactly, the conversion is refused.
//!
//! ```text
//! bit 127   126 … 113       112 … 0            when bits 126 and 125 are not both set
//!     sign  exponent+6176   coefficient
//! bits 126 … 122: 11110 infinity, 11111 NaN; any other 11… stands for a coefficient too large to be valid
//! ```

use super::number;

const EXPONENT_BIAS: i64 = 6176;
const EXPONENT_MAX: i64 = 6111;
const COEFFICIENT_BITS: u32 = 113;
const DIGITS: usize = 34;
/// The largest coefficient: 34 nines.
const COEFFICIENT_MAX: u128 = 9_999_999_999_999_999_999_999_999_999_999_999;
const SIGN: u128 = 1 << 127;
const INFINITY: u128 = 0b11110 << 122;
const NAN: u128 = 0b11111 << 122;

/// Appends the text of a value; `None` when it has no exact one: a NaN other than the positive quiet NaN without payload,
/// or a non-canonical encoding.
pub(super) fn write(bytes: [u8; 16], out: &mut Vec<u8>) -> Option<()> {
    let bits = u128::from_le_bytes(bytes);
    if bits == NAN {
        out.extend_from_slice(b"NaN");
        return Some(());
    }
    if bits & SIGN != 0 {
        out.push(b'-');
    }
    let magnitude = bits & !SIGN;
    if magnitude == INFINITY {
        out.extend_from_slice(b"Infinity");
        return Some(());
    }
    let coefficient = magnitude & ((1 << COEFFICIENT_BITS) - 1);
    if magnitude >> 125 == 0b11 || coefficient > COEFFICIENT_MAX {
        return None;
    }
    let biased = i64::try_from(magnitude >> COEFFICIENT_BITS).expect("fourteen bits");
    write_finite(coefficient, biased - EXPONENT_BIAS, out);
    Some(())
}

/// `coefficient × 10^exponent`: without an exponent where it is from -6 on and adds no zeros, else scientific.
fn write_finite(coefficient: u128, exponent: i64, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(coefficient).as_bytes();
    let point = digits.len() as i64 + exponent;
    let adjusted = point - 1;
    if exponent > 0 || adjusted < -6 {
        let (first, rest) = digits.split_at(1);
        out.extend_from_slice(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        out.extend_from_slice(if adjusted < 0 { b"E" } else { b"E+" });
        number::write(adjusted, out);
    } else if exponent == 0 {
        out.extend_from_slice(digits);
    } else if let Ok(whole @ 1..) = usize::try_from(point) {
        out.extend_from_slice(&digits[..whole]);
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    } else {
        out.extend_from_slice(b"0.");
        out.extend((point..0).map(|_| b'0'));
        out.extend_from_slice(digits);
    }
}

/// The value of a text; `None` when it is no decimal or cannot be held exactly.
pub(super) fn parse(text: &[u8]) -> Option<[u8; 16]> {
    let (negative, unsigned) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let sign = if negative { SIGN } else { 0 };
    let bits = if unsigned.eq_ignore_ascii_case(b"nan") {
        NAN
    } else if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
        sign | INFINITY
    } else {
        let (coefficient, exponent) = fit(Digits::read(unsigned)?)?;
        let biased = u128::try_from(exponent + EXPONENT_BIAS).expect("fitted");
        sign | (biased << COEFFICIENT_BITS) | coefficient
    };
    Some(bits.to_le_bytes())
}

/// A decimal as written: at most 34 significant digits, times a power of ten.
#[derive(Clone, Copy)]
struct Digits {
    coefficient: u128,
    significant: usize,
    exponent: i64,
}

impl Digits {
    fn read(text: &[u8]) -> Option<Self> {
        let mantissa_len = text.iter().position(|b| matches!(b, b'e' | b'E')).unwrap_or(text.len());
        let (mantissa, exponent) = text.split_at(mantissa_len);
        let mut digits = Self { coefficient: 0, significant: 0, exponent: 0 };
        let (mut seen, mut fraction) = (false, false);
        for byte in mantissa {
            match byte {
                b'0'..=b'9' => {
                    seen = true;
                    digits.push(byte - b'0')?;
                    digits.exponent -= i64::from(fraction);
                }
                b'.' if !fraction => fraction = true,
                _ => return None,
            }
        }
        if let Some((_, exponent)) = exponent.split_first() {
            digits.exponent += read_exponent(exponent)?;
        }
        seen.then_some(digits)
    }

    /// Takes one digit; beyond the 34th only zeros, as a power of ten.
    fn push(&mut self, digit: u8) -> Option<()> {
        if self.significant == DIGITS {
            self.exponent += 1;
            return (digit == 0).then_some(());
        }
        self.coefficient = self.coefficient * 10 + u128::from(digit);
        self.significant += usize::from(self.coefficient != 0);
        Some(())
    }
}

/// An exponent of any length; what lies far out of range stays out of range.
fn read_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text.split_first()? {
        (b'-', rest) => (-1, rest),
        (b'+', rest) => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits
        .iter()
        .fold(0_i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Some(sign * magnitude.min(i64::from(i32::MAX) * 4))
}

/// Brings the exponent into range by moving zeros between it and the coefficient.
fn fit(digits: Digits) -> Option<(u128, i64)> {
    let Digits { mut coefficient, significant, mut exponent } = digits;
    if coefficient == 0 {
        return Some((0, exponent.clamp(-EXPONENT_BIAS, EXPONENT_MAX)));
    }
    if exponent > EXPONENT_MAX {
        let zeros =
            u32::try_from(exponent - EXPONENT_MAX).ok().filter(|z| *z as usize + significant <= DIGITS)?;
        coefficient *= 10_u128.pow(zeros);
        exponent = EXPONENT_MAX;
    }
    while exponent < -EXPONENT_BIAS {
        if coefficient % 10 != 0 {
            return None;
        }
        coefficient /= 10;
        exponent += 1;
    }
    Some((coefficient, exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bits: u128) -> Option<String> {
        let mut out = Vec::new();
        write(bits.to_le_bytes(), &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn exact_values_survive_both_ways() {
        for given in [
            "0",
            "-0",
            "0E+3",
            "-0E-6176",
            "0E+6111",
            "1",
            "1.0",
            "-1.50",
            "0.000001",
            "1E-7",
            "1.23E-7",
            "12E+1",
            "9.999999999999999999999999999999999E+6144",
            "1E-6176",
            "Infinity",
            "-Infinity",
            "NaN",
        ] {
            let bits = u128::from_le_bytes(parse(given.as_bytes()).unwrap());
            let expected = if given == "12E+1" { "1.2E+2" } else { given };
            assert_eq!(text(bits).unwrap(), expected);
        }
    }

    #[test]
    fn what_would_be_rounded_is_refused() {
        for given in [
            "12345678901234567890123456789012345",
            "1E+6145",
            "1E-6177",
            "11E-6177",
            "1E+99999999999999999999999",
            "1E-99999999999999999999999",
            "0.10000000000000000000000000000000001",
        ] {
            assert_eq!(parse(given.as_bytes()), None, "{given}");
        }
    }

    #[test]
    fn zeros_move_between_coefficient_and_exponent() {
        for (given, expected) in [
            ("1E+6112", "1.0E+6112"),
            ("10E-6177", "1E-6176"),
            ("0E+99999999999999999999", "0E+6111"),
            ("100000000000000000000000000000000000", "1.000000000000000000000000000000000E+35"),
        ] {
            assert_eq!(text(u128::from_le_bytes(parse(given.as_bytes()).unwrap())).unwrap(), expected);
        }
    }

    #[test]
    fn encodings_without_an_exact_text_are_refused() {
        for bits in [NAN | SIGN, NAN | 1, NAN | 1 << 121, INFINITY | 1, 0b11 << 125, COEFFICIENT_MAX + 1] {
            assert_eq!(text(bits), None, "{bits:#x}");
        }
    }
}
