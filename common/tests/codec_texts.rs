//! Texts by hand: what other systems write, and what is refused with which reason at which byte.

#![allow(clippy::unwrap_used)]

use common::{
    codec::{
        decode::{self, Dialect, Error, Reason},
        encode,
    },
    raw::{Document, Kind},
};

fn decoded_in(dialect: Dialect, text: &str) -> Result<Vec<u8>, Error> {
    let mut out = b"before".to_vec();
    let result = decode::document_in(dialect, text.as_bytes(), &mut out);
    assert!(
        out.starts_with(b"before") && (result.is_ok() || out.len() == 6),
        "{text}: the buffer is not restored"
    );
    result.map(|()| out.split_off(6))
}

fn decoded(text: &str) -> Result<Vec<u8>, Error> {
    decoded_in(Dialect::V2, text)
}

/// The canonical text of what a text stands for.
fn canonical_in(dialect: Dialect, text: &str) -> String {
    let bytes = decoded_in(dialect, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut out = Vec::new();
    encode::document(Document::new(&bytes).unwrap(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn other_forms_of_a_value_are_read() {
    for (value, canonical) in [
        ("1", r#"{"$numberInt":"1"}"#),
        ("-0", r#"{"$numberInt":"0"}"#),
        ("2147483648", r#"{"$numberLong":"2147483648"}"#),
        ("9223372036854775808", r#"{"$numberDouble":"9.223372036854776E+18"}"#),
        ("1.0", r#"{"$numberDouble":"1.0"}"#),
        ("-0.0", r#"{"$numberDouble":"-0.0"}"#),
        ("1e2", r#"{"$numberDouble":"100.0"}"#),
        (r#"{"$numberInt":"+7"}"#, r#"{"$numberInt":"7"}"#),
        (r#"{"$numberDouble":"1"}"#, r#"{"$numberDouble":"1.0"}"#),
        (r#"{"$date":"2012-12-24T12:15:30.501Z"}"#, r#"{"$date":{"$numberLong":"1356351330501"}}"#),
        (r#"{"$date":{"$numberLong":"-62135596800001"}}"#, r#"{"$date":{"$numberLong":"-62135596800001"}}"#),
        (r#"{"$oid":"56E1FC72e0c917e9c4714161"}"#, r#"{"$oid":"56e1fc72e0c917e9c4714161"}"#),
        (r#"{"$scope":{"x":1},"$code":"c"}"#, r#"{"$code":"c","$scope":{"x":{"$numberInt":"1"}}}"#),
        (r#"{"$scope":{},"$code":"c"}"#, r#"{"$code":"c","$scope":{}}"#),
        (r#"{"$scope":{"$scope":{},"$code":"d"}}"#, r#"{"$scope":{"$code":"d","$scope":{}}}"#),
        (r#"{"$binary":{"subType":"2","base64":"AA=="}}"#, r#"{"$binary":{"base64":"AA==","subType":"02"}}"#),
        (r#"{"$timestamp":{"i":2,"t":4294967295}}"#, r#"{"$timestamp":{"t":4294967295,"i":2}}"#),
        (r#"{"\u0024oid":"56e1fc72e0c917e9c4714161"}"#, r#"{"$oid":"56e1fc72e0c917e9c4714161"}"#),
        (r#"" \/\b\u00E9\ud83d\ude00""#, "\" /\\bé\u{1F600}\""),
    ] {
        for dialect in [Dialect::V2, Dialect::V2AndV1] {
            assert_eq!(
                canonical_in(dialect, &format!("{{\"a\":{value}}}")),
                format!("{{\"a\":{canonical}}}")
            );
            let spaced = format!(" {{ \"a\"\t: {value}\r\n}}\n");
            assert_eq!(canonical_in(dialect, &spaced), format!("{{\"a\":{canonical}}}"));
        }
    }
}

#[test]
fn dollar_names_that_mark_no_wrapper_are_names() {
    for text in [
        r#"{"$oid":{"$numberInt":"1"},"$date":"outermost"}"#,
        r#"{"a":{"$scope":{"$numberInt":"1"}}}"#,
        r#"{"a":{"$ref":"c","$id":{"$oid":"56e1fc72e0c917e9c4714161"},"$db":"d","x":null}}"#,
        r#"{"a":{"$regex":"b"}}"#,
        r#"{"a":{"$type":"00"}}"#,
        r#"{"a":{"$":[],"$$oid":{},"$OID":true}}"#,
    ] {
        for dialect in [Dialect::V2, Dialect::V2AndV1] {
            assert_eq!(canonical_in(dialect, text), text);
        }
    }
}

/// MongoDB's Kafka source connector writes these by default; version 2 reads them otherwise or not at all.
#[test]
fn the_old_dialect_is_read_on_request_only() {
    for (value, canonical) in [
        (r#"{"$date": 1356351330501}"#, r#"{"$date":{"$numberLong":"1356351330501"}}"#),
        (r#"{"$date": -1}"#, r#"{"$date":{"$numberLong":"-1"}}"#),
        (r#"{"$binary": "AP8=", "$type": "05"}"#, r#"{"$binary":{"base64":"AP8=","subType":"05"}}"#),
        (
            r#"{"$regex": "a.b", "$options": "xi"}"#,
            r#"{"$regularExpression":{"pattern":"a.b","options":"ix"}}"#,
        ),
        ("NaN", r#"{"$numberDouble":"NaN"}"#),
        ("-Infinity", r#"{"$numberDouble":"-Infinity"}"#),
    ] {
        let text = format!("{{\"a\": {value}}}");
        assert_eq!(canonical_in(Dialect::V2AndV1, &text), format!("{{\"a\":{canonical}}}"));
        let plain =
            decoded(&text).map(|bytes| Document::new(&bytes).unwrap().get("a").unwrap().unwrap().kind);
        assert!(plain.is_err() || plain == Ok(Kind::Document), "{text}");
    }
    let no_regex = r#"{"a":{"$regex":"b","$options":{"$numberInt":"1"}}}"#;
    assert_eq!(canonical_in(Dialect::V2AndV1, no_regex), no_regex);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    use Reason::{Escape, Expected, LoneSurrogate, Nul, Range, StrayWrapper, Wrapper};
    for (text, at, reason) in [
        ("", 0, Expected("an object")),
        ("[]", 0, Expected("an object")),
        ("{} x", 3, Expected("the end")),
        (r#"{"a"}"#, 4, Expected("`:`")),
        (r#"{"a":}"#, 5, Expected("a value")),
        (r#"{"a":1,}"#, 7, Expected("a string")),
        (r#"{"a":[1,]}"#, 8, Expected("a value")),
        (r#"{"a":[1 2]}"#, 8, Expected("`,` or `]`")),
        (r#"{"a":1 "b":2}"#, 7, Expected("`,` or `}`")),
        (r#"{"a":tru}"#, 5, Expected("true")),
        (r#"{"a":01}"#, 6, Expected("`,` or `}`")),
        (r#"{"a":1.}"#, 7, Expected("a digit")),
        (r#"{"a":-}"#, 6, Expected("a digit")),
        (r#"{"a":NaN}"#, 5, Expected("a value")),
        (r#"{"a":1e999}"#, 10, Range),
        ("{\"a\":\"b\nc\"}", 7, Expected("an escaped control character")),
        (r#"{"a":"b"#, 7, Expected("a closing quote")),
        (r#"{"a":"\x"}"#, 6, Escape),
        (r#"{"a":"\ud800"}"#, 6, LoneSurrogate),
        (r#"{"a\u0000":1}"#, 10, Nul),
        (r#"{"a":{"b":1,"$oid":"56e1fc72e0c917e9c4714161"}}"#, 19, StrayWrapper),
        (r#"{"a":{"$scope":1,"$code":""}}"#, 25, StrayWrapper),
        (r#"{"a":{"$oid":"56e1"}}"#, 19, Wrapper("$oid")),
        (r#"{"a":{"$numberInt":"2147483648"}}"#, 31, Wrapper("$numberInt")),
        (r#"{"a":{"$numberLong":"9223372036854775808"}}"#, 41, Wrapper("$numberLong")),
        (r#"{"a":{"$numberDouble":"inf"}}"#, 27, Wrapper("$numberDouble")),
        (r#"{"a":{"$date":0}}"#, 14, Wrapper("$date")),
        (r#"{"a":{"$minKey":10}}"#, 17, Wrapper("$minKey")),
        (r#"{"a":{"$code":"","$scope":{"$numberInt":"1"}}}"#, 40, Wrapper("$code")),
    ] {
        let error = decoded(text).unwrap_err();
        assert_eq!((error.at, error.reason), (at, reason), "{text}: {error}");
    }
    let error = decode::document(b"{\"a\":\"\xFF\"}", &mut Vec::new()).unwrap_err();
    assert_eq!((error.at, error.reason), (6, Reason::NotUtf8));
    assert_eq!(error.to_string(), "not UTF-8 at byte 6");
}

#[test]
fn a_key_is_worded_like_its_value_in_a_document() {
    let bytes =
        decoded(r#"{"_id":{"a":[1,{"$numberDouble":"NaN"}]},"b":{"$oid":"56e1fc72e0c917e9c4714161"}}"#)
            .unwrap();
    let document = Document::new(&bytes).unwrap();
    let mut key = b"before".to_vec();
    encode::field("_id", &document.get("_id").unwrap().unwrap(), &mut key).unwrap();
    assert_eq!(key, br#"before{"_id":{"a":[{"$numberInt":"1"},{"$numberDouble":"NaN"}]}}"#);
    let mut key = Vec::new();
    encode::field("a\"b", &document.get("b").unwrap().unwrap(), &mut key).unwrap();
    assert_eq!(key, br#"{"a\"b":{"$oid":"56e1fc72e0c917e9c4714161"}}"#);
}

/// A nested document with a field of this name; text cannot say it, so the name is put in afterwards.
fn with_nested_name(name: &str) -> Vec<u8> {
    let stand_in = "_".repeat(name.len());
    let mut bytes = decoded(&format!("{{\"x\":{{\"more\":1,\"{stand_in}\":\"5\"}}}}")).unwrap();
    let at = bytes.windows(name.len()).position(|window| window == stand_in.as_bytes()).unwrap();
    bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
    bytes
}

#[test]
fn look_alikes_of_wrappers_are_refused_where_readers_would_confuse_them() {
    for (name, result) in [
        ("$oid", Err(encode::Error::Ambiguous)),
        ("$numberInt", Err(encode::Error::Ambiguous)),
        ("$uuid", Err(encode::Error::Ambiguous)),
        ("$scope", Ok(())),
        ("$regex", Ok(())),
        ("$OID", Ok(())),
    ] {
        let bytes = with_nested_name(name);
        let document = Document::new(&bytes).unwrap();
        let mut out = b"before".to_vec();
        assert_eq!(encode::document(document, &mut out), result, "{name}");
        assert!(result.is_ok() || out == b"before", "{name}: the buffer is not restored");
        let mut out = b"before".to_vec();
        assert_eq!(encode::field("_id", &document.get("x").unwrap().unwrap(), &mut out), result, "{name}");
        assert!(result.is_ok() || out == b"before", "{name}: the buffer is not restored");
    }
}
