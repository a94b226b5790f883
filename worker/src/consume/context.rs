//! What librdkafka tells on the side: rebalances and statistics.
//!
//! All of it is only written down here, inside `poll()` and on the reader's own thread; the reader acts on it after `poll()` has
//! returned. A rebalance may thus take as long as draining takes, while other partitions are served: librdkafka
//! waits for `incremental_assign` or `incremental_unassign`, whenever they come.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use common::kafka;
use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, KafkaResult},
    types::RDKafkaRespErr,
};
use serde::Deserialize;

/// A change of the assignment that waits for the reader.
#[derive(Debug)]
pub(super) enum Rebalance {
    /// These partitions are to be taken on.
    Assign(TopicPartitionList),
    /// These partitions are to be given up.
    Revoke(TopicPartitionList),
}

/// The consumer's notebook.
#[derive(Debug, Default)]
pub(super) struct Context {
    notes: Mutex<Notes>,
    /// How many events were handed out: `poll()` tells an event that came here and none at all alike.
    events: AtomicUsize,
    /// From now on partitions are given up at once: everything was drained and committed.
    closing: AtomicBool,
}

#[derive(Debug, Default)]
struct Notes {
    rebalances: VecDeque<Rebalance>,
    statistics: Option<Statistics>,
}

/// The few of librdkafka's statistics that are used (its STATISTICS.md).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Statistics {
    brokers: kafka::Brokers,
    topics: BTreeMap<String, Topic>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Topic {
    partitions: BTreeMap<String, Ends>,
}

/// Where a partition ends and how far it was read; negative when not known.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
struct Ends {
    ls_offset: i64,
    app_offset: i64,
    committed_offset: i64,
}

impl Statistics {
    /// Whether a connection to any broker of the cluster stands.
    pub(super) fn is_connected(&self) -> bool {
        self.brokers.any_is_up()
    }

    /// The offset that Kafka has confirmed to this client.
    pub(super) fn committed(&self, topic: &str, partition: i32) -> Option<i64> {
        Some(self.ends(topic, partition)?.committed_offset).filter(|offset| *offset >= 0)
    }

    /// Records (transaction markers counted) that were not read yet.
    pub(super) fn unread(&self, topic: &str, partition: i32) -> Option<i64> {
        let ends = self.ends(topic, partition)?;
        (ends.ls_offset >= 0 && ends.app_offset >= 0).then(|| (ends.ls_offset - ends.app_offset).max(0))
    }

    /// Adds how far another client has read the partitions that it reads.
    pub(super) fn complete(&mut self, other: Self) {
        for (name, topic) in other.topics {
            let known = self.topics.entry(name).or_default();
            for (number, ends) in topic.partitions.into_iter().filter(|(_, ends)| ends.app_offset >= 0) {
                let known = known.partitions.entry(number).or_default();
                let committed_offset = known.committed_offset;
                *known = Ends { committed_offset, ..ends };
            }
        }
    }

    fn ends(&self, topic: &str, partition: i32) -> Option<&Ends> {
        self.topics.get(topic)?.partitions.get(&partition.to_string())
    }
}

impl Context {
    pub(super) fn next_rebalance(&self) -> Option<Rebalance> {
        self.notes().rebalances.pop_front()
    }

    pub(super) fn take_statistics(&self) -> Option<Statistics> {
        self.notes().statistics.take()
    }

    /// How many events were handed out so far.
    pub(super) fn events(&self) -> usize {
        self.events.load(Ordering::Relaxed)
    }

    fn one_more(&self) {
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.one_more();
        kafka::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka::report(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.one_more();
        match serde_json::from_slice(statistics) {
            Ok(statistics) => self.notes().statistics = Some(statistics),
            Err(error) => tracing::debug!(%error, "librdkafka's statistics cannot be read"),
        }
    }
}

impl ConsumerContext for Context {
    fn commit_callback(&self, _: KafkaResult<()>, _: &TopicPartitionList) {
        // The client's statistics tell which commits were taken.
        self.one_more();
    }

    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        self.one_more();
        let assign = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Relaxed) {
            let answer =
                if assign { consumer.incremental_assign(partitions) } else { give_up(consumer, partitions) };
            tracing::debug!(?answer, assign, "rebalance while closing");
            return;
        }
        let list = partitions.clone();
        let rebalance = if assign { Rebalance::Assign(list) } else { Rebalance::Revoke(list) };
        self.notes().rebalances.push_back(rebalance);
    }
}

/// Gives partitions back; where librdkafka holds them otherwise than it says, all of them.
pub(super) fn give_up(consumer: &BaseConsumer<Context>, partitions: &TopicPartitionList) -> KafkaResult<()> {
    consumer.incremental_unassign(partitions).or_else(|_| consumer.unassign())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_tell_connection_and_unread_records() {
        let text = br#"{"name": "x", "brokers": {
                "GroupCoordinator": {"nodeid": -1, "state": "UP"}, "b:1/1": {"nodeid": 1, "state": "DOWN"}},
            "topics": {"t": {"topic": "t", "partitions": {
                "0": {"ls_offset": 10, "app_offset": 4, "committed_offset": 3},
                "1": {"ls_offset": -1001, "app_offset": -1001, "committed_offset": -1001},
                "-1": {"ls_offset": 0, "app_offset": 0}}}}}"#;
        let statistics: Statistics = serde_json::from_slice(text).unwrap();
        assert!(!statistics.is_connected());
        assert_eq!(statistics.unread("t", 0), Some(6));
        assert_eq!(statistics.committed("t", 0), Some(3));
        assert_eq!((statistics.unread("t", 1), statistics.committed("t", 1)), (None, None));
        assert_eq!(statistics.unread("u", 0), None);
    }
}
