//! Folding: what becomes of several changes to one document.
//!
//! ```text
//!   so far ╲ next   image              delta                       delete
//!   nothing         image              deltas                      delete
//!   image           that image         the image with it applied   delete
//!   deltas          that image         one more                    delete
//!   delete          that image         delete, then deltas         delete
//! ```
//!
//! A whole image or a delete supersedes everything before it: whatever that did, it is gone. It is an insert only if the chain began
//! with one. A delta is applied to an image in our own code; where that is not exact, the deltas from there on go to the
//! document itself, which says what is wrong. Deltas on a document that is not at hand stay one statement each, but
//! from [`DOCUMENT_FROM`] on one read and one write are cheaper than that many updates.

use std::borrow::Cow;

use common::{
    event::UpdateDescription,
    raw::{Document, Element, Kind as RawKind, Writer},
};

use super::{
    Change, Kind, Options, Refusal, Refused, Write,
    delta::{self, Inexact, Road},
};

/// From this many deltas on one document on, they are applied to the document here. A read and a replacement cost the
/// target about as much as two updates (`limits.md`).
pub const DOCUMENT_FROM: usize = 4;

/// All changes to one document in a batch.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    links: Vec<Link<'a>>,
}

/// What is to be written at one time, and for which records.
#[derive(Debug)]
struct Link<'a> {
    state: State<'a>,
    /// Records that something later has superseded, and the one that brought this state.
    records: Vec<usize>,
    deltas: Vec<(usize, UpdateDescription<'a>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State<'a> {
    Insert(Document<'a>),
    Image(Document<'a>),
    /// Whatever it is at the target.
    Unknown,
    Gone,
}

/// A write, its kind and the records it stands for.
#[derive(Debug)]
pub(super) struct Planned<'a> {
    pub(super) kind: Kind,
    pub(super) write: Write<'a>,
    pub(super) records: Vec<usize>,
}

/// What a chain comes to.
#[derive(Debug, Default)]
pub(super) struct Outcome<'a> {
    /// In this order.
    pub(super) writes: Vec<Planned<'a>>,
    pub(super) untouched: Vec<usize>,
    pub(super) refused: Vec<Refused>,
}

impl<'a> Chain<'a> {
    pub(super) const fn new() -> Self {
        Self { links: Vec::new() }
    }

    /// Adds the next change of the document.
    pub(super) fn push(&mut self, record: usize, change: Change<'a>, fold: bool) {
        let state = match change {
            Change::Delta(delta) => return self.push_delta(record, delta, fold),
            Change::Insert(document) => State::Insert(document),
            Change::Image(document) => State::Image(document),
            Change::Delete => State::Gone,
        };
        let mut link = Link { state, records: Vec::new(), deltas: Vec::new() };
        if fold {
            let began = self.links.first().map(|first| first.state);
            link.state = match (began, state) {
                (Some(State::Insert(_)), State::Image(document)) => State::Insert(document),
                (Some(_), State::Insert(document)) => State::Image(document),
                _ => state,
            };
            link.records = self.links.drain(..).flat_map(Link::into_records).collect();
        }
        link.records.push(record);
        self.links.push(link);
    }

    fn push_delta(&mut self, record: usize, delta: UpdateDescription<'a>, fold: bool) {
        if !fold || self.links.last().is_none_or(|last| last.state == State::Gone) {
            self.links.push(Link { state: State::Unknown, records: Vec::new(), deltas: Vec::new() });
        }
        self.links.last_mut().expect("one was pushed if there was none").deltas.push((record, delta));
    }

    /// The writes of the chain.
    pub(super) fn finish(self, options: &Options) -> Outcome<'a> {
        let mut finish = Finish { options, outcome: Outcome::default(), refused: None };
        for link in self.links {
            match link.state {
                State::Insert(base) => finish.image(base, true, link.records, &link.deltas),
                State::Image(base) => finish.image(base, false, link.records, &link.deltas),
                State::Unknown => finish.deltas(&link.deltas),
                State::Gone => {
                    finish.refused = None;
                    finish.write(Kind::Delete, Write::Delete, link.records);
                }
            }
        }
        finish.outcome
    }
}

impl Link<'_> {
    fn into_records(self) -> impl Iterator<Item = usize> {
        self.records.into_iter().chain(self.deltas.into_iter().map(|(record, _)| record))
    }
}

type Deltas<'a> = [(usize, UpdateDescription<'a>)];

/// A chain on its way to writes.
struct Finish<'o, 'a> {
    options: &'o Options,
    outcome: Outcome<'a>,
    /// The refused record that what comes now would build on.
    refused: Option<usize>,
}

impl<'a> Finish<'_, 'a> {
    /// An image with the deltas applied, as far as that is exact; from there on they go to the document.
    fn image(&mut self, base: Document<'a>, insert: bool, mut records: Vec<usize>, deltas: &Deltas<'a>) {
        self.refused = None;
        let mut document = Cow::Borrowed(base.as_bytes());
        let mut done = 0;
        for (record, delta) in deltas {
            match applied(&document, delta) {
                _ if self.follows_a_refusal(*record) => {}
                Ok(changed) => {
                    document = Cow::Owned(changed);
                    records.push(*record);
                }
                Err(Inexact::Malformed(error)) => self.refuse(*record, Refusal::Malformed(error)),
                Err(Inexact::Ambiguous | Inexact::BaseDoesNotFit) => break,
            }
            done += 1;
        }
        let kind = if insert && can_be_inserted(&document) { Kind::Insert } else { Kind::Upsert };
        self.write(kind, Write::Document(document), records);
        self.on_document(&deltas[done..]);
    }

    /// Deltas on a document that is not at hand.
    fn deltas(&mut self, deltas: &Deltas<'a>) {
        let mut roads = Vec::with_capacity(deltas.len());
        for (record, delta) in deltas {
            if self.follows_a_refusal(*record) {
                continue;
            }
            match delta::road(delta, self.options.set_order) {
                Ok(Road::Plain(statements)) if statements.is_empty() => self.outcome.untouched.push(*record),
                Ok(road) => roads.push((*record, *delta, road)),
                Err(error) => self.refuse(*record, Refusal::Malformed(error)),
            }
        }
        let plain = |(_, _, road): &(_, _, Road)| *road != Road::OnDocument;
        if roads.len() < DOCUMENT_FROM && roads.iter().all(plain) {
            return roads.into_iter().for_each(|(record, _, road)| self.statements(record, road));
        }
        let deltas: Vec<_> = roads.into_iter().map(|(record, delta, _)| (record, delta)).collect();
        self.on_document(&deltas);
    }

    fn statements(&mut self, record: usize, road: Road) {
        let Road::Plain(statements) = road else { return };
        let last = statements.len() - 1;
        for (place, operators) in statements.into_iter().enumerate() {
            let write = Write::Operators { operators, completes: place == last };
            self.write(Kind::Update, write, vec![record]);
        }
    }

    fn on_document(&mut self, deltas: &Deltas<'a>) {
        if !deltas.is_empty() {
            let records = deltas.iter().map(|(record, _)| *record).collect();
            let write = Write::Deltas(deltas.iter().map(|(_, delta)| *delta).collect());
            self.write(Kind::OnDocument, write, records);
        }
    }

    fn write(&mut self, kind: Kind, write: Write<'a>, records: Vec<usize>) {
        self.outcome.writes.push(Planned { kind, write, records });
    }

    /// Whether the delta would build on a refused one; then it is refused itself.
    fn follows_a_refusal(&mut self, record: usize) -> bool {
        let cause = self.refused;
        if let Some(cause) = cause {
            self.outcome.refused.push(Refused { record, reason: Refusal::Follows { record: cause } });
        }
        cause.is_some()
    }

    fn refuse(&mut self, record: usize, reason: Refusal) {
        self.outcome.refused.push(Refused { record, reason });
        self.refused = Some(record);
    }
}

fn applied(base: &[u8], delta: &UpdateDescription<'_>) -> Result<Vec<u8>, Inexact> {
    let mut out = Writer::new();
    delta::apply(Document::new(base)?, delta, &mut out)?;
    Ok(out.into_bytes())
}

/// Whether `insert` stores the document as it is: the server fills in an empty timestamp at the top, and an `_id` where there is
/// none. Malformed ones are for the server to refuse.
fn can_be_inserted(document: &[u8]) -> bool {
    let Ok(document) = Document::new(document) else { return true };
    let mut has_id = false;
    for element in document.elements().map_while(Result::ok) {
        has_id |= element.name == b"_id";
        if is_filled_in(&element) {
            return false;
        }
    }
    has_id
}

/// Whether the server replaces the field by the present time when it stands at the top of a document that is
/// inserted or replaces another (tried on 4.4.2, 5.0.4, 6.0.5; not `_id`, not deeper, not by update operators).
pub(super) fn is_filled_in(element: &Element<'_>) -> bool {
    element.kind == RawKind::Timestamp && element.value == [0; 8] && element.name != b"_id"
}
