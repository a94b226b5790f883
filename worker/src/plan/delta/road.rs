//! Which road a delta takes.

use std::collections::HashSet;

use common::{
    event::UpdateDescription,
    raw::{self, Document, Writer},
};

use super::plain;
use shape::path::{self, SetOrder};

/// Most statements a delta may need on the plain road; one that needs more is cheaper done on the document.
pub const MAX_STATEMENTS: usize = 4;

/// How a delta is to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Road {
    /// By these bodies of update statements (`u`), one after the other; none when there is nothing to do.
    Plain(Vec<Vec<u8>>),
    /// To the document itself, by [`super::apply`].
    OnDocument,
}

/// Decides how a delta is to be applied at a target whose `$set` takes fields in this order.
///
/// Update operators cannot name a field whose name is empty, begins with `$` or holds a dot, and cannot change the type of
/// `_id`. A path that occurs twice, or leads into another, stands for another place than it says.
///
/// # Errors
/// The delta is not the BSON it should be.
pub fn road(delta: &UpdateDescription<'_>, order: SetOrder) -> Result<Road, raw::Error> {
    if !is_plain(delta)? {
        return Ok(Road::OnDocument);
    }
    let statements = plain::statements(delta, order)?;
    if statements.len() > MAX_STATEMENTS {
        return Ok(Road::OnDocument);
    }
    let bodies = statements.iter().map(|statement| {
        let mut body = Writer::new();
        statement.write(&mut body);
        body.into_bytes()
    });
    Ok(Road::Plain(bodies.collect()))
}

fn is_plain(delta: &UpdateDescription<'_>) -> Result<bool, raw::Error> {
    if delta.disambiguated_paths.map_or(Ok(false), names_dots)? {
        return Ok(false);
    }
    let mut paths = Vec::new();
    for element in delta.updated_fields.elements() {
        let path = element?.name;
        if path == b"_id" {
            return Ok(false);
        }
        paths.push(path);
    }
    for path in path::removals(delta) {
        paths.push(path?);
    }
    for truncation in path::truncations(delta) {
        let (path, _) = truncation?;
        if !names_are_plain(path) {
            return Ok(false);
        }
    }
    Ok(paths.iter().all(|path| names_are_plain(path)) && are_apart(&paths))
}

/// Whether no path is another or leads into another.
fn are_apart(paths: &[&[u8]]) -> bool {
    if paths.len() < 2 {
        return true;
    }
    let known: HashSet<&[u8]> = paths.iter().copied().collect();
    let leads_into = |path: &[u8]| (0..path.len()).any(|at| path[at] == b'.' && known.contains(&path[..at]));
    known.len() == paths.len() && !paths.iter().any(|path| leads_into(path))
}

fn names_are_plain(path: &[u8]) -> bool {
    path::components(path).all(|name| !matches!(name.first(), None | Some(b'$')))
}

/// Whether a disambiguated path has a name with a dot.
fn names_dots(paths: Document<'_>) -> Result<bool, raw::Error> {
    for path in paths.elements() {
        let Some(components) = path?.as_document() else { continue };
        for component in components.elements() {
            if component?.as_str()?.is_some_and(|name| name.contains('.')) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
