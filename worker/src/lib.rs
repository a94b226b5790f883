//! The worker: consumes change events, shapes each document, and applies it to the target.
//!
//! This is the map. Pure: [`plan`], [`decode`], [`sequence`], and the crate [`shape`]. The rest are shells; [`pipeline`] is the only
//! one that knows them all.

pub mod apply;
pub mod batch;
pub mod checkpoint;
mod columns;
pub mod consume;
pub mod control;
pub mod ddl;
pub mod dead_letter;
pub mod decode;
pub mod discover;
pub mod memory;
pub mod pipeline;
pub mod plan;
pub mod reshape;
mod sabotage;
pub mod schema;
pub mod seek;
pub mod sequence;
#[cfg(test)]
mod shaping;
pub mod shard_keys;
pub mod sink;
pub mod sweep;
mod target;
pub mod targets;

pub use common::identity;
