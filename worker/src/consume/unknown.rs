//! Subscribed topics that the brokers do not know: they are asked again until they do.
//!
//! A topic is announced when it has been made, but a busy broker may hear of it later than the workers. librdkafka then joins the group
//! without it, says so once, and looks again after `topic.metadata.refresh.interval.ms`, five minutes: for so long nobody would read it
//! (read: 2.12, `rd_kafka_cgrp_metadata_update_check`). An answer about all topics makes it compare and join again at once.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use common::{kafka::failed, retry::Backoff};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::sync::watch;

use super::context::Context;

/// Between the first two questions; the pauses double.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two questions.
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// How long an answer may take; the reader waits for it.
const ANSWERS_IN: Duration = Duration::from_secs(2);

/// Asks while a subscribed topic is unknown.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    next: Option<(Instant, Backoff)>,
}

impl Unknown {
    /// The client has met a topic that the brokers do not know.
    pub(super) fn look_soon(&mut self) {
        if self.next.is_none() {
            self.wait(Backoff::new(FIRST_PAUSE, LAST_PAUSE));
        }
    }

    fn wait(&mut self, mut backoff: Backoff) {
        let pause = backoff.next().unwrap_or(LAST_PAUSE);
        self.next = Some((Instant::now() + pause, backoff));
    }

    /// Asks when it is time to, and again later unless all of `topics` are known now. Blocks on the brokers.
    pub(super) fn look(
        &mut self,
        consumer: &BaseConsumer<Context>,
        topics: &watch::Receiver<BTreeSet<String>>,
    ) {
        let Some((_, backoff)) = self.next.take_if(|(at, _)| *at <= Instant::now()) else { return };
        // All topics: an answer about some of them leaves the group as it is.
        match consumer.fetch_metadata(None, ANSWERS_IN) {
            Ok(metadata) => {
                let known: BTreeSet<_> =
                    metadata.topics().iter().filter(|t| t.error().is_none()).map(|t| t.name()).collect();
                let topics = topics.borrow();
                let unknown: Vec<_> =
                    topics.iter().map(String::as_str).filter(|topic| !known.contains(topic)).collect();
                let Some(first) = unknown.first() else { return };
                tracing::warn!(
                    topic = first,
                    topics = unknown.len(),
                    "the brokers do not know a topic that is to be read; they are asked again"
                );
            }
            Err(error) => {
                let reason = failed("cannot ask for the topics", error).chain();
                tracing::warn!(reason, "whether the brokers know all topics is asked again");
            }
        }
        self.wait(backoff);
    }
}
