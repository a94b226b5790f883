//! The control topic as the worker uses it: what the producer says was copied, and the repairs that are asked for.
//!
//! The copy of a namespace ends at a place of its slice's sequence. A delta behind that place finds its document at the target, or
//! something is wrong there and the document is fetched anew; before it, and where nothing was copied, finding none is normal. To tell the
//! two apart the topic has to be read to its end first, for the copy's end may just have been written.
//!
//! Keys and shapes of the records are [`common::control`]'s.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{
    config::types::Kafka,
    control::{self as records, COPIED_PREFIX, Copied},
    error::{Error, Kind, Result},
    headers::Sequence,
    kafka::{
        self, OnDemand,
        admin::REQUEST_TIMEOUT,
        send::{Outgoing, send},
    },
    key_text,
    namespace::Namespace,
    raw::Document,
    supervision::blocking,
};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde::Serialize;
use tokio::{sync::watch, time::timeout};

use crate::checkpoint::Repair;

const CLIENT: &str = "oplogue-worker-control";
/// How long the follower may take to reach the end of the topic.
const CATCH_UP: Duration = Duration::from_secs(10);

/// What is known from the control topic. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

struct Inner {
    topic: String,
    copied: Mutex<HashMap<(String, Namespace), Copied>>,
    is_followed: bool,
    /// The offset up to which the topic was read.
    read: watch::Sender<i64>,
    looks: OnDemand<BaseConsumer<kafka::Context>>,
    kafka: Kafka,
}

impl Control {
    /// Nothing is known yet. Where the topic is not followed, nothing ever is.
    #[must_use]
    pub fn new(kafka: &Kafka, topic: String, is_followed: bool) -> Self {
        let (copied, read) = (Mutex::default(), watch::Sender::new(0));
        let (looks, kafka) = (looks(kafka), kafka.clone());
        Self { inner: Arc::new(Inner { topic, copied, is_followed, read, looks, kafka }) }
    }

    /// Whether somebody reads the topic.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.inner.is_followed
    }

    /// Takes note of a record whose key begins with [`COPIED_PREFIX`].
    ///
    /// # Errors
    /// [`Kind::Invariant`] when it cannot be read.
    pub fn note(&self, key: &str, value: Option<&[u8]>) -> Result<()> {
        let place = key.strip_prefix(COPIED_PREFIX).and_then(|place| place.split_once('/'));
        let Some((slice, Ok(ns))) = place.map(|(slice, ns)| (slice, ns.parse::<Namespace>())) else {
            return Err(Error::new(Kind::Invariant, format!("the control topic has an odd key: {key}")));
        };
        let place = (slice.to_owned(), ns);
        let Some(value) = value else {
            self.copied().remove(&place);
            return Ok(());
        };
        let copied = serde_json::from_slice(value).map_err(|error| {
            Error::caused(Kind::Invariant, format!("the control topic's {key} cannot be read"), error)
        })?;
        self.copied().insert(place, copied);
        Ok(())
    }

    /// The topic was read up to this offset.
    pub fn reached(&self, offset: i64) {
        self.inner.read.send_if_modified(|read| std::mem::replace(read, offset) != offset);
    }

    /// Whether a delta at this place finds its document at the target, as far as the topic was read.
    #[must_use]
    pub fn is_copied(&self, at: &Sequence<'_>, ns: &Namespace) -> bool {
        let copied = self.copied();
        let copied = copied.get(&(at.slice.to_owned(), ns.clone()));
        copied.is_some_and(|copied| copied.epoch == at.epoch && copied.sequence < at.number)
    }

    /// Waits until the topic is read to the end that it has now.
    ///
    /// # Errors
    /// Transient when it takes too long.
    pub async fn catch_up(&self) -> Result<()> {
        let inner = self.inner.clone();
        let what = || format!("cannot read {} to its end", self.inner.topic);
        let unread = what();
        let (_, end) = blocking(move || {
            inner.looks.ask(|consumer| {
                let ends = consumer.fetch_watermarks(&inner.topic, records::PARTITION, REQUEST_TIMEOUT);
                ends.map_err(|error| kafka::failed(unread, error))
            })
        })
        .await?;
        let mut read = self.inner.read.subscribe();
        match timeout(CATCH_UP, read.wait_for(|read| *read >= end)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::new(Kind::Transient, what())),
        }
    }

    /// Asks the producer for documents and waits until the requests are durable.
    ///
    /// # Errors
    /// Transient when Kafka does not take them.
    pub async fn ask_for(&self, repairs: &[Repair]) -> Result<()> {
        if repairs.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            documents = repairs.len(),
            "documents are missing at the target or differ; they are asked for anew"
        );
        self.send(repairs.iter().map(request).collect::<Result<Vec<_>>>()?).await
    }

    /// Writes a record and waits until it is durable.
    ///
    /// # Errors
    /// Transient when Kafka does not take it.
    pub(crate) async fn say(&self, key: &str, value: &impl Serialize) -> Result<()> {
        let value = serde_json::to_string(value)
            .map_err(|error| Error::caused(Kind::Invariant, "a control record does not encode", error))?;
        self.send(vec![(key.to_owned(), value)]).await
    }

    /// Writes keys with their values. Rare enough for a producer of its own, which is not kept: idle ones have work to do, too.
    async fn send(&self, entries: Vec<(String, String)>) -> Result<()> {
        let records = entries.into_iter().map(|(key, value)| Outgoing {
            key: Some(key.into_bytes()),
            value: value.into_bytes(),
            ..Outgoing::default()
        });
        let (inner, records) = (self.inner.clone(), records.collect::<Vec<_>>());
        blocking(move || send(&inner.kafka, CLIENT, (&inner.topic, records::PARTITION), &records)).await
    }

    fn copied(&self) -> MutexGuard<'_, HashMap<(String, Namespace), Copied>> {
        self.inner.copied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn looks(kafka: &Kafka) -> OnDemand<BaseConsumer<kafka::Context>> {
    let mut settings = kafka::client_config(kafka, CLIENT);
    // The end that counts is behind what is not committed yet.
    settings.set("isolation.level", "read_uncommitted");
    OnDemand::new(move || {
        let built = settings.create_with_context(kafka::Context);
        built.map_err(|error| kafka::failed("cannot build a Kafka consumer", error))
    })
}

fn request(repair: &Repair) -> Result<(String, String)> {
    let damaged = |error| Error::caused(Kind::Invariant, "a document's key is damaged", error);
    let key = key_text::text(Document::new(&repair.key).map_err(damaged)?)?;
    let origin = &repair.origin;
    let request =
        records::Repair { ns: repair.ns.clone(), key, epoch: origin.epoch, sequence: origin.number };
    let unfit = |error| Error::caused(Kind::Invariant, "a request for a repair does not encode", error);
    Ok((request.key(&origin.slice), serde_json::to_string(&request).map_err(unfit)?))
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use common::codec::hex;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::checkpoint::Origin;

    fn control() -> Control {
        let kafka = serde_json::from_value(serde_json::json!({"brokers": "127.0.0.1:9"})).unwrap();
        Control::new(&kafka, "oplogue.p.control".to_owned(), true)
    }

    #[test]
    fn only_what_stands_behind_the_copys_end_in_its_epoch_was_copied() {
        let (control, ns) = (control(), Namespace::new("db", "a.b"));
        let at = |epoch, number| control.is_copied(&Sequence { slice: "rs0", epoch, number }, &ns);
        assert!(!at(1, 100));
        let value = br#"{"ns":"db.a.b","epoch":1,"sequence":50,"clusterTime":"7.1"}"#;
        control.note("copied/rs0/db.a.b", Some(value)).unwrap();
        assert!(at(1, 51) && !at(1, 50) && !at(0, 51) && !at(2, 51));
        assert!(!control.is_copied(&Sequence { slice: "rs1", epoch: 1, number: 51 }, &ns));
        control.note("copied/rs0/db.a.b", None).unwrap();
        assert!(!at(1, 51));
        assert!(control.note("copied/rs0", None).is_err());
    }

    #[test]
    fn request_names_the_document_and_the_record() {
        let origin = Origin { slice: "rs0".to_owned(), epoch: 0, number: 456 };
        let key = doc! {"_id": 5}.to_vec().unwrap();
        let (key, value) = request(&Repair { ns: Namespace::new("db", "coll"), key, origin }).unwrap();
        assert_eq!(value, r#"{"ns":"db.coll","key":{"_id":{"$numberInt":"5"}},"epoch":0,"sequence":456}"#);
        let digest = key.strip_prefix("repair/rs0/").unwrap();
        let wanted = Sha256::digest(b"db.coll\0{\"_id\":{\"$numberInt\":\"5\"}}");
        assert_eq!(digest, hex::text(&wanted));
    }
}
