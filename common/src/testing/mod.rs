//! What tests of all crates share (feature `testing`): generated documents and the bodies of the fuzz targets.
//!
//! No part of the product: nothing here may be used outside tests.

pub mod arbitrary;
pub mod fuzz;
mod value;

pub use value::{Fields, Value, to_bson};
