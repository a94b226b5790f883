//! The change event as MongoDB words it, viewed in place over raw BSON.
//!
//! Field names and shapes are the server's (manual, "Change Events"). An unknown operation is kept by name: whether it
//! may be passed over is for policy to say, not for the parser.

use crate::{cluster_time::ClusterTime, raw};

/// What a change event reports (`operationType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Operation<'a> {
    Insert,
    Update,
    Replace,
    Delete,
    Drop,
    Rename,
    DropDatabase,
    Invalidate,
    Create,
    CreateIndexes,
    DropIndexes,
    Modify,
    /// Any other, by the server's name (`shardCollection`, `reshardCollection`, …).
    Other(&'a str),
}

impl<'a> Operation<'a> {
    /// From the server's name.
    #[must_use]
    pub fn from_name(name: &'a str) -> Self {
        match name {
            "insert" => Self::Insert,
            "update" => Self::Update,
            "replace" => Self::Replace,
            "delete" => Self::Delete,
            "drop" => Self::Drop,
            "rename" => Self::Rename,
            "dropDatabase" => Self::DropDatabase,
            "invalidate" => Self::Invalidate,
            "create" => Self::Create,
            "createIndexes" => Self::CreateIndexes,
            "dropIndexes" => Self::DropIndexes,
            "modify" => Self::Modify,
            other => Self::Other(other),
        }
    }

    /// The server's name.
    #[must_use]
    pub const fn name(self) -> &'a str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Drop => "drop",
            Self::Rename => "rename",
            Self::DropDatabase => "dropDatabase",
            Self::Invalidate => "invalidate",
            Self::Create => "create",
            Self::CreateIndexes => "createIndexes",
            Self::DropIndexes => "dropIndexes",
            Self::Modify => "modify",
            Self::Other(name) => name,
        }
    }

    /// Whether the event is about one document.
    #[must_use]
    pub const fn is_document_change(self) -> bool {
        matches!(self, Self::Insert | Self::Update | Self::Replace | Self::Delete)
    }
}

/// A namespace as an event names it; a database event has no collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names<'a> {
    /// `ns.db`.
    pub db: &'a str,
    /// `ns.coll`.
    pub coll: Option<&'a str>,
}

/// `updateDescription`: what an update did to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateDescription<'a> {
    /// `updatedFields`: dotted path → new value, in the server's order.
    pub updated_fields: raw::Document<'a>,
    /// `removedFields`: array of dotted paths.
    pub removed_fields: raw::Document<'a>,
    /// `truncatedArrays`: array of `{field, newSize}` (5.0+).
    pub truncated_arrays: raw::Document<'a>,
    /// Whether `truncatedArrays` stands there, be it empty: the update was logged as a diff (5.0+). Without it, it was logged as
    /// operators (4.4): every dot separates two names, and a path may lead through documents that the update itself makes.
    pub is_diff: bool,
    /// `disambiguatedPaths` (6.1+): dotted path → array of its components (strings, or ints for array indexes).
    pub disambiguated_paths: Option<raw::Document<'a>>,
}

/// One change event, borrowed from the bytes it was read from.
#[derive(Debug, Clone, Copy)]
pub struct ChangeEvent<'a> {
    /// The whole event.
    pub bytes: raw::Document<'a>,
    /// `_id`: the resume token, or `{_id, copyingData: true}` on a snapshot record.
    pub id: raw::Document<'a>,
    /// `operationType`.
    pub operation: Operation<'a>,
    /// `clusterTime`; absent on events that other systems' snapshots wrote.
    pub cluster_time: Option<ClusterTime>,
    /// `ns`; absent on `invalidate`.
    pub ns: Option<Names<'a>>,
    /// `to`: where a rename went.
    pub to: Option<Names<'a>>,
    /// `documentKey`: `_id`, on sharded collections the shard key too.
    pub document_key: Option<raw::Document<'a>>,
    /// `fullDocument`; `None` when absent or null (a lookup that found nothing).
    pub full_document: Option<raw::Document<'a>>,
    /// `updateDescription`.
    pub update_description: Option<UpdateDescription<'a>>,
    /// `lsid`: the session of the multi-document transaction that the event is part of.
    pub lsid: Option<raw::Document<'a>>,
    /// `txnNumber`: that transaction's number within its session.
    pub txn_number: Option<i64>,
    /// `collectionUUID` (6.0+).
    pub collection_uuid: Option<[u8; 16]>,
}

impl<'a> ChangeEvent<'a> {
    /// Views `document` as a change event.
    ///
    /// # Errors
    /// [`raw::Error`] when it is malformed, `_id` or `operationType` is missing, or a known field has another type than
    /// the server gives it.
    pub fn parse(document: raw::Document<'a>) -> Result<Self, raw::Error> {
        let mut id = None;
        let mut operation = None;
        let mut event = Self {
            bytes: document,
            id: raw::Document::EMPTY,
            operation: Operation::Other(""),
            cluster_time: None,
            ns: None,
            to: None,
            document_key: None,
            full_document: None,
            update_description: None,
            lsid: None,
            txn_number: None,
            collection_uuid: None,
        };
        for element in document.elements() {
            let element = element?;
            match element.name {
                b"_id" => id = Some(need_document(&element, "_id")?),
                b"operationType" => operation = Some(need_str(&element, "operationType")?),
                b"clusterTime" => event.cluster_time = element.as_timestamp().map(ClusterTime),
                b"ns" => event.ns = Some(Names::parse(need_document(&element, "ns")?)?),
                b"to" => event.to = Some(Names::parse(need_document(&element, "to")?)?),
                b"documentKey" => event.document_key = Some(need_document(&element, "documentKey")?),
                b"fullDocument" if element.kind != raw::Kind::Null => {
                    event.full_document = Some(need_document(&element, "fullDocument")?);
                }
                b"updateDescription" if element.kind != raw::Kind::Null => {
                    let document = need_document(&element, "updateDescription")?;
                    event.update_description = Some(UpdateDescription::parse(document)?);
                }
                b"lsid" => event.lsid = Some(need_document(&element, "lsid")?),
                b"txnNumber" => event.txn_number = element.as_i64(),
                b"collectionUUID" => event.collection_uuid = element.as_uuid(),
                _ => {}
            }
        }
        event.id = id.ok_or(raw::Error::Unexpected { field: "_id", expected: "document" })?;
        let name = operation.ok_or(raw::Error::Unexpected { field: "operationType", expected: "string" })?;
        event.operation = Operation::from_name(name);
        Ok(event)
    }
}

impl<'a> Names<'a> {
    fn parse(document: raw::Document<'a>) -> Result<Self, raw::Error> {
        let (mut db, mut coll) = (None, None);
        for element in document.elements() {
            let element = element?;
            match element.name {
                b"db" => db = Some(need_str(&element, "ns.db")?),
                b"coll" => coll = Some(need_str(&element, "ns.coll")?),
                _ => {}
            }
        }
        let db = db.ok_or(raw::Error::Unexpected { field: "ns.db", expected: "string" })?;
        Ok(Self { db, coll })
    }
}

impl<'a> UpdateDescription<'a> {
    fn parse(document: raw::Document<'a>) -> Result<Self, raw::Error> {
        let mut parsed = Self {
            updated_fields: raw::Document::EMPTY,
            removed_fields: raw::Document::EMPTY,
            truncated_arrays: raw::Document::EMPTY,
            is_diff: false,
            disambiguated_paths: None,
        };
        for element in document.elements() {
            let element = element?;
            let Some(value) = element.as_document() else { continue };
            match element.name {
                b"updatedFields" => parsed.updated_fields = value,
                b"removedFields" => parsed.removed_fields = value,
                b"truncatedArrays" => (parsed.truncated_arrays, parsed.is_diff) = (value, true),
                b"disambiguatedPaths" => parsed.disambiguated_paths = Some(value),
                _ => {}
            }
        }
        Ok(parsed)
    }
}

fn need_document<'a>(
    element: &raw::Element<'a>,
    field: &'static str,
) -> Result<raw::Document<'a>, raw::Error> {
    element.as_document().ok_or(raw::Error::Unexpected { field, expected: "document" })
}

fn need_str<'a>(element: &raw::Element<'a>, field: &'static str) -> Result<&'a str, raw::Error> {
    element.as_str()?.ok_or(raw::Error::Unexpected { field, expected: "string" })
}

#[cfg(test)]
mod tests {
    use bson::{Timestamp, doc};

    use super::*;

    fn bytes(document: &bson::Document) -> Vec<u8> {
        document.to_vec().unwrap()
    }

    #[test]
    fn an_update_is_viewed_field_by_field() {
        let event = bytes(&doc! {
            "_id": {"_data": "82"}, "operationType": "update", "clusterTime": Timestamp { time: 7, increment: 2 },
            "ns": {"db": "test", "coll": "a.b"}, "documentKey": {"_id": 1},
            "updateDescription": {
                "updatedFields": {"a.0": 1}, "removedFields": ["b"],
                "truncatedArrays": [{"field": "c", "newSize": 1}]
            },
            "fullDocument": null,
        });
        let event = ChangeEvent::parse(raw::Document::new(&event).unwrap()).unwrap();
        assert_eq!(event.operation, Operation::Update);
        assert_eq!(event.cluster_time, Some(ClusterTime::new(7, 2)));
        assert_eq!(event.ns, Some(Names { db: "test", coll: Some("a.b") }));
        assert!(event.full_document.is_none());
        let delta = event.update_description.unwrap();
        assert!(!delta.updated_fields.is_empty() && !delta.truncated_arrays.is_empty());
        assert!(delta.is_diff && delta.disambiguated_paths.is_none());
    }

    #[test]
    fn an_unknown_operation_keeps_its_name() {
        let event = bytes(&doc! {"_id": {}, "operationType": "reshardCollection"});
        let event = ChangeEvent::parse(raw::Document::new(&event).unwrap()).unwrap();
        assert_eq!(event.operation, Operation::Other("reshardCollection"));
    }

    #[test]
    fn what_is_no_event_is_an_error_with_the_field() {
        for (document, field) in [
            (doc! {"operationType": "insert"}, "_id"),
            (doc! {"_id": {}}, "operationType"),
            (doc! {"_id": {}, "operationType": 1}, "operationType"),
            (doc! {"_id": {}, "operationType": "insert", "ns": {"coll": "x"}}, "ns.db"),
        ] {
            let event = bytes(&document);
            let error = ChangeEvent::parse(raw::Document::new(&event).unwrap()).unwrap_err();
            assert!(matches!(error, raw::Error::Unexpected { field: f, .. } if f == field), "{error}");
        }
    }
}
