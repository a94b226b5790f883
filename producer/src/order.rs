//! An operator's order for a snapshot: written to the control topic, followed until the producer has carried it out.
//!
//! Owns the writing end of [`Request`]; the running producer owns what becomes of it. Leaving early changes nothing.

use std::collections::BTreeMap;

use common::{
    cli::SnapshotOrder,
    codec,
    config::Config,
    control::{Request, RequestState},
    error::{Error, Kind, Result},
    kafka::request as requests,
    key_text,
    raw::Document,
    topics::Topics,
};
use serde_json::value::RawValue;

/// Gives the order and, unless it is to detach, tells of its progress until its end. Blocks.
///
/// # Errors
/// [`Kind::Misconfigured`] for a namespace, slice or key that cannot be, and for an order that the producer refuses; transient
/// when the brokers do not answer.
pub fn snapshot(config: &Config, order: &SnapshotOrder, tell: impl Fn(String)) -> Result<()> {
    let key = Request::key(&slice(config, order)?, &requests::id());
    let request = request(config, order)?;
    let control = Topics::new(&config.kafka.topic_prefix, &config.pipeline).control();
    requests::write(&config.kafka, &control, &BTreeMap::from([(key.clone(), request)]))?;
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

fn follow(config: &Config, control: &str, key: &str, tell: &impl Fn(String)) -> Result<()> {
    let mut ended = requests::follow(&config.kafka, control, &[key.to_owned()], None, |_, request| {
        if let Some(line) = line(request) {
            tell(line);
        }
    })?;
    let request = ended.remove(key).flatten().ok_or_else(|| refused("the snapshot was withdrawn"))?;
    match request.state {
        RequestState::Refused => Err(refused(&request.reason.unwrap_or_default())),
        _ => Ok(()),
    }
}

/// What is told of a request that has got so far.
fn line(request: &Request) -> Option<String> {
    let Request { documents, removed, .. } = request;
    match request.state {
        RequestState::Asked | RequestState::Refused => None,
        RequestState::Copying => Some(format!("{documents} documents")),
        RequestState::Sweeping => {
            Some(format!("{documents} documents, {removed} removed; workers look through the target"))
        }
        RequestState::Done if request.reconcile => {
            Some(format!("done: {documents} documents, {removed} removed"))
        }
        RequestState::Done => Some(format!("done: {documents} documents")),
    }
}

fn refused(why: &str) -> Error {
    Error::new(Kind::Misconfigured, why)
}
