//! What the topics take: each one's `max.message.bytes`, and the one batch size that suits them all.
//!
//! One for all lives of a slice. librdkafka has one `batch.size` for a client, whatever the topics, and a batch of small records
//! beyond a topic's limit is refused as one large record is. A client with smaller batches is another client, and a new
//! client must read the position again, so that a lower limit ends the slice's life and the next one begins with it.
//! Batches only ever become smaller.
//!
//! A limit may be lowered at any time. Then the brokers refuse a record, its transaction is aborted, the life ends, and the
//! next one reads all limits and does the batch again. Guards against doing so without end: a topic that refuses what
//! fits the limit it tells, three times, stops the producer.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use common::{
    config::types::Kafka,
    error::{Error, Kind, Result},
};

use super::parts;

/// Bytes of a batch where no topic asks for less. A reader unpacks a batch as a whole, one of every partition it reads, and more
/// than this compresses no better.
const BATCH_BYTES: usize = 256 * 1024;
/// How often a topic may refuse what its limit allows: brokers learn of a new limit one after the other.
const REFUSALS: u32 = 3;

/// The limits of a slice's topics. Shared between what reads them and what keeps to them.
#[derive(Debug)]
pub struct Limits {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    batch_bytes: usize,
    topics: BTreeMap<String, Topic>,
}

#[derive(Debug)]
struct Topic {
    limit: usize,
    refusals: u32,
}

impl Limits {
    /// What the configuration says: of batches, and of topics that are still to be created.
    #[must_use]
    pub fn new(kafka: &Kafka) -> Self {
        let own = kafka.options.get("batch.size").and_then(|size| size.expose().parse().ok());
        let topics = kafka.topic_config.get("max.message.bytes").and_then(|limit| limit.parse().ok());
        let batch_bytes = own.unwrap_or(BATCH_BYTES).min(topics.map_or(BATCH_BYTES, parts::batch));
        Self { state: Mutex::new(State { batch_bytes, topics: BTreeMap::new() }) }
    }

    /// The `batch.size` of a client.
    #[must_use]
    pub fn batch_bytes(&self) -> usize {
        self.state().batch_bytes
    }

    /// Takes up the limits that topics have now.
    ///
    /// # Errors
    /// Transient when a topic takes only smaller batches than before: then everything that was built with the larger ones has
    /// to be built anew.
    pub fn learn<'a>(&self, limits: impl IntoIterator<Item = (&'a str, usize)>) -> Result<()> {
        let mut state = self.state();
        let before = state.batch_bytes;
        let mut smaller = None;
        for (topic, limit) in limits {
            let known = state.topics.entry(topic.to_owned()).or_insert(Topic { limit, refusals: 0 });
            if known.limit != limit {
                *known = Topic { limit, refusals: 0 };
            }
            if parts::batch(limit) < state.batch_bytes {
                state.batch_bytes = parts::batch(limit);
                smaller = Some(format!("topic {topic} takes {limit} bytes (max.message.bytes)"));
            }
        }
        let after = state.batch_bytes;
        smaller.map_or(Ok(()), |why| {
            let context = format!("{why}: batches become smaller, {after} bytes instead of {before}");
            Err(Error::new(Kind::Transient, context))
        })
    }

    /// A topic has refused a record as too large. What to do about it: read the limits again, or give up.
    pub fn refused(&self, topic: &str) -> Error {
        let mut state = self.state();
        let Some(known) = state.topics.get_mut(topic) else {
            return Error::new(Kind::Transient, format!("topic {topic} refused a record as too large"));
        };
        known.refusals += 1;
        let limit = known.limit;
        let (kind, what) = if known.refusals < REFUSALS {
            (Kind::Transient, "its limit is read again")
        } else {
            (
                Kind::Misconfigured,
                "although it fits; look at the topic's max.message.bytes and the brokers' message.max.bytes",
            )
        };
        Error::new(kind, format!("topic {topic} refused a record as too large for its {limit} bytes: {what}"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { state: Mutex::new(State { batch_bytes: BATCH_BYTES, topics: BTreeMap::new() }) }
    }

    #[test]
    fn batches_suit_the_smallest_topic_and_only_become_smaller() {
        let limits = limits();
        limits.learn([("a", 128 << 20), ("b", 1_048_588)]).unwrap();
        assert_eq!(limits.batch_bytes(), BATCH_BYTES);
        let error = limits.learn([("a", 65_536), ("b", 1_048_588)]).unwrap_err();
        assert!(error.kind == Kind::Transient && error.context.contains("topic a takes 65536 bytes"));
        assert_eq!(limits.batch_bytes(), 61_440);
        limits.learn([("a", 128 << 20)]).unwrap();
        assert_eq!(limits.batch_bytes(), 61_440);
    }

    #[test]
    fn a_topic_that_refuses_what_fits_stops_the_producer_and_one_whose_limit_was_lowered_does_not() {
        let limits = limits();
        for (limit, kinds) in [(9_000_000, 2), (8_000_000, 2)] {
            for _ in 0..kinds {
                limits.learn([("a", limit)]).unwrap();
                assert_eq!(limits.refused("a").kind, Kind::Transient);
            }
        }
        let error = limits.refused("a");
        assert_eq!(error.kind, Kind::Misconfigured);
        assert!(error.context.contains("topic a") && error.context.contains("8000000"));
    }
}
