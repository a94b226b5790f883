//! The worker: consumes change events, shapes each document, and applies it to the target.
//!
//! This is the map.

pub mod consume;
pub mod sequence;
