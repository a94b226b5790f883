//! Reading a chunk from a 4.4 server, which knows `atClusterTime` only inside transactions.
//!
//! The same `find` goes out as first command of a read-only transaction, raw, with a transaction number of our own: the
//! driver's transactions take no `atClusterTime`. One reply is one chunk, and the transaction is ended right after it. The
//! reply names no cluster time; it needs none, for by UUID a dropped collection is an error here, and a renamed one is at
//! every time before its rename.
//!
//! `$expr` has no tight index bounds before 5.0, so the range also begins with `min`; a read with `min` leaves out a
//! document whose `_id` is `MaxKey`, which is asked for once, at the end.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use bson::{RawDocumentBuf, rawdoc};
use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    mongo,
    raw::{self, Writer},
};
use futures_util::StreamExt as _;
use mongodb::{ClientSession, raw_batch_cursor::RawBatch};

use super::chunk::{Chunk, Outcome, Reader, behind, refused};

/// Documents per chunk at most; the server ends a reply at 16 MB before that.
const CHUNK_DOCUMENTS: i32 = 4000;

/// Which documents one `find` asks for.
#[derive(Clone, Copy)]
enum Range<'a> {
    /// Those behind this `{_id: …}`, or all.
    Behind(Option<&'a [u8]>),
    /// The one with the greatest `_id` there can be.
    MaxKey,
}

/// Reads the chunk at `time`.
pub(super) async fn read(reader: &Reader, time: ClusterTime) -> Result<Outcome> {
    let after = reader.after.as_deref();
    // Nothing lies behind `MaxKey`, and the server refuses it as `min` (51175).
    if after.is_some_and(is_max_key) {
        return Ok(Outcome::Read(Chunk::new(Vec::new(), true)));
    }
    let reply = match find(reader, Range::Behind(after), time).await? {
        Ok(reply) => reply,
        Err(outcome) => return Ok(outcome),
    };
    let chunk = Chunk::new(vec![reply], false);
    if !chunk.documents()?.is_empty() {
        return Ok(Outcome::Read(chunk));
    }
    if after.is_none() {
        return Ok(Outcome::Read(Chunk::new(Vec::new(), true)));
    }
    Ok(match find(reader, Range::MaxKey, time).await? {
        Ok(reply) => Outcome::Read(Chunk::new(vec![reply], true)),
        Err(outcome) => outcome,
    })
}

/// One `find` in a transaction of its own.
async fn find(
    reader: &Reader,
    range: Range<'_>,
    time: ClusterTime,
) -> Result<std::result::Result<RawBatch, Outcome>> {
    let mut session = reader
        .client
        .start_session()
        .causal_consistency(false)
        .await
        .map_err(|error| mongo::failed("cannot start a session at the source", error))?;
    let number = next_number();
    let command = RawDocumentBuf::from_bytes(command(reader, range, time, number)?)
        .map_err(|error| Error::caused(Kind::Invariant, "the chunk's command", error))?;
    let database = reader.client.database(&reader.db);
    let reply = match database.run_raw_cursor_command(command).session(&mut session).batch().await {
        Ok(mut cursor) => cursor.stream(&mut session).next().await,
        Err(error) => Some(Err(error)),
    };
    end(reader, &mut session, number).await;
    match reply {
        Some(Ok(reply)) => Ok(Ok(reply)),
        Some(Err(error)) => refused(error).map(Err),
        None => Err(Error::new(Kind::Transient, "the source answered a chunk with nothing")),
    }
}

/// Ends the transaction. What it answers does not matter: nothing was written, and an open one ends by itself.
async fn end(reader: &Reader, session: &mut ClientSession, number: i64) {
    let abort = rawdoc! {"abortTransaction": 1, "txnNumber": number, "autocommit": false};
    let ended = reader.client.database("admin").run_raw_command(abort).session(session).await;
    tracing::trace!(is_ok = ended.is_ok(), "chunk's transaction ended");
}

fn command(reader: &Reader, range: Range<'_>, time: ClusterTime, number: i64) -> Result<Vec<u8>> {
    let mut command = Writer::new();
    command.begin();
    command.uuid(b"find", &reader.uuid);
    command.begin_document(b"filter");
    match range {
        Range::Behind(Some(after)) => behind(after, &mut command)?,
        Range::Behind(None) => {}
        Range::MaxKey => command.value(raw::Kind::MaxKey, b"_id", &[]),
    }
    command.end();
    for field in [b"sort", b"hint"] {
        command.begin_document(field);
        command.i32(b"_id", 1);
        command.end();
    }
    if let Range::Behind(Some(after)) = range {
        command.value(raw::Kind::Document, b"min", after);
    }
    command.i32(b"batchSize", CHUNK_DOCUMENTS);
    command.bool(b"singleBatch", true);
    command.begin_document(b"readConcern");
    command.str(b"level", "snapshot");
    command.timestamp(b"atClusterTime", time.0);
    command.end();
    command.i64(b"txnNumber", number);
    command.bool(b"startTransaction", true);
    command.bool(b"autocommit", false);
    command.end();
    Ok(command.into_bytes())
}

fn is_max_key(after: &[u8]) -> bool {
    let id = raw::Document::new(after).ok().and_then(|after| after.get("_id").ok().flatten());
    id.is_some_and(|id| id.kind == raw::Kind::MaxKey)
}

/// A transaction number above every one this process has used: the driver pools its sessions, and a server session takes
/// only rising numbers. Nothing else here writes through this client, so no other numbers are in use.
fn next_number() -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_micros());
    let now = i64::try_from(now).unwrap_or(1);
    LAST.fetch_max(now, Ordering::Relaxed);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}
