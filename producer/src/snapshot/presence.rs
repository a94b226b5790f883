//! Which of some keys name no document, all at one cluster time.
//!
//! Only `_id`s are read. Two `_id`s are the same when the server holds them equal, whatever their types: a target may hold `1` where
//! the source holds `1.0`. Guards: nothing counts as missing but what a whole, exact answer does not name.

use std::collections::HashSet;

use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    identity,
    raw::{self, Document},
};

use super::{Outcome, Query, Range, read};

/// Keys that one `find` asks for: fewer than one reply holds.
const KEYS_PER_FIND: usize = 1000;

/// What came of asking for keys.
#[derive(Debug)]
pub enum Presence {
    /// The keys, raw BSON `{_id: …}`, that name no document.
    Missing(Vec<Vec<u8>>),
    /// The collection is not there at that time.
    Gone,
    /// The server no longer has that cluster time.
    TooOld,
}

/// Looks for `keys` in the query's collection at `time`.
///
/// # Errors
/// As [`read`]; [`Kind::Invariant`] for a key that is malformed.
pub async fn missing(
    query: Query,
    keys: Vec<Vec<u8>>,
    time: ClusterTime,
    is_transactional: bool,
) -> Result<Presence> {
    let mut there = HashSet::new();
    for part in keys.chunks(KEYS_PER_FIND) {
        let range = Range::Among(part.to_vec());
        let part = Query { range, most_bytes: usize::MAX, ..query.clone() };
        match read(&part, time, is_transactional).await? {
            Outcome::Read(chunk) if chunk.is_last => {
                for document in chunk.documents()? {
                    there.insert(identity_of(document).map_err(malformed)?);
                }
            }
            Outcome::Read(_) | Outcome::TooOld | Outcome::Refused(_) => return Ok(Presence::TooOld),
            Outcome::Gone => return Ok(Presence::Gone),
        }
    }
    let mut missing = Vec::new();
    for key in keys {
        let document = Document::new(&key).map_err(malformed)?;
        if !there.contains(&identity_of(document).map_err(malformed)?) {
            missing.push(key);
        }
    }
    Ok(Presence::Missing(missing))
}

fn identity_of(document: Document<'_>) -> std::result::Result<Vec<u8>, raw::Error> {
    let mut identity = Vec::new();
    if let Some(id) = document.get("_id")? {
        identity::write(&id, &mut identity)?;
    }
    Ok(identity)
}

fn malformed(error: raw::Error) -> Error {
    Error::caused(Kind::Invariant, "a key that was asked for is malformed", error)
}
