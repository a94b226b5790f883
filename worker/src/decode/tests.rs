use bson::{Document, Timestamp, doc};
use common::codec::encode;

use super::*;

fn insert() -> Document {
    doc! {
        "_id": {"_data": "82"}, "operationType": "insert", "clusterTime": Timestamp { time: 7, increment: 1 },
        "ns": {"db": "test", "coll": "a.b"}, "documentKey": {"_id": 1}, "fullDocument": {"_id": 1, "x": "y"},
    }
}

fn text(event: &Document) -> Vec<u8> {
    let bytes = event.to_vec().unwrap();
    let mut text = Vec::new();
    encode::document(raw::Document::new(&bytes).unwrap(), &mut text).unwrap();
    text
}

fn record(value: &[u8], headers: &[(&str, &[u8])]) -> Record {
    let headers = headers.iter().map(|(name, value)| (*name, Some(*value)));
    Record::new(0, None, None, Some(value), headers)
}

fn decoded(record: &Record) -> Result<Vec<u8>, Poison> {
    let headers = headers(record)?;
    let mut arena = b"before".to_vec();
    let range = value(std::slice::from_ref(record), &headers, &mut arena)?.expect("a value");
    let bytes = arena[range].to_vec();
    event(&bytes, &headers)?;
    Ok(bytes)
}

fn poison(value: &[u8], headers: &[(&str, &[u8])]) -> Poison {
    decoded(&record(value, headers)).unwrap_err()
}

#[test]
fn both_formats_give_the_same_event() {
    let event = insert();
    let ours =
        [("v", b"1".as_slice()), ("ns", b"test.a.b"), ("op", b"insert"), ("ct", b"7.1"), ("seq", b"rs0/1/9")];
    assert_eq!(decoded(&record(&text(&event), &ours)).unwrap(), event.to_vec().unwrap());
    let bson = event.to_vec().unwrap();
    let with_format = [&ours[..], &[("format", b"bson".as_slice())]].concat();
    assert_eq!(decoded(&record(&bson, &with_format)).unwrap(), bson);
}

#[test]
fn record_of_another_system_needs_no_headers() {
    assert!(decoded(&record(&text(&insert()), &[])).is_ok());
    let relaxed = br#"{"_id": {"_data": "82"}, "operationType": "delete", "clusterTime": {"$timestamp": {"t": 1, "i": 1}},
        "ns": {"db": "a", "coll": "b"}, "documentKey": {"_id": {"$date": 5}}}"#;
    assert!(decoded(&record(relaxed, &[])).is_ok(), "the official connector's default is Extended JSON v1");
}

#[test]
fn what_is_foreign_is_poison_with_its_reason() {
    let value = text(&insert());
    let tombstone = Record::new(0, None, Some(b"{\"_id\": 1}"), None, std::iter::empty());
    assert_eq!(decoded(&tombstone).unwrap_err(), Poison::Tombstone);
    assert!(matches!(poison(b"hello", &[]), Poison::Text(_)));
    assert!(matches!(poison(&value[..value.len() - 1], &[]), Poison::Text(_)));
    assert!(matches!(poison(b"{\"a\": 1}", &[]), Poison::Event(_)));
    assert_eq!(poison(&value, &[("ns", b"test.a")]), Poison::Disagree("ns"));
    assert_eq!(poison(&value, &[("ns", b"test.a.b.c")]), Poison::Disagree("ns"));
    assert_eq!(poison(&value, &[("op", b"delete")]), Poison::Disagree("op"));
    assert!(matches!(poison(&value, &[("seq", b"1")]), Poison::Header(_)));
}

#[test]
fn damaged_bson_is_found_at_any_depth() {
    let mut event = insert();
    event.insert("fullDocument", doc! {"_id": 1, "deep": [{"s": "text"}]});
    let good = event.to_vec().unwrap();
    let at = good.windows(4).position(|w| w == b"text").unwrap();
    let mut broken = good.clone();
    broken[at + 4] = 1;
    assert!(matches!(poison(&broken, &[("format", b"bson")]), Poison::Event(_)));
    broken[at + 4] = 0;
    broken[at] = 0xFF;
    assert_eq!(poison(&broken, &[("format", b"bson")]), Poison::Event(raw::Error::NotUtf8));
}

#[test]
fn event_that_lacks_what_its_operation_needs_is_poison() {
    for (operation, missing, field) in [
        ("insert", "fullDocument", "fullDocument"),
        ("insert", "ns", "ns"),
        ("replace", "fullDocument", "fullDocument"),
        ("update", "fullDocument", "updateDescription"),
        ("delete", "documentKey", "documentKey"),
    ] {
        let mut event = insert();
        event.insert("operationType", operation);
        event.remove(missing);
        if operation == "delete" {
            event.remove("fullDocument");
        }
        let expected = Poison::Lacks { operation: operation.to_owned(), field };
        assert_eq!(poison(&text(&event), &[]), expected);
    }
    let drop = doc! {"_id": {}, "operationType": "drop", "ns": {"db": "a", "coll": "b"}};
    assert!(decoded(&record(&text(&drop), &[])).is_ok(), "definition changes are about no document");
}

#[test]
fn version_of_the_future_stops_instead_of_poisoning() {
    let value = text(&insert());
    assert_eq!(too_new(&poison(&value, &[("v", b"9")])).unwrap().kind, Kind::Misconfigured);
    assert!(too_new(&poison(&value, &[("v", b"nine")])).is_none());
    assert!(too_new(&Poison::Tombstone).is_none());
}
