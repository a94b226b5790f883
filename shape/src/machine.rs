//! The automaton a set of rules compiles to: one step per path component, a verdict at the end.
//!
//! ```text
//!   allow = [items.price, name]   deny = [name.nick]   rename = {items.price = cost}   mask = {name = hash}
//!
//!   root ──name──▸ N: the rest is hashed  N ──nick──▸ drop
//!     │                                   N ──any other──▸ N
//!     └─items──▸ I: the rest is dropped   I ──price, from now on cost──▸ pass
//!                I ──0, 1, 2 …──▸ I       (numbers are transparent below the root)
//!                I ──cost──▸ taken        (only where a field of that name would pass)
//! ```
//!
//! All states are built before the first document is seen ([`super::build`]); a step is one look-up.

use std::borrow::Cow;

use common::config::types::Mask;

use crate::path;

/// A place in the automaton where the answer depends on what lies below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State(pub(super) u32);

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It and all below it pass.
    Pass,
    /// It goes.
    Drop,
    /// It goes, but its place is kept by a `null`: it may be an array element.
    Null,
    /// It gives way to the same text, whatever it is.
    Redact,
    /// Its name is the new one of another field: the document cannot be shaped.
    Taken,
    /// If it is a document or array, what lies in it decides; if it is a scalar, [`Machine::scalar`] does.
    Into(State),
}

/// What becomes of a scalar where a rule may lead deeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Pass,
    /// Only deeper paths are allowed: its place is kept.
    Null,
    Mask(Mask),
}

/// The rules as an automaton.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// By state; the root's is the first.
    pub(super) rows: Vec<Row>,
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The names that rules mention, sorted.
    pub(super) names: Vec<Entry>,
    /// Verdict of every number that is not mentioned.
    pub(super) number: Verdict,
    /// Verdict of every other name.
    pub(super) rest: Verdict,
    /// Whether `names` has names with dots in them.
    pub(super) has_dotted: bool,
    /// Whether `names` has numbers.
    pub(super) has_numbers: bool,
    /// What becomes of a scalar that stands here.
    pub(super) scalar: Scalar,
}

/// A name that rules mention.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: Box<[u8]>,
    pub(super) verdict: Verdict,
    /// The new name, if it gets one.
    pub(super) renamed: Option<Box<[u8]>>,
}

impl Machine {
    /// Where every path begins.
    pub(super) const ROOT: State = State(0);

    /// What becomes of a scalar there.
    pub(super) fn scalar(&self, state: State) -> Scalar {
        self.row(state).scalar
    }

    /// The verdict on one component without dots, and its new name.
    #[inline]
    pub(super) fn step(&self, state: State, name: &[u8]) -> (Verdict, Option<&[u8]>) {
        let row = self.row(state);
        match row.find(name) {
            Some(entry) => (entry.verdict, entry.renamed.as_deref()),
            None if path::is_numeric(name) => (row.number, None),
            None => (row.rest, None),
        }
    }

    /// The verdict on a field by its whole name, which may hold dots, and the name it has from now on.
    #[inline]
    pub(super) fn field<'n>(&'n self, state: State, name: &'n [u8]) -> (Verdict, Cow<'n, [u8]>) {
        if !name.contains(&b'.') {
            let (verdict, renamed) = self.step(state, name);
            return (verdict, Cow::Borrowed(renamed.unwrap_or(name)));
        }
        if let Some(entry) = self.row(state).find(name) {
            return (entry.verdict, Cow::Borrowed(entry.renamed.as_deref().unwrap_or(name)));
        }
        let mut text = Vec::with_capacity(name.len());
        let mut walk = Walk::new(self, state, &mut text);
        path::components(name).for_each(|component| walk.step(component));
        (walk.verdict, Cow::Owned(text))
    }

    /// The verdict on an array's element.
    #[inline]
    pub(super) fn element(&self, state: State, index: usize) -> Verdict {
        let row = self.row(state);
        if !row.has_numbers {
            return row.number;
        }
        self.step(state, path::Decimal::of(index).bytes()).0
    }

    /// Whether a rule means a field whose dotted name the path that remains begins with.
    pub(super) fn has_dotted_start(&self, state: State, remaining: &[u8]) -> bool {
        let row = self.row(state);
        let starts = |name: &[u8]| {
            remaining.strip_prefix(name).is_some_and(|rest| matches!(rest.first(), None | Some(b'.')))
        };
        row.has_dotted && row.names.iter().any(|entry| entry.name.contains(&b'.') && starts(&entry.name))
    }

    fn row(&self, state: State) -> &Row {
        &self.rows[state.0 as usize]
    }
}

impl Row {
    fn find(&self, name: &[u8]) -> Option<&Entry> {
        let found = self.names.binary_search_by(|entry| (*entry.name).cmp(name)).ok()?;
        Some(&self.names[found])
    }
}

/// A way through the automaton, component by component, and the path that it has from now on.
#[derive(Debug)]
pub(super) struct Walk<'m, 't> {
    machine: &'m Machine,
    /// The verdict on what stands at the end of the way so far. What lies below a dropped value is dropped.
    pub(super) verdict: Verdict,
    /// The path with its new names.
    text: &'t mut Vec<u8>,
    is_first: bool,
    /// Where in it the last component begins.
    last: usize,
    /// Whether a component has got a new name.
    pub(super) is_renamed: bool,
    /// Where in the new path the redacted value ends that the way leads into.
    pub(super) redacted: Option<usize>,
}

impl<'m, 't> Walk<'m, 't> {
    /// A way that begins at `from`; its path is written to `text`.
    pub(super) fn new(machine: &'m Machine, from: State, text: &'t mut Vec<u8>) -> Self {
        text.clear();
        let verdict = Verdict::Into(from);
        Self { machine, verdict, text, is_first: true, last: 0, is_renamed: false, redacted: None }
    }

    /// The component it has come to, by its new name.
    pub(super) fn component(&self) -> &[u8] {
        &self.text[self.last..]
    }

    /// Goes to a component that has no dots of its own.
    #[inline]
    pub(super) fn step(&mut self, name: &[u8]) {
        let (verdict, renamed) = match self.verdict {
            Verdict::Into(state) => self.machine.step(state, name),
            above => (self.below(above), None),
        };
        self.go(verdict, renamed.unwrap_or(name), renamed.is_some());
    }

    /// Goes to a field by its whole name.
    pub(super) fn field(&mut self, name: &[u8]) {
        match self.verdict {
            Verdict::Into(state) => {
                let (verdict, renamed) = self.machine.field(state, name);
                self.go(verdict, &renamed, *renamed != *name);
            }
            above => {
                let verdict = self.below(above);
                self.go(verdict, name, false);
            }
        }
    }

    /// Goes to an array's element.
    pub(super) fn element(&mut self, index: usize) {
        let verdict = match self.verdict {
            Verdict::Into(state) => self.machine.element(state, index),
            above => self.below(above),
        };
        self.go(verdict, path::Decimal::of(index).bytes(), false);
    }

    /// The verdict on what lies in a value on which the verdict has fallen.
    fn below(&mut self, above: Verdict) -> Verdict {
        match above {
            Verdict::Pass | Verdict::Taken | Verdict::Into(_) => above,
            Verdict::Redact => {
                self.redacted = Some(self.text.len());
                Verdict::Drop
            }
            Verdict::Drop | Verdict::Null => Verdict::Drop,
        }
    }

    fn go(&mut self, verdict: Verdict, name: &[u8], is_renamed: bool) {
        if !std::mem::take(&mut self.is_first) {
            self.text.push(b'.');
        }
        self.last = self.text.len();
        self.text.extend_from_slice(name);
        self.verdict = verdict;
        self.is_renamed |= is_renamed;
    }
}
