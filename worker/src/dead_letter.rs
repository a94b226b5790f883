//! Dead letters: records that cannot be applied, kept whole.
//!
//! Guards law 3: a dead letter is durable before its record's offset moves. Key, value and headers are the record's own, to the byte; what is
//! added are headers that begin with `dead.`. Reasons never hold a document's value.
//!
//! | header | holds |
//! |---|---|
//! | `dead.reason` | why, as a sentence |
//! | `dead.kind` | why, as one word |
//! | `dead.topic`, `dead.partition`, `dead.offset` | where the record stands |
//! | `dead.time` | when it was refused, milliseconds since 1970 |
//! | `dead.pipeline` | who refused it |
//!
//! What operators do about them is [`desk`]'s.

pub mod desk;
mod header;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use common::{
    config::{Config, types::Kafka},
    error::Result,
    kafka::{self, MAX_RECORD_BYTES, OnDemand, admin::Wanted},
    retry::{Backoff, retry_with},
    telemetry::{health::Condition, names},
    topics::Topics,
};
use futures_util::future::try_join_all;
use metrics::counter;
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use tokio_util::sync::CancellationToken;

use crate::consume::{intake::Partition, record::Record};

/// How long a send may wait for room in the client's queue.
const QUEUE: Duration = Duration::from_secs(5);
/// The client's own deadline for a delivery; after it the send is tried again.
const DELIVERY: &str = "30000";
/// Bytes of a batch: what a topic that was made by hand takes, it takes one by one.
const BATCH: &str = "16384";

/// The largest record and the headers that are added to it.
const MOST_BYTES: u32 = MAX_RECORD_BYTES + 64 * 1024;

/// Why a record is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// One word, for metrics and searches.
    pub kind: &'static str,
    /// A sentence.
    pub text: String,
}

/// A record that is refused.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// Where it stands.
    pub partition: &'a Partition,
    /// It.
    pub record: &'a Record,
    /// Why.
    pub reason: &'a Reason,
}

/// The dead-letter topic as it is created.
#[must_use]
pub fn topic(kafka: &Kafka, topics: &Topics) -> Wanted {
    let config = [
        ("cleanup.policy", "delete".to_owned()),
        ("retention.ms", "-1".to_owned()),
        ("max.message.bytes", MOST_BYTES.to_string()),
    ];
    Wanted {
        name: topics.dead_letters(),
        partitions: 1,
        replication_factor: kafka.replication_factor,
        config: config.map(|(key, value)| (key.to_owned(), value)).into_iter().collect::<BTreeMap<_, _>>(),
    }
}

/// Writes the dead-letter topic.
pub struct DeadLetters {
    /// Built for the first letter: an idle producer of `rdkafka` keeps a thread that wakes ten times a second.
    producer: OnDemand<FutureProducer<kafka::Context>>,
    topic: String,
    pipeline: String,
    condition: Condition,
}

impl DeadLetters {
    /// A writer; it connects when there is something to write.
    #[must_use]
    pub fn new(config: &Config, topics: &Topics, condition: Condition) -> Self {
        let mut settings = kafka::client_config(&config.kafka, "oplogue-worker-dead-letters");
        settings
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", DELIVERY)
            .set("batch.size", BATCH)
            .set("message.max.bytes", MOST_BYTES.to_string());
        let (topic, pipeline) = (topics.dead_letters(), config.pipeline.clone());
        let producer = OnDemand::new(move || {
            let built = settings.create_with_context(kafka::Context);
            built.map_err(|error| kafka::failed("cannot build the dead-letter producer", error))
        });
        Self { producer, topic, pipeline, condition }
    }

    /// Writes letters and waits until Kafka has acknowledged every one. What passes by itself is retried.
    ///
    /// # Errors
    /// What does not pass; cancelled when `gone` is.
    pub async fn write(&self, letters: &[Letter<'_>], gone: &CancellationToken) -> Result<()> {
        if letters.is_empty() {
            return Ok(());
        }
        tell(letters);
        let what = format!("write to {}", self.topic);
        retry_with(Backoff::default(), &what, gone, &self.condition, || self.attempt(letters)).await?;
        for letter in letters {
            counter!(names::WORKER_DEAD_LETTERS, "reason" => letter.reason.kind).increment(1);
        }
        Ok(())
    }

    async fn attempt(&self, letters: &[Letter<'_>]) -> Result<()> {
        let producer = self.producer.get()?;
        let sent = try_join_all(letters.iter().map(|letter| self.send(&producer, letter))).await;
        self.producer.judge(&producer, sent.map(drop))
    }

    async fn send(&self, producer: &FutureProducer<kafka::Context>, letter: &Letter<'_>) -> Result<()> {
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic).headers(self.headers(letter));
        record.key = letter.record.key();
        record.payload = letter.record.value();
        match producer.send(record, QUEUE).await {
            Ok(_) => Ok(()),
            Err((error, _)) => {
                let bytes = letter.record.size();
                Err(kafka::failed(
                    format!("{} did not take a dead letter of {bytes} bytes", self.topic),
                    error,
                ))
            }
        }
    }

    fn headers(&self, letter: &Letter<'_>) -> OwnedHeaders {
        let own = letter.record.headers();
        let headers =
            own.fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value }));
        let added = [
            (header::REASON, letter.reason.text.clone()),
            (header::KIND, letter.reason.kind.to_owned()),
            (header::TOPIC, letter.partition.topic.to_string()),
            (header::PARTITION, letter.partition.number.to_string()),
            (header::OFFSET, letter.record.offset.to_string()),
            (header::TIME, now().to_string()),
            (header::PIPELINE, self.pipeline.clone()),
        ];
        added.iter().fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
    }
}

/// One line for each kind, however many letters: a foreign topic must not flood the log.
fn tell(letters: &[Letter<'_>]) {
    let mut kinds: BTreeMap<&str, (usize, &Letter<'_>)> = BTreeMap::new();
    for letter in letters {
        kinds.entry(letter.reason.kind).or_insert((0, letter)).0 += 1;
    }
    for (kind, (letters, first)) in kinds {
        let (partition, offset, reason) = (first.partition, first.record.offset, &first.reason.text);
        tracing::warn!(%partition, offset, kind, letters, reason, "dead letters; the place and reason of the first");
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    i64::try_from(now).unwrap_or(i64::MAX)
}
