//! Configuration: one file for both binaries, every key also an environment variable.
//!
//! [`types`] is the reference: each field's doc comment becomes the documentation and the JSON schema. The way of a value, in
//! the order of the modules: read from [`file`], environment and flags ([`env`]), merged ([`layers`]), checked against the schema
//! ([`structure`]), deserialised ([`read`]), completed ([`secrets`]), checked for its meaning ([`checks`]).

mod access;
#[cfg(feature = "service")]
mod checks;
#[cfg(feature = "service")]
mod declared;
mod defaults;
#[cfg(feature = "service")]
mod describe;
#[cfg(feature = "service")]
mod env;
#[cfg(feature = "service")]
mod file;
#[cfg(feature = "service")]
mod layers;
#[cfg(feature = "service")]
mod load;
#[cfg(feature = "service")]
mod origin;
mod problem;
#[cfg(feature = "service")]
mod read;
#[cfg(feature = "service")]
pub mod reference;
mod role;
#[cfg(feature = "service")]
mod schema;
pub mod secret;
#[cfg(feature = "service")]
mod secrets;
#[cfg(feature = "service")]
mod structure;
#[cfg(feature = "service")]
mod suggest;
#[cfg(test)]
#[cfg(feature = "service")]
mod tests;
pub mod types;

pub use access::Slice;
#[cfg(feature = "service")]
pub use load::{Loaded, Sources};
pub use problem::{Problem, Problems};
pub use role::Role;
pub use types::Config;
