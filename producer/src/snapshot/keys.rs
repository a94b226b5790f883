//! Reading single documents by their keys, all at one cluster time.

use common::{cluster_time::ClusterTime, error::Result};

use super::{Chunk, Outcome, Query, Range, read};

/// A key, raw BSON `{_id: …}`, and the document that was found under it, if any.
#[derive(Debug)]
pub struct Found {
    /// The key as it was asked for.
    pub key: Vec<u8>,
    chunk: Chunk,
}

/// What came of reading keys.
#[derive(Debug)]
pub enum Looked {
    /// The first so many keys, as the bytes allow, at least one of them.
    Read(Vec<Found>),
    /// The collection is not there at that time.
    Gone,
    /// The server no longer has that cluster time.
    TooOld,
}

impl Found {
    /// The document; `None` when there was none.
    ///
    /// # Errors
    /// As [`Chunk::documents`].
    pub fn document(&self) -> Result<Option<common::raw::Document<'_>>> {
        Ok(self.chunk.documents()?.into_iter().next())
    }
}

/// Reads `keys` of the query's collection at `time`, until its bytes are used up.
///
/// # Errors
/// As [`read`].
pub async fn look(
    query: Query,
    keys: Vec<Vec<u8>>,
    time: ClusterTime,
    is_transactional: bool,
) -> Result<Looked> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    for key in keys {
        let one = Query { range: Range::Key(key.clone()), ..query.clone() };
        match read(&one, time, is_transactional).await? {
            Outcome::Read(chunk) => {
                bytes += chunk.bytes();
                found.push(Found { key, chunk });
            }
            Outcome::Gone => return Ok(Looked::Gone),
            Outcome::TooOld | Outcome::Refused(_) => return Ok(Looked::TooOld),
        }
        if bytes >= query.most_bytes {
            break;
        }
    }
    Ok(Looked::Read(found))
}
