//! JSON strings: finding what must be escaped, escaping, unescaping.
//!
//! Both directions look at eight bytes at a time, in plain integers ("SIMD within a register": a byte of the mask has its
//! high bit set where the byte of the word is looked for; Mycroft's zero-byte test, Hacker's Delight 6-1).

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks the bytes of `word` that are zero; exact up to and including the first one.
#[inline]
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Marks quotes, backslashes and control characters; exact up to and including the first one.
#[inline]
const fn specials(word: u64) -> u64 {
    let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    controls | zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64))
}

const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Index of the first byte that cannot stand for itself in a JSON string, or the length.
#[inline]
pub(super) fn first_special(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let hit = specials(u64::from_le_bytes(*chunk));
        if hit != 0 {
            return at + hit.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    bytes[at..].iter().position(|b| is_special(*b)).map_or(bytes.len(), |i| at + i)
}

/// Whether every byte is ASCII and can stand for itself in a JSON string.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk() else { return is_plain_short(bytes) };
    // The last word may overlap the one before: no remainder, no branch per byte.
    let mut hit = other_than_plain(u64::from_le_bytes(*last));
    for chunk in bytes.chunks_exact(8) {
        hit |= other_than_plain(u64::from_le_bytes(chunk.try_into().expect("chunks of eight")));
    }
    hit == 0
}

/// The same for fewer than eight bytes: two overlapping halves.
#[inline]
fn is_plain_short(bytes: &[u8]) -> bool {
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return bytes.iter().all(|b| b.is_ascii() && !is_special(*b));
    };
    let word = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    other_than_plain(word) == 0
}

#[inline]
const fn other_than_plain(word: u64) -> u64 {
    specials(word) | (word & HIGHS)
}

/// Appends `bytes` as the inside of a JSON string, without the quotes; `None` when they are not UTF-8.
#[inline]
pub(super) fn escape(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if is_plain(bytes) {
        out.extend_from_slice(bytes);
        return Some(());
    }
    escape_slowly(bytes, out)
}

fn escape_slowly(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = std::str::from_utf8(bytes).ok()?.as_bytes();
    loop {
        let (plain, special) = rest.split_at(first_special(rest));
        out.extend_from_slice(plain);
        let Some((special, after)) = special.split_first() else { return Some(()) };
        escape_one(*special, out);
        rest = after;
    }
}

fn escape_one(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// What is wrong with an escape sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadEscape {
    /// No escape of JSON, or cut off.
    Unknown,
    /// Half of a surrogate pair; it stands for no character.
    LoneSurrogate,
}

/// Reads the escape sequence after a backslash: the character and the bytes used up.
pub(super) fn unescape(after: &[u8]) -> Result<(char, usize), BadEscape> {
    let short = match after.first() {
        Some(b'u') => return unescape_unicode(after),
        Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
        Some(b'b') => '\u{8}',
        Some(b't') => '\t',
        Some(b'n') => '\n',
        Some(b'f') => '\u{C}',
        Some(b'r') => '\r',
        _ => return Err(BadEscape::Unknown),
    };
    Ok((short, 1))
}

/// `uXXXX`, or a surrogate pair `uXXXX\uXXXX`.
fn unescape_unicode(after: &[u8]) -> Result<(char, usize), BadEscape> {
    let unit = code_unit(after)?;
    if let Some(char) = char::from_u32(unit) {
        return Ok((char, 5));
    }
    let low = after[5..].strip_prefix(b"\\").map(code_unit).transpose()?;
    match low {
        Some(low @ 0xDC00..=0xDFFF) if unit < 0xDC00 => {
            let code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            Ok((char::from_u32(code).ok_or(BadEscape::LoneSurrogate)?, 11))
        }
        _ => Err(BadEscape::LoneSurrogate),
    }
}

fn code_unit(after: &[u8]) -> Result<u32, BadEscape> {
    let digits = after.strip_prefix(b"u").and_then(|hex| hex.get(..4)).ok_or(BadEscape::Unknown)?;
    digits.iter().try_fold(0, |unit, digit| {
        let value = char::from(*digit).to_digit(16).ok_or(BadEscape::Unknown)?;
        Ok(unit << 4 | value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(bytes: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        escape(bytes, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_byte_is_found_at_every_place() {
        for len in 0..20 {
            for at in 0..len {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'a'; len];
                    bytes[at] = byte;
                    let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                    assert_eq!(first_special(&bytes), if special { at } else { len }, "{byte:#x} at {at}");
                    assert_eq!(is_plain(&bytes), !special && byte < 0x80, "{byte:#x} at {at}");
                }
            }
        }
    }

    #[test]
    fn strings_are_escaped_as_serde_json_does() {
        for text in ["", "plain", "\0\u{1f}", "é\n\u{7f}", "a\"b\\c/", "\u{2028}\u{1F600}", "\t\r\u{8}\u{c}"]
        {
            let expected = serde_json::to_string(text).unwrap();
            assert_eq!(format!("\"{}\"", escaped(text.as_bytes()).unwrap()), expected);
        }
        assert_eq!(escaped(b"\xE9"), None);
        assert_eq!(escaped(b"\xED\xA0\x80"), None, "a surrogate is not UTF-8");
    }

    #[test]
    fn escapes_are_read_back() {
        assert_eq!(unescape(b"n"), Ok(('\n', 1)));
        assert_eq!(unescape(b"u00e9x"), Ok(('é', 5)));
        assert_eq!(unescape(b"uD83D\\uDe00"), Ok(('\u{1F600}', 11)));
        for bad in [&b""[..], b"x", b"u12", b"u12G4", b"u+123"] {
            assert_eq!(unescape(bad), Err(BadEscape::Unknown));
        }
        for lone in [&b"ud800"[..], b"udc00", b"ud800\\u0041", b"ud800\\ud800", b"udc00\\udc00", b"ud800x"] {
            assert_eq!(unescape(lone), Err(BadEscape::LoneSurrogate));
        }
    }
}
