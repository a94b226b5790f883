//! Writing a few records at once, for commands: all are durable, or the first refusal is told. Blocks.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer, ProducerContext},
    types::RDKafkaErrorCode,
};

use super::{client_config, failed, log, report};
use crate::{config::types::Kafka, error::Result};

/// How long the brokers may take to keep them.
const WITHIN: Duration = Duration::from_secs(30);
/// A little sooner the client itself gives up, so that nothing is delivered once the command has failed.
const DELIVERY: &str = "25000";

/// A record to be written.
#[derive(Debug, Clone, Default)]
pub struct Outgoing {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Vec<u8>,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
}

/// Remembers the first record that was not delivered.
#[derive(Default)]
struct Deliveries {
    refusal: Mutex<Option<KafkaError>>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        report(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = delivered {
            self.refusal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        }
    }
}

/// Writes records to one partition, in their order, and waits until all are durable.
///
/// # Errors
/// Whatever the brokers refuse one for; transient when they do not answer.
pub fn send(
    kafka: &Kafka,
    client_id: &str,
    (topic, partition): (&str, i32),
    records: &[Outgoing],
) -> Result<()> {
    let context = || format!("cannot write to {topic}");
    let producer: BaseProducer<Deliveries> = client_config(kafka, client_id)
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", DELIVERY)
        .create_with_context(Deliveries::default())
        .map_err(|error| failed("cannot build the Kafka producer", error))?;
    for record in records {
        hand_over(&producer, topic, partition, record).map_err(|error| failed(context(), error))?;
    }
    producer.flush(WITHIN).map_err(|error| failed(context(), error))?;
    let refusal = producer.context().refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
    refusal.map_or(Ok(()), |error| Err(failed(context(), error)))
}

/// Waits for room in the client's queue.
fn hand_over(
    producer: &BaseProducer<Deliveries>,
    topic: &str,
    partition: i32,
    record: &Outgoing,
) -> std::result::Result<(), KafkaError> {
    loop {
        let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        let mut outgoing = BaseRecord::<[u8], [u8]>::to(topic).partition(partition).payload(&record.value);
        outgoing.key = record.key.as_deref();
        match producer.send(outgoing.headers(headers)) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(100));
            }
            Err((error, _)) => return Err(error),
        }
    }
}
