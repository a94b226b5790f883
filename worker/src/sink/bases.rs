//! The documents that deltas are applied to here: read by `_id`, within a budget of memory.

use std::collections::HashMap;

use bson::RawDocumentBuf;
use common::{
    error::{Error, Kind as ErrorKind, Result},
    raw::{Document, Writer},
};

use shape::path::Decimal;

use super::target::Found;
use crate::{
    identity,
    plan::{Group, Rewritten, Statement, rewrite},
};

/// Bytes of documents read at one time. A document is there twice while it is rewritten.
pub(super) const BUDGET: usize = 16 * 1024 * 1024;
/// `_id`s asked for at one time.
const MOST: usize = 1000;

/// Leaves in the group what is asked for at one time; gives the other statements.
pub(super) fn cut<'a>(group: &mut Group<'a>) -> Vec<Statement<'a>> {
    group.statements.split_off(group.statements.len().min(MOST))
}

/// Applies the deltas to the documents that were found of a group that was [`cut`]; gives what comes of them, and the statements that are left
/// with those that did not fit the budget.
pub(super) fn rewritten<'a>(
    found: &Found,
    mut group: Group<'a>,
    mut rest: Vec<Statement<'a>>,
) -> Result<(Rewritten<'a>, Group<'a>)> {
    let bases = Bases::of(&found.documents)?;
    if !found.is_complete {
        let (have, not_yet) = group.statements.into_iter().partition(|s| bases.get(s.key).is_some());
        group.statements = have;
        rest.splice(..0, not_yet);
    }
    let (kind, namespace) = (group.kind, group.namespace);
    Ok((rewrite(group, |key| bases.get(key)), Group { kind, namespace, statements: rest }))
}

/// Documents by the identity of their `_id`.
pub(super) struct Bases<'d> {
    documents: &'d [RawDocumentBuf],
    places: HashMap<Vec<u8>, usize>,
}

impl<'d> Bases<'d> {
    pub(super) fn of(documents: &'d [RawDocumentBuf]) -> Result<Self> {
        let malformed =
            |error| Error::caused(ErrorKind::Invariant, "the target holds a malformed document", error);
        let mut places = HashMap::with_capacity(documents.len());
        for (place, document) in documents.iter().enumerate() {
            let id = Document::new(document.as_bytes()).and_then(|document| document.get("_id"));
            let mut key = Vec::new();
            if let Some(id) = id.map_err(malformed)? {
                identity::write(&id, &mut key).map_err(malformed)?;
            }
            places.insert(key, place);
        }
        Ok(Self { documents, places })
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Document<'d>> {
        let place = *self.places.get(key)?;
        Document::new(self.documents[place].as_bytes()).ok()
    }
}

/// `{find: coll, filter: {_id: {$in: [...]}}, batchSize: …}`, of only the `_id`s where those are all that is asked for.
pub(super) fn find(collection: &str, statements: &[Statement<'_>], ids_only: bool) -> Vec<u8> {
    let mut command = Writer::new();
    command.begin();
    command.str(b"find", collection);
    command.begin_document(b"filter");
    command.begin_document(b"_id");
    command.begin_array(b"$in");
    for (place, statement) in statements.iter().enumerate() {
        command.value(statement.id.kind, Decimal::of(place).bytes(), statement.id.value);
    }
    command.end();
    command.end();
    command.end();
    if ids_only {
        command.begin_document(b"projection");
        command.i32(b"_id", 1);
        command.end();
    }
    command.i32(b"batchSize", i32::try_from(statements.len() + 1).unwrap_or(i32::MAX));
    command.end();
    command.into_bytes()
}
