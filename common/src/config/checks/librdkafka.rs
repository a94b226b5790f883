//! Options for librdkafka: unknown ones, values it does not take, and the ones that the guarantees rest on.

use std::collections::BTreeMap;

use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaConfRes};

use crate::config::{Problem, secret::Secret};

/// Options that are refused for one reason.
#[derive(Debug)]
pub(in crate::config) struct Refused {
    /// The options, with librdkafka's older names for the same.
    pub(in crate::config) names: &'static [&'static str],
    /// Why.
    pub(in crate::config) reason: &'static str,
}

/// Options that the guarantees rest on.
pub(in crate::config) const REFUSED: [Refused; 16] = [
    Refused { names: &["bootstrap.servers", "metadata.broker.list"], reason: "set kafka.brokers instead" },
    Refused { names: &["transaction.timeout.ms"], reason: "set producer.transaction_timeout_ms instead" },
    Refused {
        names: &["group.id", "transactional.id"],
        reason: "it follows from the pipeline's name; it is what keeps pipelines apart and fences a second producer",
    },
    Refused {
        names: &["enable.idempotence", "enable.gapless.guarantee"],
        reason: "events are published exactly once and in order only by an idempotent, transactional producer",
    },
    Refused {
        names: &["acks", "request.required.acks"],
        reason: "a position may not pass an event that not every in-sync replica has",
    },
    Refused {
        names: &[
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "retries",
            "message.send.max.retries",
            "queuing.strategy",
        ],
        reason: "the order of a partition rests on it",
    },
    Refused {
        names: &["message.timeout.ms", "delivery.timeout.ms"],
        reason: "a record is given up with its transaction, never alone",
    },
    Refused {
        names: &["delivery.report.only.error"],
        reason: "a transaction waits for what is on its way by librdkafka's own count, and for reports of failures alone",
    },
    Refused {
        names: &["partitioner", "sticky.partitioning.linger.ms"],
        reason: "a document's partition follows from its _id, for ever",
    },
    Refused {
        names: &["isolation.level"],
        reason: "only committed events count; those of an aborted transaction come again",
    },
    Refused {
        names: &[
            "enable.auto.commit",
            "auto.commit.enable",
            "auto.commit.interval.ms",
            "enable.auto.offset.store",
            "offset.store.method",
            "offset.store.path",
            "offset.store.sync.interval.ms",
        ],
        reason: "an offset moves only once its record is durable at the target",
    },
    Refused { names: &["auto.offset.reset"], reason: "a lost offset is an error to be told, never a jump" },
    Refused {
        names: &[
            "partition.assignment.strategy",
            "group.protocol",
            "group.remote.assignor",
            "group.protocol.type",
        ],
        reason: "partitions are drained by cooperative rebalances",
    },
    Refused {
        names: &["allow.auto.create.topics", "topic.blacklist"],
        reason: "topics are created by the producer, with their partitions and configs, and none is hidden",
    },
    Refused {
        names: &["api.version.request", "api.version.fallback.ms", "broker.version.fallback"],
        reason: "transactions need what the broker really speaks",
    },
    Refused {
        names: &["enable.partition.eof", "enabled_events", "default_topic_conf", "test.mock.num.brokers"],
        reason: "it changes what the clients report to Oplogue",
    },
];

/// Checks the options.
pub(super) fn check(options: &BTreeMap<String, Secret>, problems: &mut Vec<Problem>) {
    for (name, value) in options {
        if let Some(reason) = refusal(name).or_else(|| unfit(name, value)) {
            problems.push(Problem::new(format!("kafka.options.{name}"), reason));
        }
    }
}

fn refusal(name: &str) -> Option<String> {
    let refused = REFUSED.iter().find(|refused| refused.names.contains(&name))?;
    Some(format!("is refused: {}", refused.reason))
}

/// What librdkafka itself says, without the value.
fn unfit(name: &str, value: &Secret) -> Option<String> {
    let error = ClientConfig::new().set(name, value.expose()).create_native_config().err()?;
    Some(match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..) => {
            "librdkafka knows no such option, or was built without it".to_owned()
        }
        _ => "librdkafka does not take this value".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(options: &[(&str, &str)]) -> Vec<String> {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        let mut problems = Vec::new();
        check(&options, &mut problems);
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn usual_options_pass() {
        let options = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "me"),
            ("sasl.password", "hidden"),
            ("linger.ms", "5"),
            ("compression.type", "lz4"),
            ("client.rack", "a"),
        ];
        assert_eq!(problems(&options), Vec::<String>::new());
    }

    #[test]
    fn refused_unknown_and_unfit_options_are_told_without_their_values() {
        let options = [
            ("acks", "hidden"),
            ("linger.ms", "hidden"),
            ("security.protocoll", "hidden"),
            ("group.id", "hidden"),
        ];
        assert_eq!(
            problems(&options),
            [
                "kafka.options.acks: is refused: a position may not pass an event that not every in-sync replica has",
                "kafka.options.group.id: is refused: it follows from the pipeline's name; it is what keeps pipelines apart and \
             fences a second producer",
                "kafka.options.linger.ms: librdkafka does not take this value",
                "kafka.options.security.protocoll: librdkafka knows no such option, or was built without it",
            ]
        );
    }

    #[test]
    fn every_refused_option_exists() {
        for name in REFUSED.iter().flat_map(|refused| refused.names) {
            let error = ClientConfig::new().set(*name, "\u{1}").create_native_config();
            let is_unknown =
                matches!(error, Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)));
            assert!(!is_unknown, "{name}");
        }
    }
}
