//! Which slices this producer holds: a consumer group over the positions topic hands out its partitions, one per slice.
//!
//! Owns the membership in the group; it reads no record and commits no offset. The group only says who *should* work; what
//! keeps two producers from publishing the same slice is the fence of the slice's transactional id. So a
//! rebalance need not wait for anybody: a producer that does not know yet that it has lost a slice cannot commit any more
//! once the new holder has fenced it.
//!
//! ```text
//!   producer A  ●──● slice 0 ──╳ killed           session runs out, 6 s
//!   producer B  ○──○ stands by ─────────────────▸ ● slice 0: fences A, reads the position, goes on
//! ```

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use common::{
    config::Config,
    error::{Error, Kind, Result},
    kafka::{
        self, Connection, client_config, failed,
        poll::{poll, wakes_this_thread},
    },
    topics::Topics,
};
use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance},
    error::{KafkaError, RDKafkaErrorCode as Code},
};
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::vacancy::{self, Vacancy};

/// A producer that is silent for this long has lost its slices; the brokers' least (`group.min.session.timeout.ms`).
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// Four heartbeats may be lost.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(1500);
/// How often the shutdown is looked at.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long the slices may take to end before the group is left anyway.
const LEAVE_WITHIN: Duration = Duration::from_secs(25);
/// A member that is fenced so often within this time has a rival; two of one name fence each other at every heartbeat. Now and then it
/// may be its own former self: where brokers were silent for a while, a request that it made then counts as another member's.
const RIVAL_FENCES: usize = 4;
const RIVAL_WITHIN: Duration = Duration::from_secs(120);
/// A warning at most this often while the brokers are away.
const WARN_EVERY: Duration = Duration::from_secs(30);

/// What the group has handed to this producer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Partitions of the positions topic, one per slice.
    pub partitions: BTreeSet<u16>,
    /// Whether the group has taken this producer in, be it with nothing to hold.
    pub is_member: bool,
}

/// Stays in the group until `shutdown`, then until nobody looks at `held` any more, so that a slice is let go before
/// another producer takes it over. Blocks; it wants a thread of its own.
///
/// # Errors
/// [`Kind::Misconfigured`] when another process uses the same `producer.instance` or a right is missing.
pub fn run(config: &Config, held: &watch::Sender<Held>, shutdown: &CancellationToken) -> Result<()> {
    let mut fenced: Vec<Instant> = Vec::new();
    loop {
        match stay(config, held, shutdown) {
            Err(error) if error.kind == Kind::Fenced => {
                fenced.retain(|at| at.elapsed() < RIVAL_WITHIN);
                fenced.push(Instant::now());
                if fenced.len() >= RIVAL_FENCES {
                    return Err(Error { kind: Kind::Misconfigured, ..error });
                }
                tracing::warn!(reason = error.chain(), "joins the producers' group once more");
            }
            Err(error) if error.kind == Kind::Transient => {
                tracing::warn!(reason = error.chain(), "joins the producers' group with a new client");
            }
            ended => return ended,
        }
        held.send_replace(Held::default());
    }
}

/// One membership; transient when its client has to be replaced.
fn stay(config: &Config, held: &watch::Sender<Held>, shutdown: &CancellationToken) -> Result<()> {
    let topics = Topics::new(&config.kafka.topic_prefix, &config.pipeline);
    let consumer = join(config, &topics.positions(), held.clone())?;
    let mut warned: Option<Instant> = None;
    let (mut connection, mut vacancy) = (Connection::default(), Vacancy::default());
    while !shutdown.is_cancelled() {
        let is_up = consumer.context().is_up.load(Ordering::Relaxed);
        connection.is_up(is_up, Instant::now()).map_err(|error| Error { kind: Kind::Transient, ..error })?;
        let is_idle = {
            let held = held.borrow();
            held.is_member && held.partitions.is_empty()
        };
        if vacancy.is_due(is_idle, Instant::now()) && is_vacant(&consumer, &group(config)) {
            drop(consumer);
            return Err(leave_for_good(shutdown));
        }
        let Some(Err(error)) = poll(&consumer, PATIENCE) else { continue };
        let error = explain(error);
        if error.kind != Kind::Transient {
            return Err(error);
        }
        if warned.is_none_or(|at| at.elapsed() > WARN_EVERY) {
            warned = Some(Instant::now());
            tracing::warn!(reason = error.chain(), "the producers' group reports trouble and goes on");
        }
    }
    let until = Instant::now() + LEAVE_WITHIN;
    while !consumer.context().held.is_closed() && Instant::now() < until {
        drop(poll(&consumer, PATIENCE / 10));
    }
    Ok(())
}

/// Whether the group has handed its slices to nobody, as far as the brokers tell.
fn is_vacant(consumer: &BaseConsumer<Membership>, group: &str) -> bool {
    vacancy::nobody_holds_any(consumer, group).unwrap_or_else(|error| {
        tracing::debug!(%error, "who holds the slices is asked again");
        false
    })
}

/// Waits until the group has forgotten a member that has gone without a word, as one with a name of its own goes.
fn leave_for_good(shutdown: &CancellationToken) -> Error {
    let until = Instant::now() + SESSION_TIMEOUT + SESSION_TIMEOUT / 2;
    while !shutdown.is_cancelled() && Instant::now() < until {
        std::thread::sleep(PATIENCE);
    }
    Error::new(Kind::Transient, "the producers' group had handed its slices to nobody")
}

fn group(config: &Config) -> String {
    format!("oplogue.{}.producers", config.pipeline)
}

fn join(config: &Config, positions: &str, held: watch::Sender<Held>) -> Result<BaseConsumer<Membership>> {
    let mut settings = client_config(&config.kafka, "oplogue-producer-membership");
    settings
        .set("group.id", group(config))
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", SESSION_TIMEOUT.as_millis().to_string())
        .set("heartbeat.interval.ms", HEARTBEAT_INTERVAL.as_millis().to_string())
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "latest")
        .set("statistics.interval.ms", "500");
    if let Some(instance) = &config.producer.instance {
        settings.set("group.instance.id", instance);
    }
    let mut consumer = settings
        .create_with_context(Membership { held, is_up: AtomicBool::default() })
        .map_err(|error| failed("cannot build the consumer of the producers' group", error))?;
    wakes_this_thread(&mut consumer);
    let subscribed = BaseConsumer::subscribe(&consumer, &[positions]);
    subscribed.map_err(|error| failed("cannot join the producers' group", error))?;
    Ok(consumer)
}

fn explain(error: KafkaError) -> Error {
    match error.rdkafka_error_code() {
        Some(Code::FencedInstanceId) => {
            let context = "another producer has the same producer.instance; each needs a name of its own";
            Error::caused(Kind::Fenced, context, error)
        }
        _ => match failed("the producers' group", error) {
            // A member that was silent for too long rejoins by itself.
            Error { kind: Kind::Fenced, context, source } => Error { kind: Kind::Transient, context, source },
            error => error,
        },
    }
}

/// What of librdkafka's statistics is used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Statistics {
    brokers: kafka::Brokers,
    cgrp: Option<Group>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Group {
    join_state: String,
}

/// The consumer's notebook: what it is told in callbacks goes straight to whoever looks.
struct Membership {
    held: watch::Sender<Held>,
    /// Whether any broker is reached.
    is_up: AtomicBool,
}

impl Membership {
    fn change(
        &self,
        partitions: &TopicPartitionList,
        change: impl FnOnce(&mut BTreeSet<u16>, BTreeSet<u16>),
    ) {
        let numbers = partitions.elements().into_iter().filter_map(|p| u16::try_from(p.partition()).ok());
        let numbers = numbers.collect();
        self.held.send_modify(|held| change(&mut held.partitions, numbers));
    }
}

impl ClientContext for Membership {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        kafka::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka::report(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let Ok(statistics) = serde_json::from_slice::<Statistics>(statistics) else { return };
        self.is_up.store(statistics.brokers.any_is_up(), Ordering::Relaxed);
        let is_member = statistics.cgrp.is_some_and(|group| group.join_state == "steady");
        self.held.send_if_modified(|held| std::mem::replace(&mut held.is_member, is_member) != is_member);
    }
}

impl ConsumerContext for Membership {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            self.change(partitions, |held, gone| held.retain(|partition| !gone.contains(partition)));
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            // The records are read by whoever takes the slice over, from its beginning.
            if let Err(error) = consumer.pause(partitions) {
                tracing::debug!(%error, "a partition of the positions topic is not paused");
            }
            self.change(partitions, |held, more| held.extend(more));
        }
    }
}
