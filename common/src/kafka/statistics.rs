//! The few of librdkafka's statistics that are used (its STATISTICS.md), read without the rest: they come twice a second.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The brokers that a client knows.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Brokers(BTreeMap<String, Broker>);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Broker {
    nodeid: i32,
    state: String,
}

impl Brokers {
    /// Whether a connection to any broker of the cluster stands. Logical ones, of the coordinator and of the bootstrap servers, do
    /// not count.
    #[must_use]
    pub fn any_is_up(&self) -> bool {
        self.0.values().any(|broker| broker.nodeid >= 0 && broker.state == "UP")
    }
}
