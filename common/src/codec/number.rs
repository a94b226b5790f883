//! Integers, doubles and array indexes as text, and back.

/// Appends an integer in decimal.
#[inline]
pub(super) fn write(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends the shortest decimal that reads back as the same double, in the corpus's wording (`1.0`, `-0.0`,
/// `1.2345678921232E+18`, `5E-324`); `None` for a NaN with a sign or payload, which no text holds.
#[inline]
pub(super) fn write_double(value: f64, out: &mut Vec<u8>) -> Option<()> {
    if !value.is_finite() {
        return write_special(value, out);
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    let start = out.len();
    out.extend_from_slice(text);
    if text.len() > 3 && (value.abs() >= 1e16 || value.abs() < 1e-5) {
        reword_exponent(out, start);
    }
    Some(())
}

/// `1e16` → `1E+16`, `1e-6` → `1E-6`.
fn reword_exponent(out: &mut Vec<u8>, start: usize) {
    if let Some(e) = out[start..].iter().position(|b| *b == b'e') {
        let at = start + e;
        out[at] = b'E';
        if out[at + 1].is_ascii_digit() {
            out.insert(at + 1, b'+');
        }
    }
}

fn write_special(value: f64, out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(match value {
        f64::INFINITY => b"Infinity",
        f64::NEG_INFINITY => b"-Infinity",
        _ if value.to_bits() == CANONICAL_NAN => b"NaN",
        _ => return None,
    });
    Some(())
}

/// The one NaN that the text `NaN` stands for: quiet, positive, no payload (what drivers write).
pub(super) const CANONICAL_NAN: u64 = 0x7FF8_0000_0000_0000;

/// The double that a text stands for, correctly rounded; `None` when it is no number or too large to be finite.
pub(super) fn parse_double(text: &str) -> Option<f64> {
    match text {
        "NaN" => return Some(f64::from_bits(CANONICAL_NAN)),
        "Infinity" => return Some(f64::INFINITY),
        "-Infinity" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    // The standard library also reads `inf`, `nan` and `infinity`, which the specification does not.
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// The integer that decimal digits with an optional sign stand for; `None` when there is anything else or it needs more
/// than 64 bits.
#[inline]
pub(super) fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    // Counted downwards, for the least value has no positive counterpart.
    let value = digits.iter().try_fold(0_i64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_sub(i64::from(digit))
    })?;
    if negative { Some(value) } else { value.checked_neg() }
}

/// Decimal text of array indexes, counted up in place.
#[derive(Clone)]
pub(super) struct Index {
    digits: [u8; Self::WIDTH],
    start: usize,
}

impl Index {
    /// More than an array within a document of 2 GiB can need.
    const WIDTH: usize = 10;

    /// Index 0.
    #[inline]
    pub(super) const fn new() -> Self {
        Self { digits: [b'0'; Self::WIDTH], start: Self::WIDTH - 1 }
    }

    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }

    /// Goes on to the next index.
    #[inline]
    pub(super) fn advance(&mut self) {
        for at in (0..Self::WIDTH).rev() {
            if self.digits[at] != b'9' {
                self.digits[at] += 1;
                self.start = self.start.min(at);
                return;
            }
            self.digits[at] = b'0';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f64) -> Option<String> {
        let mut out = Vec::new();
        write_double(value, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn doubles_are_worded_like_the_corpus() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1E+16"),
            (1.2345678921232e18, "1.2345678921232E+18"),
            (1e-5, "0.00001"),
            (1e-6, "1E-6"),
            (5e-324, "5E-324"),
            (f64::MAX, "1.7976931348623157E+308"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::from_bits(CANONICAL_NAN), "NaN"),
        ] {
            assert_eq!(text(value).unwrap(), expected);
            assert_eq!(parse_double(expected).unwrap().to_bits(), value.to_bits());
        }
    }

    #[test]
    fn a_nan_with_a_sign_or_payload_has_no_text() {
        for bits in [CANONICAL_NAN | 1 << 63, CANONICAL_NAN | 0x12, 0x7FF0_0000_0000_0001] {
            assert_eq!(text(f64::from_bits(bits)), None);
        }
    }

    #[test]
    fn doubles_are_not_read_from_other_words() {
        for given in ["", "inf", "nan", "-NaN", "infinity", "1e400", " 1", "0x1", "1_0"] {
            assert_eq!(parse_double(given), None, "{given}");
        }
    }

    #[test]
    fn integers_are_read_within_64_bits() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("+7", 7),
            ("007", 7),
            ("-9223372036854775808", i64::MIN),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(parse_integer(text.as_bytes()), Some(value));
        }
        for text in
            ["", "-", "+", "--1", "1x", " 1", "9223372036854775808", "-9223372036854775809", "1.0", "/", ":"]
        {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn indexes_count_up() {
        let mut index = Index::new();
        for expected in 0..1102 {
            assert_eq!(index.as_bytes(), expected.to_string().as_bytes());
            index.advance();
        }
    }
}
