//! What came of reading: documents in place, or why there are none.

use common::{
    error::{Error, Kind, Result},
    key_text,
    mongo::{self, code},
    raw,
};
use mongodb::raw_batch_cursor::RawBatch;

use serde_json::value::RawValue;

use super::{filtered, query::Query, reply};

/// Documents of one collection in `_id` order, read at one cluster time.
#[derive(Debug)]
pub struct Chunk {
    replies: Vec<RawBatch>,
    /// The key up to which everything was looked at, where that is behind the last document.
    end: Option<Vec<u8>>,
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
    /// The source does not take the filter, for this reason.
    Refused(String),
}

impl Chunk {
    pub(super) const fn new(replies: Vec<RawBatch>, is_last: bool) -> Self {
        Self { replies, end: None, is_last }
    }

    /// The same as a part of a filtered range up to the key `last`: where everything in the range was read, the next begins
    /// behind that.
    pub(super) fn within(mut self, last: Vec<u8>) -> Self {
        self.end = self.is_last.then_some(last);
        self.is_last = false;
        self
    }

    /// The key behind which the next chunk begins; `None` where this one holds nothing.
    ///
    /// # Errors
    /// As [`Chunk::documents`].
    pub fn after(&self) -> Result<Option<Box<RawValue>>> {
        if let Some(end) = &self.end {
            let end = raw::Document::new(end)
                .map_err(|error| Error::caused(Kind::Invariant, "a key that was read is malformed", error))?;
            return key_text::text(end).map(Some);
        }
        self.documents()?.last().map(|last| key_text::text(*last)).transpose()
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
pub(super) fn refused(query: &Query, error: mongodb::error::Error) -> Result<Outcome> {
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
        _ if query.filter.is_some()
            && let Some(why) = filtered::objection(&error) =>
        {
            Ok(Outcome::Refused(why))
        }
        _ => Err(mongo::failed("cannot read a chunk of the snapshot", error)),
    }
}
