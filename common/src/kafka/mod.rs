//! Kafka clients: how they are built, how their errors are classified, how topics are made sure of and ledgers read.
//!
//! A *ledger* is a compacted topic of small JSON records that one process writes and others read whole.

pub mod admin;
mod client;
mod error;
pub mod ledger;
mod on_demand;
pub mod poll;
pub mod request;
pub mod send;
mod statistics;

pub use client::{Context, MAX_RECORD_BYTES, client_config, log, propose, report};
pub use error::{classify, failed};
pub use on_demand::{Connection, OnDemand};
pub use statistics::Brokers;
