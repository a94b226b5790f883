//! The contract both Oplogue binaries share.
//!
//! Pure modules build without any client library; the features `kafka`, `mongo` and `service` add the shells.

pub mod cluster_time;
pub mod codec;
pub mod config;
pub mod error;
pub mod event;
pub mod namespace;
pub mod raw;
#[cfg(feature = "testing")]
pub mod testing;
