//! Building the automaton: from rules to states.
//!
//! Rules form a tree of names. A state is the *set* of tree nodes a path can have reached, for a number may be matched by a
//! rule's own number, or passed over, or both; whether something on the way was allowed; and what masks all that lies there.
//!
//! ```text
//!   allow = [items.0.cost, items.price]
//!
//!   {root} ──items──▸ {items} ──0──▸ {items, items.0} ──cost───▸ pass
//!                        │  ╰─ 1, 2 … ─▸ {items}      ╰─price──▸ pass
//!                        ╰─price──▸ pass
//! ```
//!
//! What rules say against each other shows here, in the state where they meet: two new names for one field, one name for two.

use std::collections::{BTreeSet, HashMap};

use common::config::types::Mask;

use super::{
    Problem,
    machine::{Entry, Machine, Row, Scalar, State, Verdict},
    names::{Claim, claims},
    tree::{RuleSet, Tree},
};
use crate::path;

/// Most states one set of rules may need. Only rules with many numeric parts multiply states at all.
const MAX_STATES: usize = 4096;

impl Machine {
    /// Compiles the rules that stand at `at` and of which none contradicts another by itself.
    pub(super) fn compile(at: &str, rules: &RuleSet) -> Result<Self, Vec<Problem>> {
        let tree = Tree::new(rules);
        let mut builder =
            Builder { tree: &tree, rules, known: HashMap::new(), todo: Vec::new(), problems: Vec::new() };
        let allowed = rules.allow.is_empty();
        let root = builder.state(Reached { nodes: BTreeSet::from([0]), allowed, mask: None });
        debug_assert_eq!(root, Self::ROOT);
        let mut rows = Vec::new();
        while rows.len() < builder.todo.len() {
            let row = builder.row(rows.len());
            rows.push(row);
            if builder.todo.len() > MAX_STATES {
                let reason = "the numeric parts of these paths combine in too many ways";
                return Err(vec![Problem::new(at, reason)]);
            }
        }
        if !builder.problems.is_empty() {
            builder.problems.sort_by(|a, b| (&a.path, &a.reason).cmp(&(&b.path, &b.reason)));
            builder.problems.dedup();
            return Err(builder.problems);
        }
        let names = &mut rows[0].names;
        names.retain(|entry| *entry.name != *b"_id");
        names.push(Entry { name: Box::from(*b"_id"), verdict: Verdict::Pass, renamed: None });
        names.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { rows })
    }
}

/// What a path can have reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Reached {
    nodes: BTreeSet<usize>,
    allowed: bool,
    mask: Option<Mask>,
}

struct Builder<'t> {
    tree: &'t Tree,
    rules: &'t RuleSet,
    known: HashMap<Reached, State>,
    todo: Vec<Reached>,
    problems: Vec<Problem>,
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
        let mut names: Vec<_> = mentioned.iter().map(|name| self.entry(&reached, name, is_root)).collect();
        let here = Verdict::Into(State(u32::try_from(state).expect("states are few")));
        let (rest, scalar) = match (reached.allowed, reached.mask) {
            (false, _) => (Verdict::Drop, Scalar::Null),
            (true, None) => (Verdict::Pass, Scalar::Pass),
            (true, Some(mask)) => (Verdict::Into(self.only_masked(mask)), Scalar::Mask(mask)),
        };
        let number = if is_root { rest } else { here };
        self.claim(&reached, rest, &mut names);
        names.sort_by(|a, b| a.name.cmp(&b.name));
        let has_dotted = mentioned.iter().any(|name| name.contains(&b'.'));
        let has_numbers = mentioned.iter().any(|name| path::is_numeric(name));
        Row { number, rest, scalar, has_dotted, has_numbers, names }
    }

    /// The state of which no rule says more than that it is masked.
    fn only_masked(&mut self, mask: Mask) -> State {
        self.state(Reached { nodes: BTreeSet::new(), allowed: true, mask: Some(mask) })
    }

    /// The new names of a state's fields: nothing else that passes may have them.
    fn claim(&mut self, reached: &Reached, rest: Verdict, names: &mut Vec<Entry>) {
        let renames: BTreeSet<usize> = reached
            .nodes
            .iter()
            .flat_map(|node| self.tree.nodes[*node].children.values())
            .filter_map(|child| self.tree.nodes[*child].rename)
            .collect();
        let renames: Vec<_> = renames.into_iter().map(|rename| &self.rules.rename[rename]).collect();
        for rename in &renames {
            match claims(rename, names, &renames) {
                Claim::Free if rest != Verdict::Drop => names.push(Entry {
                    name: rename.to.as_bytes().into(),
                    verdict: Verdict::Taken,
                    renamed: None,
                }),
                Claim::Free | Claim::Settled => {}
                Claim::Refused(reason) => self.problems.push(Problem::new(&rename.place, reason)),
            }
        }
    }

    /// What becomes of a mentioned name.
    fn entry(&mut self, from: &Reached, name: &[u8], is_root: bool) -> Entry {
        let transparent = !is_root && path::is_numeric(name);
        let mut nodes: BTreeSet<usize> =
            from.nodes.iter().filter_map(|node| self.tree.nodes[*node].children.get(name).copied()).collect();
        let renamed = self.new_name(&nodes);
        let mask = self.mask(&nodes, from.mask);
        let reached = nodes.iter().map(|node| &self.tree.nodes[*node]);
        let denied = reached.clone().any(|node| node.deny);
        let allowed = from.allowed || reached.clone().any(|node| node.allow);
        let verdict = if denied {
            if transparent { Verdict::Null } else { Verdict::Drop }
        } else {
            if transparent {
                nodes.extend(&from.nodes);
            }
            self.verdict(Reached { nodes, allowed, mask })
        };
        Entry { name: name.into(), verdict, renamed }
    }

    /// The one new name that the nodes give.
    fn new_name(&mut self, nodes: &BTreeSet<usize>) -> Option<Box<[u8]>> {
        let mut given = nodes.iter().filter_map(|node| self.tree.nodes[*node].rename);
        let first = &self.rules.rename[given.next()?];
        let other = given.map(|other| &self.rules.rename[other]).find(|other| other.to != first.to);
        self.problems.extend(other.map(|other| {
            let reason = format!("`{}` and `{}` may be one field, and get two names", other.path, first.path);
            Problem::new(&other.place, reason)
        }));
        Some(first.to.as_bytes().into())
    }

    /// What masks the values at the nodes; redaction hides most, and what masks the whole holds for its parts.
    fn mask(&mut self, nodes: &BTreeSet<usize>, above: Option<Mask>) -> Option<Mask> {
        let mut given = nodes.iter().filter_map(|node| self.tree.nodes[*node].mask);
        let Some(first) = given.next().map(|first| &self.rules.mask[first]) else { return above };
        let other = given.map(|other| &self.rules.mask[other]).find(|other| other.mask != first.mask);
        self.problems.extend(other.map(|other| {
            let reason =
                format!("`{}` and `{}` may be one value, and mask it differently", other.path, first.path);
            Problem::new(&other.place, reason)
        }));
        if first.mask == Mask::Redact { Some(Mask::Redact) } else { above.or(Some(first.mask)) }
    }

    /// The verdict where nothing reached is denied itself.
    fn verdict(&mut self, mut reached: Reached) -> Verdict {
        reached.nodes.retain(|node| !self.tree.nodes[*node].children.is_empty());
        let below = reached.nodes.iter().map(|node| &self.tree.nodes[*node]);
        let allow_below = below.clone().any(|node| node.allow_below);
        let more_below = below.clone().any(|node| node.more_below);
        match (reached.allowed, reached.mask) {
            (true, None) if !more_below => Verdict::Pass,
            (false, _) if !allow_below => Verdict::Drop,
            (_, Some(Mask::Redact)) => Verdict::Redact,
            _ => Verdict::Into(self.state(reached)),
        }
    }
}
