//! The thread that reads Kafka. It owns the group consumer; nobody else calls it.
//!
//! One turn: what the client reports, rebalances, records of the lanes that have room, offsets that are due. Then it sleeps until a
//! queue of librdkafka is no longer empty, the applying loop has made room, or a moment has passed.

use std::{
    collections::BTreeSet,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use common::{
    config::Config,
    error::{Error, Kind, Result},
    kafka::{Connection, failed, poll::wakes_this_thread},
    telemetry::health::{Condition, Heartbeat},
};
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode as Code},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Authority, change::Change, client, context::Context, leading::Leading, record::Record, shared::Shared,
    tap::Tap, unknown::Unknown,
};

/// Events of a client served in one turn, before the lanes have theirs.
const EVENTS: usize = 64;
/// The longest sleep: what nobody wakes the reader for, a commit that is due, say, is looked at this often.
const NAP: Duration = Duration::from_millis(250);
/// The longest sleep while something is waited for that nobody wakes the reader for.
const SHORT_NAP: Duration = Duration::from_millis(50);
/// The longest sleep while draining.
const DRAINING_NAP: Duration = Duration::from_millis(10);
/// News of topics come in crowds; each subscription is a rebalance, so they are gathered for this long.
const GATHER_TOPICS: Duration = Duration::from_millis(200);
/// While a broker is away, a warning at most this often.
const WARN_EVERY: Duration = Duration::from_secs(30);

/// What the reader is given to live in.
pub struct Surroundings {
    /// The topics to read; the subscription follows.
    pub topics: watch::Receiver<BTreeSet<String>>,
    /// Holds while the brokers are reached.
    pub kafka: Condition,
    /// Who says where partitions stand; without one Kafka does.
    pub authority: Option<Authority>,
    /// Beats once a turn.
    pub heartbeat: Heartbeat,
    /// Cancelled when the reader shall drain, commit and leave the group.
    pub shutdown: CancellationToken,
}

pub(super) struct Reader {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) shared: Arc<Shared>,
    pub(super) taps: Vec<Tap>,
    pub(super) change: Option<Change>,
    pub(super) leading: Leading,
    pub(super) drain_timeout: Duration,
    pub(super) commit_interval: Duration,
    pub(super) commit_due: Instant,
    pub(super) around: Surroundings,
    /// Watched once there are topics to read.
    pub(super) connection: Option<Connection>,
    subscribe_at: Option<Instant>,
    /// Topics that are subscribed and that the brokers did not know.
    unknown: Unknown,
    warned_at: Option<Instant>,
    scratch: Vec<Record>,
}

/// Reads until shutdown, then drains, commits and leaves the group. Blocks; it wants a thread of its own.
///
/// # Errors
/// A lost position, missing rights, a broken invariant; what passes by itself is waited for.
pub fn run(config: &Config, shared: Arc<Shared>, around: Surroundings) -> Result<()> {
    shared.reader_is(thread::current());
    let mut consumer = client::create(&client::settings(config))?;
    wakes_this_thread(&mut consumer);
    let millis = |millis: u32| Duration::from_millis(u64::from(millis));
    let mut reader = Reader {
        consumer: Arc::new(consumer),
        shared,
        taps: Vec::new(),
        change: None,
        leading: Leading::new(config),
        drain_timeout: millis(config.worker.drain_timeout_ms),
        commit_interval: millis(config.worker.commit_interval_ms),
        commit_due: Instant::now(),
        around,
        connection: None,
        subscribe_at: Some(Instant::now()),
        unknown: Unknown::default(),
        warned_at: None,
        scratch: Vec::new(),
    };
    let ended = reader.read();
    reader.close();
    ended
}

impl Reader {
    fn read(&mut self) -> Result<()> {
        while !self.around.shutdown.is_cancelled() {
            self.around.heartbeat.beat();
            self.subscribe()?;
            self.unknown.look(&self.consumer, &self.around.topics);
            let is_busy = self.serve()?;
            self.rebalance()?;
            let flows = self.flow()?;
            self.follow_order()?;
            self.look_whether_ordered()?;
            self.commit_when_due();
            self.report()?;
            if !is_busy && !flows {
                thread::park_timeout(self.nap());
            }
        }
        Ok(())
    }

    /// How long nothing may happen that nobody wakes the reader for.
    fn nap(&self) -> Duration {
        let is_waiting = self.change.is_some()
            || self.subscribe_at.is_some()
            || self.leading.look.is_some()
            || self.leading.client.is_some();
        if is_waiting { SHORT_NAP } else { NAP }
    }

    fn subscribe(&mut self) -> Result<()> {
        let now = Instant::now();
        // Nobody sends where the configuration names the topics.
        if self.around.topics.has_changed().unwrap_or(false) {
            self.subscribe_at.get_or_insert(now + GATHER_TOPICS);
        }
        if self.subscribe_at.is_none_or(|at| now < at) {
            return Ok(());
        }
        self.subscribe_at = None;
        let topics = self.around.topics.borrow_and_update().clone();
        if topics.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = topics.iter().map(String::as_str).collect();
        tracing::info!(topics = names.len(), "subscribes");
        self.connection.get_or_insert_default();
        self.consumer.subscribe(&names).map_err(|error| failed("cannot subscribe", error))
    }

    /// Lets the client hand out its events; `true` when there was one.
    pub(super) fn serve(&mut self) -> Result<bool> {
        let is_busy = self.serve_client(&self.consumer.clone())?;
        match self.leading.client.clone() {
            Some(client) => Ok(self.serve_client(&client)? || is_busy),
            None => Ok(is_busy),
        }
    }

    fn serve_client(&mut self, client: &BaseConsumer<Context>) -> Result<bool> {
        for served in 0..EVENTS {
            let before = client.context().events();
            match client.poll(Duration::ZERO) {
                None if client.context().events() == before => return Ok(served > 0),
                None => {}
                Some(Err(error)) => self.trouble(error)?,
                // Every partition is parted from the common queue before it is assigned.
                Some(Ok(record)) => {
                    let context =
                        format!("{}[{}] came out of the common queue", record.topic(), record.partition());
                    return Err(Error::new(Kind::Invariant, context));
                }
            }
        }
        Ok(true)
    }

    fn flow(&mut self) -> Result<bool> {
        let mut flows = false;
        for tap in &self.taps {
            flows |= tap.flow(&self.shared, &mut self.scratch)?;
        }
        Ok(flows)
    }

    /// What the client reports at large: it goes on by itself but where somebody has to see to it.
    fn trouble(&mut self, error: KafkaError) -> Result<()> {
        let is_away = matches!(
            error.rdkafka_error_code(),
            Some(Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve)
        );
        if let KafkaError::MessageConsumptionFatal(code) = error {
            // Such a client never works again; a new one may.
            return Err(Error::caused(Kind::Fenced, "the Kafka consumer has failed for good", code));
        }
        if error.rdkafka_error_code() == Some(Code::UnknownTopicOrPartition) {
            self.unknown.look_soon();
            return Ok(());
        }
        let error = failed("the Kafka consumer", error);
        if !matches!(error.kind, Kind::Transient | Kind::Fenced) {
            return Err(error);
        }
        if is_away {
            self.around.kafka.not_ready(error.chain());
        }
        if self.warned_at.is_none_or(|at| at.elapsed() > WARN_EVERY) {
            self.warned_at = Some(Instant::now());
            tracing::warn!(reason = error.chain(), "the Kafka consumer reports trouble and goes on");
        }
        Ok(())
    }

    /// Drains every lane, commits its head and leaves the group.
    fn close(mut self) {
        let until = Instant::now() + self.drain_timeout;
        let lanes = self.shared.intake().ids();
        self.pass_markers();
        lanes.iter().for_each(|lane| self.shared.intake().leave(*lane));
        // A quarter of the time is kept for the commit and the farewell.
        let cancel_at = until - self.drain_timeout / 4;
        let mut is_cancelled = false;
        while !lanes.iter().all(|lane| self.shared.intake().is_drained(*lane)) && Instant::now() < until {
            self.around.heartbeat.beat();
            // Whatever goes wrong now, leaving in good order is still the best.
            if let Err(error) = self.serve() {
                tracing::warn!(reason = error.chain(), "while draining");
            }
            if !is_cancelled && Instant::now() > cancel_at {
                tracing::warn!(
                    "what is in flight did not end in time and is given up; it will be done again"
                );
                lanes.iter().for_each(|lane| self.shared.intake().cancel(*lane));
                is_cancelled = true;
            }
            thread::park_timeout(DRAINING_NAP);
        }
        self.commit_and_wait(&lanes, until);
        lanes.iter().for_each(|lane| self.shared.intake().remove(*lane));
        self.taps.clear();
        self.report_rebalance("left", lanes.len());
        self.answer_what_is_open();
        // Dropping the consumer, its last owner, leaves the group.
    }
}
