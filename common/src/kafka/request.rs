//! Asking the running producer for documents: the writing end of a [`Request`], and following what becomes of it.
//!
//! The producer owns what becomes of a request. Whoever asked may leave early: that changes nothing. Blocks; for threads of their own.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    ledger::Follower,
    send::{Outgoing, send},
};
use crate::{
    config::types::Kafka,
    control::{PARTITION, Request},
    error::{Error, Kind, Result},
};

/// How long to wait for one record of the control topic.
const PATIENCE: Duration = Duration::from_millis(250);

/// How requests have ended, by key; `None` for one that was withdrawn. One that has not ended is not there.
pub type Ended = BTreeMap<String, Option<Request>>;

/// Rises from one request to the next.
#[must_use]
pub fn id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{:06}", now.as_secs(), now.subsec_micros())
}

/// Writes requests under their keys and waits until they are durable.
///
/// # Errors
/// Transient when the brokers do not take them.
pub fn write(kafka: &Kafka, control: &str, requests: &BTreeMap<String, Request>) -> Result<()> {
    let records = requests.iter().map(|(key, request)| {
        let value = serde_json::to_vec(request)
            .map_err(|error| Error::caused(Kind::Invariant, "a request has no JSON", error))?;
        Ok(Outgoing { key: Some(key.as_bytes().to_vec()), value, headers: Vec::new() })
    });
    send(kafka, "oplogue-requests", (control, PARTITION), &records.collect::<Result<Vec<_>>>()?)
}

/// Follows requests until all have ended, or nothing has become of any for as long as `patience`. Hands each piece of news to `tell`.
///
/// # Errors
/// Whatever the brokers answer; [`Kind::Misconfigured`] for a request that somebody overwrote.
pub fn follow(
    kafka: &Kafka,
    control: &str,
    keys: &[String],
    patience: Option<Duration>,
    mut tell: impl FnMut(&str, &Request),
) -> Result<Ended> {
    let mut follower = Follower::open(kafka, control, PARTITION)?;
    let (mut ended, mut heard) = (Ended::new(), Instant::now());
    while ended.len() < keys.len() && patience.is_none_or(|patience| heard.elapsed() < patience) {
        let mut news = None;
        follower.poll(PATIENCE, |key, value| news = keys.contains(&key).then_some((key, value)))?;
        let Some((key, value)) = news else { continue };
        let request = value.map(|value| read(&value)).transpose()?;
        if request.as_ref().is_none_or(Request::is_under_way) {
            heard = Instant::now();
        }
        if let Some(request) = &request {
            tell(&key, request);
        }
        if request.as_ref().is_none_or(Request::has_ended) {
            ended.insert(key, request);
        }
    }
    Ok(ended)
}

fn read(value: &[u8]) -> Result<Request> {
    serde_json::from_slice(value)
        .map_err(|error| Error::caused(Kind::Misconfigured, "the request was overwritten", error))
}
