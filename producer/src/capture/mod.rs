//! Capture: the source's change stream, as the server sends it.
//!
//! Owns the change stream's command, its resumption and the prefetch: while a batch is worked on, the next `getMore` is
//! already under way, and putting split events together. Must not look into documents. Guards: the stream is resumed exactly
//! behind the last whole event handed out, so a reconnect neither repeats nor skips.

mod batch;
mod follow;
mod images;
mod split;
mod stream;
pub mod token;

pub use batch::Batch;
pub use follow::follow;
pub use images::{Beside, Wanted};
pub use split::{Fragments, Place};
pub use stream::{Origin, Stream, only_database};
