//! A declared schema as a tree of places, and the one step through it that documents and deltas share.
//!
//! Guards the law: where a path leads depends on its text alone. Whether `a.0` is an array's element or a field `0` is not asked, because a
//! delta does not say; so both are judged by `items` if there are any, and a dotted name is judged as the path that it spells.

use common::{
    config::types::{MissingField, NewField, WrongType},
    raw::Kind,
};

use super::kinds::Kinds;
use crate::path::{self, Decimal};

/// A place in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(pub(super) u32);

/// What is done about departures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policies {
    pub(super) new_field: NewField,
    pub(super) missing_field: MissingField,
    pub(super) widened_type: WrongType,
    pub(super) incompatible_type: WrongType,
}

/// Where a step leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// To a declared place; with the number among the wanted fields, if it is one of them.
    To(Place, Option<usize>),
    /// To a field that is not declared; whether it may be an element of an array, whose place has to stay.
    New { is_number: bool },
    /// To where nothing is declared: all passes.
    Open,
}

/// A field that is missed where it is not there.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) name: Box<[u8]>,
    /// The default's type and bytes.
    pub(super) default: Option<(Kind, Box<[u8]>)>,
}

/// What is declared of a place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The types it may have.
    pub(super) kinds: Kinds,
    /// Its fields by name, sorted.
    pub(super) fields: Vec<(Box<[u8]>, Place, Option<usize>)>,
    /// Fields that are required, or have a default.
    pub(super) wanted: Vec<Wanted>,
    /// What the elements of an array are.
    pub(super) items: Option<Place>,
    /// Whether other fields than the declared ones are new.
    pub(super) is_closed: bool,
    /// Whether a field has a name with a dot in it.
    pub(super) has_dotted: bool,
    /// Whether a field has a number for a name.
    pub(super) has_numbers: bool,
}

impl Node {
    /// A place where everything passes.
    pub(super) const fn open() -> Self {
        Self {
            kinds: Kinds::ANY,
            fields: Vec::new(),
            wanted: Vec::new(),
            items: None,
            is_closed: false,
            has_dotted: false,
            has_numbers: false,
        }
    }

    pub(super) fn field(&self, name: &[u8]) -> Option<(Place, Option<usize>)> {
        let found = self.fields.binary_search_by(|(known, ..)| (**known).cmp(name)).ok()?;
        let (_, place, wanted) = self.fields[found];
        Some((place, wanted))
    }

    /// Whether what lies in it is looked at.
    pub(super) fn goes_deeper(&self) -> bool {
        !self.fields.is_empty() || self.items.is_some() || self.is_closed || !self.wanted.is_empty()
    }
}

/// The places of a declared schema; the document itself is the first.
#[derive(Debug, Clone)]
pub(super) struct Places(pub(super) Vec<Node>);

impl Places {
    pub(super) const ROOT: Place = Place(0);

    pub(super) fn node(&self, place: Place) -> &Node {
        &self.0[place.0 as usize]
    }

    /// One component without dots of its own.
    #[inline]
    pub(super) fn step(&self, from: Place, name: &[u8]) -> Step {
        let node = self.node(from);
        if let Some((place, wanted)) = node.field(name) {
            return Step::To(place, wanted);
        }
        if from != Self::ROOT && path::is_numeric(name) {
            return self.number(from);
        }
        if node.is_closed { Step::New { is_number: false } } else { Step::Open }
    }

    /// A field by its whole name, which may hold dots.
    #[inline]
    pub(super) fn field(&self, from: Place, name: &[u8]) -> Step {
        if !name.contains(&b'.') {
            return self.step(from, name);
        }
        if let Some((place, wanted)) = self.node(from).field(name) {
            return Step::To(place, wanted);
        }
        let mut step = Step::To(from, None);
        for component in path::components(name) {
            step = match step {
                Step::To(place, _) => self.step(place, component),
                beyond => self.below(beyond),
            };
        }
        // It is not the field itself that is wanted there.
        if let Step::To(place, _) = step { Step::To(place, None) } else { step }
    }

    /// An array's element.
    #[inline]
    pub(super) fn element(&self, from: Place, index: usize) -> Step {
        if self.node(from).has_numbers {
            return self.step(from, Decimal::of(index).bytes());
        }
        self.number(from)
    }

    /// Where what lies in a value is that the tree does not reach.
    pub(super) const fn below(&self, above: Step) -> Step {
        match above {
            // What it lies in is not there, or null.
            Step::New { .. } => Step::New { is_number: false },
            other => other,
        }
    }

    /// Makes leaves of the places below which nothing is asked; whether nothing is asked at this one, either.
    pub(super) fn prune(&mut self, place: Place) -> bool {
        let node = self.node(place).clone();
        let below = node.fields.iter().map(|(_, place, _)| *place).chain(node.items);
        // Every branch is pruned, also behind one that is not bare.
        let asks = below.filter(|place| !self.prune(*place)).count() > 0;
        if !asks && node.wanted.is_empty() && !node.is_closed {
            let kinds = node.kinds;
            self.0[place.0 as usize] = Node { kinds, ..Node::open() };
            return kinds.is_any();
        }
        false
    }

    /// A number that is no declared field.
    fn number(&self, from: Place) -> Step {
        let node = self.node(from);
        match node.items {
            Some(items) => Step::To(items, None),
            None if node.is_closed => Step::New { is_number: true },
            None => Step::Open,
        }
    }
}
