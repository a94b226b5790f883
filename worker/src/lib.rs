//! The worker: consumes change events, shapes each document, and applies it to the target.
//!
//! This is the map.

pub mod apply;
pub mod batch;
pub mod consume;
pub mod dead_letter;
pub mod decode;
pub mod discover;
pub mod pipeline;
pub mod sequence;
