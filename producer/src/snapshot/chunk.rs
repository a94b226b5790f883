//! What came of reading: documents in place, or why there are none.

use common::{
    error::{Error, Kind, Result},
    mongo::{self, code},
    raw,
};
use mongodb::raw_batch_cursor::RawBatch;

use super::reply;

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

    /// Bytes of memory that the replies take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.replies.iter().map(|reply| reply.as_raw_document().as_bytes().len()).sum()
    }

    /// The documents in order, in place.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when a reply is malformed.
    pub fn documents(&self) -> Result<Vec<raw::Document<'_>>> {
        let mut documents = Vec::new();
        for reply in &self.replies {
            for element in reply::batch(reply)?.elements() {
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
