//! Change events as a producer publishes them.

use bson::{Bson, Document, Timestamp, doc};
use common::{codec::encode, headers, headers::Sequence, namespace::Namespace, raw};
use rdkafka::message::{Header, OwnedHeaders};

pub(crate) fn insert(document: Document) -> Document {
    doc! {"operationType": "insert", "documentKey": {"_id": document.get("_id").unwrap().clone()}, "fullDocument": document}
}

pub(crate) fn replace(document: Document) -> Document {
    let mut event = insert(document);
    event.insert("operationType", "replace");
    event
}

pub(crate) fn delete(id: impl Into<Bson>) -> Document {
    doc! {"operationType": "delete", "documentKey": {"_id": id.into()}}
}

pub(crate) fn update(id: impl Into<Bson>, description: Document) -> Document {
    let mut whole = doc! {"updatedFields": {}, "removedFields": [], "truncatedArrays": []};
    whole.extend(description);
    doc! {"operationType": "update", "documentKey": {"_id": id.into()}, "updateDescription": whole}
}

/// A user as the demo makes them.
pub(crate) fn user(id: i32) -> Document {
    doc! {"_id": id, "firstname": format!("First {id}"), "lastname": format!("Last {id}"), "age": 20 + id % 50,
    "email": format!("user{id}@example.com")}
}

/// Puts in what every event has.
pub(super) fn complete(ns: &Namespace, change: Document) -> Document {
    let mut event =
        doc! {"_id": {"_data": "8200"}, "clusterTime": Timestamp { time: 1_700_000_000, increment: 1 }};
    event.insert("ns", doc! {"db": &ns.db, "coll": &ns.coll});
    event.extend(change);
    event
}

pub(super) fn text(document: &Document) -> Vec<u8> {
    let bytes = document.to_vec().unwrap();
    let mut text = Vec::new();
    encode::document(raw::Document::new(&bytes).unwrap(), &mut text).unwrap();
    text
}

pub(super) fn headers(event: &Document, number: u64) -> OwnedHeaders {
    let ns = event.get_document("ns").unwrap();
    let ns = format!("{}.{}", ns.get_str("db").unwrap(), ns.get_str("coll").unwrap_or_default());
    let sequence = Sequence { slice: "rs0", epoch: 1, number }.to_string();
    let pairs = [
        (headers::V, "1"),
        (headers::NS, ns.trim_end_matches('.')),
        (headers::OP, event.get_str("operationType").unwrap()),
        (headers::CT, "1700000000.1"),
        (headers::SEQ, &sequence),
    ];
    pairs
        .iter()
        .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }))
}
