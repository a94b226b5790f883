//! What takes the place of a masked value.
//!
//! Pure: the same value under the same key becomes the same text, wherever it stands and by whatever road it comes.
//!
//! Null stays null under every mask. An update that sets `a.6` of a shorter array fills the gap with nulls, here and at the target, and its
//! delta tells of `a.6` alone: only what is null at the source can be null there.

use std::fmt;

use common::{
    config::{secret::Secret, types::Mask},
    raw::{Element, Kind, Writer},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What stands for a value that must not be seen at all.
const REDACTED: &str = "***";

/// The key of digests.
#[derive(Clone)]
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    pub(super) fn new(secret: &Secret) -> Self {
        Self(Hmac::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length"))
    }

    /// The digest of a value's type and bytes, in hex.
    fn digest(&self, element: &Element<'_>) -> String {
        let mut digest = self.0.clone();
        digest.update(&[element.kind as u8]);
        digest.update(element.value);
        let hex = |byte: u8| {
            [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        };
        digest.finalize().into_bytes().into_iter().flat_map(hex).collect()
    }
}

/// Without the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Appends what stands for an element that is redacted, a document or array too.
pub(super) fn redacted(element: &Element<'_>, out: &mut Writer) {
    match element.kind {
        Kind::Null => out.element(element),
        _ => out.str(element.name, REDACTED),
    }
}

/// Appends what stands for a value that is no null.
pub(super) fn made_redacted(name: &[u8], out: &mut Writer) {
    out.str(name, REDACTED);
}

/// Appends the masked value of an element that is neither document nor array.
pub(super) fn masked(mask: Mask, key: Option<&Key>, element: &Element<'_>, out: &mut Writer) {
    match mask {
        _ if element.kind == Kind::Null => out.element(element),
        Mask::Hash => {
            let key = key.expect("rules that say `hash` are compiled with a key");
            out.str(element.name, &key.digest(element));
        }
        Mask::Truncate(most) => match beginning(element, most) {
            Some(text) => out.str(element.name, text),
            None => redacted(element, out),
        },
        Mask::Redact => redacted(element, out),
    }
}

/// The first characters of a string; `None` for what is none, or not UTF-8.
fn beginning<'a>(element: &Element<'a>, most: u32) -> Option<&'a str> {
    let text = element.as_str().ok()?.filter(|_| element.kind == Kind::String)?;
    let end = text.char_indices().nth(most.try_into().unwrap_or(usize::MAX));
    Some(end.map_or(text, |(end, _)| &text[..end]))
}

#[cfg(test)]
mod tests {
    use bson::{Bson, doc};
    use common::raw::Document;

    use super::*;

    fn mask(mask: Mask, value: impl Into<Bson>) -> Bson {
        let bytes = doc! {"a": value.into()}.to_vec().unwrap();
        let element = Document::new(&bytes).unwrap().get("a").unwrap().unwrap();
        let mut out = Writer::new();
        out.begin();
        masked(mask, Some(&Key::new(&Secret::new("Jefe"))), &element, &mut out);
        out.end();
        bson::Document::from_reader(out.as_bytes()).unwrap().remove("a").unwrap()
    }

    #[test]
    fn a_digest_is_the_hmac_of_type_and_bytes() {
        // RFC 4231, test case 2, for the construction itself.
        let mut rfc = Key::new(&Secret::new("Jefe")).0;
        rfc.update(b"what do ya want for nothing?");
        assert_eq!(rfc.finalize().into_bytes()[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        // printf '\x10\x05\0\0\0' | openssl dgst -sha256 -hmac Jefe
        let five = mask(Mask::Hash, 5);
        assert_eq!(five, mask(Mask::Hash, 5));
        assert_eq!(five, "d59bed66213e0bc53a4cb4c246eed531dbfdc16b4308d22a067b404d6fe33438".into());
        for other in [Bson::Int64(5), Bson::Double(5.0), Bson::String("5".into())] {
            assert_ne!(mask(Mask::Hash, other), five);
        }
    }

    #[test]
    fn truncation_keeps_whole_characters_and_hides_what_is_no_string() {
        let truncate = |value: Bson| mask(Mask::Truncate(3), value);
        assert_eq!(truncate("abcdef".into()), "abc".into());
        assert_eq!(truncate("äöüß".into()), "äöü".into());
        assert_eq!(truncate("ab".into()), "ab".into());
        assert_eq!(truncate("".into()), "".into());
        for value in [Bson::Int32(1_234_567), Bson::Symbol("abcdef".into()), Bson::Boolean(true)] {
            assert_eq!(truncate(value), REDACTED.into());
        }
    }

    #[test]
    fn a_redacted_value_tells_nothing() {
        for value in [Bson::Int32(1), doc! {"b": 1}.into(), Bson::String(String::new())] {
            assert_eq!(mask(Mask::Redact, value), REDACTED.into());
        }
    }

    #[test]
    fn null_stays_null() {
        for kind in [Mask::Hash, Mask::Redact, Mask::Truncate(3)] {
            assert_eq!(mask(kind, Bson::Null), Bson::Null);
        }
    }

    #[test]
    fn the_key_is_not_shown() {
        assert_eq!(format!("{:?}", Key::new(&Secret::new("Jefe"))), "Key(…)");
    }
}
