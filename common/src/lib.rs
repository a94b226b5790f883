//! The contract both Oplogue binaries share.
//!
//! Pure modules build without any client library; the features `kafka`, `mongo` and `service` add the shells.

#[cfg(feature = "service")]
pub mod cli;
pub mod cluster_time;
pub mod codec;
pub mod config;
pub mod control;
pub mod error;
pub mod event;
pub mod headers;
pub mod identity;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod key;
pub mod key_text;
pub mod mapping;
#[cfg(feature = "mongo")]
pub mod mongo;
pub mod namespace;
pub mod pace;
pub mod position;
pub mod raw;
#[cfg(feature = "service")]
pub mod retry;
#[cfg(feature = "service")]
pub mod service;
#[cfg(feature = "service")]
pub mod supervision;
#[cfg(feature = "service")]
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod topics;
