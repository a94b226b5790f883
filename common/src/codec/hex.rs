//! Hexadecimal digits.

/// Both digits of every byte, lower case.
const PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

/// The value of every character that is a digit of either case.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < 16 {
        let [_, digit] = PAIRS[value];
        values[digit as usize] = value as u8;
        values[digit.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    values
};

const NONE: u8 = 0xFF;

/// Both digits of every byte, one byte after the other.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().flat_map(|byte| pair(*byte)).map(char::from));
    text
}

/// The bytes of such a text; `None` when it is none.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<u8>> {
    text.as_bytes().chunks(2).map(|pair| bytes::<1>(pair).map(|[byte]| byte)).collect()
}

/// A byte's two digits.
#[inline]
pub(super) fn pair(byte: u8) -> [u8; 2] {
    PAIRS[usize::from(byte)]
}

/// A digit's value.
#[inline]
pub(super) fn digit(character: u8) -> Option<u8> {
    Some(VALUES[usize::from(character)]).filter(|value| *value != NONE)
}

/// Exactly `N` bytes.
#[inline]
pub(super) fn bytes<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut seen = 0;
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    (seen < 16).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_in_either_case() {
        for byte in 0..=u8::MAX {
            assert_eq!(pair(byte), *format!("{byte:02x}").as_bytes());
            assert_eq!(bytes::<1>(&pair(byte)), Some([byte]));
            assert_eq!(bytes::<1>(&pair(byte).to_ascii_uppercase()), Some([byte]));
            assert_eq!(parse(&text(&[byte, 7])), Some(vec![byte, 7]));
            assert_eq!(digit(byte).map(u32::from), char::from(byte).to_digit(16));
        }
    }

    #[test]
    fn what_is_no_digit_is_refused() {
        for text in [&b""[..], b"0", b"000", b"0g", b"g0", b" 0", b"0\xFF"] {
            assert_eq!(bytes::<1>(text), None);
        }
        assert_eq!((parse("0"), parse("000"), parse("0g")), (None, None, None));
    }
}
