//! Snapshot: what existed before the stream, read chunk by chunk at cluster times the stream has not passed.
//!
//! Owns the list of collections and the reading of chunks. Must not publish: a chunk goes to the weave, which puts it
//! where it belongs. Guards: a chunk belongs to a collection's UUID, and every reply is known to have been read at the
//! cluster time that was asked for.

pub mod catalog;
mod chunk;
mod progress;
pub mod resume_key;
mod transactional;

pub use chunk::{Chunk, Outcome, Reader};
pub use progress::Progress;
