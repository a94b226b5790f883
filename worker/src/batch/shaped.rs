//! Shaping a batch: from change events to the records that are planned.
//!
//! Pure. Field rules are applied to every document and every delta here, on the only road to the target. Two steps, because the
//! planned records borrow what shaping writes.

use std::{collections::HashMap, ops::Range};

use common::{
    error::{Error, Kind, Result},
    event::{ChangeEvent, Operation, UpdateDescription},
    namespace::Namespace,
    raw::{self, Document, Element, Writer},
};

use super::open::{Event, Place};
use crate::{
    dead_letter::Reason,
    identity,
    plan::{Change, NamespaceId, Record},
    shape::{self, Rules, Shaper, Unclear},
    targets::Targets,
};

/// The namespaces of a batch, numbered as they come.
#[derive(Debug)]
pub(super) struct Names<'a, 's> {
    numbers: HashMap<(&'a str, &'a str), NamespaceId>,
    /// By the source's names, which people know them by.
    pub(super) names: Vec<Namespace>,
    /// By the target's names, under which they are written.
    pub(super) targets: Vec<Namespace>,
    shapers: Vec<Option<&'s Shaper>>,
}

/// What is left of an event.
#[derive(Debug)]
enum Left<'a> {
    /// A whole document, shaped, by its place in the arena.
    Shaped(Range<usize>),
    /// A whole document that no rule touches.
    Whole(Document<'a>),
    /// A delta, shaped.
    Delta(shape::Delta),
    /// A delta that no rule touches.
    WholeDelta(UpdateDescription<'a>),
    Delete,
}

#[derive(Debug)]
struct Entry<'a> {
    place: Place,
    namespace: NamespaceId,
    id: Element<'a>,
    key: Range<usize>,
    left: Left<'a>,
    /// Whether the target should have none of that `_id`.
    is_new: bool,
}

/// The shaped events of a batch.
#[derive(Debug)]
pub(super) struct Shaped<'a> {
    arena: Vec<u8>,
    keys: Vec<u8>,
    entries: Vec<Entry<'a>>,
    /// Events that cannot be shaped.
    pub(super) refused: Vec<(Place, Reason)>,
}

impl<'a, 's> Names<'a, 's> {
    /// Numbers the namespaces and looks up their field rules and their names at the target.
    pub(super) fn of(events: &[Event<'a>], rules: &'s Rules, targets: &Targets) -> Result<Self> {
        let mut names =
            Self { numbers: HashMap::new(), names: Vec::new(), targets: Vec::new(), shapers: Vec::new() };
        for event in events {
            let Some(ns) = event.change.ns else { continue };
            let both = (ns.db, ns.coll.unwrap_or_default());
            if names.numbers.contains_key(&both) {
                continue;
            }
            let ns = Namespace::new(both.0, both.1);
            let shaper = rules
                .for_namespace(&ns)
                .map_err(|conflict| Error::new(Kind::Misconfigured, conflict.to_string()))?;
            let number = u32::try_from(names.names.len()).expect("a batch has few namespaces");
            names.numbers.insert(both, NamespaceId(number));
            names.targets.push(targets.of(&ns)?);
            names.names.push(ns);
            names.shapers.push(shaper);
        }
        Ok(names)
    }
}

/// Shapes every event.
pub(super) fn shape<'a>(events: &[Event<'a>], names: &Names<'a, '_>) -> Shaped<'a> {
    let mut shaped = Shaped {
        arena: Vec::new(),
        keys: Vec::new(),
        entries: Vec::with_capacity(events.len()),
        refused: Vec::new(),
    };
    let mut writer = Writer::new();
    for event in events {
        if let Err(unclear) = shaped.event(event, names, &mut writer) {
            let kind = match unclear {
                Unclear::Ambiguous => "ambiguous",
                Unclear::Taken(_) => "collision",
                Unclear::Malformed(_) => "poison",
            };
            shaped.refused.push((event.place, Reason { kind, text: unclear.to_string() }));
        }
    }
    shaped
}

impl<'a> Shaped<'a> {
    fn event(
        &mut self,
        event: &Event<'a>,
        names: &Names<'a, '_>,
        writer: &mut Writer,
    ) -> Result<(), Unclear> {
        let change = &event.change;
        let Some((ns, id)) = change.ns.zip(id_of(change)?) else { return Ok(()) };
        let namespace = names.numbers[&(ns.db, ns.coll.unwrap_or_default())];
        let shaper = names.shapers[namespace.0 as usize];
        let Some(left) = self.left(change, shaper, writer)? else { return Ok(()) };
        let from = self.keys.len();
        identity::write(&id, &mut self.keys)?;
        let key = from..self.keys.len();
        let is_new = change.operation == Operation::Insert;
        self.entries.push(Entry { place: event.place, namespace, id, key, left, is_new });
        Ok(())
    }

    /// `None` when nothing of the change passes.
    fn left(
        &mut self,
        change: &ChangeEvent<'a>,
        shaper: Option<&Shaper>,
        writer: &mut Writer,
    ) -> Result<Option<Left<'a>>, Unclear> {
        if change.operation == Operation::Delete {
            return Ok(Some(Left::Delete));
        }
        match (change.full_document, change.update_description, shaper) {
            (Some(document), _, None) => Ok(Some(Left::Whole(document))),
            (Some(document), _, Some(shaper)) => {
                writer.clear();
                shaper.document(document, writer)?;
                let from = self.arena.len();
                self.arena.extend_from_slice(writer.as_bytes());
                Ok(Some(Left::Shaped(from..self.arena.len())))
            }
            (None, Some(delta), None) => Ok(Some(Left::WholeDelta(delta))),
            (None, Some(delta), Some(shaper)) => Ok(match shaper.delta(&delta)? {
                shape::Shaped::Delta(delta) => Some(Left::Delta(delta)),
                shape::Shaped::Nothing => None,
            }),
            (None, None, _) => Ok(None),
        }
    }

    /// The records to be planned, and where each stands in the batch. `inserts` says for which namespaces a document that
    /// came to be is sent as a real insert.
    pub(super) fn records<'s>(
        &'s self,
        inserts: impl Fn(NamespaceId) -> bool,
    ) -> (Vec<Record<'s>>, Vec<Place>) {
        let record = |entry: &'s Entry<'a>| {
            let change = match &entry.left {
                Left::Shaped(place) => whole(entry, document(&self.arena[place.clone()]), &inserts),
                Left::Whole(document) => whole(entry, *document, &inserts),
                Left::Delta(delta) => Change::Delta(delta.view()),
                Left::WholeDelta(delta) => Change::Delta(*delta),
                Left::Delete => Change::Delete,
            };
            let key = &self.keys[entry.key.clone()];
            (Record { namespace: entry.namespace, key, id: entry.id, change }, entry.place)
        };
        self.entries.iter().map(record).unzip()
    }
}

fn whole<'b>(
    entry: &Entry<'_>,
    document: Document<'b>,
    inserts: &impl Fn(NamespaceId) -> bool,
) -> Change<'b> {
    if entry.is_new && inserts(entry.namespace) { Change::Insert(document) } else { Change::Image(document) }
}

fn document(bytes: &[u8]) -> Document<'_> {
    Document::new(bytes).expect("written by the shaper")
}

/// The `_id` that the event is about.
fn id_of<'a>(change: &ChangeEvent<'a>) -> Result<Option<Element<'a>>, raw::Error> {
    match change.document_key {
        Some(key) => key.get("_id"),
        None => change.full_document.map_or(Ok(None), |document| document.get("_id")),
    }
}
