//! Beside the connectors of others, in real Kafka Connect: what they write the worker reads, what the producer writes they read.
//!
//! Each test ends with both sides equal, byte by byte, within what the connector can carry. What it cannot is left out of the data on purpose and
//! named in `connect-configs/README.md`. One connector's position can be taken over: [`takeover`].

mod debezium;
mod foreign;
mod sink;
mod source;
mod takeover;
