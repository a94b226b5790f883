//! The encoder: gathers records until the shell takes them.

use std::{borrow::Cow, ops::Range, sync::Arc};

use common::{
    cluster_time::ClusterTime,
    codec,
    control::Copied,
    error::{Error, Kind, Result},
    event::{ChangeEvent, Operation},
    headers::{Barrier, Format},
    key,
    namespace::Namespace,
    position::{CollectionCopy, CollectionDefinition, Gap, Position, TOKEN_KEY, Topic},
    raw::{Document, Element, Writer},
};
use serde::Serialize;
use serde_json::value::RawValue;

use shape::Rule;

use super::{
    Encoded, Entry, Record,
    ruled::{self, Written},
    snapshot_event, transaction,
};
use crate::route::Route;

/// Memory that is kept for the next event, and that a batch begins with, at most: one large event must not make all after it as
/// large.
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// Turns events and snapshot documents into records, in the order in which it is given them.
#[derive(Debug)]
pub struct Encoder {
    position: Position,
    arena: Vec<u8>,
    records: Vec<Record>,
    positions: Vec<Entry>,
    announcements: Vec<Entry>,
    hash: Vec<u8>,
    event: Writer,
    /// An event without the documents that nobody asked for.
    bare: Writer,
    /// What rules leave of an event.
    left: Writer,
}

impl Encoder {
    /// An encoder that goes on from `position`.
    #[must_use]
    pub fn new(position: Position) -> Self {
        Self {
            position,
            arena: Vec::new(),
            records: Vec::new(),
            positions: Vec::new(),
            announcements: Vec::new(),
            hash: Vec::new(),
            event: Writer::new(),
            bare: Writer::new(),
            left: Writer::new(),
        }
    }

    /// The position that holds once everything given so far is durable.
    #[must_use]
    pub const fn position(&self) -> &Position {
        &self.position
    }

    /// The position, for what is neither token nor sequence.
    pub const fn position_mut(&mut self) -> &mut Position {
        &mut self.position
    }

    /// Bytes of keys and values gathered.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// Whether nothing is gathered that needs publishing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty() && self.positions.is_empty() && self.announcements.is_empty()
    }

    /// Adds a change event of the source.
    ///
    /// # Errors
    /// [`Kind::Invariant`] for a document change without a document key or cluster time, which no server sends.
    pub fn event(&mut self, event: &ChangeEvent<'_>, route: &Arc<Route>) -> Result<()> {
        let Some(beside) = route.beside else { return self.asked_for(event, route) };
        let mut bare = std::mem::take(&mut self.bare);
        let added = match beside.write(event, &mut bare).map_err(malformed)? {
            true => Document::new(bare.as_bytes())
                .and_then(ChangeEvent::parse)
                .map_err(malformed)
                .and_then(|event| self.asked_for(&event, route)),
            false => self.asked_for(event, route),
        };
        if bare.len() <= KEPT_BYTES {
            self.bare = bare;
        }
        added
    }

    /// Adds an event that shows only what was asked for.
    fn asked_for(&mut self, event: &ChangeEvent<'_>, route: &Arc<Route>) -> Result<()> {
        let time = event.cluster_time.ok_or_else(|| broken("a change event without clusterTime"))?;
        let id = match event.document_key {
            Some(key) if event.operation.is_document_change() => Some(id_of(key)?),
            _ if event.operation.is_document_change() => return Err(broken("a change without documentKey")),
            _ => None,
        };
        let record = Record::new(route, name(event.operation), time, self.next_sequence(), false);
        match &route.rule {
            Some(rule) if event.operation.is_document_change() => self.push_ruled(record, event, rule),
            _ => self.push_event(record, id.as_ref(), event),
        }
    }

    fn push_event(
        &mut self,
        mut record: Record,
        id: Option<&Element<'_>>,
        event: &ChangeEvent<'_>,
    ) -> Result<()> {
        if !record.is_snapshot {
            record.transaction =
                transaction::place(event, &mut self.position.transaction).map_err(malformed)?;
        }
        self.push(record, id, event.bytes)
    }

    /// Adds what the rules leave of a change of a document.
    fn push_ruled(&mut self, mut record: Record, event: &ChangeEvent<'_>, rule: &Rule) -> Result<()> {
        let mut left = std::mem::take(&mut self.left);
        let written = ruled::write(event, rule, &mut left).map_err(malformed)?;
        let pushed = match written {
            None => Ok(()),
            Some(Written { operation, ruled }) => {
                (record.operation, record.ruled) = (Cow::Borrowed(operation), Some(ruled));
                let left = Document::new(left.as_bytes()).map_err(malformed)?;
                let left = ChangeEvent::parse(left).map_err(malformed)?;
                let id = left.document_key.map(id_of).transpose()?;
                self.push_event(record, id.as_ref(), &left)
            }
        };
        if left.len() <= KEPT_BYTES {
            self.left = left;
        }
        pushed
    }

    /// Adds a definition change that every partition of these topics has to stop at: a record in each, with consecutive sequence numbers.
    /// The first topic is that of the event's namespace.
    ///
    /// # Errors
    /// [`Kind::Invariant`] for an event without cluster time, which no server sends.
    pub fn barrier(
        &mut self,
        event: &ChangeEvent<'_>,
        routes: &[Arc<Route>],
        is_snapshot: bool,
    ) -> Result<()> {
        let time = event.cluster_time.ok_or_else(|| broken("a change event without clusterTime"))?;
        let topics: Vec<_> =
            routes.iter().map(|route| (route.topic.topic.as_str(), route.topic.partitions)).collect();
        let places = routes.iter().flat_map(|route| (0..route.topic.partitions).map(move |p| (route, p)));
        if !is_snapshot {
            transaction::keep(event, &mut self.position.transaction).map_err(malformed)?;
        }
        let (format, value) = self.value(event.bytes);
        for (number, (route, partition)) in (1..).zip(places) {
            let sequence = self.next_sequence();
            let mut record = Record::new(route, name(event.operation), time, sequence, is_snapshot);
            (record.partition, record.format) = (partition.into(), format);
            record.of = routes.first().cloned();
            record.barrier = Some(Barrier { number, topics: topics.clone() }.to_string());
            self.position.sequence = record.sequence;
            self.records.push(record.with(None, value.clone()));
        }
        Ok(())
    }

    /// Adds a snapshot document as read at `time`.
    ///
    /// # Errors
    /// [`Kind::Invariant`] for a document without `_id`, which no server stores.
    pub fn snapshot(&mut self, document: Document<'_>, time: ClusterTime, route: &Arc<Route>) -> Result<()> {
        self.read(Some(document), &id_of(document)?, time, route)
    }

    /// Adds that there was no document with this key, `{_id: …}`, at `time`.
    ///
    /// # Errors
    /// [`Kind::Invariant`] for a key without `_id`.
    pub fn absence(&mut self, key: Document<'_>, time: ClusterTime, route: &Arc<Route>) -> Result<()> {
        self.read(None, &id_of(key)?, time, route)
    }

    /// Adds what a read at `time` showed under an `_id`.
    fn read(
        &mut self,
        document: Option<Document<'_>>,
        id: &Element<'_>,
        time: ClusterTime,
        route: &Arc<Route>,
    ) -> Result<()> {
        let mut event = std::mem::take(&mut self.event);
        snapshot_event::write(document, id, &route.topic.ns, time, &mut event);
        let operation = Cow::Borrowed(snapshot_event::operation(document.is_some()));
        let record = Record::new(route, operation, time, self.next_sequence(), true);
        let view = Document::new(event.as_bytes()).map_err(malformed)?;
        let pushed = match &route.rule {
            Some(rule) => ChangeEvent::parse(view)
                .map_err(malformed)
                .and_then(|event| self.push_ruled(record, &event, rule)),
            None => self.push(record, Some(id), view),
        };
        if event.len() <= KEPT_BYTES {
            self.event = event;
        }
        pushed
    }

    /// Moves the position behind `token`, whose cluster time is `time`.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when the token cannot be written as text.
    pub fn advance(&mut self, token: Document<'_>, time: Option<ClusterTime>) -> Result<()> {
        self.position.token = Some(text_of(token)?);
        self.position.cluster_time = time.unwrap_or_default().max(self.position.cluster_time);
        Ok(())
    }

    /// Adds a collection's progress to the position.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when it cannot be written as JSON.
    pub fn copy(&mut self, copy: &CollectionCopy) -> Result<()> {
        self.keep(entry(copy.key(), copy)?);
        Ok(())
    }

    /// Adds what has been published of a collection's definition to the position.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when it cannot be written as JSON.
    pub fn defined(&mut self, definition: &CollectionDefinition) -> Result<()> {
        self.keep(entry(CollectionDefinition::key(&definition.ns), definition)?);
        Ok(())
    }

    /// Takes what has been published of a collection's definition out of the position.
    pub fn undefined(&mut self, ns: &Namespace) {
        self.keep(Entry { key: CollectionDefinition::key(ns), value: None });
    }

    /// A record of the position that replaces an earlier one of its key.
    fn keep(&mut self, entry: Entry) {
        self.positions.retain(|earlier| earlier.key != entry.key);
        self.positions.push(entry);
    }

    /// Takes a collection's progress out of the position.
    pub fn forget(&mut self, copy: &CollectionCopy) {
        self.positions.push(Entry { key: copy.key(), value: None });
    }

    /// Adds a topic to the position and announces it to the workers.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when it cannot be written as JSON.
    pub fn topic(&mut self, topic: &Topic) -> Result<()> {
        self.positions.push(entry(topic.key(), topic)?);
        self.announce(topic.key(), topic)
    }

    /// Says that the copy of `ns` has ended here: behind everything added so far.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when it cannot be written as JSON.
    pub fn copied(&mut self, slice: &str, ns: &Namespace) -> Result<()> {
        let Position { epoch, sequence, cluster_time, .. } = self.position;
        let copied = Copied { ns: ns.clone(), epoch, sequence, cluster_time };
        self.announce(Copied::key(slice, ns), &copied)
    }

    /// Adds a record of the control topic.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when it cannot be written as JSON.
    pub fn announce(&mut self, key: String, value: &impl Serialize) -> Result<()> {
        self.announcements.push(entry(key, value)?);
        Ok(())
    }

    /// Records lost history for workers and operators.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when it cannot be written as JSON.
    pub fn gap(&mut self, slice: &str, gap: &Gap) -> Result<()> {
        self.announce(gap.key(slice), gap)
    }

    /// Withdraws a record of the control topic.
    pub fn withdraw(&mut self, key: String) {
        self.announcements.push(Entry { key, value: None });
    }

    /// Hands out what was gathered, with the position behind it.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when the position cannot be written as JSON.
    pub fn take(&mut self) -> Result<Encoded> {
        let mut positions = std::mem::take(&mut self.positions);
        positions.push(entry(TOKEN_KEY.to_owned(), &self.position)?);
        let capacity = self.arena.len().min(KEPT_BYTES);
        Ok(Encoded {
            arena: std::mem::replace(&mut self.arena, Vec::with_capacity(capacity)),
            records: std::mem::take(&mut self.records),
            positions,
            announcements: std::mem::take(&mut self.announcements),
            position: self.position.clone(),
        })
    }

    const fn next_sequence(&self) -> u64 {
        self.position.sequence + 1
    }

    fn push(&mut self, mut record: Record, id: Option<&Element<'_>>, event: Document<'_>) -> Result<()> {
        let key = match id {
            Some(id) => {
                record.partition =
                    key::partition(id, record.route.topic.partitions, &mut self.hash).map_err(malformed)?;
                Some(self.key(id))
            }
            None => None,
        };
        let (format, value) = self.value(event);
        record.format = format;
        self.position.sequence = record.sequence;
        self.records.push(record.with(key, value));
        Ok(())
    }

    /// `{"_id": …}` in the arena. An `_id` that has no faithful text (see `common::codec`) goes as raw BSON.
    fn key(&mut self, id: &Element<'_>) -> Range<usize> {
        let start = self.arena.len();
        if codec::encode::field("_id", id, &mut self.arena).is_err() {
            self.arena.truncate(start);
            let mut raw = Writer::over(std::mem::take(&mut self.arena));
            raw.begin();
            raw.element(id);
            raw.end();
            self.arena = raw.into_bytes();
        }
        start..self.arena.len()
    }

    /// The event in the arena, as canonical Extended JSON, or as raw BSON where that has no faithful text.
    fn value(&mut self, event: Document<'_>) -> (Format, Range<usize>) {
        let start = self.arena.len();
        let format = match codec::encode::document(event, &mut self.arena) {
            Ok(()) => Format::ExtJson,
            Err(_) => {
                self.arena.truncate(start);
                self.arena.extend_from_slice(event.as_bytes());
                Format::Bson
            }
        };
        (format, start..self.arena.len())
    }
}

/// Canonical Extended JSON of a document, for the position.
///
/// # Errors
/// [`Kind::Invariant`] when the document has no faithful text.
pub fn text_of(document: Document<'_>) -> Result<Box<RawValue>> {
    let mut text = Vec::new();
    codec::encode::document(document, &mut text)
        .map_err(|error| Error::caused(Kind::Invariant, "a position has no text", error))?;
    let text = String::from_utf8(text)
        .map_err(|error| Error::caused(Kind::Invariant, "a position's text", error))?;
    RawValue::from_string(text).map_err(|error| Error::caused(Kind::Invariant, "a position's text", error))
}

fn entry(key: String, value: &impl Serialize) -> Result<Entry> {
    let value = serde_json::to_vec(value)
        .map_err(|error| Error::caused(Kind::Invariant, "a ledger record has no JSON", error))?;
    Ok(Entry { key, value: Some(value) })
}

fn id_of(document: Document<'_>) -> Result<Element<'_>> {
    document.get("_id").map_err(malformed)?.ok_or_else(|| broken("a document without _id"))
}

fn name(operation: Operation<'_>) -> Cow<'static, str> {
    match operation {
        Operation::Insert => Cow::Borrowed("insert"),
        Operation::Update => Cow::Borrowed("update"),
        Operation::Replace => Cow::Borrowed("replace"),
        Operation::Delete => Cow::Borrowed("delete"),
        other => Cow::Owned(other.name().to_owned()),
    }
}

fn malformed(error: common::raw::Error) -> Error {
    Error::caused(Kind::Invariant, "the source sent malformed BSON", error)
}

fn broken(what: &str) -> Error {
    Error::new(Kind::Invariant, format!("the source sent {what}"))
}
