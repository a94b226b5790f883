//! Building the automaton: from rules to states.
//!
//! Rules form a tree of names. A state is the *set* of tree nodes a path can have reached, for a number may be matched by a
//! rule's own number, or passed over, or both; and whether something on the way was allowed.
//!
//! ```text
//!   allow = [items.0.cost, items.price]
//!
//!   {root} ──items──▸ {items} ──0──▸ {items, items.0} ──cost───▸ pass
//!                        │  ╰─ 1, 2 … ─▸ {items}      ╰─price──▸ pass
//!                        ╰─price──▸ pass
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Path,
    machine::{Machine, Row, State, Verdict},
};
use crate::path;

/// Most states one set of rules may need. Only rules with many numeric parts multiply states at all.
const MAX_STATES: usize = 4096;

/// The rules need more than [`MAX_STATES`] states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooManyStates;

impl Machine {
    /// Compiles rules that do not contradict each other. An empty `allow` allows everything.
    pub(super) fn compile(allow: &[Path], deny: &[Path]) -> Result<Self, TooManyStates> {
        let tree = Tree::new(allow, deny);
        let mut builder = Builder { tree: &tree, known: HashMap::new(), todo: Vec::new() };
        let root = builder.state(Reached { nodes: BTreeSet::from([0]), allowed: allow.is_empty() });
        debug_assert_eq!(root, Self::ROOT);
        let mut rows = Vec::new();
        while rows.len() < builder.todo.len() {
            let row = builder.row(rows.len());
            rows.push(row);
            if builder.todo.len() > MAX_STATES {
                return Err(TooManyStates);
            }
        }
        let names = &mut rows[0].names;
        names.retain(|(name, _)| **name != *b"_id");
        names.push((Box::from(*b"_id"), Verdict::Pass));
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Self { rows })
    }
}

/// The rules as a tree of names; node 0 is the root.
struct Tree {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    children: BTreeMap<Box<[u8]>, usize>,
    allow: bool,
    deny: bool,
    allow_below: bool,
    deny_below: bool,
}

impl Tree {
    fn new(allow: &[Path], deny: &[Path]) -> Self {
        let mut tree = Self { nodes: vec![Node::default()] };
        for path in allow {
            let end = tree.insert(path, |node| node.allow_below = true);
            tree.nodes[end].allow = true;
        }
        for path in deny {
            let end = tree.insert(path, |node| node.deny_below = true);
            tree.nodes[end].deny = true;
        }
        tree
    }

    /// The node of the path; `passed` is called on every node above it.
    fn insert(&mut self, path: &Path, passed: impl Fn(&mut Node)) -> usize {
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
        at
    }
}

/// What a path can have reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Reached {
    nodes: BTreeSet<usize>,
    allowed: bool,
}

struct Builder<'t> {
    tree: &'t Tree,
    known: HashMap<Reached, State>,
    todo: Vec<Reached>,
}

impl Builder<'_> {
    fn state(&mut self, reached: Reached) -> State {
        let next = State(u32::try_from(self.todo.len()).expect("states are few"));
        *self.known.entry(reached).or_insert_with_key(|reached| {
            self.todo.push(reached.clone());
            next
        })
    }

    fn row(&mut self, state: usize) -> Row {
        let reached = self.todo[state].clone();
        let is_root = state == 0;
        let mentioned: BTreeSet<&[u8]> = reached
            .nodes
            .iter()
            .flat_map(|node| self.tree.nodes[*node].children.keys())
            .map(|n| &**n)
            .collect();
        let names: Vec<_> =
            mentioned.iter().map(|name| (Box::from(*name), self.entry(&reached, name, is_root))).collect();
        let rest = if reached.allowed { Verdict::Pass } else { Verdict::Drop };
        let here = Verdict::Into(State(u32::try_from(state).expect("states are few")));
        let number = if is_root { rest } else { here };
        Row { number, rest, has_dotted: mentioned.iter().any(|name| name.contains(&b'.')), names }
    }

    /// The verdict on a mentioned name.
    fn entry(&mut self, from: &Reached, name: &[u8], is_root: bool) -> Verdict {
        let transparent = !is_root && path::is_numeric(name);
        let mut nodes: BTreeSet<usize> =
            from.nodes.iter().filter_map(|node| self.tree.nodes[*node].children.get(name).copied()).collect();
        let reached = nodes.iter().map(|node| &self.tree.nodes[*node]);
        let denied = reached.clone().any(|node| node.deny);
        let allowed = from.allowed || reached.clone().any(|node| node.allow);
        if denied {
            return if transparent { Verdict::Null } else { Verdict::Drop };
        }
        if transparent {
            nodes.extend(&from.nodes);
        }
        self.verdict(Reached { nodes, allowed })
    }

    /// The verdict where nothing reached is denied itself.
    fn verdict(&mut self, mut reached: Reached) -> Verdict {
        reached.nodes.retain(|node| !self.tree.nodes[*node].children.is_empty());
        let below = reached.nodes.iter().map(|node| &self.tree.nodes[*node]);
        match reached.allowed {
            true if !below.clone().any(|node| node.deny_below) => Verdict::Pass,
            false if !below.clone().any(|node| node.allow_below) => Verdict::Drop,
            _ => Verdict::Into(self.state(reached)),
        }
    }
}
