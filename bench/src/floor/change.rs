//! What the floor carries: a statement of a write command, made of a document or of a change event with nothing between.
//!
//! A change has a lane, drawn from its `_id`: changes of one document share it, and a lane is written in order. It is the topic's
//! partition, too.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::{Context as _, Result, bail, ensure};
use bson::{RawBsonRef, RawDocument, RawDocumentBuf, raw::cstr, rawdoc};

/// Lanes, and partitions of the topic: as many as every system has.
pub(super) const LANES: usize = 8;

/// What is done to a document. The number is the key of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Insert,
    Update,
    Delete,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Insert, Self::Update, Self::Delete];

    pub(super) fn of(key: &[u8]) -> Result<Self> {
        let [number] = key else { bail!("a key is one byte") };
        Self::ALL.into_iter().find(|kind| *kind as u8 == *number).context("a kind")
    }
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) lane: usize,
    /// A document to insert; `{q, u}`; of a delete the document key.
    pub(super) statement: RawDocumentBuf,
}

impl Change {
    /// Of a document that a scan has found.
    pub(super) fn document(document: &RawDocument) -> Result<Self> {
        let lane = lane(document.get(cstr!("_id"))?.context("a document has an _id")?);
        Ok(Self { kind: Kind::Insert, lane, statement: document.to_owned() })
    }

    /// Of a change event of this database; None of any other, or of one that changes no document.
    pub(super) fn event(event: &RawDocument, db: &str) -> Result<Option<Self>> {
        if !event.get_document("ns").is_ok_and(|ns| ns.get_str("db").is_ok_and(|name| name == db)) {
            return Ok(None);
        }
        let Ok(key) = event.get_document("documentKey") else { return Ok(None) };
        let (kind, statement) = match event.get_str("operationType")? {
            "insert" => (Kind::Insert, event.get_document("fullDocument")?.to_owned()),
            "update" => (Kind::Update, update(key, event.get_document("updateDescription")?)?),
            "delete" => (Kind::Delete, key.to_owned()),
            other => bail!("the floor carries no {other}"),
        };
        let lane = lane(key.get(cstr!("_id"))?.context("a document key has an _id")?);
        Ok(Some(Self { kind, lane, statement }))
    }
}

fn update(key: &RawDocument, description: &RawDocument) -> Result<RawDocumentBuf> {
    let removed =
        description.get_array("removedFields").is_ok_and(|fields| fields.into_iter().next().is_some());
    ensure!(!removed, "the floor carries no removed fields");
    let set = description.get_document("updatedFields")?.to_owned();
    Ok(rawdoc! {"q": key.to_owned(), "u": {"$set": set}})
}

fn lane(id: RawBsonRef<'_>) -> usize {
    let mut hasher = DefaultHasher::new();
    match id {
        RawBsonRef::Int64(number) => number.hash(&mut hasher),
        RawBsonRef::ObjectId(id) => id.bytes().hash(&mut hasher),
        other => format!("{other:?}").hash(&mut hasher),
    }
    usize::try_from(hasher.finish() % LANES as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(operation: &str, more: &RawDocument) -> RawDocumentBuf {
        let mut event = rawdoc! {"operationType": operation, "ns": {"db": "d", "coll": "c"}, "documentKey": {"_id": 7_i64}};
        for field in more.iter() {
            let (name, value) = field.unwrap();
            event.append(name, value);
        }
        event
    }

    fn change(event: &RawDocument) -> (Kind, RawDocumentBuf) {
        let change = Change::event(event, "d").unwrap().unwrap();
        assert_eq!(change.lane, Change::document(&rawdoc! {"_id": 7_i64}).unwrap().lane);
        (change.kind, change.statement)
    }

    #[test]
    fn an_event_becomes_the_statement_that_does_the_same() {
        let document = rawdoc! {"_id": 7_i64, "a": 1};
        let inserted = event("insert", &rawdoc! {"fullDocument": document.clone()});
        assert_eq!(change(&inserted), (Kind::Insert, document));
        let described = rawdoc! {"updatedFields": {"a": 2}, "removedFields": [], "truncatedArrays": []};
        let updated = event("update", &rawdoc! {"updateDescription": described});
        assert_eq!(change(&updated), (Kind::Update, rawdoc! {"q": {"_id": 7_i64}, "u": {"$set": {"a": 2}}}));
        assert_eq!(change(&event("delete", &rawdoc! {})), (Kind::Delete, rawdoc! {"_id": 7_i64}));
    }

    #[test]
    fn what_it_does_not_carry_is_left_out_or_refused() {
        let inserted = event("insert", &rawdoc! {"fullDocument": {"_id": 7_i64}});
        assert_eq!(Change::event(&inserted, "other").unwrap(), None);
        assert_eq!(
            Change::event(&rawdoc! {"operationType": "create", "ns": {"db": "d"}}, "d").unwrap(),
            None
        );
        assert!(Change::event(&event("replace", &rawdoc! {}), "d").is_err());
        let removal =
            event("update", &rawdoc! {"updateDescription": {"updatedFields": {}, "removedFields": ["a"]}});
        assert!(Change::event(&removal, "d").is_err());
    }

    #[test]
    fn kinds_survive_their_way_through_a_key() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(&[kind as u8]).unwrap(), kind);
        }
        assert!(Kind::of(&[3]).is_err());
        assert!(Kind::of(&[]).is_err());
    }

    #[test]
    fn documents_spread_over_the_lanes() {
        let mut counts = [0; LANES];
        for id in 0..8000_i64 {
            counts[lane(RawBsonRef::Int64(id))] += 1;
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
    }
}
