//! Snapshot: what existed before the stream, read chunk by chunk at cluster times the stream has not passed.
//!
//! Owns the list of collections and the reading of chunks and keys. Must not publish: what is read goes to the weave, which
//! puts it where it belongs. Guards: a chunk belongs to a collection's UUID, and every reply is known to have been read at the
//! cluster time that was asked for, but of capped collections, which know only the present.

mod at_time;
pub mod catalog;
mod chunk;
mod filtered;
pub mod keys;
mod objection;
pub mod presence;
mod progress;
mod query;
mod reply;
mod scan;
mod transactional;

use common::{cluster_time::ClusterTime, error::Result};

pub use chunk::{Chunk, Outcome};
pub use progress::Progress;
pub use query::{Query, Range};
pub use scan::{Scan, Scanned};

/// Reads what `query` asks for as it was at `time`; `is_transactional` where the server takes a cluster time only inside
/// transactions (4.4).
///
/// # Errors
/// Transient when the source does not answer, [`Misconfigured`](common::error::Kind::Misconfigured) when a role is missing.
pub async fn read(query: &Query, time: ClusterTime, is_transactional: bool) -> Result<Outcome> {
    match &query.range {
        Range::Behind(after) if query.filter.is_some() => {
            filtered::read(query, after.clone(), time, is_transactional).await
        }
        _ => read_whole(query, time, is_transactional).await,
    }
}

/// One read of the server, or on 4.4 as many as one range takes.
async fn read_whole(query: &Query, time: ClusterTime, is_transactional: bool) -> Result<Outcome> {
    if is_transactional { transactional::read(query, time).await } else { at_time::read(query, time).await }
}
