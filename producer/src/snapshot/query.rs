//! What is to be read, and how a `find` asks for it.
//!
//! A read addresses the collection's UUID, never its name. A range begins behind the last `_id` by `$expr` `$gt`, which
//! compares across all BSON types (`{$gt: …}` alone sees one type bracket). A single key is looked for with the simple
//! collation, or a collection that compares strings otherwise would answer with another document. An operator's filter stands
//! beside the bounds, never instead of them.

use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    raw::{self, Kind as Type, Writer},
};
use mongodb::Client;

use super::objection::{LOOKED_AT, MOST_MS};

/// What is to be read.
#[derive(Debug, Clone)]
pub struct Query {
    /// The source.
    pub client: Client,
    /// The collection's database.
    pub db: String,
    /// The collection's UUID.
    pub uuid: [u8; 16],
    /// Which of its documents.
    pub range: Range,
    /// Whether the collection is capped. Such cannot be read at a cluster time (246): what is read then is what the collection holds
    /// at the time that is asked for or later, document by document.
    pub is_capped: bool,
    /// Only those of the range that this finds, raw BSON.
    pub filter: Option<Vec<u8>>,
    /// Bytes after which the chunk ends.
    pub most_bytes: usize,
}

/// Which documents one read asks for. Keys are raw BSON `{_id: …}`.
#[derive(Debug, Clone)]
pub enum Range {
    /// Those behind this key in `_id` order, or all.
    Behind(Option<Vec<u8>>),
    /// The one with this key.
    Key(Vec<u8>),
    /// The `_id`s of those with one of these keys.
    Among(Vec<Vec<u8>>),
    /// Of those behind this key the keys of two: the last that a filtered read looks at, and the one behind it.
    Edge(Option<Vec<u8>>),
    /// Those behind one key, up to another.
    Within {
        /// The key in front of the first.
        after: Option<Vec<u8>>,
        /// The key of the last.
        last: Vec<u8>,
        /// The key behind it, for servers that bound a range by that.
        next: Vec<u8>,
    },
}

impl Range {
    /// The key that the range begins behind.
    pub(super) const fn after(&self) -> Option<&Vec<u8>> {
        match self {
            Self::Behind(after) | Self::Edge(after) | Self::Within { after, .. } => after.as_ref(),
            Self::Key(_) | Self::Among(_) => None,
        }
    }
}

/// Begins the `find`: collection, filter, and the order or collation that goes with it.
pub(super) fn begin(query: &Query, command: &mut Writer) -> Result<()> {
    command.begin();
    command.uuid(b"find", &query.uuid);
    if query.filter.is_some() {
        command.i32(b"maxTimeMS", MOST_MS);
    }
    match &query.range {
        Range::Behind(_) | Range::Within { .. } => {
            command.begin_document(b"filter");
            conditions(query, command)?;
            command.end();
            in_order(command);
        }
        Range::Edge(_) => {
            command.begin_document(b"filter");
            conditions(query, command)?;
            command.end();
            only_ids(command);
            command.i32(b"skip", LOOKED_AT - 1);
            command.i32(b"limit", 2);
            in_order(command);
        }
        Range::Among(keys) => {
            command.begin_document(b"filter");
            among(keys, command)?;
            command.end();
            only_ids(command);
            in_order(command);
        }
        Range::Key(key) => {
            let id = id_of(key)?;
            command.begin_document(b"filter");
            command.begin_document(b"_id");
            command.value(id.kind, b"$eq", id.value);
            command.end();
            command.end();
            command.begin_document(b"collation");
            command.str(b"locale", "simple");
            command.end();
        }
    }
    Ok(())
}

/// `$and: [<the filter>, {$expr: …}, {$expr: …}]`, as many as there are.
fn conditions(query: &Query, command: &mut Writer) -> Result<()> {
    let (after, filter) = (query.range.after(), query.filter.as_ref());
    let last = if let Range::Within { last, .. } = &query.range { Some(last) } else { None };
    let bounds = [("$gt", after), ("$lte", last)].into_iter().filter_map(|(op, key)| Some((op, key?)));
    let bounds: Vec<_> = bounds.collect();
    if filter.is_none() && bounds.is_empty() {
        return Ok(());
    }
    command.begin_array(b"$and");
    if let Some(filter) = filter {
        command.value(Type::Document, b"0", filter);
    }
    for (place, (operator, key)) in (usize::from(filter.is_some())..).zip(bounds) {
        command.begin_document(place.to_string().as_bytes());
        beside(operator, key, command)?;
        command.end();
    }
    command.end();
    Ok(())
}

/// `_id: {$in: [<_id>, …]}`.
fn among(keys: &[Vec<u8>], filter: &mut Writer) -> Result<()> {
    filter.begin_document(b"_id");
    filter.begin_array(b"$in");
    for (place, key) in keys.iter().enumerate() {
        let id = id_of(key)?;
        filter.value(id.kind, place.to_string().as_bytes(), id.value);
    }
    filter.end();
    filter.end();
    Ok(())
}

/// Documents come with nothing but their `_id`.
fn only_ids(command: &mut Writer) {
    command.begin_document(b"projection");
    command.i32(b"_id", 1);
    command.end();
}

/// Ends a filter; the documents come in `_id` order.
pub(super) fn in_order(command: &mut Writer) {
    for field in [b"sort", b"hint"] {
        command.begin_document(field);
        command.i32(b"_id", 1);
        command.end();
    }
}

/// The read concern: everything as it was at `time`.
pub(super) fn at(time: ClusterTime, command: &mut Writer) {
    command.begin_document(b"readConcern");
    command.str(b"level", "snapshot");
    command.timestamp(b"atClusterTime", time.0);
    command.end();
}

/// The read concern: nothing as it was before `time`, and nothing that may be rolled back.
pub(super) fn from(time: ClusterTime, command: &mut Writer) {
    command.begin_document(b"readConcern");
    command.str(b"level", "majority");
    command.timestamp(b"afterClusterTime", time.0);
    command.end();
}

/// `$expr: {<operator>: ["$_id", {$literal: <_id>}]}`.
fn beside(operator: &str, key: &[u8], filter: &mut Writer) -> Result<()> {
    let id = id_of(key)?;
    filter.begin_document(b"$expr");
    filter.begin_array(operator.as_bytes());
    filter.str(b"0", "$_id");
    filter.begin_document(b"1");
    filter.value(id.kind, b"$literal", id.value);
    filter.end();
    filter.end();
    filter.end();
    Ok(())
}

/// Whether nothing can lie behind this key.
pub(super) fn is_max_key(key: &[u8]) -> bool {
    id_of(key).is_ok_and(|id| id.kind == Type::MaxKey)
}

/// `{_id: …}` of a document.
pub(super) fn key_of(document: raw::Document<'_>) -> Result<Vec<u8>> {
    let id = id_of(document.as_bytes())?;
    let mut key = Writer::new();
    key.begin();
    key.element(&id);
    key.end();
    Ok(key.into_bytes())
}

fn id_of(key: &[u8]) -> Result<raw::Element<'_>> {
    let malformed = |error| Error::caused(Kind::PositionLost, "a resume key holds no `_id`", error);
    let missing = raw::Error::Unexpected { field: "_id", expected: "value" };
    let key = raw::Document::new(key).map_err(malformed)?;
    key.get("_id").map_err(malformed)?.ok_or_else(|| malformed(missing))
}
