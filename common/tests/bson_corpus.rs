//! The BSON corpus (specifications repository, `bson-corpus`, as pymongo 4.9.2 ships it), case by case.
//!
//! `scripts/fetch-corpus` puts the files in place. Without them the test fails: a corpus that is not there proves nothing.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use common::{
    codec::{
        decode,
        encode::{self, Error},
    },
    raw::Document,
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[allow(dead_code)]
    description: String,
    bson_type: String,
    #[allow(dead_code)]
    test_key: Option<String>,
    #[allow(dead_code)]
    deprecated: Option<bool>,
    #[serde(default)]
    valid: Vec<Valid>,
    #[serde(default, rename = "decodeErrors")]
    decode_errors: Vec<DecodeError>,
    #[serde(default, rename = "parseErrors")]
    parse_errors: Vec<ParseError>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Valid {
    description: String,
    canonical_bson: String,
    canonical_extjson: String,
    relaxed_extjson: Option<String>,
    degenerate_bson: Option<String>,
    degenerate_extjson: Option<String>,
    converted_bson: Option<String>,
    converted_extjson: Option<String>,
    #[serde(default)]
    lossy: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecodeError {
    description: String,
    bson: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParseError {
    description: String,
    string: String,
}

/// Files and cases of pymongo 4.9.2; another number means that something was passed over.
const FILES: usize = 31;
const VALID: usize = 718;
const DECODE_ERRORS: usize = 75;
const PARSE_ERRORS: usize = 180;

fn directory() -> PathBuf {
    if let Some(path) = std::env::var_os("OPLOGUE_BSON_CORPUS") {
        return path.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace");
    let cache = std::env::var_os("OPLOGUE_CACHE").map_or_else(|| root.join(".cache"), PathBuf::from);
    cache.join("bson_corpus")
}

fn files() -> BTreeMap<String, File> {
    let directory = directory();
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| {
        panic!("no BSON corpus at {}: {error}; `scripts/fetch-corpus` fetches it", directory.display())
    });
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let file = serde_json::from_slice(&fs::read(&path).unwrap());
            (name.clone(), file.unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Text of BSON bytes.
fn to_text(bson: &[u8]) -> Result<String, Error> {
    let mut out = Vec::new();
    encode::document(Document::new(bson)?, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

/// BSON bytes of a text, as the corpus writes them.
fn to_bson(text: &str) -> Result<Vec<u8>, decode::Error> {
    let mut out = Vec::new();
    decode::document(text.as_bytes(), &mut out)?;
    Ok(out)
}

/// A text without its formatting; doubles, whose digits the specification leaves open, by value.
fn normal(text: &str) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap();
    normalise(&mut value);
    value
}

fn normalise(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Object(fields) => {
            fields.values_mut().for_each(normalise);
            if let Some(Value::String(double)) = fields.get_mut("$numberDouble") {
                *double = format!("{:?}", double.parse::<f64>().unwrap());
            }
        }
        _ => {}
    }
}

#[test]
fn every_valid_case_is_carried_exactly_or_refused() {
    let (mut cases, mut lossy) = (0, 0);
    for (name, file) in files() {
        for case in file.valid {
            let at = format!("{name}: {}", case.description);
            cases += 1;
            lossy += usize::from(case.lossy);
            check_valid(&case, &at);
        }
    }
    println!("BSON corpus: {cases} valid cases, {lossy} of them lossy in text");
    assert_eq!(cases, VALID);
}

fn check_valid(case: &Valid, at: &str) {
    let bson = bytes(&case.canonical_bson);
    let decoded = to_bson(&case.canonical_extjson).unwrap_or_else(|error| panic!("{at}: {error}"));
    match to_text(&bson) {
        Ok(text) => {
            assert_eq!(normal(&text), normal(&case.canonical_extjson), "{at}");
            assert_eq!(to_bson(&text).unwrap(), bson, "{at}: our own text");
            assert_eq!(decoded, bson, "{at}: the corpus's text");
        }
        // What text would flatten is refused, by design, and only that.
        Err(error) => {
            assert!(case.lossy && matches!(error, Error::Inexact(_)), "{at}: {error}");
            assert_ne!(decoded, bson, "{at}: refused although the text is exact");
        }
    }
    check_other_texts(case, &decoded, at);
    if let Some(degenerate) = &case.degenerate_bson {
        let refused = to_text(&bytes(degenerate)).unwrap_err();
        assert!(refused.fits_bson(), "{at}: {refused}");
    }
}

/// Relaxed and degenerate texts stand for the same document.
fn check_other_texts(case: &Valid, canonical: &[u8], at: &str) {
    if let Some(text) = &case.degenerate_extjson {
        assert_eq!(to_bson(text).unwrap(), canonical, "{at}: degenerate");
    }
    if let Some(text) = &case.relaxed_extjson {
        let relaxed = to_bson(text).unwrap_or_else(|error| panic!("{at}: {error}"));
        // A relaxed integer has lost its width.
        let again = to_bson(&to_text(&relaxed).unwrap()).unwrap();
        assert_eq!(relaxed, again, "{at}: relaxed");
        if !case.canonical_extjson.contains("$numberLong") || case.canonical_extjson.contains("$date") {
            assert_eq!(relaxed, canonical, "{at}: relaxed");
        }
    }
    if let (Some(text), Some(bson)) = (&case.converted_extjson, &case.converted_bson) {
        assert_eq!(to_bson(text).unwrap(), bytes(bson), "{at}: converted");
    }
}

#[test]
fn every_malformed_bson_is_refused() {
    let mut cases = 0;
    for (name, file) in files() {
        for case in file.decode_errors {
            cases += 1;
            assert!(to_text(&bytes(&case.bson)).is_err(), "{name}: {}", case.description);
        }
    }
    println!("BSON corpus: {cases} malformed documents");
    assert_eq!(cases, DECODE_ERRORS);
}

#[test]
fn every_malformed_text_is_refused() {
    let mut cases = 0;
    for (name, file) in files() {
        for case in file.parse_errors {
            cases += 1;
            // In the files of Decimal128 the case is the number alone.
            let text = match &*file.bson_type {
                "0x13" => format!("{{\"d\":{{\"$numberDecimal\":{}}}}}", Value::String(case.string)),
                _ => case.string,
            };
            assert!(to_bson(&text).is_err(), "{name}: {}", case.description);
        }
    }
    println!("BSON corpus: {cases} malformed texts");
    assert_eq!(cases, PARSE_ERRORS);
}

#[test]
fn no_file_is_passed_over() {
    let files = files();
    println!("BSON corpus: {} files", files.len());
    assert_eq!(files.len(), FILES);
    let empty = files.iter().find(|(_, file)| file.valid.is_empty() && file.parse_errors.is_empty());
    assert!(empty.is_none_or(|(_, file)| !file.decode_errors.is_empty()));
}
