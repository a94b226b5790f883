//! The producer's pipeline: which stages there are, in which order they start, what a failure of one means.

use std::{collections::BTreeMap, time::Duration};

use common::{
    config::{Config, types::Kafka},
    error::{Disposition, Error, Kind, Result},
    kafka::admin::{Admin, Wanted},
    mongo,
    namespace::Filter,
    retry::{Backoff, retry},
    service::Context,
    supervision::Supervisor,
    telemetry::health::Condition,
    topics::Topics,
};
use tokio::sync::{mpsc, watch};

use crate::{
    capture::{Batch, Origin, Stream},
    control,
    encode::{Encoded, Encoder},
    publish::{self, Published, Session},
    pump::{Ends, Pump},
    route::Routes,
    source::Source,
    start,
    state::State,
};

const SOURCE: &str = "source";
const KAFKA: &str = "kafka";
const SLICE: &str = "slice";
/// The conditions of readiness: both sides are reached, and the slice is this process's.
pub const CONDITIONS: &[&str] = &[SOURCE, KAFKA, SLICE];

/// How this process calls itself to source and brokers.
const CLIENT: &str = "oplogue-producer";

/// Batches of the stream that wait while one is worked on: the prefetch.
const BATCHES_AHEAD: usize = 1;
/// Encoded batches that wait while a transaction commits.
const ENCODED_AHEAD: usize = 2;
/// Requests of the control topic that wait for the pump.
const REQUESTS_AHEAD: usize = 1000;
/// How long the source waits for news before it answers empty, while chunks wait for the stream to advance.
const COPYING_PATIENCE: Duration = Duration::from_millis(50);
/// The same, when nothing waits.
const IDLE_PATIENCE: Duration = Duration::from_secs(1);
/// A longer life than this shows that the slice works, so that the next failure is waited for briefly again.
const STEADY: Duration = Duration::from_secs(60);

/// Runs the producer until `context.shutdown`.
///
/// # Errors
/// Whatever no retry can help with.
pub async fn run(config: &Config, context: &Context) -> Result<()> {
    let health = Conditions {
        source: context.health.condition(SOURCE),
        kafka: context.health.condition(KAFKA),
        slice: context.health.condition(SLICE),
    };
    let mut backoff = Backoff::default();
    loop {
        let begun = std::time::Instant::now();
        let error = match slice(config, context, &health).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !matches!(error.kind.disposition(), Disposition::Retry | Disposition::Rejoin) {
            return Err(error);
        }
        if begun.elapsed() > STEADY {
            backoff.reset();
        }
        let wait = backoff.next().unwrap_or(IDLE_PATIENCE);
        tracing::warn!(reason = error.chain(), ?wait, "the slice is built anew from its position");
        health.slice.not_ready(error.chain());
        tokio::select! {
            () = context.shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

struct Conditions {
    source: Condition,
    kafka: Condition,
    slice: Condition,
}

/// One life of the slice: from reaching both sides to the first failure or the shutdown.
async fn slice(config: &Config, context: &Context, health: &Conditions) -> Result<()> {
    let source = reach_source(config, context, health).await?;
    let admin = reach_kafka(config, context, health).await?;
    let (session, state) = take_over(config, context, &health.kafka).await?;
    let beginning = start::decide(&state, &config.producer.start, &source).await?;
    tell(&beginning);
    let topics = Topics::new(&config.kafka.topic_prefix, &config.pipeline);
    let filter = config.filter();
    let database = only_database(&filter);
    let kafka = config.kafka.clone();
    let routes = Routes::open(&state.topics, filter, topics, kafka, admin, source.client.clone())?;

    let (batches, batches_out) = mpsc::channel(BATCHES_AHEAD);
    let (encoded, encoded_out) = mpsc::channel(ENCODED_AHEAD);
    let (requests, requests_out) = mpsc::channel(REQUESTS_AHEAD);
    let (is_copying, is_copying_out) = watch::channel(true);
    let stream = Stream::new(
        source.client.clone(),
        source.server.version,
        database,
        config.producer.batch_events,
        beginning.origin,
    );
    let ends = Ends { batches: batches_out, requests: requests_out, publisher: encoded, is_copying };
    let pump =
        Pump::new(source, Encoder::new(beginning.position), routes, state.copies, ends, &config.producer);

    let mut stages = Supervisor::new(&context.shutdown);
    let token = stages.token();
    let condition = health.source.clone();
    stages.spawn("capture", async move {
        let capture = capture(stream, batches, is_copying_out, condition);
        tokio::select! { biased; () = token.cancelled() => Ok(()), ended = capture => ended }
    });
    let token = stages.token();
    stages.spawn("pump", async move {
        tokio::select! { biased; () = token.cancelled() => Ok(()), ended = pump.run(beginning.is_first) => ended }
    });
    let (token, followed) = (stages.token(), config.clone());
    stages.spawn_thread("control", move || control::follow(&followed, &requests, &token));
    let most_bytes = config.producer.transaction_mib as usize * 1024 * 1024;
    stages.spawn_thread("publish", move || publish_all(&session, encoded_out, most_bytes));
    health.slice.ready();
    stages.join().await
}

/// Reaches source and brokers once; a line for each.
///
/// # Errors
/// The first that cannot be reached or refuses.
pub async fn reach(config: &Config) -> Result<Vec<String>> {
    let source = connect(config).await?;
    let stream = Stream::new(
        source.client.clone(),
        source.server.version,
        only_database(&config.filter()),
        config.producer.batch_events,
        Origin::At(source.cluster_time().await?.next()),
    );
    stream.try_open().await?;
    let admin = Admin::new(&config.kafka, CLIENT)?;
    blocking(move || admin.reach()).await?;
    Ok(vec![
        format!("source: MongoDB {} reached, its change stream can be read", source.server.version),
        format!("kafka: {} reached", config.kafka.brokers),
    ])
}

async fn connect(config: &Config) -> Result<Source> {
    let uri = config.source.uri.as_ref();
    let uri = uri.ok_or_else(|| Error::new(Kind::Misconfigured, "source.uri is missing"))?;
    Source::ask(mongo::connect(uri, CLIENT).await?).await
}

async fn reach_source(config: &Config, context: &Context, health: &Conditions) -> Result<Source> {
    retry("reach the source", &context.shutdown, &health.source, || connect(config)).await
}

async fn reach_kafka(config: &Config, context: &Context, health: &Conditions) -> Result<Admin> {
    let what = format!("reach Kafka at {}", config.kafka.brokers);
    let admin = || Admin::new(&config.kafka, CLIENT);
    retry(&what, &context.shutdown, &health.kafka, async || {
        let admin = blocking({
            let admin = admin()?;
            move || admin.reach().map(|()| admin)
        })
        .await?;
        for wanted in ledgers(&config.kafka, &Topics::new(&config.kafka.topic_prefix, &config.pipeline)) {
            admin.ensure(&wanted).await?;
        }
        Ok(admin)
    })
    .await
}

/// The pipeline's own topics, compacted: small, and read whole at every start.
fn ledgers(kafka: &Kafka, topics: &Topics) -> Vec<Wanted> {
    let config: BTreeMap<_, _> = [("cleanup.policy", "compact"), ("segment.ms", "3600000")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let ledger = |name| Wanted {
        name,
        partitions: 1,
        replication_factor: kafka.replication_factor,
        config: config.clone(),
    };
    vec![ledger(topics.positions()), ledger(topics.control())]
}

/// Fences older producers of the slice, then reads where it stands; in this order nobody can move it in between.
async fn take_over(config: &Config, context: &Context, reached: &Condition) -> Result<(Session, State)> {
    let (config, reached, shutdown) = (config.clone(), reached.clone(), context.shutdown.clone());
    blocking(move || {
        let session = Session::open(&config, reached, shutdown)?;
        let state = State::read(&config)?;
        Ok((session, state))
    })
    .await
}

/// Hands batches on until the pump is gone; what passes by itself is retried where the stream stands.
async fn capture(
    mut stream: Stream,
    batches: mpsc::Sender<Batch>,
    is_copying: watch::Receiver<bool>,
    condition: Condition,
) -> Result<()> {
    let mut backoff = Backoff::default();
    loop {
        stream.set_patience(if *is_copying.borrow() { COPYING_PATIENCE } else { IDLE_PATIENCE });
        match stream.next().await {
            Ok(batch) => {
                backoff.reset();
                condition.ready();
                if batches.send(batch).await.is_err() {
                    return Ok(());
                }
            }
            Err(error) if error.kind == Kind::Transient => {
                let wait = backoff.next().unwrap_or(IDLE_PATIENCE);
                condition.not_ready(error.chain());
                tracing::warn!(reason = error.chain(), ?wait, "the change stream is resumed");
                tokio::time::sleep(wait).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn publish_all(session: &Session, batches: mpsc::Receiver<Encoded>, most_bytes: usize) -> Result<()> {
    let (published, _) = watch::channel(Published::default());
    publish::run(session, batches, &published, most_bytes)
}

/// The one database to watch, when the filter names no other: a stream over it skips the rest at the server.
fn only_database(filter: &Filter) -> Option<String> {
    match filter.databases()?.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    }
}

fn tell(beginning: &start::Beginning) {
    let position = &beginning.position;
    let (cluster_time, sequence) = (position.cluster_time, position.sequence);
    if beginning.is_first {
        tracing::info!(%cluster_time, snapshot = ?position.snapshot, "first start of this slice");
    } else {
        tracing::info!(%cluster_time, sequence, snapshot = ?position.snapshot, "going on from the position in Kafka");
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::caused(Kind::Invariant, "a blocking call panicked", error))?
}
