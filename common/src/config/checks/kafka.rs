//! Kafka's addresses, names and topic configs.

use crate::config::{Problem, types::Kafka};

/// Topic configs that would lose events, with the value that does not.
const REFUSED_TOPIC_CONFIGS: [(&str, &str, &str); 2] = [
    ("cleanup.policy", "delete", "compaction would drop all but the last of a document's deltas"),
    ("unclean.leader.election.enable", "false", "an unclean election loses acknowledged events"),
];

/// Checks the section.
pub(super) fn check(kafka: &Kafka, problems: &mut Vec<Problem>) {
    if !kafka.brokers.split(',').all(|broker| is_address(broker.trim())) {
        problems.push(Problem::new("kafka.brokers", "must be host:port, several separated by commas"));
    }
    if kafka.topic_prefix == "oplogue" || kafka.topic_prefix.starts_with("oplogue.") {
        let reason = "`oplogue` begins the names of the internal topics; choose another prefix";
        problems.push(Problem::new("kafka.topic_prefix", reason));
    }
    topic_config(kafka, problems);
}

fn topic_config(kafka: &Kafka, problems: &mut Vec<Problem>) {
    let mut problem = |name: &str, reason: String| {
        problems.push(Problem::new(format!("kafka.topic_config.{name}"), reason));
    };
    for (name, safe, reason) in REFUSED_TOPIC_CONFIGS {
        if kafka.topic_config.get(name).is_some_and(|value| value != safe) {
            problem(name, format!("only `{safe}` is possible: {reason}"));
        }
    }
    let name = "min.insync.replicas";
    match kafka.topic_config.get(name).map(|text| text.parse::<u16>()) {
        Some(Err(_)) => problem(name, "must be a whole number".to_owned()),
        Some(Ok(replicas)) if replicas > kafka.replication_factor => {
            let factor = kafka.replication_factor;
            problem(
                name,
                format!("is more than kafka.replication_factor ({factor}); nothing could be written"),
            );
        }
        _ => {}
    }
}

/// `host:port`, with or without a protocol before it as librdkafka allows.
fn is_address(broker: &str) -> bool {
    let address = broker.split_once("://").map_or(broker, |(_, address)| address);
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    !host.is_empty() && host.chars().all(fits) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kafka(brokers: &str, prefix: &str, config: &[(&str, &str)]) -> Kafka {
        Kafka {
            brokers: brokers.to_owned(),
            topic_prefix: prefix.to_owned(),
            partitions: 1,
            replication_factor: 2,
            topic_config: config.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            options: Default::default(),
        }
    }

    fn paths(kafka: &Kafka) -> Vec<String> {
        let mut problems = Vec::new();
        check(kafka, &mut problems);
        problems.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn addresses_need_host_and_port() {
        for good in ["k:9092", "a:1, b:2", "SSL://k.example:9093", "[::1]:9092", "10.0.0.1:9092"] {
            assert!(paths(&kafka(good, "", &[])).is_empty(), "{good}");
        }
        for bad in ["", "k", "k:", "k:0", ":9092", "k:99999", "a:1,,b:2", "k:9092/x"] {
            assert_eq!(paths(&kafka(bad, "", &[])), ["kafka.brokers"], "{bad}");
        }
    }

    #[test]
    fn internal_names_and_lossy_topic_configs_are_refused() {
        assert_eq!(paths(&kafka("k:1", "oplogue.x", &[])), ["kafka.topic_prefix"]);
        let lossy = [("cleanup.policy", "compact"), ("min.insync.replicas", "3"), ("retention.ms", "-1")];
        let expected = ["kafka.topic_config.cleanup.policy", "kafka.topic_config.min.insync.replicas"];
        assert_eq!(paths(&kafka("k:1", "", &lossy)), expected);
        let fine = [("cleanup.policy", "delete"), ("min.insync.replicas", "2")];
        assert!(paths(&kafka("k:1", "oplogue-x", &fine)).is_empty());
    }
}
