//! An operator's order for a snapshot: written to the control topic, followed until the producer has carried it out.
//!
//! Owns the writing end of [`Request`]; the running producer owns what becomes of it. Leaving early changes nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{
    cli::SnapshotOrder,
    codec,
    config::Config,
    control::{PARTITION, Request, RequestState},
    error::{Error, Kind, Result},
    kafka::{client_config, failed, ledger::Follower},
    key_text,
    raw::Document,
    topics::Topics,
};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::value::RawValue;

use crate::source::CLIENT;

/// How long the brokers may take to keep the order.
const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// How long to wait for one record of the control topic.
const PATIENCE: Duration = Duration::from_millis(250);

/// Gives the order and, unless it is to detach, tells of its progress until its end. Blocks.
///
/// # Errors
/// [`Kind::Misconfigured`] for a namespace, slice or key that cannot be, and for an order that the producer refuses; transient
/// when the brokers do not answer.
pub fn snapshot(config: &Config, order: &SnapshotOrder, tell: impl Fn(String)) -> Result<()> {
    let key = Request::key(&slice(config, order)?, &id());
    let request = request(config, order)?;
    let control = Topics::new(&config.kafka.topic_prefix, &config.pipeline).control();
    write(config, &control, &key, &request)?;
    tell(format!("asked for a snapshot of {} ({key})", order.ns));
    if order.detach { Ok(()) } else { follow(config, &control, &key, &tell) }
}

fn slice(config: &Config, order: &SnapshotOrder) -> Result<String> {
    let names: Vec<_> = config.slices()?.into_iter().map(|slice| slice.name).collect();
    match (&order.slice, names.as_slice()) {
        (Some(name), names) if names.contains(name) => Ok(name.clone()),
        (None, [only]) => Ok(only.clone()),
        _ => Err(refused(&format!("--slice has to be one of {}", names.join(", ")))),
    }
}

/// Rises from one order to the next.
fn id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{:06}", now.as_secs(), now.subsec_micros())
}

fn request(config: &Config, order: &SnapshotOrder) -> Result<Request> {
    if order.reconcile && config.source.slices.len() > 1 {
        return Err(refused("--reconcile wants a pipeline with one source"));
    }
    if !config.filter().carries(&order.ns) {
        return Err(refused(&format!("{} is not carried by this pipeline", order.ns)));
    }
    let mut request = Request::of(order.ns.clone());
    request.reconcile = order.reconcile;
    request.filter = order.filter.as_deref().map(filter).transpose()?;
    for key in &order.keys {
        let mut bytes = Vec::new();
        let wrong = || refused("--key has to be Extended JSON with an _id");
        codec::decode::document(key.as_bytes(), &mut bytes).map_err(|_| wrong())?;
        let key = Document::new(&bytes).map_err(|_| wrong())?;
        request.keys.push(key_text::text(key).map_err(|_| wrong())?);
    }
    Ok(request)
}

/// The filter as it was written, once it is known to be one document.
fn filter(text: &str) -> Result<Box<RawValue>> {
    let wrong = || refused("--filter has to be a document of Extended JSON");
    codec::decode::document(text.as_bytes(), &mut Vec::new()).map_err(|_| wrong())?;
    RawValue::from_string(text.to_owned()).map_err(|_| wrong())
}

fn write(config: &Config, control: &str, key: &str, request: &Request) -> Result<()> {
    let value = serde_json::to_vec(request)
        .map_err(|error| Error::caused(Kind::Invariant, "a request has no JSON", error))?;
    let context = || format!("cannot write to {control}");
    let producer: BaseProducer = client_config(&config.kafka, CLIENT)
        .set("enable.idempotence", "true")
        .create()
        .map_err(|error| failed("cannot build the Kafka producer", error))?;
    let record = BaseRecord::<[u8], [u8]>::to(control).partition(PARTITION);
    let sent = producer.send(record.key(key.as_bytes()).payload(&value));
    sent.map_err(|(error, _)| failed(context(), error))?;
    producer.flush(WRITE_WITHIN).map_err(|error| failed(context(), error))
}

fn follow(config: &Config, control: &str, key: &str, tell: &impl Fn(String)) -> Result<()> {
    let mut follower = Follower::open(&config.kafka, control, PARTITION)?;
    loop {
        let mut news = None;
        follower.poll(PATIENCE, |found, value| news = (found == key).then_some(value))?;
        let request = match news {
            None => continue,
            Some(None) => return Err(refused("the snapshot was withdrawn")),
            Some(Some(value)) => serde_json::from_slice::<Request>(&value)
                .map_err(|error| Error::caused(Kind::Invariant, "the request was overwritten", error))?,
        };
        match request.state {
            RequestState::Asked => {}
            RequestState::Copying => tell(format!("{} documents", request.documents)),
            RequestState::Sweeping => tell(format!(
                "{} documents, {} removed; workers look through the target",
                request.documents, request.removed
            )),
            RequestState::Done if request.reconcile => {
                tell(format!("done: {} documents, {} removed", request.documents, request.removed));
                return Ok(());
            }
            RequestState::Done => {
                tell(format!("done: {} documents", request.documents));
                return Ok(());
            }
            RequestState::Refused => return Err(refused(&request.reason.unwrap_or_default())),
        }
    }
}

fn refused(why: &str) -> Error {
    Error::new(Kind::Misconfigured, why)
}
