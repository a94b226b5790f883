//! The worker: consumes change events, shapes each document, and applies it to the target.
//!
//! This is the map; the pure core is [`shape`] and [`plan`].

pub mod path;
pub mod plan;
pub mod shape;
