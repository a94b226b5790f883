//! The second half of the document road: from the documents that were read to the ones to be written back.

use std::borrow::Cow;

use common::raw::{Document, Writer};

use super::{
    Group, Kind, Statement, Write,
    delta::{self, Inexact},
};

/// What comes of an [`Kind::OnDocument`] group.
#[derive(Debug)]
pub struct Rewritten<'a> {
    /// The documents to be written back.
    pub group: Group<'a>,
    /// The statements for which there is none.
    pub repairs: Vec<Repair<'a>>,
}

/// Deltas that could not be applied; their document is to be fetched from the source.
#[derive(Debug)]
pub struct Repair<'a> {
    /// The statement.
    pub statement: Statement<'a>,
    /// Why; `None` when the target has no such document.
    pub why: Option<Inexact>,
}

/// Applies the group's deltas to the documents that `base` knows by key.
///
/// Of several deltas on one document either all are applied or none: the repair brings what all of them made.
pub fn rewrite<'a, 'b>(group: Group<'a>, base: impl Fn(&[u8]) -> Option<Document<'b>>) -> Rewritten<'a> {
    let mut statements = Vec::with_capacity(group.statements.len());
    let mut repairs = Vec::new();
    for statement in group.statements {
        match base(statement.key).map(|base| rewritten(&statement, base)) {
            Some(Ok(document)) => {
                statements.push(Statement { write: Write::Document(Cow::Owned(document)), ..statement });
            }
            Some(Err(why)) => repairs.push(Repair { statement, why: Some(why) }),
            None => repairs.push(Repair { statement, why: None }),
        }
    }
    let group = Group { kind: Kind::Replace, namespace: group.namespace, statements };
    Rewritten { group, repairs }
}

fn rewritten(statement: &Statement<'_>, base: Document<'_>) -> Result<Vec<u8>, Inexact> {
    let Write::Deltas(deltas) = &statement.write else { return Ok(base.as_bytes().to_vec()) };
    let (mut document, mut next) = (base.as_bytes().to_vec(), Vec::new());
    for delta in deltas {
        let mut out = Writer::over(next);
        delta::apply(Document::new(&document)?, delta, &mut out)?;
        next = std::mem::replace(&mut document, out.into_bytes());
        next.clear();
    }
    Ok(document)
}
