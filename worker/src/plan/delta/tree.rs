//! A delta as a tree over the document: what is to be done at each place.

use std::collections::HashMap;

use common::raw::{Element, MAX_DEPTH};

use super::Inexact;

/// One step of a path that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Component<'a> {
    /// The field of that name, dots and digits included.
    Field(&'a [u8]),
    /// The array's element at that index.
    Index(usize),
}

impl Component<'_> {
    /// Whether this is a field whose name holds a dot.
    pub(super) fn has_dot(&self) -> bool {
        matches!(self, Self::Field(name) if name.contains(&b'.'))
    }
}

/// What is done to the value at a place; what is done below it stands in the node's children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// It becomes this element's value.
    Set(Element<'a>),
    /// It goes.
    Unset,
    /// The array is cut to that length.
    Truncate(usize),
}

/// The changes, by place. Node 0 is the document.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub(super) change: Option<Change<'a>>,
    /// Children in the delta's order.
    pub(super) children: Vec<(Component<'a>, usize)>,
    /// Places in `children` by component, once there are many.
    by_component: HashMap<Component<'a>, usize>,
}

/// From this many children on a node finds them by hash.
const MANY: usize = 12;

impl<'a> Tree<'a> {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::default()] }
    }

    pub(super) fn node(&self, node: usize) -> &Node<'a> {
        &self.nodes[node]
    }

    /// Notes a change at a place.
    ///
    /// # Errors
    /// [`Inexact::Ambiguous`] when something else is done there, or above, or below: the server reports each place once, so two
    /// paths were read as one. Only a truncation goes with changes below it.
    pub(super) fn insert(&mut self, path: &[Component<'a>], change: Change<'a>) -> Result<(), Inexact> {
        if path.len() > MAX_DEPTH {
            return Err(common::raw::Error::TooDeep.into());
        }
        let mut at = 0;
        for component in path {
            if matches!(self.nodes[at].change, Some(Change::Set(_) | Change::Unset)) {
                return Err(Inexact::Ambiguous);
            }
            at = self.child(at, *component);
        }
        let node = &mut self.nodes[at];
        let alone = node.children.is_empty() || matches!(change, Change::Truncate(_));
        if node.change.is_some() || !alone {
            return Err(Inexact::Ambiguous);
        }
        node.change = Some(change);
        Ok(())
    }

    fn child(&mut self, parent: usize, component: Component<'a>) -> usize {
        if let Some(place) = self.nodes[parent].find(component) {
            return self.nodes[parent].children[place].1;
        }
        let child = self.nodes.len();
        self.nodes.push(Node::default());
        self.nodes[parent].add(component, child);
        child
    }
}

impl<'a> Node<'a> {
    /// The place among the children of the one at a component.
    pub(super) fn find(&self, component: Component<'_>) -> Option<usize> {
        if self.by_component.is_empty() {
            return self.children.iter().position(|(known, _)| *known == component);
        }
        self.by_component.get(&component).copied()
    }

    fn add(&mut self, component: Component<'a>, child: usize) {
        let place = self.children.len();
        self.children.push((component, child));
        if self.children.len() == MANY {
            self.by_component
                .extend(self.children.iter().enumerate().map(|(place, (known, _))| (*known, place)));
        } else if self.children.len() > MANY {
            self.by_component.insert(component, place);
        }
    }
}
