//! Encoding: change events and snapshot documents become records (pure).
//!
//! Owns keys, values, headers' contents and the sequence. Must not drop an event and not read a clock. Guards law 4:
//! within an epoch the sequence counts every record of the slice, without a gap, over all topics.

mod batch;
mod encoder;
mod ruled;
mod snapshot_event;
mod transaction;

pub use batch::{Encoded, Entry, Record};
pub use encoder::{Encoder, text_of};

#[cfg(test)]
pub(crate) mod tests;
