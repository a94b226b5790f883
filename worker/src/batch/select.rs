//! Which of a batch's shaped events are planned, and what becomes of the others.
//!
//! Pure. An event goes to the dead letters when it was refused, is skipped when its document waits for a repair, follows into the dead
//! letters when one of its document's changes went there. What this does to the documents' marks is part of what is written.
//!
//! ```text
//!             image, delete          delta
//!   no mark   planned                planned
//!   missing   planned, mark off      skipped
//!   dead      planned, mark off      dead letter
//!   refused   dead letter, mark dead
//! ```

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use common::{namespace::Namespace, raw::Element};

use super::{
    open::Place,
    order::Order,
    shaped::{Shape, Shaped},
};
use crate::{
    checkpoint::{Mark, Marks, Origin},
    dead_letter::Reason,
    plan::{Change, NamespaceId, Record},
};

/// What was found out about a record while carrying it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is a dead letter.
    Refuse(Reason),
    /// Its document is not there as it should be.
    Missing(Origin),
}

/// What the choice depends on.
pub(super) struct Choice<'c> {
    /// Which records of each lane.
    pub(super) ranges: &'c [Range<usize>],
    /// Each lane's marks.
    pub(super) marks: &'c [&'c Marks],
    pub(super) verdicts: &'c BTreeMap<Place, Verdict>,
    pub(super) names: &'c [Namespace],
    /// Whether documents that came to be are sent as real inserts, by namespace.
    pub(super) inserts: &'c [bool],
    /// The order over all lanes, where there is one.
    pub(super) order: Option<&'c Order>,
}

/// A document whose mark changes.
#[derive(Debug)]
pub(super) struct Marked<'s> {
    pub(super) lane: usize,
    pub(super) namespace: NamespaceId,
    pub(super) id: Element<'s>,
    pub(super) key: &'s [u8],
    pub(super) mark: Option<Mark>,
}

/// What was chosen.
#[derive(Debug, Default)]
pub(super) struct Selected<'s> {
    /// To be planned.
    pub(super) records: Vec<Record<'s>>,
    /// Where each of them stands.
    pub(super) places: Vec<Place>,
    pub(super) letters: Vec<(Place, Reason)>,
    pub(super) marked: Vec<Marked<'s>>,
    /// Deltas left to a repair.
    pub(super) skipped: u64,
}

/// Chooses.
pub(super) fn select<'s>(shaped: &'s Shaped<'_>, choice: &Choice<'_>) -> Selected<'s> {
    let mut selecting = Selecting { choice, selected: Selected::default(), now: HashMap::new() };
    let here = shaped.entries().filter(|shape| choice.ranges[shape.place.lane].contains(&shape.place.record));
    match choice.order {
        None => here.for_each(|shape| selecting.add(&shape)),
        Some(order) => {
            let mut here: Vec<_> = here.collect();
            here.sort_by_key(|shape| order.rank(shape.place));
            here.iter().for_each(|shape| selecting.add(shape));
        }
    }
    selecting.finish()
}

struct Selecting<'c, 's> {
    choice: &'c Choice<'c>,
    selected: Selected<'s>,
    /// Documents whose mark may have changed.
    now: HashMap<(NamespaceId, &'s [u8]), Now<'s>>,
}

/// A record of a document, the document's `_id`, and its mark behind that record.
type Now<'s> = (Place, Element<'s>, Option<Mark>);

impl<'s> Selecting<'_, 's> {
    fn add(&mut self, shape: &Shape<'s>) {
        let mark = self.mark(shape);
        let is_delta = matches!(shape.change, Ok(Change::Delta(_)));
        match (&mark, shape.change, self.choice.verdicts.get(&shape.place)) {
            (Some(Mark::Missing(_)), Ok(Change::Delta(_)), _) => self.selected.skipped += 1,
            (Some(Mark::Dead), Ok(Change::Delta(_)), _) => {
                let text = "an earlier change of its document is a dead letter".to_owned();
                self.selected.letters.push((shape.place, Reason { kind: "follows", text }));
            }
            (_, Err(reason), _) => self.refuse(shape, reason.clone()),
            (_, _, Some(Verdict::Refuse(reason))) => self.refuse(shape, reason.clone()),
            (_, _, Some(Verdict::Missing(origin))) => {
                self.selected.skipped += 1;
                self.note(shape, Some(Mark::Missing(origin.clone())));
            }
            (mark, Ok(change), None) => {
                if mark.is_some() && !is_delta {
                    self.note(shape, None);
                }
                self.plan(shape, change);
            }
        }
    }

    fn plan(&mut self, shape: &Shape<'s>, change: Change<'s>) {
        let inserts = shape.is_new && self.choice.inserts[shape.namespace.0 as usize];
        let change = match change {
            Change::Image(document) if inserts => Change::Insert(document),
            change => change,
        };
        self.selected.records.push(Record {
            namespace: shape.namespace,
            key: shape.key,
            id: shape.id,
            change,
        });
        self.selected.places.push(shape.place);
    }

    fn refuse(&mut self, shape: &Shape<'s>, reason: Reason) {
        self.selected.letters.push((shape.place, reason));
        self.note(shape, Some(Mark::Dead));
    }

    fn note(&mut self, shape: &Shape<'s>, mark: Option<Mark>) {
        self.now.insert((shape.namespace, shape.key), (shape.place, shape.id, mark));
    }

    fn mark(&self, shape: &Shape<'s>) -> Option<Mark> {
        if let Some((_, _, mark)) = self.now.get(&(shape.namespace, shape.key)) {
            return mark.clone();
        }
        self.before(shape.place.lane, shape.namespace, shape.key).cloned()
    }

    fn before(&self, lane: usize, namespace: NamespaceId, key: &[u8]) -> Option<&Mark> {
        self.choice.marks[lane].get(&self.choice.names[namespace.0 as usize], key)
    }

    fn finish(mut self) -> Selected<'s> {
        for ((namespace, key), (place, id, mark)) in std::mem::take(&mut self.now) {
            if self.before(place.lane, namespace, key) != mark.as_ref() {
                self.selected.marked.push(Marked { lane: place.lane, namespace, id, key, mark });
            }
        }
        self.selected
    }
}
