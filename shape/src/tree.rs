//! The rules of one namespace pattern, read, and as a tree of names.

use std::collections::BTreeMap;

use common::config::types::Mask;

use super::Path;

/// Rules whose paths could be read.
#[derive(Debug, Default)]
pub(super) struct RuleSet {
    pub(super) allow: Vec<Placed>,
    pub(super) deny: Vec<Placed>,
    pub(super) rename: Vec<Rename>,
    pub(super) mask: Vec<Masked>,
}

/// A path and its place in the configuration.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) place: String,
    pub(super) path: Path,
}

/// A field that gets another name.
#[derive(Debug)]
pub(super) struct Rename {
    pub(super) place: String,
    pub(super) path: Path,
    pub(super) to: String,
}

/// A value that is masked.
#[derive(Debug)]
pub(super) struct Masked {
    pub(super) place: String,
    pub(super) path: Path,
    pub(super) mask: Mask,
}

/// The rules as a tree of names; node 0 is the root.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) children: BTreeMap<Box<[u8]>, usize>,
    pub(super) allow: bool,
    pub(super) deny: bool,
    /// Which of the renames.
    pub(super) rename: Option<usize>,
    /// Which of the masks.
    pub(super) mask: Option<usize>,
    pub(super) allow_below: bool,
    /// Whether something else than `allow` stands below.
    pub(super) more_below: bool,
}

impl Tree {
    pub(super) fn new(rules: &RuleSet) -> Self {
        let mut tree = Self { nodes: vec![Node::default()] };
        let more = |node: &mut Node| node.more_below = true;
        for rule in &rules.allow {
            tree.insert(&rule.path, |node| node.allow_below = true).allow = true;
        }
        for rule in &rules.deny {
            tree.insert(&rule.path, more).deny = true;
        }
        for (number, rule) in rules.rename.iter().enumerate() {
            tree.insert(&rule.path, more).rename = Some(number);
        }
        for (number, rule) in rules.mask.iter().enumerate() {
            tree.insert(&rule.path, more).mask = Some(number);
        }
        tree
    }

    /// The node of the path; `passed` is called on every node above it.
    fn insert(&mut self, path: &Path, passed: impl Fn(&mut Node)) -> &mut Node {
        let mut at = 0;
        for component in path.components() {
            passed(&mut self.nodes[at]);
            let next = self.nodes.len();
            let child = *self.nodes[at].children.entry(component.name().as_bytes().into()).or_insert(next);
            if child == next {
                self.nodes.push(Node::default());
            }
            at = child;
        }
        &mut self.nodes[at]
    }
}
