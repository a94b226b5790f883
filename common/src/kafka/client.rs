//! Building librdkafka clients.

use rdkafka::{
    ClientConfig, ClientContext, config::RDKafkaLogLevel, consumer::ConsumerContext, error::KafkaError,
};

use crate::config::types::Kafka;

/// Largest record, in bytes, that any client sends or fetches.
///
/// Canonical Extended JSON of a 16 MB document can exceed 90 MB. librdkafka checks the uncompressed size.
pub const MAX_RECORD_BYTES: u32 = 128 * 1024 * 1024;

/// A broker that is back is found within two seconds, not ten; the user's options may say otherwise.
const RECONNECT_WITHIN: &str = "2000";

/// The settings every client shares: brokers, sizes, the user's options.
#[must_use]
pub fn client_config(kafka: &Kafka, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("reconnect.backoff.max.ms", RECONNECT_WITHIN);
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

/// Sets an option unless the user has, under whichever of its names.
pub fn propose(config: &mut ClientConfig, names: &[&str], value: &str) {
    if let ([name, ..], false) = (names, names.iter().any(|name| config.get(name).is_some())) {
        config.set(*name, value);
    }
}

/// What librdkafka reports on the side goes to the log, at the level that it deserves: a broker that is away is retried by
/// the library, and the caller says so when it matters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        report(&error, reason);
    }
}

/// librdkafka's own log lines. Its warnings are about what it retries by itself (a coordinator that loads, a transaction of a
/// killed producer that ends); they are for whoever looks closer.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::trace!(target: "librdkafka", facility, "{message}");
        }
    }
}

/// An error that concerns no single call: the library goes on, and the calls say what it means for them.
pub fn report(error: &KafkaError, reason: &str) {
    tracing::debug!(%error, reason, "librdkafka reports an error");
}

impl ConsumerContext for Context {}
