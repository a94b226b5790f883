//! Reading one chunk: the next documents of a collection by `_id`, all as they were at one cluster time.
//!
//! The read addresses the collection's UUID with `readConcern {level: snapshot, atClusterTime}`. The reply names the
//! time it was read at. A dropped or renamed collection answers `ok`, empty and finished, *without* that time, so a
//! reply without it is never taken for "empty". The range begins behind the last `_id` by `$expr` `$gt`, which compares
//! across all BSON types (`{$gt: …}` alone sees one type bracket).

use bson::RawDocumentBuf;
use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    mongo::{self, code},
    raw::{self, Writer},
};
use futures_util::StreamExt as _;
use mongodb::{Client, raw_batch_cursor::RawBatch};

use super::transactional;

/// Documents per reply; larger replies cost the driver more per document.
const BATCH_DOCUMENTS: u32 = 1000;

/// What is to be read.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The source.
    pub client: Client,
    /// The collection's database.
    pub db: String,
    /// The collection's UUID.
    pub uuid: [u8; 16],
    /// `_id` of the last document that was read before, as raw BSON `{_id: …}`.
    pub after: Option<Vec<u8>>,
    /// Bytes after which the chunk ends.
    pub most_bytes: usize,
    /// Whether the server takes `atClusterTime` only inside transactions (4.4).
    pub is_transactional: bool,
}

/// Documents of one collection in `_id` order, read at one cluster time.
#[derive(Debug)]
pub struct Chunk {
    replies: Vec<RawBatch>,
    /// Whether the collection held no document behind these.
    pub is_last: bool,
}

/// What came of reading a chunk.
#[derive(Debug)]
pub enum Outcome {
    /// The documents, maybe none.
    Read(Chunk),
    /// The collection is not there under this UUID in this database at that time: dropped, or renamed elsewhere.
    Gone,
    /// The server no longer has that cluster time; ask again at a later one.
    TooOld,
}

impl Chunk {
    pub(super) const fn new(replies: Vec<RawBatch>, is_last: bool) -> Self {
        Self { replies, is_last }
    }

    /// The documents in order, in place.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when a reply is malformed.
    pub fn documents(&self) -> Result<Vec<raw::Document<'_>>> {
        let mut documents = Vec::new();
        for reply in &self.replies {
            for element in batch(reply)?.elements() {
                let element = element.map_err(|error| {
                    Error::caused(Kind::Invariant, "a snapshot reply is malformed", error)
                })?;
                let document = element.as_document();
                documents.push(
                    document
                        .ok_or_else(|| Error::new(Kind::Invariant, "a snapshot reply holds no documents"))?,
                );
            }
        }
        Ok(documents)
    }
}

impl Reader {
    /// Reads the chunk at `time`.
    ///
    /// # Errors
    /// Transient when the source does not answer, [`Kind::Misconfigured`] when a role is missing.
    pub async fn read(self, time: ClusterTime) -> Result<Outcome> {
        if self.is_transactional {
            return transactional::read(&self, time).await;
        }
        let command = RawDocumentBuf::from_bytes(self.command(time)?)
            .map_err(|error| Error::caused(Kind::Invariant, "the chunk's command", error))?;
        let database = self.client.database(&self.db);
        let mut cursor =
            match database.run_raw_cursor_command(command).batch_size(BATCH_DOCUMENTS).batch().await {
                Ok(cursor) => cursor,
                Err(error) => return refused(error),
            };
        let (mut replies, mut bytes, mut is_last) = (Vec::new(), 0, true);
        while let Some(reply) = cursor.next().await {
            let reply = match reply {
                Ok(reply) => reply,
                Err(error) => return refused(error),
            };
            if !was_read_at(&reply, time)? {
                return Ok(Outcome::Gone);
            }
            bytes += reply.as_raw_document().as_bytes().len();
            let has_more = has_more(&reply)?;
            replies.push(reply);
            if bytes >= self.most_bytes && has_more {
                is_last = false;
                break;
            }
        }
        Ok(Outcome::Read(Chunk { replies, is_last }))
    }

    /// The `find`, as raw BSON: an `_id` goes back to the server with the very bytes it came with.
    fn command(&self, time: ClusterTime) -> Result<Vec<u8>> {
        let mut command = Writer::new();
        command.begin();
        command.uuid(b"find", &self.uuid);
        command.begin_document(b"filter");
        if let Some(after) = &self.after {
            behind(after, &mut command)?;
        }
        command.end();
        for field in [b"sort", b"hint"] {
            command.begin_document(field);
            command.i32(b"_id", 1);
            command.end();
        }
        command.i32(b"batchSize", BATCH_DOCUMENTS.cast_signed());
        command.begin_document(b"readConcern");
        command.str(b"level", "snapshot");
        command.timestamp(b"atClusterTime", time.0);
        command.end();
        command.end();
        Ok(command.into_bytes())
    }
}

/// `$expr: {$gt: ["$_id", {$literal: <_id>}]}`.
pub(super) fn behind(after: &[u8], filter: &mut Writer) -> Result<()> {
    let malformed =
        |error| Error::caused(Kind::PositionLost, "the snapshot's progress holds no `_id`", error);
    let missing = raw::Error::Unexpected { field: "_id", expected: "value" };
    let after = raw::Document::new(after).map_err(malformed)?;
    let id = after.get("_id").map_err(malformed)?.ok_or_else(|| malformed(missing))?;
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

/// What a refused read means for the chunk.
pub(super) fn refused(error: mongodb::error::Error) -> Result<Outcome> {
    match mongo::code(&error) {
        Some(code::NAMESPACE_NOT_FOUND | code::QUERY_PLAN_KILLED | code::COLLECTION_UUID_MISMATCH) => {
            Ok(Outcome::Gone)
        }
        Some(code::SNAPSHOT_UNAVAILABLE | code::SNAPSHOT_TOO_OLD) => Ok(Outcome::TooOld),
        Some(code::UNAUTHORIZED) => {
            let context = "reading documents is not allowed: grant the source user on admin the roles readAnyDatabase (for \
                           one database, the role read on it) and clusterMonitor (it allows reading by UUID)";
            Err(mongo::failed(context, error))
        }
        _ => Err(mongo::failed("cannot read a chunk of the snapshot", error)),
    }
}

fn cursor_of(reply: &RawBatch) -> Result<raw::Document<'_>> {
    let malformed = |error| Error::caused(Kind::Invariant, "a snapshot reply is malformed", error);
    let reply = raw::Document::new(reply.as_raw_document().as_bytes()).map_err(malformed)?;
    let cursor = reply.get("cursor").map_err(malformed)?.and_then(|e| e.as_document());
    cursor.ok_or_else(|| Error::new(Kind::Invariant, "a snapshot reply holds no cursor"))
}

fn field<'a>(reply: &'a RawBatch, name: &str) -> Result<Option<raw::Element<'a>>> {
    cursor_of(reply)?
        .get(name)
        .map_err(|error| Error::caused(Kind::Invariant, "a snapshot reply is malformed", error))
}

fn was_read_at(reply: &RawBatch, time: ClusterTime) -> Result<bool> {
    Ok(field(reply, "atClusterTime")?.and_then(|e| e.as_timestamp()) == Some(time.0))
}

fn has_more(reply: &RawBatch) -> Result<bool> {
    Ok(field(reply, "id")?.and_then(|e| e.as_i64()).unwrap_or(0) != 0)
}

fn batch(reply: &RawBatch) -> Result<raw::Document<'_>> {
    let batch = match field(reply, "firstBatch")? {
        Some(batch) => Some(batch),
        None => field(reply, "nextBatch")?,
    };
    batch
        .and_then(|e| e.as_document())
        .ok_or_else(|| Error::new(Kind::Invariant, "a snapshot reply holds no batch"))
}
