//! One slice's life: taken over, captured, published, built anew after what passes by itself.
//!
//! Owns the order in which a slice's stages start and what their failure means. Guards: the slice is fenced before its position
//! is read, so nobody can move it in between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use common::{
    config::{Config, Problem, Slice, types::HistoryLost},
    control::Copied,
    error::{Disposition, Error, Kind, Result},
    kafka::admin::Admin,
    mongo,
    position::SnapshotState,
    retry::Backoff,
    supervision::{Supervisor, blocking},
    telemetry::{health::Condition, names},
    topics::Topics,
};
use shape::Rules;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    capture::{Stream, Wanted, follow, only_database},
    control,
    encode::Encoder,
    membership,
    memory::Budget,
    publish::{self, Inlet, Limits, Published, Session},
    pump::{Ends, Pump},
    route::Routes,
    source::{self, CLIENT, Source},
    start::{self, Beginning},
    state::State,
};

/// Batches of the stream that wait while one is worked on: the prefetch.
const BATCHES_AHEAD: usize = 1;
/// Requests of the control topic that wait for the pump.
const REQUESTS_AHEAD: usize = 1000;
/// A longer life than this shows that the slice works, so that the next failure is waited for briefly again.
const STEADY: Duration = Duration::from_secs(60);
/// A fenced producer that comes back at once would fence the new holder in turn. This long after, it knows from the group
/// whether the slice is still its own.
const AFTER_FENCING: Duration = membership::SESSION_TIMEOUT;

/// What a slice tells about itself.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// The source is reached.
    pub source: Condition,
    /// Somebody works on the slice as far as it is this producer's business.
    pub slice: Condition,
    /// The brokers are reached.
    pub kafka: Condition,
}

/// What a slice needs to live.
pub struct Life {
    /// The configuration.
    pub config: Arc<Config>,
    /// The slice.
    pub slice: Slice,
    /// What it tells about itself.
    pub conditions: Conditions,
    /// What the topics take, as far as that is known.
    pub limits: Arc<Limits>,
    /// Cancelled when the slice is to be let go.
    pub stop: CancellationToken,
}

impl Life {
    /// Works on the slice until it is to be let go.
    ///
    /// # Errors
    /// Whatever no retry can help with.
    pub async fn run(&self) -> Result<()> {
        let mut backoff = Backoff::default();
        let lost = Arc::new(AtomicBool::new(false));
        while !self.stop.is_cancelled() {
            let begun = Instant::now();
            let Err(error) = self.once(&lost).await else { break };
            if error.kind == Kind::Cancelled && self.stop.is_cancelled() {
                // Let go amid a beginning: that is an end like any other, and the producer's other slices go on.
                break;
            }
            let error = self.judge(error, &lost);
            if !matches!(error.kind.disposition(), Disposition::Retry | Disposition::Rejoin) {
                return Err(error);
            }
            if begun.elapsed() > STEADY {
                backoff.reset();
            }
            let wait = backoff.next().unwrap_or(STEADY);
            let wait = if error.kind == Kind::Fenced { AFTER_FENCING } else { wait };
            tracing::warn!(
                slice = self.slice.name,
                reason = error.chain(),
                ?wait,
                "the slice is built anew from its position"
            );
            self.conditions.slice.not_ready(error.chain());
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        Ok(())
    }

    /// Lost history is passed over where the policy says so: then the next life begins behind it.
    fn judge(&self, error: Error, lost: &AtomicBool) -> Error {
        if error.kind != Kind::PositionLost || !lost.load(Ordering::Relaxed) {
            return error;
        }
        match self.config.producer.history_lost {
            HistoryLost::Reset | HistoryLost::Resnapshot => Error { kind: Kind::Transient, ..error },
            HistoryLost::Fail => {
                let context = "history of the source is lost; producer.history_lost = \"resnapshot\" copies everything again, \
                               \"reset\" goes on from now and records the gap";
                Error::caused(Kind::PositionLost, context, error)
            }
        }
    }

    /// From reaching both sides to the first failure or the end. `lost` is set when the source does not hold the position any
    /// more; when it is set already, the life begins behind the loss.
    async fn once(&self, lost: &Arc<AtomicBool>) -> Result<()> {
        let source = source::reach(&self.slice, &self.stop, &self.conditions.source).await?;
        let client = source.client.clone();
        let ended = self.live(source, lost).await;
        mongo::close(client).await;
        ended
    }

    async fn live(&self, source: Source, lost: &Arc<AtomicBool>) -> Result<()> {
        let (session, state) = self.take_over().await?;
        let beginning = match &state.position {
            Some(position) if lost.load(Ordering::Relaxed) => {
                let policy = self.config.producer.history_lost;
                start::after_loss(&state, position, policy, &source).await?
            }
            _ => start::decide(&state, &self.config.producer.start, &source).await?,
        };
        lost.store(false, Ordering::Relaxed);
        tell(&beginning);
        let images = Wanted::new(&self.config, source.server.version)?;
        let with_images = images.are_some();
        let routes = self.routes(&state, &source, images).await?;
        self.work(source, session, state, beginning, (routes, with_images), lost.clone()).await
    }

    /// Fences older producers of the slice, then reads where it stands; in this order nobody can move it in between.
    async fn take_over(&self) -> Result<(Session, State)> {
        let (config, slice) = (self.config.clone(), self.slice.clone());
        let (kafka, stop) = (self.conditions.kafka.clone(), self.stop.clone());
        let limits = self.limits.clone();
        blocking(move || {
            let session = Session::open(&config, &slice, limits, kafka, stop)?;
            let state = State::read(&config, &slice)?;
            if state.slice.is_none() {
                session.claim()?;
            }
            Ok((session, state))
        })
        .await
    }

    async fn routes(&self, state: &State, source: &Source, images: Wanted) -> Result<Routes> {
        let Config { kafka, pipeline, .. } = self.config.as_ref();
        let topics = Topics::new(&kafka.topic_prefix, pipeline);
        let admin = Admin::new(kafka, CLIENT);
        let most = Budget::of(&self.config.producer).record;
        let (kafka, limits) = ((kafka.clone(), admin), (self.limits.clone(), most));
        let rules = rules(&self.config)?;
        Routes::open(
            &state.topics,
            self.config.filter(),
            topics,
            kafka,
            limits,
            source.clone(),
            (rules, images),
        )
        .await
    }

    /// The stages, from the stream to Kafka.
    async fn work(
        &self,
        source: Source,
        session: Session,
        state: State,
        Beginning { origin, position, is_first, gap }: Beginning,
        (routes, with_images): (Routes, bool),
        lost: Arc<AtomicBool>,
    ) -> Result<()> {
        let settings = &self.config.producer;
        let (batches, batches_out) = mpsc::channel(BATCHES_AHEAD);
        let budget = Budget::of(settings);
        let (encoded, encoded_out) = publish::queue(budget.encoded);
        let (requests, requests_out) = mpsc::channel(REQUESTS_AHEAD);
        let (is_copying, is_copying_out) = watch::channel(true);
        let (client, version) = (source.client.clone(), source.server.version);
        let database = only_database(&self.config.filter());
        let stream = Stream::new(client, version, database, settings.batch_events, origin);
        let stream = stream.with_images(with_images);
        let ends = Ends { batches: batches_out, requests: requests_out, publisher: encoded, is_copying };
        let mut encoder = Encoder::new(position);
        if let Some(gap) = &gap {
            encoder.gap(&self.slice.name, gap)?;
        }
        if encoder.position().snapshot == SnapshotState::Wanted {
            for topic in &state.topics {
                encoder.withdraw(Copied::key(&self.slice.name, &topic.ns));
            }
        }
        let known = (state.copies, state.definitions);
        let pump = Pump::new(&self.slice.name, source, encoder, routes, known, ends, &self.config);

        let mut stages = Supervisor::new(&self.stop);
        let token = stages.token();
        let condition = self.conditions.source.clone();
        stages.spawn("capture", async move {
            let capture = follow(stream, batches, is_copying_out, condition, &lost);
            tokio::select! { biased; () = token.cancelled() => Ok(()), ended = capture => ended }
        });
        let token = stages.token();
        stages.spawn("pump", async move {
            tokio::select! { biased; () = token.cancelled() => Ok(()), ended = pump.run(is_first) => ended }
        });
        let (config, slice, token) = (self.config.clone(), self.slice.name.clone(), stages.token());
        stages.spawn_thread("control", move || control::follow(&config, &slice, &requests, &token));
        let most_bytes = budget.transaction;
        stages.spawn_thread("publish", move || publish_all(&session, encoded_out, most_bytes));
        self.conditions.slice.ready();
        stages.join().await
    }
}

/// The rules that this side applies.
fn rules(config: &Config) -> Result<Rules> {
    Rules::of_producer(&config.rules, config.worker.mask_key.as_ref()).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(|p| format!("{}: {}", p.path, p.reason)).collect();
        Error::new(Kind::Misconfigured, lines.join("; "))
    })
}

/// Problems of the configuration that only the producer can see.
#[must_use]
pub fn problems(config: &Config) -> Vec<Problem> {
    let problems =
        Rules::of_producer(&config.rules, config.worker.mask_key.as_ref()).err().unwrap_or_default();
    // What is wrong with the patterns, and that the key is missing, is told already.
    let told = |path: &str| path.ends_with("].namespace") || path == "worker.mask_key";
    let inside = problems.into_iter().filter(|problem| !told(&problem.path));
    inside.map(|problem| Problem::new(problem.path, problem.reason)).collect()
}

fn publish_all(session: &Session, batches: Inlet, most_bytes: usize) -> Result<()> {
    let (published, _) = watch::channel(Published::default());
    publish::run(session, batches, &published, most_bytes)
}

fn tell(beginning: &Beginning) {
    let position = &beginning.position;
    let (cluster_time, sequence) = (position.cluster_time, position.sequence);
    if let Some(gap) = &beginning.gap {
        metrics::counter!(names::PRODUCER_GAPS).increment(1);
        tracing::error!(from = %gap.from, to = %gap.to, "history of the source is lost: changes in between will be missing at the target");
    } else if beginning.is_first {
        tracing::info!(%cluster_time, snapshot = ?position.snapshot, "first start of this slice");
    } else {
        tracing::info!(%cluster_time, sequence, snapshot = ?position.snapshot, "going on from the position in Kafka");
    }
}

#[cfg(test)]
mod tests;
