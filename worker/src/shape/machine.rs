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
//! Rules form a tree of names. A state is the *set* of tree nodes a path can have reached (a number may be matched by a
//! rule's own number, or passed over, or both) and whether something on the way was allowed. The sets are built
//! before the first document is seen; a step is one look-up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Path;
use crate::path;

/// Most states one set of rules may need. Only rules with many numeric parts multiply states at all.
const MAX_STATES: usize = 4096;

/// A place in the automaton where the answer depends on what lies below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State(u32);

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
    rows: Vec<Row>,
}

#[derive(Debug, Clone)]
struct Row {
    /// Verdicts of the names that rules mention, sorted by name.
    names: Vec<(Box<[u8]>, Verdict)>,
    /// Verdict of every number that is not mentioned.
    number: Verdict,
    /// Verdict of every other name.
    rest: Verdict,
    /// Whether `names` has names with dots in them.
    has_dotted: bool,
}

/// The rules need more than [`MAX_STATES`] states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooManyStates;

impl Machine {
    /// Compiles rules that do not contradict each other. An empty `allow` allows everything.
    pub(super) fn compile(allow: &[Path], deny: &[Path]) -> Result<Self, TooManyStates> {
        let tree = Tree::new(allow, deny);
        let mut builder = Builder { tree: &tree, known: HashMap::new(), todo: Vec::new() };
        let root = builder.state(Reached { nodes: BTreeSet::from([0]), allowed: allow.is_empty() });
        debug_assert_eq!(root, State(0));
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

    /// Where every path begins.
    #[allow(clippy::unused_self)]
    pub(super) const fn root(&self) -> State {
        State(0)
    }

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
