//! One producer session: a transactional client from its fencing to its end.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use common::{
    config::{Config, Slice},
    control,
    error::{Error, Kind, Result},
    kafka::{self, classify, client_config, failed},
    position::SLICE_KEY,
    retry::Backoff,
    telemetry::{health::Condition, names},
    topics::Topics,
};
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode as Code},
    message::Message as _,
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
};
use tokio_util::sync::CancellationToken;

use super::{
    Limits,
    familiar::Familiar,
    headers, parts,
    rounds::{self, Rounds},
};
use crate::{
    encode::{Encoded, Entry, Record},
    memory::Budget,
};

/// How long the brokers may take to begin, end or fence.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How often an aborted transaction is tried again before the client is given up.
const ATTEMPTS: usize = 3;
/// How often it is looked whether they have arrived, while a transaction's records are on their way.
const SERVE_INTERVAL: Duration = Duration::from_millis(1);

/// The first delivery of a transaction that failed: it says why the brokers will abort it, and which topic it was for.
#[derive(Debug, Clone)]
struct Deliveries {
    failed: Arc<Mutex<Option<(KafkaError, String)>>>,
    reached: Condition,
}

impl Deliveries {
    fn have_failed(&self) -> bool {
        self.failed.lock().is_ok_and(|failed| failed.is_some())
    }

    /// Forgets the failure and hands it out.
    fn take(&self) -> Option<(KafkaError, String)> {
        self.failed.lock().ok()?.take()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        kafka::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka::report(&error, reason);
        if error.rdkafka_error_code() == Some(Code::AllBrokersDown) {
            self.reached.not_ready("no broker can be reached");
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let (Err((error, record)), Ok(mut failed)) = (result, self.failed.lock()) {
            failed.get_or_insert_with(|| (error.clone(), record.topic().to_owned()));
        }
    }
}

/// A transactional client; older ones of the same slice are fenced.
pub struct Session {
    client: BaseProducer<Deliveries>,
    deliveries: Deliveries,
    slice: Slice,
    positions: String,
    control: String,
    limits: Arc<Limits>,
    familiar: RefCell<Familiar>,
    shutdown: CancellationToken,
}

impl Session {
    /// Builds the client and fences every older producer of the slice. Blocks. `reached` holds while brokers can be reached.
    ///
    /// # Errors
    /// Transient when the brokers do not answer; [`Kind::Misconfigured`] when they refuse.
    pub fn open(
        config: &Config,
        slice: &Slice,
        limits: Arc<Limits>,
        reached: Condition,
        shutdown: CancellationToken,
    ) -> Result<Self> {
        let topics = Topics::new(&config.kafka.topic_prefix, &config.pipeline);
        let budget = Budget::of(&config.producer);
        let deliveries = Deliveries { failed: Arc::default(), reached };
        let mut settings = client_config(&config.kafka, "oplogue-producer");
        kafka::propose(&mut settings, &["compression.type", "compression.codec"], "lz4");
        kafka::propose(&mut settings, &["linger.ms", "queue.buffering.max.ms"], "1");
        let client: BaseProducer<Deliveries> = settings
            .set("transactional.id", format!("oplogue.{}.{}", config.pipeline, slice.name))
            .set("transaction.timeout.ms", config.producer.transaction_timeout_ms.to_string())
            .set("enable.idempotence", "true")
            // What has arrived is counted by librdkafka itself; a report of each record would cost as much as its headers do.
            .set("delivery.report.only.error", "true")
            .set("acks", "all")
            .set("batch.size", limits.batch_bytes().to_string())
            .set("queue.buffering.max.kbytes", (budget.queue / 1024).to_string())
            .create_with_context(deliveries.clone())
            .map_err(|error| failed("cannot build the Kafka producer", error))?;
        client
            .init_transactions(REQUEST_TIMEOUT)
            .map_err(|error| failed("cannot take the slice over from an older producer", error))?;
        Ok(Self {
            client,
            deliveries,
            slice: slice.clone(),
            positions: topics.positions(),
            control: topics.control(),
            limits,
            familiar: RefCell::default(),
            shutdown,
        })
    }

    /// Writes the slice's name into its partition of the positions topic. Blocks.
    ///
    /// # Errors
    /// As [`Session::commit`], but it is not tried again.
    pub fn claim(&self) -> Result<()> {
        let value = serde_json::Value::from(self.slice.name.as_str()).to_string().into_bytes();
        let name = Entry { key: SLICE_KEY.to_owned(), value: Some(value) };
        let claimed = self.transaction(|| self.send_entries(&self.positions, self.partition(), [&name]));
        claimed.map_err(|error| failed("cannot claim the slice's positions", error))
    }

    /// Publishes the batches and the position behind the last of them in one transaction. Blocks.
    ///
    /// A transaction that the brokers abort for a reason that passes is tried again as a whole, a few times: a client that
    /// never gets through is replaced by a new one.
    ///
    /// # Errors
    /// Transient when it did not get through, also where a topic has come to take less; [`Kind::Fenced`] when another
    /// producer has taken over or the client is of no more use; [`Kind::Misconfigured`] when the brokers refuse a record, or
    /// one can be cut as small as it may be and does not fit; [`Kind::Cancelled`] on shutdown.
    pub fn commit(&self, batches: &[Encoded]) -> Result<()> {
        batches.iter().try_for_each(check_keys)?;
        let mut backoff = Backoff::default().take(ATTEMPTS);
        loop {
            let (error, topic) = match self.attempt(batches) {
                Ok(()) => return Ok(()),
                Err(error) if is_abortable(&error) => {
                    self.deliveries.take().unwrap_or((error, String::new()))
                }
                Err(error) => return Err(failed("cannot publish", error)),
            };
            metrics::counter!(names::PRODUCER_TRANSACTIONS, "outcome" => "aborted").increment(1);
            self.deliveries.reached.not_ready(error.to_string());
            if self.shutdown.is_cancelled() {
                tracing::warn!(%error, "stopping without the last batch; it is published at the next start");
                return Err(Error::cancelled());
            }
            if error.rdkafka_error_code() == Some(Code::MessageSizeTooLarge) {
                // Readers need not wait for the next life to abort it.
                drop(self.abort());
                return Err(self.limits.refused(&topic));
            }
            let wait = backoff.next().filter(|_| classify(&error) == Kind::Transient);
            let Some(wait) = wait else { return Err(failed("cannot publish", error)) };
            tracing::warn!(%error, ?wait, "a transaction was aborted and is tried again");
            self.abort()?;
            std::thread::sleep(wait);
        }
    }

    fn attempt(&self, batches: &[Encoded]) -> Result<(), KafkaError> {
        self.transaction(|| {
            self.send_records(batches)?;
            let announcements = batches.iter().flat_map(|batch| &batch.announcements);
            self.send_entries(&self.control, control::PARTITION, announcements)?;
            self.send_entries(&self.positions, self.partition(), newest(batches))
        })
    }

    fn transaction(&self, send: impl FnOnce() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
        drop(self.deliveries.take());
        self.client.begin_transaction()?;
        send()?;
        self.serve_until_delivered();
        self.retried(|| self.client.commit_transaction(REQUEST_TIMEOUT))?;
        self.deliveries.reached.ready();
        Ok(())
    }

    /// The slice's partition of the positions topic.
    fn partition(&self) -> i32 {
        self.slice.partition.into()
    }

    fn send_records(&self, batches: &[Encoded]) -> Result<(), KafkaError> {
        let mut text = String::new();
        let rounds = Rounds::new(batches, self.limits.batch_bytes(), |partition| self.is_familiar(partition));
        for (number, round) in rounds.enumerate() {
            if number > 0 {
                self.serve_until_delivered();
            }
            round.iter().try_for_each(|(batch, record)| self.send_record(batch, record, &mut text))?;
            for (_, record) in round.chunk_by(rounds::share_a_partition).filter_map(<[_]>::first) {
                self.follow_the_first(rounds::partition(record));
            }
        }
        Ok(())
    }

    fn is_familiar(&self, partition: (&str, i32)) -> bool {
        self.familiar.borrow().has(partition, Instant::now())
    }

    /// Waits for the first record that goes to a partition; where the transaction fails meanwhile, the next one is the first again.
    fn follow_the_first(&self, partition: (&str, i32)) {
        if self.is_familiar(partition) {
            return;
        }
        self.serve_until_delivered();
        if !self.deliveries.have_failed() {
            self.familiar.borrow_mut().arrived(partition, Instant::now());
        }
    }

    fn send_record(&self, batch: &Encoded, record: &Record, text: &mut String) -> Result<(), KafkaError> {
        let key = batch.key(record);
        let room = room(record, key).unwrap_or(usize::MAX);
        for (part, value) in parts::cut(batch.value(record), room) {
            let headers = headers::of(record, part, (&self.slice.name, batch.position.epoch), text);
            let out = BaseRecord::<[u8], [u8]>::to(&record.route.topic.topic)
                .partition(record.partition)
                .payload(value)
                .timestamp(i64::from(record.cluster_time.seconds()) * 1000)
                .headers(headers);
            self.send(match key {
                Some(key) => out.key(key),
                None => out,
            })?;
            if part.is_some() {
                self.follow_the_first(rounds::partition(record));
            }
        }
        Ok(())
    }

    fn send_entries<'a>(
        &self,
        topic: &str,
        partition: i32,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<(), KafkaError> {
        for entry in entries {
            let out = BaseRecord::<[u8], [u8]>::to(topic).partition(partition);
            let out = out.key(entry.key.as_bytes());
            self.send(match &entry.value {
                Some(value) => out.payload(value),
                None => out,
            })?;
            self.follow_the_first((topic, partition));
        }
        Ok(())
    }

    /// Hands one record to the client, waiting while its queue is full.
    fn send(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<(), KafkaError> {
        loop {
            match self.client.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), back)) => {
                    self.serve();
                    record = back;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Waits until no record is on its way, or one has failed, as each does that is not there within the transaction's timeout
    /// (`message.timeout.ms` is that at most). Committing waits for it too, but in steps of 100 ms.
    fn serve_until_delivered(&self) {
        while self.client.in_flight_count() > 0 && !self.deliveries.have_failed() {
            self.serve();
        }
    }

    /// Serves what is there to serve, or sleeps a moment when nothing is. `poll` with a timeout would spin through its last
    /// millisecond, for the client counts in whole ones.
    fn serve(&self) {
        let outstanding = self.client.in_flight_count();
        self.client.poll(Duration::ZERO);
        if self.client.in_flight_count() == outstanding {
            std::thread::sleep(SERVE_INTERVAL);
        }
    }

    fn abort(&self) -> Result<()> {
        self.retried(|| self.client.abort_transaction(REQUEST_TIMEOUT))
            .map_err(|error| Error::caused(Kind::Fenced, "cannot abort a transaction", error))
    }

    /// Repeats a call that librdkafka says may be repeated as it is.
    fn retried(&self, call: impl Fn() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
        loop {
            match call() {
                Err(KafkaError::Transaction(error)) if error.is_retriable() => self.serve(),
                other => return other,
            }
        }
    }
}

/// Bytes of its value that one record takes.
fn room(record: &Record, key: Option<&[u8]>) -> Option<usize> {
    parts::room(record.route.limit, key.map_or(0, <[u8]>::len))
}

/// Every record repeats its key, so that must fit, whatever becomes of the value.
fn check_keys(batch: &Encoded) -> Result<()> {
    let unfit = batch.records.iter().find(|record| room(record, batch.key(record)).is_none());
    unfit.map_or(Ok(()), |record| {
        let (topic, limit) = (&record.route.topic.topic, record.route.limit);
        let key = batch.key(record).map_or(0, <[u8]>::len);
        let context = format!(
            "an event of {} has a key of {key} bytes, which no record of topic {topic} can hold beside the rest: raise its \
             max.message.bytes ({limit})",
            record.route.name
        );
        Err(Error::new(Kind::Misconfigured, context))
    })
}

/// Of each key the newest record over all batches: only that would survive compaction.
fn newest(batches: &[Encoded]) -> Vec<&Entry> {
    let entries = batches.iter().flat_map(|batch| &batch.positions);
    let newest: BTreeMap<&str, &Entry> = entries.map(|entry| (entry.key.as_str(), entry)).collect();
    newest.into_values().collect()
}

fn is_abortable(error: &KafkaError) -> bool {
    match error {
        KafkaError::Transaction(error) => error.txn_requires_abort(),
        KafkaError::Flush(_) => true,
        // A transaction that has failed takes no more records; after what is final the client says so instead.
        KafkaError::MessageProduction(code) => *code == Code::State,
        _ => false,
    }
}
