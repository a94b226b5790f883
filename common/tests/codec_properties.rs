//! The codec's law over generated documents, alone and beside the `bson` crate.
//!
//! `PROPTEST_CASES` sets the number of cases (256); a failure prints its smallest input and seed.

#![allow(clippy::unwrap_used)]

use bson::Bson;
use common::{
    codec::{
        decode::{self, Dialect},
        encode,
    },
    raw::{Document, Kind},
    testing::{Fields, Value, arbitrary, fuzz, to_bson},
};
use proptest::{collection::vec, prelude::*, sample::Index};

fn encoded(bytes: &[u8]) -> Result<Vec<u8>, encode::Error> {
    let mut text = Vec::new();
    encode::document(Document::new(bytes)?, &mut text)?;
    Ok(text)
}

fn decoded(text: &[u8]) -> Result<Vec<u8>, decode::Error> {
    let mut bytes = Vec::new();
    decode::document(text, &mut bytes)?;
    Ok(bytes)
}

/// As the `bson` crate reads a text.
fn decoded_with_bson(text: &[u8]) -> Vec<u8> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(text).unwrap();
    bson::Document::try_from(fields).unwrap().to_vec().unwrap()
}

fn document_of_bson(bytes: &[u8]) -> Bson {
    Bson::Document(bson::Document::from_reader(bytes).unwrap())
}

/// What relaxed text leaves of a value: an integer in the smallest type that holds it.
fn narrowed(kind: Kind, bytes: &[u8]) -> Option<Value> {
    let long = (kind == Kind::Int64).then(|| i64::from_le_bytes(bytes.try_into().unwrap()))?;
    i32::try_from(long).ok().map(Value::int)
}

/// Another value for a date after the year 9999, of which the `bson` crate's relaxed text makes the end of that year.
fn without_far_dates(kind: Kind, bytes: &[u8]) -> Option<Value> {
    let date = (kind == Kind::DateTime).then(|| i64::from_le_bytes(bytes.try_into().unwrap()))?;
    (date >= 253_402_300_800_000).then(|| Value::int(0))
}

/// The fields with scalars replaced.
fn changed(fields: &Fields, change: fn(Kind, &[u8]) -> Option<Value>) -> Fields {
    fields.iter().map(|(name, value)| (name.clone(), changed_value(value, change))).collect()
}

fn changed_value(value: &Value, change: fn(Kind, &[u8]) -> Option<Value>) -> Value {
    match value {
        Value::Document(fields) => Value::Document(changed(fields, change)),
        Value::Array(items) => Value::Array(items.iter().map(|item| changed_value(item, change)).collect()),
        Value::CodeWithScope(code, scope) => Value::CodeWithScope(code.clone(), changed(scope, change)),
        Value::Scalar(kind, bytes) => change(*kind, bytes).unwrap_or_else(|| value.clone()),
    }
}

/// The same text with every character of every string written as an escape.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    let mut within = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let kind = characters.next().unwrap();
                out.extend([character, kind]);
                out.extend(characters.by_ref().take(if kind == 'u' { 4 } else { 0 }));
            }
            '"' => {
                within = !within;
                out.push(character);
            }
            _ if within => {
                character
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .for_each(|unit| out.push_str(&format!("\\u{unit:04X}")));
            }
            _ => out.push(character),
        }
    }
    out
}

proptest! {
    #[test]
    fn every_document_survives_text_byte_by_byte(bytes in arbitrary::document()) {
        let text = encoded(&bytes).unwrap();
        prop_assert_eq!(decoded(&text).unwrap(), bytes);
    }

    #[test]
    fn text_is_compact_json_that_the_bson_crate_reads(fields in arbitrary::distinct()) {
        let bytes = to_bson(&fields);
        let text = encoded(&bytes).unwrap();
        let ours: serde_json::Value = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(serde_json::to_vec(&ours).unwrap(), text, "compact JSON");
        prop_assert_eq!(decoded_with_bson(&encoded(&bytes).unwrap()), bytes);
    }

    #[test]
    fn the_bson_crates_texts_are_read(fields in arbitrary::distinct()) {
        let bytes = to_bson(&fields);
        let canonical = document_of_bson(&bytes).into_canonical_extjson();
        prop_assert_eq!(decoded(&serde_json::to_vec(&canonical).unwrap()).unwrap(), bytes.clone());
        let fields = changed(&fields, without_far_dates);
        let relaxed = document_of_bson(&to_bson(&fields)).into_relaxed_extjson();
        let read = decoded(&serde_json::to_vec(&relaxed).unwrap()).unwrap();
        prop_assert_eq!(read, to_bson(&changed(&fields, narrowed)));
    }

    #[test]
    fn spaces_and_escapes_change_nothing(fields in arbitrary::distinct()) {
        let bytes = to_bson(&fields);
        let text = encoded(&bytes).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(decoded(&serde_json::to_vec_pretty(&value).unwrap()).unwrap(), bytes.clone());
        let escaped = escaped(std::str::from_utf8(&text).unwrap());
        prop_assert_eq!(decoded(escaped.as_bytes()).unwrap(), bytes);
    }

    #[test]
    fn what_a_server_stores_is_exact_or_refused(fields in arbitrary::stored()) {
        let bytes = to_bson(&fields);
        match encoded(&bytes) {
            Ok(text) => prop_assert_eq!(decoded(&text).unwrap(), bytes),
            Err(error) => prop_assert!(error.fits_bson(), "{}", error),
        }
    }

    #[test]
    fn the_old_dialect_reads_our_text_alike(fields in arbitrary::exact()) {
        // A plain `{"$regex": "…", "$options": "…"}` is the one shape on which the dialects differ.
        let bytes = to_bson(&fields);
        let text = encoded(&bytes).unwrap();
        prop_assume!(!text.windows(8).any(|window| window == b"\"$regex\""));
        let mut old = Vec::new();
        decode::document_in(Dialect::V2AndV1, &text, &mut old).unwrap();
        prop_assert_eq!(old, bytes);
    }

    #[test]
    fn damaged_documents_break_nothing(fields in arbitrary::stored(), damage in vec((any::<Index>(), any::<u8>()), 1..4)) {
        let mut bytes = to_bson(&fields);
        for (at, byte) in &damage {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        fuzz::bson(&bytes);
        let len = u32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        fuzz::bson(&bytes);
    }

    #[test]
    fn damaged_texts_break_nothing(fields in arbitrary::exact(), damage in vec((any::<Index>(), any::<u8>()), 1..4)) {
        let mut text = encoded(&to_bson(&fields)).unwrap();
        for (at, byte) in &damage {
            let at = at.index(text.len());
            text[at] = *byte;
            fuzz::text(&text);
            fuzz::text(&text[..at]);
        }
    }

    #[test]
    fn arbitrary_bytes_break_nothing(bytes in vec(any::<u8>(), 0..64)) {
        fuzz::text(&bytes);
        let len = u32::try_from(bytes.len() + 5).unwrap();
        fuzz::bson(&[&len.to_le_bytes()[..], &bytes, &[0]].concat());
    }

    #[test]
    fn arbitrary_json_breaks_nothing(tokens in vec(prop::sample::select(TOKENS), 0..40)) {
        fuzz::text(tokens.concat().as_bytes());
        fuzz::text(format!("{{{}}}", tokens.concat()).as_bytes());
    }
}

/// Pieces of Extended JSON, to be strung together at random.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    " ",
    "\n",
    "\"a\":",
    "\"\":",
    "\"$oid\":",
    "\"$scope\":",
    "\"$code\":",
    "\"$date\":",
    "\"$regex\":",
    "\"$options\":",
    "\"$numberInt\":",
    "\"$numberDouble\":",
    "\"$numberLong\":",
    "\"$binary\":",
    "\"$type\":",
    "\"base64\":",
    "\"subType\":",
    "\"00\"",
    "\"5\"",
    "\"\\u0024oid\":",
    "{\"a\":1}",
    "{\"$scope\":{}",
    "\"x\"",
    "1",
    "-1",
    "1.5",
    "1e9",
    "NaN",
    "true",
    "null",
    "\"65f1c0a2b3d4e5f607182930\"",
    "\"2012-12-24T12:15:30.501Z\"",
    "{}",
    "[]",
    "\\",
    "\"",
];

/// A document within documents, arrays or scopes, `levels` in all.
fn nested(levels: usize, open: &str, close: &str) -> String {
    format!("{{\"a\":{}{}}}", open.repeat(levels - 1), close.repeat(levels - 1))
}

#[test]
fn nesting_ends_at_the_limit_and_not_in_a_stack_overflow() {
    let shapes = [
        ("[", "]"),
        ("{\"a\":[", "]}"),
        ("{\"$code\":\"\",\"$scope\":{\"a\":", "}}"),
        ("{\"$scope\":{\"a\":", "},\"$code\":\"\"}"),
    ];
    for (open, close) in shapes {
        let depth = |levels: usize| {
            let inner = nested(levels, open, close).replace(":}", ":1}").replace(":]", ":1]");
            decoded(inner.as_bytes())
        };
        let per_turn = if open == "{\"a\":[" || open.starts_with("{\"$scope") { 2 } else { 1 };
        let most = 255 / per_turn + 1;
        let bytes = depth(most).unwrap_or_else(|error| panic!("{open}: {error}"));
        assert_eq!(decoded(&encoded(&bytes).unwrap()).unwrap(), bytes);
        for levels in [most + 1, 100_000] {
            let error = depth(levels).unwrap_err();
            assert_eq!(error.reason, decode::Reason::TooDeep, "{open} {levels}");
        }
    }
}

#[test]
fn the_encoder_keeps_to_the_same_limit() {
    let mut bytes = to_bson(&vec![]);
    for levels in 2..=257 {
        let inner = u32::try_from(bytes.len() + 8).unwrap();
        bytes = [&inner.to_le_bytes()[..], b"\x03a\0", &bytes, &[0]].concat();
        assert_eq!(encoded(&bytes).is_ok(), levels <= 256, "{levels}");
    }
}
