//! The parts of a `find` reply, in place.

use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    raw,
};
use mongodb::raw_batch_cursor::RawBatch;

/// Whether the reply says that it was read at `time`.
pub(super) fn was_read_at(reply: &RawBatch, time: ClusterTime) -> Result<bool> {
    Ok(field(reply, "atClusterTime")?.and_then(|e| e.as_timestamp()) == Some(time.0))
}

/// Whether the cursor is still open.
pub(super) fn has_more(reply: &RawBatch) -> Result<bool> {
    Ok(field(reply, "id")?.and_then(|e| e.as_i64()).unwrap_or(0) != 0)
}

/// The array of documents.
pub(super) fn batch(reply: &RawBatch) -> Result<raw::Document<'_>> {
    let batch = match field(reply, "firstBatch")? {
        Some(batch) => Some(batch),
        None => field(reply, "nextBatch")?,
    };
    batch
        .and_then(|e| e.as_document())
        .ok_or_else(|| Error::new(Kind::Invariant, "a snapshot reply holds no batch"))
}

fn field<'a>(reply: &'a RawBatch, name: &str) -> Result<Option<raw::Element<'a>>> {
    cursor(reply)?
        .get(name)
        .map_err(|error| Error::caused(Kind::Invariant, "a snapshot reply is malformed", error))
}

fn cursor(reply: &RawBatch) -> Result<raw::Document<'_>> {
    let malformed = |error| Error::caused(Kind::Invariant, "a snapshot reply is malformed", error);
    let reply = raw::Document::new(reply.as_raw_document().as_bytes()).map_err(malformed)?;
    let cursor = reply.get("cursor").map_err(malformed)?.and_then(|e| e.as_document());
    cursor.ok_or_else(|| Error::new(Kind::Invariant, "a snapshot reply holds no cursor"))
}
