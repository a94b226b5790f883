//! What is to be read, and how a `find` asks for it.
//!
//! A read addresses the collection's UUID, never its name. A range begins behind the last `_id` by `$expr` `$gt`, which
//! compares across all BSON types (`{$gt: …}` alone sees one type bracket). A single key is looked for with the simple
//! collation, or a collection that compares strings otherwise would answer with another document.

use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    raw::{self, Kind as Type, Writer},
};
use mongodb::Client;

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
}

/// Begins the `find`: collection, filter, and the order or collation that goes with it.
pub(super) fn begin(query: &Query, command: &mut Writer) -> Result<()> {
    command.begin();
    command.uuid(b"find", &query.uuid);
    match &query.range {
        Range::Behind(after) => {
            command.begin_document(b"filter");
            if let Some(after) = after {
                behind(after, command)?;
            }
            command.end();
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

/// `$expr: {$gt: ["$_id", {$literal: <_id>}]}`.
pub(super) fn behind(after: &[u8], filter: &mut Writer) -> Result<()> {
    let id = id_of(after)?;
    filter.begin_document(b"$expr");
    filter.begin_array(b"$gt");
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

fn id_of(key: &[u8]) -> Result<raw::Element<'_>> {
    let malformed = |error| Error::caused(Kind::PositionLost, "a resume key holds no `_id`", error);
    let missing = raw::Error::Unexpected { field: "_id", expected: "value" };
    let key = raw::Document::new(key).map_err(malformed)?;
    key.get("_id").map_err(malformed)?.ok_or_else(|| malformed(missing))
}
