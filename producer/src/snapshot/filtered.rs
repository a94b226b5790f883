//! Reading only what an operator's filter finds.
//!
//! A filter that finds little would have the server look through the whole collection in one read, while the stream waits for
//! the chunk. So a filtered chunk is cut before it is read: the key of the document so many places on is its end, whatever the
//! filter finds before it.

use common::{cluster_time::ClusterTime, error::Result};

use super::{
    chunk::{Chunk, Outcome},
    query::{Query, Range, key_of},
    read_whole,
};

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
