//! Reading only what an operator's filter finds.
//!
//! A filter that finds little would have the server look through the whole collection in one read, while the stream waits for
//! the chunk. So a filtered chunk is cut before it is read: the key of the document so many places on is its end, whatever the
//! filter finds before it. What the source says against the filter ends the request and nothing else.

use common::{
    cluster_time::ClusterTime,
    error::Result,
    mongo::{self, Reason, code},
};
use mongodb::error::{Error as DriverError, ErrorKind};

use super::{
    chunk::{Chunk, Outcome},
    query::{Query, Range, key_of},
    read_whole,
};

/// Documents that one read looks at.
pub(super) const LOOKED_AT: i32 = 4000;
/// How long the source may work on one read, in milliseconds; the stream may have to wait as long.
pub(super) const MOST_MS: i32 = 10_000;

/// Codes with which a server says that it cannot answer now, whatever the question (`error_codes.yml`).
const PASSING: [i32; 29] = [
    6, 7, 24, 43, 46, 63, 64, 89, 91, 96, 112, 133, 134, 150, 175, 189, 202, 234, 237, 251, 262, 279, 290,
    9001, 10107, 11600, 11602, 13435, 13436,
];

/// Reads what the filter finds of the next documents behind `after`.
pub(super) async fn read(
    query: &Query,
    after: Option<Vec<u8>>,
    time: ClusterTime,
    is_transactional: bool,
) -> Result<Outcome> {
    let edge = Query { filter: None, range: Range::Edge(after.clone()), ..query.clone() };
    let edge = match read_whole(&edge, time, is_transactional).await? {
        Outcome::Read(chunk) => edge_of(&chunk)?,
        other => return Ok(other),
    };
    let Some((last, next)) = edge else {
        let rest = Query { range: Range::Behind(after), ..query.clone() };
        return read_whole(&rest, time, is_transactional).await;
    };
    let range = Range::Within { after, last: last.clone(), next };
    match read_whole(&Query { range, ..query.clone() }, time, is_transactional).await? {
        Outcome::Read(chunk) => Ok(Outcome::Read(chunk.within(last))),
        other => Ok(other),
    }
}

/// The last key to look at and the one behind it; `None` when fewer are left.
fn edge_of(chunk: &Chunk) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    match chunk.documents()?.as_slice() {
        [last, next] => Ok(Some((key_of(*last)?, key_of(*next)?))),
        _ => Ok(None),
    }
}

/// What the source says against a filter, without the values that it names; `None` when it says nothing about it.
pub(super) fn objection(error: &DriverError) -> Option<String> {
    let ErrorKind::Command(_) = error.kind.as_ref() else { return None };
    match mongo::code(error)? {
        code::MAX_TIME_EXPIRED => Some(format!(
            "the filter took the source longer than {} s for {LOOKED_AT} documents",
            MOST_MS / 1000
        )),
        passing if PASSING.contains(&passing) => None,
        _ => Some(format!("the source refuses the filter: {}", Reason::of(error))),
    }
}
