//! Configuration: one file for both binaries, every key also an environment variable.
//!
//! [`types`] is the reference: each field's doc comment becomes the commented example and the JSON schema.

pub mod secret;
pub mod types;

pub use types::Config;
