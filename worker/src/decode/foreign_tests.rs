//! What other systems write, as it was read from the topics of real connectors (names shortened).

use bson::{Bson, Document, RawDocumentBuf, doc};

use super::*;

const SOURCE: &str = r#""source":{"connector":"mongodb","ts_ms":1795189712479,"snapshot":"false","db":"test","collection":"a.b","ord":1},"ts_ms":1"#;

fn read(key: Option<&str>, value: &[u8]) -> Result<Document, Poison> {
    let record = Record::new(0, None, key.map(str::as_bytes), Some(value), std::iter::empty());
    let (headers, mut arena) = (headers(&record)?, b"before".to_vec());
    let found = super::value(std::slice::from_ref(&record), &headers, &mut arena);
    let Ok(range) = found else {
        assert_eq!(arena, b"before", "what is refused leaves nothing behind");
        return Err(found.unwrap_err());
    };
    let bytes = arena[range.expect("a value")].to_vec();
    event(&bytes, &headers)?;
    Ok(Document::try_from(RawDocumentBuf::from_bytes(bytes).unwrap()).unwrap())
}

fn envelope(op: &str, after: &str, delta: &str) -> String {
    format!(
        r#"{{"before":null,"after":{after},"updateDescription":{delta},{SOURCE},"op":"{op}","transaction":null}}"#
    )
}

#[test]
fn an_event_is_the_same_in_every_wrapping_of_connect() {
    let expected = doc! {
        "_id": {"_id": 1, "copyingData": true}, "operationType": "insert", "documentKey": {"_id": 1},
        "fullDocument": {"_id": 1, "s": "a\"b", "l": 5_i64}, "ns": {"db": "test", "coll": "c"},
    };
    let text = r#"{"_id": {"_id": {"$numberInt": "1"}, "copyingData": true}, "operationType": "insert", "documentKey": {"_id": {"$numberInt": "1"}}, "fullDocument": {"_id": {"$numberInt": "1"}, "s": "a\"b", "l": {"$numberLong": "5"}}, "ns": {"db": "test", "coll": "c"}}"#;
    let string = serde_json::to_string(text).unwrap();
    let schema = r#"{"type":"string","optional":false}"#;
    let with_schema = format!(r#"{{"schema":{schema},"payload":{string}}}"#);
    for wrapped in [text, &string, &with_schema] {
        assert_eq!(read(None, wrapped.as_bytes()).unwrap(), expected, "{wrapped}");
    }
    assert_eq!(read(None, &expected.to_vec().unwrap()).unwrap(), expected, "BSON without a header");
}

#[test]
fn debeziums_whole_documents_keep_their_types() {
    let after = r#""{\"_id\": {\"$numberLong\": \"7\"},\"d\": 5.0,\"nan\": NaN,\"date\": {\"$date\": -1},\"bin\": {\"$binary\": \"YWJj\",\"$type\": \"05\"},\"re\": {\"$regex\": \"a\",\"$options\": \"im\"}}""#;
    for (op, delta, operation) in [
        ("r", "null", "insert"),
        ("c", "null", "insert"),
        ("u", "null", "replace"),
        ("u", r#"{"removedFields":null,"updatedFields":"{\"d\": 5}","truncatedArrays":null}"#, "update"),
    ] {
        let found = read(Some(r#"{"id":"7"}"#), envelope(op, after, delta).as_bytes()).unwrap();
        assert_eq!(found.get_str("operationType").unwrap(), operation);
        assert_eq!(found.get_document("ns").unwrap(), &doc! {"db": "test", "coll": "a.b"});
        assert_eq!(found.get_document("documentKey").unwrap(), &doc! {"_id": 7_i64});
        let whole = found.get_document("fullDocument").unwrap();
        assert_eq!(whole.get("d"), Some(&Bson::Double(5.0)));
        assert!(
            whole.get_f64("nan").unwrap().is_nan()
                && whole.get_datetime("date").unwrap().timestamp_millis() == -1
        );
        assert!(!found.contains_key("updateDescription"), "a whole document is what counts");
    }
}

#[test]
fn debeziums_deltas_are_the_servers() {
    let delta = r#"{"removedFields":["l"],"updatedFields":"{\"b\": {\"$binary\": {\"base64\": \"eA==\", \"subType\": \"05\"}}, \"n\": 5, \"a.3\": null}","truncatedArrays":[{"field":"list","size":2}]}"#;
    let found = read(Some(r#"{"id":"200"}"#), envelope("u", "null", delta).as_bytes()).unwrap();
    assert_eq!(found.get_document("documentKey").unwrap(), &doc! {"_id": 200});
    let delta = found.get_document("updateDescription").unwrap();
    let updated = delta.get_document("updatedFields").unwrap();
    assert_eq!((updated.get("n"), updated.get("a.3")), (Some(&Bson::Int32(5)), Some(&Bson::Null)));
    assert_eq!(delta.get_array("removedFields").unwrap(), &vec![Bson::from("l")]);
    assert_eq!(
        delta.get_array("truncatedArrays").unwrap(),
        &vec![Bson::from(doc! {"field": "list", "newSize": 2})]
    );
}

#[test]
fn debeziums_deletes_are_known_by_their_key_or_what_was_before() {
    let delete = envelope("d", "null", "null");
    for (key, id) in [
        (r#"{"id":"\"str\""}"#, Bson::from("str")),
        (r#"{"id":"{\"a\": 1,\"b\": 2}"}"#, Bson::from(doc! {"a": 1, "b": 2})),
        (r#"{"id":"2.5"}"#, Bson::from(2.5)),
        (r#"{"schema":{"type":"struct"},"payload":{"id":"1"}}"#, Bson::from(1)),
    ] {
        let found = read(Some(key), delete.as_bytes()).unwrap();
        assert_eq!(found.get_document("documentKey").unwrap().get("_id"), Some(&id));
    }
    let before = delete.replace(r#""before":null"#, r#""before":"{\"_id\": {\"$numberLong\": \"1\"}}""#);
    let found = read(Some(r#"{"id":"1"}"#), before.as_bytes()).unwrap();
    assert_eq!(found.get_document("documentKey").unwrap(), &doc! {"_id": 1_i64});
    let with_schema = format!(r#"{{"schema":{{"type":"struct"}},"payload":{delete}}}"#);
    assert!(read(Some(r#"{"id":"1"}"#), with_schema.as_bytes()).is_ok());
}

#[test]
fn what_debezium_would_not_write_is_poison() {
    for (key, value) in [
        (None, envelope("d", "null", "null")),
        (Some("Struct{id=7}"), envelope("d", "null", "null")),
        (Some(r#"{"id":"7","other":"1"}"#), envelope("d", "null", "null")),
        (Some(r#"{"id":"7"}"#), envelope("m", "null", "null")),
        (Some(r#"{"id":"7"}"#), envelope("u", "null", "null")),
        (Some(r#"{"id":"7"}"#), envelope("c", r#""{\"_id\": ""#, "null")),
        (Some(r#"{"id":"7"}"#), envelope("d", "null", "null").replace("collection", "table")),
    ] {
        assert!(read(key, value.as_bytes()).is_err(), "{key:?} {value}");
    }
}

#[test]
fn only_debeziums_tombstones_say_nothing() {
    let tombstone = |key: &'static str, ours: bool| {
        let version = ours.then_some(("v", Some(b"1".as_slice())));
        let record = Record::new(0, None, Some(key.as_bytes()), None, version.into_iter());
        let headers = headers(&record).unwrap();
        super::value(std::slice::from_ref(&record), &headers, &mut Vec::new())
    };
    assert_eq!(tombstone(r#"{"id":"7"}"#, false), Ok(None));
    for (key, ours) in [(r#"{"id":"7"}"#, true), (r#"{"_id": 7}"#, false), ("7", false)] {
        assert_eq!(tombstone(key, ours), Err(Poison::Tombstone), "{key}");
    }
}
