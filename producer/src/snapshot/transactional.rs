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
    raw::{Kind as Type, Writer},
};
use futures_util::StreamExt as _;
use mongodb::{ClientSession, raw_batch_cursor::RawBatch};

use super::{
    chunk::{Chunk, Outcome, refused},
    query::{self, Query, Range},
    reply,
};

/// Documents per chunk at most; the server ends a reply at 16 MB before that.
const CHUNK_DOCUMENTS: i32 = 4000;

/// Reads the chunk at `time`.
pub(super) async fn read(query: &Query, time: ClusterTime) -> Result<Outcome> {
    match &query.range {
        Range::Key(_) | Range::Edge(_) | Range::Among(_) => {
            Ok(one(find(query, command(query, time)?).await?))
        }
        Range::Within { .. } => read_within(query, time).await,
        Range::Behind(after) => read_behind(query, after.as_deref(), time).await,
    }
}

async fn read_behind(query: &Query, after: Option<&[u8]>, time: ClusterTime) -> Result<Outcome> {
    // Nothing lies behind `MaxKey`, and the server refuses it as `min` (51175).
    if after.is_some_and(query::is_max_key) {
        return Ok(Outcome::Read(Chunk::new(Vec::new(), true)));
    }
    let reply = match find(query, command(query, time)?).await? {
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
    Ok(one(find(query, greatest(query, time)).await?))
}

/// Whether a reply was cut short is not said, so only an empty one is the whole of its range.
async fn read_within(query: &Query, time: ClusterTime) -> Result<Outcome> {
    let reply = match find(query, command(query, time)?).await? {
        Ok(reply) => reply,
        Err(outcome) => return Ok(outcome),
    };
    let is_empty = reply::batch(&reply)?.elements().next().is_none();
    Ok(Outcome::Read(Chunk::new(vec![reply], is_empty)))
}

/// A reply that nothing follows.
fn one(reply: std::result::Result<RawBatch, Outcome>) -> Outcome {
    match reply {
        Ok(reply) => Outcome::Read(Chunk::new(vec![reply], true)),
        Err(outcome) => outcome,
    }
}

/// One `find` in a transaction of its own.
async fn find(query: &Query, command: Writer) -> Result<std::result::Result<RawBatch, Outcome>> {
    let session = query.client.start_session().causal_consistency(false).await;
    let mut session =
        session.map_err(|error| mongo::failed("cannot start a session at the source", error))?;
    let number = next_number();
    let command = RawDocumentBuf::from_bytes(in_transaction(command, number))
        .map_err(|error| Error::caused(Kind::Invariant, "the chunk's command", error))?;
    let database = query.client.database(&query.db);
    let reply = match database.run_raw_cursor_command(command).session(&mut session).batch().await {
        Ok(mut cursor) => cursor.stream(&mut session).next().await,
        Err(error) => Some(Err(error)),
    };
    end(query, &mut session, number).await;
    match reply {
        Some(Ok(reply)) => Ok(Ok(reply)),
        Some(Err(error)) => refused(query, error).map(Err),
        None => Err(Error::new(Kind::Transient, "the source answered a chunk with nothing")),
    }
}

/// Ends the transaction. What it answers does not matter: nothing was written, and an open one ends by itself.
async fn end(query: &Query, session: &mut ClientSession, number: i64) {
    let abort = rawdoc! {"abortTransaction": 1, "txnNumber": number, "autocommit": false};
    let ended = query.client.database("admin").run_raw_command(abort).session(session).await;
    tracing::trace!(is_ok = ended.is_ok(), "chunk's transaction ended");
}

fn command(query: &Query, time: ClusterTime) -> Result<Writer> {
    let mut command = Writer::new();
    query::begin(query, &mut command)?;
    if let Some(after) = query.range.after() {
        command.value(Type::Document, b"min", after);
    }
    if let Range::Within { next, .. } = &query.range {
        command.value(Type::Document, b"max", next);
    }
    query::at(time, &mut command);
    Ok(command)
}

/// Asks for the document with the greatest `_id` there can be.
fn greatest(query: &Query, time: ClusterTime) -> Writer {
    let mut command = Writer::new();
    command.begin();
    command.uuid(b"find", &query.uuid);
    command.begin_document(b"filter");
    command.value(Type::MaxKey, b"_id", &[]);
    if let Some(filter) = &query.filter {
        command.begin_array(b"$and");
        command.value(Type::Document, b"0", filter);
        command.end();
    }
    command.end();
    query::in_order(&mut command);
    query::at(time, &mut command);
    command
}

/// Ends the command: one reply, and it is the first of the transaction with this number.
fn in_transaction(mut command: Writer, number: i64) -> Vec<u8> {
    command.i32(b"batchSize", CHUNK_DOCUMENTS);
    command.bool(b"singleBatch", true);
    command.i64(b"txnNumber", number);
    command.bool(b"startTransaction", true);
    command.bool(b"autocommit", false);
    command.end();
    command.into_bytes()
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
