//! Which fields a query reads, and whether an update is about one of them. Pure.
//!
//! Numbers below the root are passed over on both sides, for a path reaches through arrays with and without them. A delta's path that
//! may be a dotted name counts as the path it spells: that asks for a document too many, never for one too few.

use common::{
    event::UpdateDescription,
    raw::{self, Writer},
};

use super::{evaluate::Expression, path::Path};
use crate::path;

/// The paths of a query.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    paths: Vec<Vec<Box<[u8]>>>,
}

impl Paths {
    pub(super) fn of(expression: &Expression) -> Self {
        let mut paths = Vec::new();
        collect(expression, &mut paths);
        Self { paths }
    }

    /// Whether the update is about one of them, what holds it, or what lies in it.
    pub(super) fn are_touched(&self, delta: &UpdateDescription<'_>) -> Result<bool, raw::Error> {
        for element in delta.updated_fields.elements() {
            if self.meet(element?.name) {
                return Ok(true);
            }
        }
        for element in delta.removed_fields.elements() {
            if self.meet(path::of_removal(&element?)?) {
                return Ok(true);
            }
        }
        for element in delta.truncated_arrays.elements() {
            if self.meet(path::of_truncation(&element?)?.0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn meet(&self, text: &[u8]) -> bool {
        self.paths.iter().any(|own| {
            let theirs = named(path::components(text));
            own.iter().zip(theirs).all(|(own, theirs)| **own == *theirs)
        })
    }
}

fn collect(expression: &Expression, paths: &mut Vec<Vec<Box<[u8]>>>) {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().for_each(|part| collect(part, paths)),
        Expression::Not(inner) => collect(inner, paths),
        Expression::At(Path { names }, _) => {
            let path: Vec<_> = named(names.iter().map(|name| &**name)).map(Into::into).collect();
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
}

/// The names of a path, without the numbers below the root.
fn named<'a>(names: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    names.enumerate().filter(|(place, name)| *place == 0 || !path::is_numeric(name)).map(|(_, name)| name)
}

/// Fields at the top of a document, and the names of those that are known, missing ones too.
pub(super) type Known<'a> = (Vec<u8>, Vec<&'a [u8]>);

/// What an update tells of the document by itself: fields at its top that it sets or removes whole; `None` when there are none.
pub(super) fn known<'a>(delta: &UpdateDescription<'a>) -> Result<Option<Known<'a>>, raw::Error> {
    let (mut names, mut document) = (Vec::new(), Writer::new());
    document.begin();
    for element in delta.updated_fields.elements() {
        let element = element?;
        if !element.name.contains(&b'.') {
            document.element(&element);
            names.push(element.name);
        }
    }
    for element in delta.removed_fields.elements() {
        let path = path::of_removal(&element?)?;
        if !path.contains(&b'.') {
            names.push(path);
        }
    }
    document.end();
    Ok((!names.is_empty()).then(|| (document.into_bytes(), names)))
}
