//! Planning.
pub mod delta;
