//! Reading at one cluster time, 5.0 and later: `find` with `readConcern {level: snapshot, atClusterTime}`.
//!
//! The reply names the time it was read at. A dropped or renamed collection answers `ok`, empty and finished, *without* that
//! time, so a reply without it is never taken for "empty". A capped collection can be read only as it is now; there a dropped one
//! is an error.

use bson::RawDocumentBuf;
use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    raw::Writer,
};
use futures_util::StreamExt as _;

use super::{
    chunk::{Chunk, Outcome, refused},
    query::{self, Query},
    reply,
};

/// Documents per reply; larger replies cost the driver more per document.
const BATCH_DOCUMENTS: u32 = 1000;

/// Reads the chunk at `time`.
pub(super) async fn read(query: &Query, time: ClusterTime) -> Result<Outcome> {
    let command = RawDocumentBuf::from_bytes(command(query, time)?)
        .map_err(|error| Error::caused(Kind::Invariant, "the chunk's command", error))?;
    let database = query.client.database(&query.db);
    let mut cursor = match database.run_raw_cursor_command(command).batch_size(BATCH_DOCUMENTS).batch().await
    {
        Ok(cursor) => cursor,
        Err(error) => return refused(query, error),
    };
    let (mut replies, mut bytes, mut is_last) = (Vec::new(), 0, true);
    while let Some(reply) = cursor.next().await {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return refused(query, error),
        };
        if !query.is_capped && !reply::was_read_at(&reply, time)? {
            return Ok(Outcome::Gone);
        }
        bytes += reply.as_raw_document().as_bytes().len();
        let has_more = reply::has_more(&reply)?;
        replies.push(reply);
        if bytes >= query.most_bytes && has_more {
            is_last = false;
            break;
        }
    }
    Ok(Outcome::Read(Chunk::new(replies, is_last)))
}

/// The `find`, as raw BSON: an `_id` goes back to the server with the very bytes it came with.
fn command(query: &Query, time: ClusterTime) -> Result<Vec<u8>> {
    let mut command = Writer::new();
    query::begin(query, &mut command)?;
    command.i32(b"batchSize", BATCH_DOCUMENTS.cast_signed());
    if query.is_capped {
        query::from(time, &mut command)
    } else {
        query::at(time, &mut command)
    }
    command.end();
    Ok(command.into_bytes())
}
