//! Building librdkafka clients.

use rdkafka::{ClientConfig, ClientContext, consumer::ConsumerContext, error::KafkaError};

use crate::config::types::Kafka;

/// Largest record, in bytes, that any client sends or fetches.
///
/// Canonical Extended JSON of a 16 MB document can exceed 90 MB. librdkafka checks the uncompressed size.
pub const MAX_RECORD_BYTES: u32 = 128 * 1024 * 1024;

/// The settings every client shares: brokers, sizes, the user's options.
#[must_use]
pub fn client_config(kafka: &Kafka, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (key, value) in &kafka.options {
        config.set(key, value.expose());
    }
    config
        .set("bootstrap.servers", &kafka.brokers)
        .set("client.id", client_id)
        .set("allow.auto.create.topics", "false")
        .set("message.max.bytes", MAX_RECORD_BYTES.to_string());
    config
}

/// What librdkafka reports on the side goes to the log, at the level that it deserves: a broker that is away is retried by
/// the library, and the caller says so when it matters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context;

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka reports an error");
    }
}

impl ConsumerContext for Context {}
