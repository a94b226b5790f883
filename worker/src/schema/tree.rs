//! The names that a worker knows of one namespace, as a tree with numbers. Pure.
//!
//! Documents of a collection look alike, so a field is mostly found where the one before it was found last time: one comparison of
//! names instead of a lookup. The tree only grows, up to a limit, so numbers stay.

use std::collections::HashMap;

use common::{cluster_time::ClusterTime, raw::Kind};

use super::{kind, path};

/// A path's number.
pub(super) type Id = u32;
/// The document itself.
pub(super) const ROOT: Id = 0;

#[derive(Debug, Default)]
pub(super) struct Node {
    parent: Id,
    /// `None` for each element of an array.
    name: Option<Box<[u8]>>,
    names: HashMap<Box<[u8]>, Id>,
    /// Its fields in the order in which they were first seen.
    fields: Vec<Id>,
    /// Its place among the fields of its parent.
    place: usize,
    element: Option<Id>,
    /// The types seen here, as bits.
    pub(super) kinds: u32,
    /// Fields that no document lacked that stood here.
    pub(super) required: Vec<Id>,
    pub(super) is_required: bool,
    /// The last document in which it was found.
    pub(super) stamp: u64,
    /// Whether a document stood here.
    pub(super) had_documents: bool,
}

/// The tree of one namespace.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    limit: usize,
    /// Whether something did not find room.
    pub(super) is_full: bool,
    /// Cluster time of the first event that was seen.
    pub(super) since: Option<ClusterTime>,
    /// Counts documents, nested ones too.
    pub(super) stamps: u64,
}

impl Tree {
    /// An empty tree with room for so many paths.
    pub(super) fn new(limit: usize) -> Self {
        let root = Node { kinds: kind::bit(Kind::Document), ..Node::default() };
        Self { nodes: vec![root], limit, is_full: false, since: None, stamps: 0 }
    }

    pub(super) fn node(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    /// How many paths it knows.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    /// The field of this name, if it is known.
    pub(super) fn known(&self, parent: Id, name: &[u8]) -> Option<Id> {
        self.nodes[parent as usize].names.get(name).copied()
    }

    /// Each element, if an array was seen here.
    pub(super) fn known_element(&self, parent: Id) -> Option<Id> {
        self.nodes[parent as usize].element
    }

    /// The field of this name, which is new when there was none; `None` when there is no room. `guess` is where it may stand among
    /// the fields, and is moved on.
    pub(super) fn field(&mut self, parent: Id, name: &[u8], guess: &mut usize) -> Option<(Id, bool)> {
        let node = &self.nodes[parent as usize];
        if let Some(id) = node.fields.get(*guess)
            && self.nodes[*id as usize].name.as_deref() == Some(name)
        {
            *guess += 1;
            return Some((*id, false));
        }
        if let Some(id) = node.names.get(name) {
            *guess = self.nodes[*id as usize].place + 1;
            return Some((*id, false));
        }
        let place = node.fields.len();
        let id = self.grow(parent, Some(name.into()))?;
        self.node(id).place = place;
        let node = self.node(parent);
        node.names.insert(name.into(), id);
        node.fields.push(id);
        *guess = place + 1;
        Some((id, true))
    }

    /// Each element of the array that stands here.
    pub(super) fn element(&mut self, parent: Id) -> Option<Id> {
        if let Some(id) = self.nodes[parent as usize].element {
            return Some(id);
        }
        let id = self.grow(parent, None)?;
        self.node(parent).element = Some(id);
        Some(id)
    }

    fn grow(&mut self, parent: Id, name: Option<Box<[u8]>>) -> Option<Id> {
        if self.len() >= self.limit {
            self.is_full = true;
            return None;
        }
        let id = Id::try_from(self.nodes.len()).ok()?;
        self.nodes.push(Node { parent, name, ..Node::default() });
        Some(id)
    }

    /// From now on no document that stands at `parent` may lack this field without its being told.
    pub(super) fn require(&mut self, parent: Id, id: Id) {
        self.node(id).is_required = true;
        self.node(parent).required.push(id);
    }

    /// It may be missing from now on.
    pub(super) fn release(&mut self, id: Id) {
        let node = self.node(id);
        node.is_required = false;
        let parent = node.parent;
        self.node(parent).required.retain(|required| *required != id);
    }

    /// The path as text.
    pub(super) fn path(&self, id: Id) -> String {
        let (mut chain, mut at) = (Vec::new(), id);
        while at != ROOT {
            chain.push(at);
            at = self.nodes[at as usize].parent;
        }
        let mut text = String::new();
        for id in chain.into_iter().rev() {
            match &self.nodes[id as usize].name {
                Some(name) => path::push_field(&mut text, &String::from_utf8_lossy(name)),
                None => path::push_element(&mut text),
            }
        }
        text
    }

    /// The node of a path in text; made when it is new. `None` when there is no room.
    pub(super) fn at(&mut self, text: &str) -> Option<Id> {
        path::steps(text).into_iter().try_fold(ROOT, |id, step| match step {
            path::Step::Element => self.element(id),
            path::Step::Field(name) => self.field(id, name.as_bytes(), &mut 0).map(|(id, _)| id),
        })
    }

    pub(super) fn parent(&self, id: Id) -> Id {
        self.nodes[id as usize].parent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_where_it_was_and_anywhere_else() {
        let mut tree = Tree::new(4);
        let mut guess = 0;
        let a = tree.field(ROOT, b"a", &mut guess).unwrap();
        let b = tree.field(ROOT, b"b", &mut guess).unwrap();
        assert_eq!((a, b), ((1, true), (2, true)));
        let mut guess = 0;
        assert_eq!(tree.field(ROOT, b"a", &mut guess), Some((1, false)));
        assert_eq!((tree.field(ROOT, b"b", &mut guess), guess), (Some((2, false)), 2));
        assert_eq!(tree.field(ROOT, b"a", &mut guess), Some((1, false)));
        let element = tree.element(1).unwrap();
        assert_eq!((element, tree.element(1)), (3, Some(3)));
        assert_eq!(tree.field(element, b"x.y", &mut 0), Some((4, true)));
        assert_eq!((tree.path(4), tree.at(r"a.[].x\.y")), (r"a.[].x\.y".to_owned(), Some(4)));
        assert!(!tree.is_full);
        assert_eq!(tree.field(ROOT, b"c", &mut 0), None);
        assert!(tree.is_full);
    }

    #[test]
    fn what_is_required_can_be_released() {
        let mut tree = Tree::new(9);
        let id = tree.at("a").unwrap();
        tree.require(ROOT, id);
        assert_eq!(tree.nodes[0].required, [id]);
        tree.release(id);
        assert!(tree.nodes[0].required.is_empty() && !tree.node(id).is_required);
    }
}
