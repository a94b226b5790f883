//! The group consumer's settings.

use common::{config::types::Config, error::Result, kafka};
use rdkafka::{ClientConfig, consumer::BaseConsumer};

use super::context::Context;
use crate::memory::Budget;

/// Settings that the guarantees rest on.
const FIXED: [(&str, &str); 6] = [
    // Partitions that stay are not touched by a rebalance.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // What a Kafka transaction did not commit was never published.
    ("isolation.level", "read_committed"),
    // Offsets follow what is durable at the target, never what was read.
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // Nothing is skipped: every start is given explicitly.
    ("auto.offset.reset", "error"),
    ("check.crcs", "true"),
];

/// Settings that the user's `kafka.options` may change.
const DEFAULTS: [(&str, &str); 5] = [
    // A dead worker's partitions are taken over after this (the brokers' least is 6 s).
    ("session.timeout.ms", "10000"),
    ("heartbeat.interval.ms", "2000"),
    // A fetch that waits for news holds up a partition that has just got room again.
    ("fetch.wait.max.ms", "200"),
    // The default, a second, would be the pause after every full queue.
    ("fetch.queue.backoff.ms", "10"),
    ("statistics.interval.ms", "2000"),
];

/// Beside the largest record an answer holds its frame and other partitions' records.
const ANSWER_MARGIN: u32 = 16 * 1024 * 1024;

/// The name of the group that all workers of a pipeline form.
#[must_use]
pub fn group(config: &Config) -> String {
    format!("oplogue.{}", config.pipeline)
}

/// How a consumer of the pipeline's group is set. It is a member once it subscribes.
pub(super) fn settings(config: &Config) -> ClientConfig {
    let mut settings = kafka::client_config(&config.kafka, "oplogue-worker");
    let defaults = DEFAULTS.map(|(key, value)| (key, value.to_owned())).into_iter();
    for (key, value) in defaults.chain(fetches(&Budget::of(&config.worker))) {
        if !config.kafka.options.contains_key(key) {
            settings.set(key, value);
        }
    }
    fix(&mut settings).set("group.id", group(config));
    settings
}

/// A consumer.
///
/// # Errors
/// Misconfigured when librdkafka does not take an option.
pub(super) fn create(settings: &ClientConfig) -> Result<BaseConsumer<Context>> {
    settings
        .create_with_context(Context::default())
        .map_err(|error| kafka::failed("cannot build the Kafka consumer", error))
}

/// What librdkafka holds beside our own buffers. A batch that is larger than what is asked for comes all the same, and librdkafka
/// then asks for twice as much of that partition (read: 2.12, `rd_kafka_msgset_reader_run`).
fn fetches(budget: &Budget) -> [(&'static str, String); 3] {
    [
        ("queued.max.messages.kbytes", (budget.fetched_of_partition / 1024).to_string()),
        ("fetch.message.max.bytes", budget.fetch_of_partition.to_string()),
        ("fetch.max.bytes", budget.fetch.to_string()),
    ]
}

fn fix(settings: &mut ClientConfig) -> &mut ClientConfig {
    for (key, value) in FIXED {
        settings.set(key, value);
    }
    // A consumer sends nothing large; librdkafka only wants it below `fetch.max.bytes`.
    settings.set("message.max.bytes", "1000000");
    let answer = kafka::MAX_RECORD_BYTES + ANSWER_MARGIN;
    settings.set("receive.message.max.bytes", answer.to_string())
}
