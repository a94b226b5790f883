//! The automaton a set of rules compiles to: one step per path component, a verdict at the end.
//!
//! ```text
//!   allow = [items.price, name]          deny = [name.nick]
//!
//!   root ──name──▸ N: the rest passes    N ──nick──▸ drop
//!     │
//!     └─items──▸ I: the rest is dropped  I ──price─▸ pass
//!                I ──0, 1, 2 …──▸ I      (numbers are transparent below the root)
//! ```
//!
//! All states are built before the first document is seen ([`super::build`]); a step is one look-up.

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
    /// If it is a document or array, what lies in it decides; a scalar passes where it is allowed and is `null` otherwise.
    Into(State),
}

/// The rules as an automaton.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// By state; the root's is the first.
    pub(super) rows: Vec<Row>,
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Verdicts of the names that rules mention, sorted by name.
    pub(super) names: Vec<(Box<[u8]>, Verdict)>,
    /// Verdict of every number that is not mentioned.
    pub(super) number: Verdict,
    /// Verdict of every other name.
    pub(super) rest: Verdict,
    /// Whether `names` has names with dots in them.
    pub(super) has_dotted: bool,
}

impl Machine {
    /// Where every path begins.
    pub(super) const ROOT: State = State(0);

    /// Whether what no rule mentions passes there.
    pub(super) fn is_allowed(&self, state: State) -> bool {
        self.row(state).rest == Verdict::Pass
    }

    /// The verdict on one component without dots.
    #[inline]
    pub(super) fn step(&self, state: State, name: &[u8]) -> Verdict {
        let row = self.row(state);
        match row.names.binary_search_by(|(known, _)| (**known).cmp(name)) {
            Ok(found) => row.names[found].1,
            Err(_) if path::is_numeric(name) => row.number,
            Err(_) => row.rest,
        }
    }

    /// The verdict on a field by its whole name, which may hold dots.
    #[inline]
    pub(super) fn field(&self, state: State, name: &[u8]) -> Verdict {
        if !name.contains(&b'.') {
            return self.step(state, name);
        }
        self.dotted(state, name).unwrap_or_else(|| self.walk(state, path::components(name)))
    }

    /// The verdict on an array's element.
    #[inline]
    pub(super) fn element(&self, state: State, index: usize) -> Verdict {
        let row = self.row(state);
        if row.names.first().is_none_or(|(name, _)| name.first().is_none_or(|b| *b > b'9')) {
            return row.number;
        }
        self.step(state, path::Decimal::of(index).bytes())
    }

    /// The verdict at the end of a path; what lies below a dropped value is dropped.
    pub(super) fn walk<'p>(&self, from: State, components: impl Iterator<Item = &'p [u8]>) -> Verdict {
        let mut verdict = Verdict::Into(from);
        for component in components {
            verdict = match verdict {
                Verdict::Into(state) => self.step(state, component),
                Verdict::Pass => return Verdict::Pass,
                Verdict::Drop | Verdict::Null => return Verdict::Drop,
            };
        }
        verdict
    }

    /// The verdict of a rule that means exactly this dotted name.
    fn dotted(&self, state: State, name: &[u8]) -> Option<Verdict> {
        let row = self.row(state);
        let found = row.names.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(row.names[found].1)
    }

    /// Whether a rule means a field whose dotted name the path that remains begins with.
    pub(super) fn has_dotted_start(&self, state: State, remaining: &[u8]) -> bool {
        let row = self.row(state);
        let starts = |name: &[u8]| {
            remaining.strip_prefix(name).is_some_and(|rest| matches!(rest.first(), None | Some(b'.')))
        };
        row.has_dotted && row.names.iter().any(|(name, _)| name.contains(&b'.') && starts(name))
    }

    fn row(&self, state: State) -> &Row {
        &self.rows[state.0 as usize]
    }
}
