//! The producer's pipeline: which stages there are and in which order they start.
//!
//! ```text
//!   group ──held──▸ seats ──▸ life of a slice: source ▸ capture ▸ pump ▸ publish ▸ Kafka
//!                        └──▸ life of another slice: …
//! ```

use std::{collections::BTreeMap, sync::Arc};

use common::{
    config::{
        Config,
        types::{Kafka, Start},
    },
    error::Result,
    kafka::admin::{Admin, Wanted},
    mongo::Version,
    retry::retry,
    service::Context,
    supervision::blocking,
    topics::Topics,
};
use tokio::sync::watch;

use crate::{
    capture::{Origin, Stream, Wanted as Images, only_database},
    membership::{self, Held},
    seats::{KAFKA, Seats},
    snapshot::{self, Query, Range, catalog},
    source::{CLIENT, Source, connect},
};

/// The conditions of readiness that every producer has; each slice has two more, whether its source is reached and whether it
/// is worked on.
pub const CONDITIONS: &[&str] = &[KAFKA];

/// Runs the producer until `context.shutdown`.
///
/// # Errors
/// Whatever no retry can help with.
pub async fn run(config: Arc<Config>, context: &Context) -> Result<()> {
    let slices = config.slices()?;
    let seats = Seats::new(config.clone(), context.clone(), slices);
    tokio::select! {
        biased;
        reached = reach_kafka(&config, context) => reached?,
        // Both sides may be away: then both are told.
        Err(error) = seats.try_sources() => return Err(error),
    }
    let (held, holds) = watch::channel(Held::default());
    let mut stages = context.supervisor();
    let token = stages.token();
    stages.spawn("slices", seats.run(holds, token));
    let token = stages.token();
    stages.spawn_thread("membership", move || membership::run(&config, &held, &token));
    stages.join().await
}

/// Reaches sources and brokers once; a line for each.
///
/// # Errors
/// The first that cannot be reached or refuses.
pub async fn reach(config: &Config) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let slices = config.slices()?;
    for slice in &slices {
        let source = connect(slice).await?;
        open_stream(config, &source).await?;
        read_a_chunk(config, &source).await?;
        let name = if slices.len() == 1 { String::new() } else { format!(" {}", slice.name) };
        let version = source.server.version;
        lines.push(format!("source{name}: MongoDB {version} reached, its change stream can be read"));
    }
    let admin = Admin::new(&config.kafka, CLIENT);
    blocking(move || admin.reach()).await?;
    lines.push(format!("kafka: {} reached", config.kafka.brokers));
    Ok(lines)
}

async fn open_stream(config: &Config, source: &Source) -> Result<()> {
    let database = only_database(&config.filter());
    let origin = Origin::At(source.cluster_time().await?.next());
    let (client, version) = (source.client.clone(), source.server.version);
    let images = Images::new(config, version)?;
    let stream = Stream::new(client, version, database, config.producer.batch_events, origin);
    stream.with_images(images.are_some()).try_open().await
}

/// Reads a little as the snapshot will: by UUID, which needs a role that the stream does not.
async fn read_a_chunk(config: &Config, source: &Source) -> Result<()> {
    if config.producer.start != Start::Snapshot {
        return Ok(());
    }
    let collections = catalog::list(&source.client, &config.filter(), source.server.version).await?;
    let Some(first) = collections.into_iter().next() else { return Ok(()) };
    let query = Query {
        client: source.client.clone(),
        db: first.ns.db,
        uuid: first.uuid,
        range: Range::Behind(None),
        is_capped: first.kind == catalog::Sort::Capped,
        filter: None,
        most_bytes: 1,
    };
    let is_transactional = source.server.version < Version::new(5, 0, 0);
    snapshot::read(&query, source.cluster_time().await?, is_transactional).await.map(drop)
}

async fn reach_kafka(config: &Config, context: &Context) -> Result<()> {
    let what = format!("reach Kafka at {}", config.kafka.brokers);
    let topics = Topics::new(&config.kafka.topic_prefix, &config.pipeline);
    let slices = u16::try_from(config.slices()?.len()).unwrap_or(u16::MAX);
    retry(&what, &context.shutdown, &context.health.condition(KAFKA), async || {
        let admin = Admin::new(&config.kafka, CLIENT);
        let admin = blocking(move || admin.reach().map(|()| admin)).await?;
        admin.ensure(&ledger(&config.kafka, topics.control(), 1)).await?;
        let positions = ledger(&config.kafka, topics.positions(), slices);
        admin.ensure(&positions).await?;
        admin.grow(&positions).await
    })
    .await
}

/// One of the pipeline's own topics, compacted, in segments that soon can be: small, and read whole at every start.
fn ledger(kafka: &Kafka, name: String, partitions: u16) -> Wanted {
    let config = [("cleanup.policy", "compact"), ("segment.ms", "3600000"), ("segment.bytes", "67108864")];
    let config: BTreeMap<_, _> = config.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Wanted { name, partitions, replication_factor: kafka.replication_factor, config }
}
