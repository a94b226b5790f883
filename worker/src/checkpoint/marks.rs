//! Marks: documents whose deltas must not be applied, because the target does not hold what they were made from. Pure.
//!
//! | why | the target | its deltas | until |
//! |---|---|---|---|
//! | `missing` | has no such document, or another one, though it was copied | skipped | the repair that was asked for, any image, a delete |
//! | `dead` | lacks a change that is a dead letter | follow into the dead letters | any image, a delete |

use std::collections::BTreeMap;

use common::{
    error::{Error, Kind, Result},
    headers::Sequence,
    namespace::Namespace,
    raw::{Document, Element, Writer},
};

use shape::path::Decimal;

use crate::{consume::intake::Partition, identity};

/// Where a record stands in its slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The slice.
    pub slice: String,
    /// The epoch.
    pub epoch: u32,
    /// The sequence number.
    pub number: u64,
}

/// Why a document's deltas are not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// It is not there, or not as it should be; the record that found out asked for a repair.
    Missing(Origin),
    /// One of its changes is a dead letter.
    Dead,
}

/// The marks of one partition, by namespace and identity of `_id`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    marks: BTreeMap<(Namespace, Vec<u8>), Mark>,
}

/// A document to be fetched from the source anew, and the record that found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Its namespace.
    pub ns: Namespace,
    /// `{_id: …}`, as BSON.
    pub key: Vec<u8>,
    /// The record.
    pub origin: Origin,
}

/// A mark that is set, or taken off where there is none.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// The partition that the document belongs to.
    pub partition: &'a Partition,
    /// The document's namespace.
    pub ns: &'a Namespace,
    /// Its `_id`.
    pub id: Element<'a>,
    /// The identity of its `_id`.
    pub key: &'a [u8],
    /// The mark.
    pub mark: Option<Mark>,
}

impl From<Sequence<'_>> for Origin {
    fn from(sequence: Sequence<'_>) -> Self {
        Self { slice: sequence.slice.to_owned(), epoch: sequence.epoch, number: sequence.number }
    }
}

impl Marks {
    /// The mark of a document.
    #[must_use]
    pub fn get(&self, ns: &Namespace, key: &[u8]) -> Option<&Mark> {
        if self.marks.is_empty() {
            return None;
        }
        self.marks.get(&(ns.clone(), key.to_vec()))
    }

    /// Sets or takes off.
    pub fn note(&mut self, ns: &Namespace, key: &[u8], mark: Option<Mark>) {
        let document = (ns.clone(), key.to_vec());
        match mark {
            Some(mark) => drop(self.marks.insert(document, mark)),
            None => drop(self.marks.remove(&document)),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }
}

/// The command that sets marks; `None` when there is none to be set. For a transaction.
pub(crate) fn set(collection: &str, changes: &[Change<'_>]) -> Option<Vec<u8>> {
    let mut body = begin("update", collection, "updates");
    let mut place = 0;
    for change in changes {
        let Some(mark) = &change.mark else { continue };
        body.begin_document(Decimal::of(place).bytes());
        body.begin_document(b"q");
        identify(b"_id", change, &mut body);
        body.end();
        body.begin_document(b"u");
        body.begin_document(b"$set");
        write(mark, &mut body);
        body.end();
        body.end();
        body.bool(b"upsert", true);
        body.end();
        place += 1;
    }
    (place > 0).then(|| end(body))
}

/// The command that takes marks off; `None` when there is none to be taken off. For a transaction.
pub(crate) fn cleared(collection: &str, changes: &[Change<'_>]) -> Option<Vec<u8>> {
    let mut body = begin("delete", collection, "deletes");
    let mut place = 0;
    for change in changes.iter().filter(|change| change.mark.is_none()) {
        body.begin_document(Decimal::of(place).bytes());
        body.begin_document(b"q");
        identify(b"_id", change, &mut body);
        body.end();
        body.i32(b"limit", 1);
        body.end();
        place += 1;
    }
    (place > 0).then(|| end(body))
}

fn begin(command: &str, collection: &str, list: &str) -> Writer {
    let mut body = Writer::new();
    body.begin();
    body.str(command.as_bytes(), collection);
    body.begin_array(list.as_bytes());
    body
}

fn end(mut body: Writer) -> Vec<u8> {
    body.end();
    body.bool(b"ordered", false);
    body.end();
    body.into_bytes()
}

fn identify(name: &[u8], change: &Change<'_>, body: &mut Writer) {
    body.begin_document(name);
    body.str(b"topic", &change.partition.topic);
    body.i32(b"partition", change.partition.number);
    body.str(b"ns", &change.ns.to_string());
    body.value(change.id.kind, b"key", change.id.value);
    body.end();
}

fn write(mark: &Mark, body: &mut Writer) {
    match mark {
        Mark::Missing(origin) => {
            body.str(b"why", "missing");
            body.str(b"slice", &origin.slice);
            body.i64(b"epoch", i64::from(origin.epoch));
            body.i64(b"sequence", i64::try_from(origin.number).unwrap_or(i64::MAX));
        }
        Mark::Dead => body.str(b"why", "dead"),
    }
}

/// A mark as it was read: whose it is, the document's namespace, its `_id`, the mark.
pub(super) struct Read<'d> {
    pub(super) topic: &'d str,
    pub(super) number: i32,
    pub(super) ns: Namespace,
    pub(super) id: Element<'d>,
    pub(super) mark: Mark,
}

/// Reads a mark's document.
pub(super) fn parse(bytes: &[u8]) -> Result<Read<'_>> {
    read(bytes)
        .ok()
        .flatten()
        .ok_or_else(|| Error::new(Kind::Invariant, "a mark in the target's database `oplogue` is damaged"))
}

fn read(bytes: &[u8]) -> Result<Option<Read<'_>>, common::raw::Error> {
    let document = Document::new(bytes)?;
    let Some(id) = document.get("_id")?.and_then(|id| id.as_document()) else { return Ok(None) };
    let (Some(topic), Some(ns)) = (str_of(id, "topic")?, str_of(id, "ns")?) else { return Ok(None) };
    let number = id.get("partition")?.and_then(|n| n.as_integer()).and_then(|n| i32::try_from(n).ok());
    let (Some(number), Some(key)) = (number, id.get("key")?) else { return Ok(None) };
    let Some((db, coll)) = ns.split_once('.') else { return Ok(None) };
    let mark = match str_of(document, "why")? {
        Some("dead") => Mark::Dead,
        Some("missing") => {
            let count = |name| Ok::<_, common::raw::Error>(document.get(name)?.and_then(|n| n.as_integer()));
            let (epoch, number) = (count("epoch")?.unwrap_or(0), count("sequence")?.unwrap_or(0));
            Mark::Missing(Origin {
                slice: str_of(document, "slice")?.unwrap_or_default().to_owned(),
                epoch: u32::try_from(epoch).unwrap_or(0),
                number: u64::try_from(number).unwrap_or(0),
            })
        }
        _ => return Ok(None),
    };
    Ok(Some(Read { topic, number, ns: Namespace::new(db, coll), id: key, mark }))
}

fn str_of<'d>(document: Document<'d>, name: &str) -> Result<Option<&'d str>, common::raw::Error> {
    document.get(name)?.map_or(Ok(None), |value| value.as_str())
}

/// The identity of a mark's `_id`.
pub(super) fn key_of(id: &Element<'_>) -> Result<Vec<u8>> {
    let mut key = Vec::new();
    identity::write(id, &mut key)
        .map_err(|error| Error::caused(Kind::Invariant, "a mark's key is damaged", error))?;
    Ok(key)
}

/// `{_id: …}`, as BSON.
#[must_use]
pub(crate) fn key_document(id: &Element<'_>) -> Vec<u8> {
    let mut document = Writer::new();
    document.begin();
    document.value(id.kind, b"_id", id.value);
    document.end();
    document.into_bytes()
}

#[cfg(test)]
mod tests {
    use bson::{Bson, doc};

    use super::*;

    #[test]
    fn what_is_set_is_read_and_what_is_cleared_names_the_same_document() {
        let keyed = doc! {"_id": {"a": [1.5, Bson::MinKey]}}.to_vec().unwrap();
        let id = Document::new(&keyed).unwrap().get("_id").unwrap().unwrap();
        let partition = Partition { topic: "t.x".into(), number: 4 };
        let ns = Namespace::new("db", "a.b");
        let key = key_of(&id).unwrap();
        let origin = Origin { slice: "rs0".to_owned(), epoch: 1, number: 9 };
        let missing = Some(Mark::Missing(origin));
        let change = Change { partition: &partition, ns: &ns, id, key: &key, mark: missing.clone() };
        let command =
            bson::Document::from_reader(&*set("p.keys", std::slice::from_ref(&change)).unwrap()).unwrap();
        let statement = command.get_array("updates").unwrap()[0].as_document().unwrap();
        let mut document = statement.get_document("u").unwrap().get_document("$set").unwrap().clone();
        document.extend(statement.get_document("q").unwrap().clone());
        let document = document.to_vec().unwrap();
        let read = parse(&document).unwrap();
        assert_eq!((read.topic, read.number, &read.ns, Some(read.mark)), ("t.x", 4, &ns, missing));
        assert_eq!(key_of(&read.id).unwrap(), key);

        let off = Change { mark: None, ..change };
        assert!(set("p.keys", std::slice::from_ref(&off)).is_none());
        let command = bson::Document::from_reader(&*cleared("p.keys", &[off]).unwrap()).unwrap();
        let filter =
            command.get_array("deletes").unwrap()[0].as_document().unwrap().get_document("q").unwrap();
        assert_eq!(filter, statement.get_document("q").unwrap());
    }

    #[test]
    fn marks_are_of_one_document_of_one_namespace() {
        let (mut marks, ns) = (Marks::default(), Namespace::new("a", "b"));
        marks.note(&ns, b"1", Some(Mark::Dead));
        assert_eq!(marks.get(&ns, b"1"), Some(&Mark::Dead));
        assert_eq!(marks.get(&ns, b"2"), None);
        assert_eq!(marks.get(&Namespace::new("a", "c"), b"1"), None);
        marks.note(&ns, b"1", None);
        assert!(marks.is_empty());
    }
}
