//! Reading a capped collection whole, in the order in which its documents came.
//!
//! No cluster time can be asked for (246), so what is read is a mixture: each document as it was at the time that is stated or later. Whatever
//! happened to it in between comes again by the stream. The scan follows the collection's own order, which the stream tells to nobody
//! who was not there. Guards: no scan that was overtaken by the collection's own end counts as a whole one.

use bson::RawDocumentBuf;
use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    mongo::{self, code},
    raw::Writer,
};
use futures_util::StreamExt as _;
use mongodb::{error::Error as DriverError, raw_batch_cursor::RawBatchCursor};

use super::{Chunk, Query, query};

/// Documents of one reply; the server ends it at 16 MB before that.
const BATCH_DOCUMENTS: u32 = 1000;

/// A scan under way.
pub struct Scan {
    cursor: RawBatchCursor,
}

/// What came of asking for more.
pub enum Scanned {
    /// The next documents.
    Some(Chunk),
    /// There are no more.
    Ended,
    /// The collection has dropped what the scan stood at: it is to be begun anew.
    Overtaken,
    /// The collection is not there under this UUID in this database.
    Gone,
}

impl Scan {
    /// Begins to read what the query's collection holds at `time` or later; or says why it does not.
    ///
    /// # Errors
    /// Transient when the source does not answer, [`Misconfigured`](Kind::Misconfigured) when a role is missing.
    pub async fn begin(query: &Query, time: ClusterTime) -> Result<std::result::Result<Self, Scanned>> {
        let command = RawDocumentBuf::from_bytes(command(query, time))
            .map_err(|error| Error::caused(Kind::Invariant, "the scan's command", error))?;
        let database = query.client.database(&query.db);
        match database.run_raw_cursor_command(command).batch_size(BATCH_DOCUMENTS).batch().await {
            Ok(cursor) => Ok(Ok(Self { cursor })),
            Err(error) => refused(error).map(Err),
        }
    }

    /// The next documents.
    ///
    /// # Errors
    /// As [`Scan::begin`].
    pub async fn next(&mut self) -> Result<Scanned> {
        match self.cursor.next().await {
            Some(Ok(reply)) => Ok(Scanned::Some(Chunk::new(vec![reply], false))),
            Some(Err(error)) => refused(error),
            None => Ok(Scanned::Ended),
        }
    }
}

fn command(query: &Query, time: ClusterTime) -> Vec<u8> {
    let mut command = Writer::new();
    command.begin();
    command.uuid(b"find", &query.uuid);
    command.begin_document(b"hint");
    command.i32(b"$natural", 1);
    command.end();
    command.i32(b"batchSize", BATCH_DOCUMENTS.cast_signed());
    query::from(time, &mut command);
    command.end();
    command.into_bytes()
}

fn refused(error: DriverError) -> Result<Scanned> {
    match mongo::code(&error) {
        Some(code::CAPPED_POSITION_LOST) => Ok(Scanned::Overtaken),
        Some(code::NAMESPACE_NOT_FOUND | code::QUERY_PLAN_KILLED) => Ok(Scanned::Gone),
        _ => Err(mongo::failed("cannot read a capped collection", error)),
    }
}
