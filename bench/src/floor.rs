//! The floor: the same reads and writes with nothing between. What it reaches is the limit of any pipeline on this machine.
//!
//! Documents are handed on as the bytes they came in. With Kafka, a thread produces them to a topic with idempotence and lz4, and
//! another consumes them; without it, what was read is written at once.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bson::{RawDocumentBuf, Timestamp, rawdoc};
use clap::{Args, ValueEnum};
use futures_util::{StreamExt as _, future::try_join_all};
use mongodb::{Client, Database};
use rdkafka::{
    ClientConfig, Message as _,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    command::{self, MOST},
    sides::{Collection, Sides},
};

/// Connections that write to the target.
const WRITERS: usize = 2;
/// Documents on their way between two stages, in batches.
const AHEAD: usize = 4;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// A scan of the collection.
    Snapshot,
    /// The change stream of the deployment, from a cluster time on; inserts only.
    Stream,
}

/// Copies with nothing between.
#[derive(Debug, Args)]
pub(crate) struct Floor {
    #[command(flatten)]
    sides: Sides,
    /// Database at the target.
    #[arg(long)]
    to: String,
    /// What is read.
    #[arg(long, value_enum)]
    from: From,
    /// Cluster time to read the stream from, `seconds.increment`.
    #[arg(long)]
    since: Option<String>,
    /// Documents to copy.
    #[arg(long)]
    count: usize,
    /// Brokers, to go through Kafka.
    #[arg(long, requires = "topic")]
    brokers: Option<String>,
    /// Topic to go through; it is created, with eight partitions.
    #[arg(long)]
    topic: Option<String>,
}

type Batch = Vec<RawDocumentBuf>;

impl Floor {
    pub(crate) async fn run(self) -> Result<Value> {
        let begun = Instant::now();
        let (read, mut batches) = mpsc::channel::<Batch>(AHEAD);
        let since = self.origin()?;
        let Sides { source, target, collection: Collection { db, coll } } = self.sides;
        let source = Client::with_uri_str(&source).await?;
        let reader = tokio::spawn(read_all(source, db, coll.clone(), since, self.count, read));
        if let (Some(brokers), Some(topic)) = (&self.brokers, &self.topic) {
            create(brokers, topic).await?;
            batches = through_kafka(brokers, topic, self.count, batches);
        }
        let target = Client::with_uri_str(&target).await?.database(&self.to);
        write_all(&target, &coll, batches).await?;
        reader.await??;
        let there = command::count(&target, &coll).await?;
        Ok(json!({"there": there, "seconds": begun.elapsed().as_secs_f64()}))
    }

    fn origin(&self) -> Result<Option<Timestamp>> {
        match (self.from, &self.since) {
            (From::Snapshot, _) => Ok(None),
            (From::Stream, None) => bail!("--from stream needs --since"),
            (From::Stream, Some(time)) => {
                let (seconds, increment) = time.split_once('.').context("--since is seconds.increment")?;
                Ok(Some(Timestamp { time: seconds.parse()?, increment: increment.parse()? }))
            }
        }
    }
}

/// Reads `count` documents and hands them on.
async fn read_all(
    source: Client,
    db: String,
    coll: String,
    since: Option<Timestamp>,
    count: usize,
    to: mpsc::Sender<Batch>,
) -> Result<()> {
    let (database, command) = match since {
        None => (source.database(&db), rawdoc! {"find": coll, "batchSize": MOST as i32}),
        Some(since) => {
            let stage = rawdoc! {"allChangesForCluster": true, "startAtOperationTime": since};
            let pipeline = rawdoc! {"$changeStream": stage};
            let command =
                rawdoc! {"aggregate": 1, "pipeline": [pipeline], "cursor": {"batchSize": MOST as i32}};
            (source.database("admin"), command)
        }
    };
    let cursor = database.run_raw_cursor_command(command).batch_size(MOST as u32);
    let mut cursor = cursor.batch().await?;
    let mut done = 0;
    while done < count {
        let reply = cursor.next().await.context("the source has no more")??;
        let mut batch = Vec::with_capacity(MOST);
        for element in reply.doc_slices()?.into_iter() {
            let document = element?.as_document().context("a batch holds documents")?;
            match since {
                None => batch.push(document.to_owned()),
                Some(_) => batch.extend(inserted(document, &db)?),
            }
        }
        done += batch.len();
        to.send(batch).await.ok().context("the next stage has ended")?;
    }
    Ok(())
}

/// The new document of an insert event of this database.
fn inserted(event: &bson::RawDocument, db: &str) -> Result<Option<RawDocumentBuf>> {
    let is_ours = event.get_document("ns").is_ok_and(|ns| ns.get_str("db").is_ok_and(|name| name == db));
    if is_ours && event.get_str("operationType")? == "insert" {
        return Ok(Some(event.get_document("fullDocument")?.to_owned()));
    }
    Ok(None)
}

async fn write_all(target: &Database, coll: &str, batches: mpsc::Receiver<Batch>) -> Result<()> {
    target.create_collection(coll).await?;
    let batches = tokio::sync::Mutex::new(batches);
    let writer = || async {
        loop {
            let batch = batches.lock().await.recv().await;
            let Some(batch) = batch else { return anyhow::Ok(()) };
            for part in batch.chunks(MOST) {
                command::send(target, command::insert(coll, part.iter().cloned())).await?;
            }
        }
    };
    try_join_all((0..WRITERS).map(|_| writer())).await?;
    Ok(())
}

async fn create(brokers: &str, topic: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    let topic = NewTopic::new(topic, 8, TopicReplication::Fixed(1));
    for created in admin.create_topics([&topic], &AdminOptions::new()).await? {
        created.map_err(|(name, code)| anyhow::anyhow!("cannot create {name}: {code}"))?;
    }
    Ok(())
}

/// Produces the documents on one thread and consumes them on another.
fn through_kafka(
    brokers: &str,
    topic: &str,
    count: usize,
    mut batches: mpsc::Receiver<Batch>,
) -> mpsc::Receiver<Batch> {
    let (to, out) = mpsc::channel(AHEAD);
    let (brokers_too, topic_too) = (brokers.to_owned(), topic.to_owned());
    thread::spawn(move || consume(&brokers_too, &topic_too, count, &to));
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    thread::spawn(move || -> Result<()> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &brokers).set("enable.idempotence", "true");
        config.set("compression.type", "lz4").set("linger.ms", "1");
        let producer: BaseProducer = config.create()?;
        while let Some(batch) = batches.blocking_recv() {
            for document in &batch {
                produce(&producer, &topic, document)?;
            }
            producer.poll(Duration::ZERO);
        }
        Ok(producer.flush(Duration::from_secs(60))?)
    });
    out
}

fn produce(producer: &BaseProducer, topic: &str, document: &RawDocumentBuf) -> Result<()> {
    let mut record = BaseRecord::<[u8], [u8]>::to(topic).payload(document.as_bytes());
    while let Err((error, back)) = producer.send(record) {
        if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
            bail!(error);
        }
        producer.poll(Duration::from_millis(5));
        record = back;
    }
    Ok(())
}

fn consume(brokers: &str, topic: &str, count: usize, to: &mpsc::Sender<Batch>) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", format!("{topic}-floor"));
    config.set("auto.offset.reset", "earliest").set("fetch.wait.max.ms", "10");
    let consumer: BaseConsumer = config.create()?;
    consumer.subscribe(&[topic])?;
    let (mut done, mut batch) = (0, Vec::with_capacity(MOST));
    while done < count {
        let record = consumer.poll(Duration::from_millis(if batch.is_empty() { 100 } else { 0 }));
        let is_idle = record.is_none();
        if let Some(record) = record {
            batch.push(RawDocumentBuf::from_bytes(record?.payload().context("a value")?.to_vec())?);
            done += 1;
        }
        if batch.len() == MOST || (!batch.is_empty() && (is_idle || done == count)) {
            to.blocking_send(std::mem::take(&mut batch)).ok().context("the target has ended")?;
        }
    }
    Ok(())
}
