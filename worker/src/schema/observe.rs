//! Looking at documents and deltas: which paths there are, of which types. Pure; on the hot road, so it allocates for news only.
//!
//! | seen | counts |
//! |---|---|
//! | a whole document (insert, replacement, snapshot, lookup) | every path in it, and which of the known ones it lacks |
//! | `updatedFields` | the path as *set*, and everything in the value as in a whole document |
//! | `removedFields` | the path may be missing from now on |
//!
//! A delta's `items.0.price` is a path through the array `items` unless a field `0` is known there. Of an array the first
//! [`ELEMENTS`] elements are looked at, and nothing below [`DEPTH`] levels. Values are never kept.

use common::{
    cluster_time::ClusterTime,
    event::UpdateDescription,
    raw::{Document, Element, Kind},
};

use super::{
    drift::{Drift, What},
    kind::bit,
    record::Contribution,
    tally::{Tally, earliest},
    tree::{Id, ROOT, Tree},
};
use crate::consume::intake::Partition;

/// Elements of an array that are looked at.
const ELEMENTS: usize = 64;
/// Levels of documents and arrays that are looked at.
const DEPTH: usize = 32;

/// What a worker has seen of one namespace.
#[derive(Debug)]
pub struct Observed {
    tree: Tree,
    /// What has been counted since it was last taken, by the partition that it was read from.
    counted: Vec<(Partition, Counted)>,
    /// The partition that was looked at last: events come lane by lane.
    last: usize,
}

/// What has been counted in one partition.
#[derive(Debug, Default)]
pub(super) struct Counted {
    documents: u64,
    updates: u64,
    /// By the numbers of their paths.
    tallies: Vec<Tally>,
}

/// An event, as far as a schema is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'e> {
    /// The whole document.
    pub document: Option<Document<'e>>,
    /// What was done to it.
    pub delta: Option<UpdateDescription<'e>>,
    /// When.
    pub at: ClusterTime,
    /// It was there before the stream, so nothing about it is news.
    pub is_snapshot: bool,
}

impl Observed {
    /// Nothing was seen; there is room for so many paths.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { tree: Tree::new(limit), counted: Vec::new(), last: 0 }
    }

    /// How many paths are known.
    pub(super) fn paths(&self) -> usize {
        self.tree.len()
    }

    /// Looks at an event of a partition; what is new goes to `drifts`.
    pub fn see(&mut self, partition: &Partition, sight: &Sight<'_>, drifts: &mut Vec<Drift>) {
        let place = self.place(partition);
        let is_news = !sight.is_snapshot && self.tree.since.is_some_and(|since| since < sight.at);
        self.tree.since = earliest(self.tree.since, Some(sight.at));
        let was_full = self.tree.is_full;
        let Counted { documents, updates, tallies } = &mut self.counted[place].1;
        let mut walk = Walk { tree: &mut self.tree, tallies, at: sight.at, is_news, drifts };
        match (sight.document, sight.delta) {
            (Some(document), _) => {
                *documents += 1;
                walk.document(ROOT, document, 0);
            }
            (None, Some(delta)) => {
                *updates += 1;
                walk.delta(&delta);
            }
            (None, None) => {}
        }
        if self.tree.is_full && !was_full {
            drifts.push(Drift { path: String::new(), at: sight.at, what: What::Full(self.tree.len()) });
        }
    }

    fn place(&mut self, partition: &Partition) -> usize {
        if self.counted.get(self.last).is_none_or(|(last, _)| last != partition) {
            self.last = self.counted.iter().position(|(known, _)| known == partition).unwrap_or_else(|| {
                self.counted.push((partition.clone(), Counted::default()));
                self.counted.len() - 1
            });
        }
        self.last
    }

    /// Takes what has been counted, as it is told to others.
    pub fn take(&mut self) -> Vec<(Partition, Contribution)> {
        let counted = std::mem::take(&mut self.counted);
        let told = counted.into_iter().map(|(partition, counted)| {
            let mut told = Contribution {
                documents: counted.documents,
                updates: counted.updates,
                is_full: self.tree.is_full,
                ..Contribution::default()
            };
            for (id, tally) in counted.tallies.into_iter().enumerate().filter(|(_, tally)| !tally.is_empty())
            {
                told.paths.insert(self.tree.path(Id::try_from(id).unwrap_or(ROOT)), tally);
            }
            (partition, told)
        });
        told.collect()
    }

    /// Gives back what could not be told.
    pub fn give_back(&mut self, partition: &Partition, told: &Contribution) {
        let place = self.place(partition);
        let counted = &mut self.counted[place].1;
        counted.documents += told.documents;
        counted.updates += told.updates;
        for (path, tally) in &told.paths {
            if let Some(id) = self.tree.at(path) {
                of(&mut counted.tallies, id).merge(tally);
            }
        }
    }

    /// Learns what all have seen together, so that it is no news here.
    pub fn learn(&mut self, all: &Contribution) {
        self.tree.since = earliest(self.tree.since, all.since());
        self.tree.is_full |= all.is_full;
        for (path, tally) in &all.paths {
            let known = self.tree.len();
            let Some(id) = self.tree.at(path) else { continue };
            let is_new = self.tree.len() > known;
            let is_optional = all.is_optional(path, tally);
            let node = self.tree.node(id);
            tally.seen.iter().for_each(|seen| node.kinds |= bit(seen.kind));
            node.had_documents |= tally.documents() > 0;
            if is_optional && node.is_required {
                self.tree.release(id);
            } else if is_new && !is_optional {
                let parent = self.tree.parent(id);
                self.tree.require(parent, id);
            }
        }
        self.tree.node(ROOT).had_documents |= all.documents > 0;
    }
}

/// One event's walk through the tree.
struct Walk<'w> {
    tree: &'w mut Tree,
    tallies: &'w mut Vec<Tally>,
    at: ClusterTime,
    is_news: bool,
    drifts: &'w mut Vec<Drift>,
}

impl Walk<'_> {
    fn document(&mut self, id: Id, document: Document<'_>, depth: usize) {
        self.tree.stamps += 1;
        let (stamp, is_first) = (self.tree.stamps, !self.tree.node(id).had_documents);
        self.tree.node(id).had_documents = true;
        let (mut guess, mut found) = (0, 0);
        for element in document.elements() {
            let Ok(element) = element else { break };
            let Some((field, is_new)) = self.tree.field(id, element.name, &mut guess) else { continue };
            let node = self.tree.node(field);
            if node.stamp == stamp {
                continue;
            }
            node.stamp = stamp;
            found += usize::from(node.is_required);
            match (is_new, is_first) {
                (true, true) => {
                    self.tree.require(id, field);
                    found += 1;
                }
                (true, false) => self.lacked(field),
                _ => {}
            }
            self.value(field, &element, false, depth);
        }
        if found < self.tree.node(id).required.len() {
            self.missing(id, stamp);
        }
    }

    /// Fields that this document is the first to lack.
    fn missing(&mut self, id: Id, stamp: u64) {
        let required = std::mem::take(&mut self.tree.node(id).required);
        let (missing, required): (Vec<_>, Vec<_>) =
            required.into_iter().partition(|field| self.tree.node(*field).stamp != stamp);
        self.tree.node(id).required = required;
        for field in missing {
            self.tree.node(field).is_required = false;
            self.lacked(field);
            self.tell(field, What::Missing);
        }
    }

    fn lacked(&mut self, id: Id) {
        let at = self.at;
        let tally = of(self.tallies, id);
        tally.lacking = earliest(tally.lacking, Some(at));
    }

    fn value(&mut self, id: Id, element: &Element<'_>, is_set: bool, depth: usize) {
        of(self.tallies, id).note(element.kind, self.at, is_set);
        let node = self.tree.node(id);
        let before = node.kinds;
        if before & bit(element.kind) == 0 {
            node.kinds |= bit(element.kind);
            self.tell(id, What::of(before, element.kind));
        }
        let Some(inner) = element.as_document().filter(|_| depth < DEPTH) else { return };
        if element.kind == Kind::Document {
            return self.document(id, inner, depth + 1);
        }
        for element in inner.elements().take(ELEMENTS) {
            let Ok(element) = element else { break };
            let Some(each) = self.tree.element(id) else { break };
            self.value(each, &element, false, depth + 1);
        }
    }

    fn delta(&mut self, delta: &UpdateDescription<'_>) {
        for element in delta.updated_fields.elements() {
            let Ok(element) = element else { break };
            let Some((id, is_new)) = self.reach(element.name) else { continue };
            if is_new {
                self.lacked(id);
            }
            self.value(id, &element, true, 0);
        }
        for element in delta.removed_fields.elements() {
            let Ok(Some(path)) = element.and_then(|element| element.as_str()) else { break };
            if let Some(id) = self.known(path.as_bytes()) {
                self.removed(id);
            }
        }
    }

    fn removed(&mut self, id: Id) {
        let at = self.at;
        let tally = of(self.tallies, id);
        tally.removed = earliest(tally.removed, Some(at));
        if self.tree.node(id).is_required {
            self.tree.release(id);
            self.tell(id, What::Missing);
        }
    }

    /// The node of a delta's path; whether its last name is new.
    fn reach(&mut self, path: &[u8]) -> Option<(Id, bool)> {
        let (mut id, mut is_new) = (ROOT, false);
        for name in path.split(|byte| *byte == b'.') {
            (id, is_new) = match self.tree.known(id, name) {
                Some(known) => (known, false),
                None if id != ROOT && is_index(name) => (self.tree.element(id)?, false),
                None => self.tree.field(id, name, &mut 0)?,
            };
        }
        Some((id, is_new))
    }

    fn known(&self, path: &[u8]) -> Option<Id> {
        path.split(|byte| *byte == b'.').try_fold(ROOT, |id, name| {
            self.tree.known(id, name).or_else(|| self.tree.known_element(id).filter(|_| is_index(name)))
        })
    }

    fn tell(&mut self, id: Id, what: What) {
        if self.is_news {
            self.drifts.push(Drift { path: self.tree.path(id), at: self.at, what });
        }
    }
}

fn of(tallies: &mut Vec<Tally>, id: Id) -> &mut Tally {
    let place = id as usize;
    if place >= tallies.len() {
        tallies.resize_with(place + 1, Tally::default);
    }
    &mut tallies[place]
}

fn is_index(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests;
