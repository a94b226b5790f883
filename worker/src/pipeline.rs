//! The worker's pipeline: which stages there are, in which order they start, what their readiness is called.
//!
//! ```text
//!   discover ──topics──▸ read ──records──▸ apply ──statements──▸ target
//!                         ▲                  │ └───refused────▸ dead letters
//!                         └──────heads───────┘
//!   sweep: lists the target for snapshots that reconcile
//!   ddl: carries drops and renames out where all partitions have come to them
//!   rules: tells which namespaces hold documents that former rules have shaped
//! ```

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    config::{Config, Problem},
    error::{Disposition, Error, Kind, Result},
    kafka::admin::{Admin, Ensured},
    retry::{Backoff, retry},
    service::Context,
    supervision::{Supervisor, blocking},
    telemetry::health::Condition,
    topics::Topics,
};
use tokio::{runtime::Handle, sync::watch};

use crate::{
    apply::Applier,
    batch::{self, Batches, Exact},
    consume::{
        self, Authority, Group, Shared, Surroundings,
        intake::{Limit, Room},
    },
    control::Control,
    ddl::{self, Barriers},
    dead_letter::{self, DeadLetters},
    discover::Discovery,
    memory::Budget,
    plan::Limits,
    reshape::Reshape,
    schema::{self, Observer},
    shard_keys::ShardKeys,
    sink::{Deployment, Sink},
    sweep::{Sweeper, Wanted},
    target::{self, Reached},
};
use shape::{Rules, declared::Schemas};

const TARGET: &str = "target";
const KAFKA: &str = "kafka";
const TOPICS: &str = "topics";
/// The conditions of readiness: both sides are reached, and there is something to read.
pub const CONDITIONS: &[&str] = &[TARGET, KAFKA, TOPICS];

/// A longer life than this shows that things work, so that the next failure is waited for briefly again.
const STEADY: Duration = Duration::from_secs(60);
/// A reader that does not turn for this long is hung: looking up the offsets of many partitions takes its time.
const READER_TURNS: Duration = Duration::from_secs(120);
/// How much later than the drain's own deadline a stage may end.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the worker until `context.shutdown`.
///
/// # Errors
/// Whatever no retry can help with.
pub async fn run(config: Arc<Config>, context: &Context) -> Result<()> {
    let mut backoff = Backoff::default();
    loop {
        let begun = Instant::now();
        let Err(error) = live(&config, context).await else { return Ok(()) };
        if !matches!(error.kind.disposition(), Disposition::Retry | Disposition::Rejoin) {
            return Err(error);
        }
        if begun.elapsed() > STEADY {
            backoff.reset();
        }
        let wait = backoff.next().unwrap_or(STEADY);
        tracing::warn!(
            reason = error.chain(),
            ?wait,
            "everything is built anew; it goes on at the committed offsets"
        );
        tokio::select! {
            () = context.shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// One life: from reaching both sides to the first failure or the shutdown.
async fn live(config: &Arc<Config>, context: &Context) -> Result<()> {
    let topics = Topics::new(&config.kafka.topic_prefix, &config.pipeline);
    let condition = context.health.condition(TARGET);
    let (target, admin) =
        tokio::try_join!(target::reach(config, context, &condition), reach_kafka(config, &topics, context))?;
    let observer = observer(config, &topics, context).await?;
    let observed = observer.clone();
    context.reports.answer("schema", move || observed.report());
    let budget = Budget::of(&config.worker);
    let room = Room { of_lane: budget.lane, of_all: budget.waiting, of_batches: budget.flying };
    let shared = Arc::new(Shared::new(room));
    let control = Control::new(&config.kafka, topics.control(), config.worker.topics.is_empty());
    let authority = target.store.clone().map(|store| Authority {
        store,
        control: control.clone(),
        runtime: Handle::current(),
    });
    let (found, topics_found) = watch::channel(BTreeSet::new());
    let mut stages = context.supervisor();
    let deployment = target.deployment.clone();
    let sweeps = Wanted::default();
    let reshape = Reshape::new(config);
    let known = reshape.clone();
    context.reports.answer("rules", move || known.report());
    let around =
        (topics.clone(), admin, control.clone(), sweeps.clone(), reshape.clone(), target.shard_keys.clone());
    discover(&mut stages, config, context, &shared, found, around);
    if control.is_followed() {
        stages.spawn("rules", reshape.run(control.clone(), stages.token()));
    }
    sweep(&mut stages, config, &shared, (target.deployment.clone(), control.clone(), sweeps));
    // Before anything is read, for from then on lanes stop at barriers.
    apply(&mut stages, config, context, &shared, (target, &topics, control, observer.clone()))?;
    read(&mut stages, config, context, &shared, (topics_found, authority));
    stages.spawn("schema", schema::run(observer.clone(), stages.token()));
    let ended = stages.join().await;
    observer.leave().await;
    deployment.close().await;
    ended
}

/// What is known of the namespaces' schemas, to be told from what is new.
async fn observer(config: &Arc<Config>, topics: &Topics, context: &Context) -> Result<Observer> {
    if !config.worker.schema.observe {
        return Ok(Observer::blind());
    }
    let condition = context.health.condition(KAFKA);
    let wanted = schema::wanted(&config.kafka, topics.schemas());
    retry("read the observed schemas", &context.shutdown, &condition, async || {
        Admin::new(&config.kafka, "oplogue-worker").ensure(&wanted).await?;
        let (config, topics) = (config.clone(), topics.clone());
        blocking(move || Observer::open(&config, &topics)).await
    })
    .await
}

async fn reach_kafka(config: &Config, topics: &Topics, context: &Context) -> Result<Admin> {
    let condition = context.health.condition(KAFKA);
    let what = format!("reach Kafka at {}", config.kafka.brokers);
    let wanted = dead_letter::topic(&config.kafka, topics);
    retry(&what, &context.shutdown, &condition, async || {
        let admin = reach(config).await?;
        match admin.ensure(&wanted).await? {
            Ensured::Created | Ensured::Existed => Ok(admin),
            Ensured::Collides => {
                let context = format!("another topic's name collides with {}", wanted.name);
                Err(Error::new(Kind::Misconfigured, context))
            }
        }
    })
    .await
}

async fn reach(config: &Config) -> Result<Admin> {
    let admin = Admin::new(&config.kafka, "oplogue-worker");
    blocking(move || admin.reach().map(|()| admin)).await
}

/// The list of topics: as announced, or as configured.
fn discover(
    stages: &mut Supervisor,
    config: &Arc<Config>,
    context: &Context,
    shared: &Arc<Shared>,
    found: watch::Sender<BTreeSet<String>>,
    (topics, admin, control, sweeps, reshape, shard_keys): (
        Topics,
        Admin,
        Control,
        Wanted,
        Reshape,
        ShardKeys,
    ),
) {
    let condition = context.health.condition(TOPICS);
    if !config.worker.topics.is_empty() {
        found.send_replace(config.worker.topics.iter().cloned().collect());
        condition.ready();
        return;
    }
    let (config, token, shared) = (config.clone(), stages.token(), shared.clone());
    stages.spawn_thread("discover", move || {
        let wake = Box::new(move || shared.wake_reader());
        let filter = config.filter();
        Discovery { topics, filter, found, condition, control, sweeps, reshape, shard_keys, wake }
            .run(&config, &admin, &token)
    });
}

/// Looks through the target for what is gone from the source, where that is asked for.
fn sweep(
    stages: &mut Supervisor,
    config: &Config,
    shared: &Arc<Shared>,
    (target, control, wanted): (Deployment, Control, Wanted),
) {
    let (mapping, group) = (config.mapping(), Arc::new(Group::new(config)));
    let sweeper = Sweeper { wanted, shared: shared.clone(), control, target, mapping, group };
    stages.spawn("sweep", sweeper.run(stages.token()));
}

fn read(
    stages: &mut Supervisor,
    config: &Arc<Config>,
    context: &Context,
    shared: &Arc<Shared>,
    (topics, authority): (watch::Receiver<BTreeSet<String>>, Option<Authority>),
) {
    let around = Surroundings {
        topics,
        kafka: context.health.condition(KAFKA),
        authority,
        heartbeat: context.health.heartbeat("read", READER_TURNS),
        shutdown: stages.token(),
    };
    let (config, shared) = (config.clone(), shared.clone());
    let (told, sleeps) = (stages.token(), shared.clone());
    stages.spawn("wake", async move {
        told.cancelled().await;
        sleeps.wake_reader();
        Ok(())
    });
    stages.spawn_thread_within(stop_within(&config), "read", move || consume::run(&config, shared, around));
}

fn apply(
    stages: &mut Supervisor,
    config: &Config,
    context: &Context,
    shared: &Arc<Shared>,
    (target, topics, control, observer): (Reached, &Topics, Control, Observer),
) -> Result<()> {
    let kafka: Condition = context.health.condition(KAFKA);
    let dead_letters = DeadLetters::new(config, topics, kafka.clone());
    let limits = Limits { statements: usize::from(config.worker.batch_statements), ..Limits::default() };
    let condition = context.health.condition(TARGET);
    let sink = Sink::new(target.deployment.clone(), limits, condition.clone());
    let barriers = Barriers::new(
        &target,
        shared,
        &control,
        sink.seen(),
        ddl::Policy::new(config, batch::rules(config)?),
    );
    if let Some(barriers) = barriers {
        stages.spawn("ddl", barriers.run(stages.token()));
    }
    let exact = target.store.map(|store| Exact::new(store, control, [condition, kafka]));
    let bytes = Budget::of(&config.worker).batch;
    let limit = Limit { records: usize::from(config.worker.batch_statements), bytes };
    let most = usize::from(config.worker.connections);
    let applier = Applier::new(
        shared.clone(),
        Batches::new(config, sink, dead_letters, exact)?.observed_by(observer),
        limit,
        most,
    );
    let token = stages.token();
    stages.spawn_within(stop_within(config), "apply", applier.run(token));
    Ok(())
}

fn stop_within(config: &Config) -> Duration {
    Duration::from_millis(u64::from(config.worker.drain_timeout_ms)) + GRACE
}

/// Problems of the configuration that only the worker can see.
#[must_use]
pub fn problems(config: &Config) -> Vec<Problem> {
    let rules = Rules::compile(&config.rules, config.worker.mask_key.as_ref()).err().unwrap_or_default();
    let schemas = Schemas::compile(&config.schemas).err().unwrap_or_default();
    // What is wrong with the patterns, and that the key is missing, is told already.
    let told = |path: &str| path.ends_with("].namespace") || path == "worker.mask_key";
    let inside = rules.into_iter().chain(schemas).filter(|problem| !told(&problem.path));
    inside.map(|problem| Problem::new(problem.path, problem.reason)).collect()
}

/// Reaches the target and the brokers once.
///
/// # Errors
/// The first that cannot be reached or refuses.
pub async fn connect(config: &Config) -> Result<Vec<String>> {
    let (client, server) = target::connect(config).await?;
    ShardKeys::read(config, &client, &server).await?;
    let way =
        if target::is_exact(config.worker.delivery, &server)? { "exactly once" } else { "at least once" };
    reach(config).await?;
    Ok(vec![
        format!("target: MongoDB {} reached, to be written {way}", server.version),
        format!("kafka: {} reached", config.kafka.brokers),
    ])
}
