//! Configuration: one file for both binaries, every key also an environment variable.
//!
//! [`types`] is the reference: each field's doc comment becomes the commented example and the JSON schema.

#[cfg(feature = "service")]
mod load;
mod problem;
mod role;
pub mod secret;
pub mod types;

#[cfg(feature = "service")]
pub use load::{Loaded, Sources};
pub use problem::{Problem, Problems};
pub use role::Role;
pub use types::Config;
