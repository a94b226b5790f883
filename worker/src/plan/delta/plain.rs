//! The plain road: a delta as update operators that the target carries out by itself.
//!
//! `$set` appends new fields in its own order ([`SetOrder`]), whatever order they are given in. So the delta's updates are
//! cut into runs that are already in that order, one statement each, one after the other: what the first appends
//! stands before what the second appends. An update operator's own delta has at most two runs per document (what it replaced,
//! then what it added), and mostly one.
//!
//! ```text
//!   updatedFields  {b: 1, n: 1, a: 2, "m.x": 3, "m.y": 4}      removedFields [q]     truncatedArrays [{items, 2}]
//!                   ╰──run──╯   ╰─────────run────────╯
//!   1.  $push {items: {$each: [], $slice: 2}}, $set {b, n}, $unset {q}
//!   2.  $set {a, "m.x", "m.y"}
//! ```
//!
//! A truncation and a change below it (or a truncation below another) conflict within one statement; then the cut
//! comes first, alone.

use std::collections::HashMap;

use common::{
    event::UpdateDescription,
    raw::{self, Element, Writer},
};

use shape::path::{self, SetOrder};

/// One statement's operators.
#[derive(Debug, Default)]
pub(super) struct Statement<'a> {
    cut: Vec<(&'a [u8], usize)>,
    set: Vec<Element<'a>>,
    unset: Vec<&'a [u8]>,
    /// The last name set in each document, to see whether the run is still in order.
    last: HashMap<&'a [u8], &'a [u8]>,
}

/// The delta's statements, in the order in which they are to be carried out.
pub(super) fn statements<'a>(
    delta: &UpdateDescription<'a>,
    order: SetOrder,
) -> Result<Vec<Statement<'a>>, raw::Error> {
    let (is_diff, mut statements) = (delta.is_diff, vec![Statement::default()]);
    for truncation in path::truncations(delta) {
        let (path, len) = truncation?;
        last_or_next(&mut statements, |statement| !statement.cuts_around(path)).cut.push((path, len));
    }
    for element in delta.updated_fields.elements() {
        let element = element?;
        let fits = |statement: &Statement<'_>| {
            !statement.cuts_above(element.name) && statement.takes(element.name, order, is_diff)
        };
        last_or_next(&mut statements, fits).add(element, is_diff);
    }
    for path in path::removals(delta) {
        let path = path?;
        last_or_next(&mut statements, |statement| !statement.cuts_above(path)).unset.push(path);
    }
    statements.retain(|statement| !statement.is_empty());
    Ok(statements)
}

/// The last statement if it can take what comes, or else a new one.
fn last_or_next<'s, 'a>(
    statements: &'s mut Vec<Statement<'a>>,
    takes: impl Fn(&Statement<'a>) -> bool,
) -> &'s mut Statement<'a> {
    if !statements.last().is_some_and(takes) {
        statements.push(Statement::default());
    }
    statements.last_mut().expect("one was just pushed")
}

impl<'a> Statement<'a> {
    /// The body of the `u` of an update statement.
    pub(super) fn write(&self, out: &mut Writer) {
        out.begin();
        if !self.cut.is_empty() {
            out.begin_document(b"$push");
            for (path, len) in &self.cut {
                out.begin_document(path);
                out.begin_array(b"$each");
                out.end();
                out.i64(b"$slice", i64::try_from(*len).unwrap_or(i64::MAX));
                out.end();
            }
            out.end();
        }
        if !self.set.is_empty() {
            out.begin_document(b"$set");
            self.set.iter().for_each(|element| out.element(element));
            out.end();
        }
        if !self.unset.is_empty() {
            out.begin_document(b"$unset");
            self.unset.iter().for_each(|path| out.bool(path, true));
            out.end();
        }
        out.end();
    }

    fn is_empty(&self) -> bool {
        self.cut.is_empty() && self.set.is_empty() && self.unset.is_empty()
    }

    fn add(&mut self, element: Element<'a>, is_diff: bool) {
        self.last.extend(additions(element.name, is_diff));
        self.set.push(element);
    }

    /// Whether `$set` would append what this path may add after what the statement adds already.
    fn takes(&self, path: &[u8], order: SetOrder, is_diff: bool) -> bool {
        let follows = |parent, name: &[u8]| {
            let last = self.last.get(parent);
            last.is_none_or(|last| order.compare(last, name).is_lt() || (*last == name && !is_diff))
        };
        additions(path, is_diff).all(|(parent, name)| follows(parent, name))
    }

    /// Whether an array at or above the path is cut.
    fn cuts_above(&self, path: &[u8]) -> bool {
        self.cut.iter().any(|(cut, _)| is_at_or_below(path, cut))
    }

    fn cuts_around(&self, path: &[u8]) -> bool {
        self.cut.iter().any(|(cut, _)| is_at_or_below(path, cut) || is_at_or_below(cut, path))
    }
}

/// The names that a path may add, each with the path of its document: the last one; where missing documents are made, every one.
fn additions(path: &[u8], is_diff: bool) -> impl Iterator<Item = (&[u8], &[u8])> {
    let ends = (1..=path.len()).rev().filter(|end| path.get(*end).is_none_or(|byte| *byte == b'.'));
    let split = |end| match path[..end].iter().rposition(|byte| *byte == b'.') {
        Some(dot) => (&path[..dot], &path[dot + 1..end]),
        None => (&path[..0], &path[..end]),
    };
    ends.take(if is_diff { 1 } else { usize::MAX }).map(split)
}

fn is_at_or_below(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| matches!(rest.first(), None | Some(b'.')))
}
