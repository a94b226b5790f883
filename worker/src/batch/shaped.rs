//! Shaping a batch: from change events to the records that are planned.
//!
//! Pure. Field rules are applied to every document and every delta here, on the only road to the target. Two steps, because the
//! planned records borrow what shaping writes. Declared schemas judge what the field rules have left ([`super::declared`]).

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use common::{
    error::{Error, Kind, Result},
    event::{ChangeEvent, Operation, UpdateDescription},
    namespace::Namespace,
    raw::{self, Document, Element, Writer},
};

use super::{
    declared::{Departures, Judging},
    left::Left,
    open::{Event, Place},
    poisoned::Poisoned,
    ruled::{Judgement, judge},
};
use crate::{
    dead_letter::Reason,
    identity,
    plan::{Change, NamespaceId},
    targets::Targets,
};
use shape::{
    Rule, Rules, Shaper, Unclear,
    declared::{Declared, Schemas},
};

/// The namespaces of a batch, numbered as they come.
#[derive(Debug)]
pub(super) struct Names<'a, 's> {
    numbers: HashMap<(&'a str, &'a str), NamespaceId>,
    /// By the source's names, which people know them by.
    pub(super) names: Vec<Namespace>,
    /// By the target's names, under which they are written.
    pub(super) targets: Vec<Namespace>,
    rules: Vec<Option<&'s Rule>>,
    declared: Vec<Option<&'s Declared>>,
}

/// What shaping goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ways<'s> {
    pub(super) rules: &'s Rules,
    pub(super) schemas: &'s Schemas,
    pub(super) targets: &'s Targets,
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
    /// Updates whose documents may well be missing at the target.
    pub(super) kept: HashSet<Place>,
    /// Events of which not even the document is clear.
    pub(super) refused: Vec<(Place, Reason)>,
    /// What was done about departures from declared schemas.
    pub(super) departures: Departures,
}

impl<'a, 's> Names<'a, 's> {
    /// Numbers the namespaces and looks up their field rules and their names at the target.
    pub(super) fn of(events: &[Event<'a>], ways: Ways<'s>) -> Result<Self> {
        let mut names = Self {
            numbers: HashMap::new(),
            names: Vec::new(),
            targets: Vec::new(),
            rules: Vec::new(),
            declared: Vec::new(),
        };
        for event in events {
            let Some(ns) = event.change.ns else { continue };
            names.add((ns.db, ns.coll.unwrap_or_default()), ways)?;
        }
        Ok(names)
    }

    /// Numbers one more.
    pub(super) fn add(&mut self, both: (&'a str, &'a str), ways: Ways<'s>) -> Result<()> {
        if self.numbers.contains_key(&both) {
            return Ok(());
        }
        let ns = Namespace::new(both.0, both.1);
        let conflict = |text: String| Error::new(Kind::Misconfigured, text);
        let rule = ways.rules.rule(&ns).map_err(|e| conflict(e.to_string()))?;
        let declared = ways.schemas.for_namespace(&ns).map_err(|e| conflict(e.to_string()))?;
        let number = u32::try_from(self.names.len()).expect("a batch has few namespaces");
        self.numbers.insert(both, NamespaceId(number));
        self.targets.push(ways.targets.of(&ns)?);
        self.names.push(ns);
        self.rules.push(rule);
        self.declared.push(declared);
        Ok(())
    }
}

/// Shapes every event.
pub(super) fn shape<'a>(events: &[Event<'a>], names: &Names<'a, '_>) -> Shaped<'a> {
    let mut shaped = Shaped {
        arena: Vec::new(),
        keys: Vec::new(),
        entries: Vec::with_capacity(events.len()),
        kept: HashSet::new(),
        refused: Vec::new(),
        departures: Departures::default(),
    };
    let mut writer = Writer::new();
    for event in events {
        if let Err(unclear) = shaped.event(event, names, &mut writer) {
            shaped.refused.push((event.place, reason(&unclear)));
        }
    }
    shaped
}

fn reason(unclear: &Unclear) -> Reason {
    let kind = match unclear {
        Unclear::Ambiguous | Unclear::Made => "ambiguous",
        Unclear::Taken(_) => "collision",
        Unclear::Malformed(_) => "poison",
    };
    Reason { kind, text: unclear.to_string() }
}

impl<'a> Shaped<'a> {
    /// Adds the documents of records that could not be understood.
    pub(super) fn poison(&mut self, poisoned: &[Poisoned<'a>], names: &Names<'a, '_>) {
        for poisoned in poisoned {
            let namespace = names.numbers[&(poisoned.db, poisoned.coll)];
            let from = self.keys.len();
            if identity::write(&poisoned.id, &mut self.keys).is_err() {
                self.keys.truncate(from);
                continue;
            }
            let key = from..self.keys.len();
            let (place, id, left) = (poisoned.place, poisoned.id, Left::Unclear(poisoned.reason.clone()));
            self.entries.push(Entry { place, namespace, id, key, left, is_new: false });
        }
        self.entries.sort_by_key(|entry| entry.place);
    }

    fn event(
        &mut self,
        event: &Event<'a>,
        names: &Names<'a, '_>,
        writer: &mut Writer,
    ) -> Result<(), Unclear> {
        let change = &event.change;
        let Some((ns, id)) = change.ns.zip(id_of(change)?) else { return Ok(()) };
        let namespace = names.numbers[&(ns.db, ns.coll.unwrap_or_default())];
        let rule = names.rules[namespace.0 as usize];
        let left = match (self.judged(event, rule, writer), names.declared[namespace.0 as usize]) {
            (Ok(Some(left)), Some(declared)) => {
                let ns = &names.names[namespace.0 as usize];
                let (place, is_kept) = (event.place, self.kept.contains(&event.place));
                let judging = Judging { declared, ns, number: namespace, place, is_kept };
                self.departures.judge(&judging, left, &mut self.arena, writer)
            }
            (left, _) => left,
        };
        let left = match left {
            Ok(Some(left)) => left,
            Ok(None) => return Ok(()),
            Err(unclear @ (Unclear::Ambiguous | Unclear::Made)) => Left::Asks(reason(&unclear)),
            Err(unclear) => Left::Unclear(reason(&unclear)),
        };
        let from = self.keys.len();
        identity::write(&id, &mut self.keys)?;
        let key = from..self.keys.len();
        let is_new = change.operation == Operation::Insert;
        self.entries.push(Entry { place: event.place, namespace, id, key, left, is_new });
        Ok(())
    }

    /// What the rules leave of an event; `None` when that is nothing.
    fn judged(
        &mut self,
        event: &Event<'a>,
        rule: Option<&Rule>,
        writer: &mut Writer,
    ) -> Result<Option<Left<'a>>, Unclear> {
        match judge(event, rule)? {
            Judgement::Carried(shaper) => self.left(&event.change, shaper, writer),
            Judgement::Kept(shaper) => {
                self.kept.insert(event.place);
                self.left(&event.change, shaper, writer)
            }
            Judgement::Out => Ok(Some(Left::Delete)),
            Judgement::Asks(reason) => Ok(Some(Left::Asks(reason))),
            Judgement::Refused(reason) => Ok(Some(Left::Unclear(reason))),
        }
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

    /// Events whose documents have to be asked for, and what they are refused for where nobody can be asked.
    pub(super) fn asks(&self) -> impl Iterator<Item = (Place, &Reason)> {
        self.entries.iter().filter_map(|entry| match &entry.left {
            Left::Asks(reason) => Some((entry.place, reason)),
            _ => None,
        })
    }

    /// The entries, in the order of the batch.
    pub(super) fn entries(&self) -> impl Iterator<Item = Shape<'_>> {
        self.entries.iter().map(|entry| Shape {
            place: entry.place,
            namespace: entry.namespace,
            id: entry.id,
            key: &self.keys[entry.key.clone()],
            is_new: entry.is_new,
            change: self.change(entry),
        })
    }

    fn change<'s>(&'s self, entry: &'s Entry<'a>) -> Result<Change<'s>, &'s Reason> {
        Ok(match &entry.left {
            Left::Shaped(place) => Change::Image(document(&self.arena[place.clone()])),
            Left::Whole(document) => Change::Image(*document),
            Left::Delta(delta) => Change::Delta(delta.view()),
            Left::WholeDelta(delta) => Change::Delta(*delta),
            Left::Delete => Change::Delete,
            // Never applied: what becomes of it is known before it is chosen.
            Left::Asks(_) => Change::Delta(NOTHING),
            Left::Unclear(reason) => return Err(reason),
        })
    }
}

/// An update that does nothing.
const NOTHING: UpdateDescription<'static> = UpdateDescription {
    updated_fields: Document::EMPTY,
    removed_fields: Document::EMPTY,
    truncated_arrays: Document::EMPTY,
    is_diff: true,
    disambiguated_paths: None,
};

/// One shaped event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'s> {
    pub(super) place: Place,
    pub(super) namespace: NamespaceId,
    pub(super) id: Element<'s>,
    pub(super) key: &'s [u8],
    /// Whether the target should have none of that `_id`.
    pub(super) is_new: bool,
    /// What happened to the document, or why nobody can tell.
    pub(super) change: Result<Change<'s>, &'s Reason>,
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
