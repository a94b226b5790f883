//! Write commands as raw bodies, cut to what one command may hold.
//!
//! ```text
//!   {insert: "c", documents: [ {…}, … ],                                        ordered: false, …}
//!   {update: "c", updates: [ {q: {_id: X}, u: {…} | [{$replaceWith: {$literal: {…}}}], upsert: true}, … ], …}
//!   {delete: "c", deletes: [ {q: {_id: {$in: [X, …]}}, limit: 0} ], …}
//! ```
//!
//! `{_id: X}` takes the server's shortest way (`IDHACK`), `{_id: {$eq: X}}` does not (+4 µs; tried), so the latter is only for an
//! `X` that would be read as operators. A replacement goes as a pipeline where a plain one would be refused (a name at the top
//! that begins with `$`) or changed (an empty timestamp at the top).

use std::ops::Range;

use common::raw::{Document, Element, Kind as RawKind, Writer};

use super::{Group, Kind, Statement, Write, fold};
use shape::path::Decimal;

/// Most bytes the body of one command may have: 16 MiB and 16 KiB (`BSONObjMaxInternalSize`).
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024 + 16 * 1024;

/// Bytes around one statement's values: names, lengths, its place in the array.
const AROUND_STATEMENT: usize = 128;

/// How much one command may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Statements; the server takes 100,000, beyond 1000 nothing is won (`limits.md`).
    pub statements: usize,
    /// Bytes of statements. One statement that is larger goes alone, as long as the server takes it.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { statements: 1000, bytes: 12 * 1024 * 1024 }
    }
}

/// How commands go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In a transaction, which ends at the first failure anyway and whose commit states the write concern.
    Within,
    /// One statement after the other up to the first failure, so that what is done is a beginning of what was to be done.
    InOrder,
    /// All that can be done.
    Each,
}

/// One command, ready to be sent to the database of its namespace.
#[derive(Debug)]
pub struct Command {
    /// The body, without `$db` and session, which the driver adds.
    pub body: Vec<u8>,
    /// Which of the group's statements it holds.
    pub statements: Range<usize>,
    /// What they do.
    pub kind: Kind,
}

/// The commands of a group, built one at a time.
#[derive(Debug)]
pub struct Commands<'g, 'a> {
    collection: &'g str,
    group: &'g Group<'a>,
    limits: Limits,
    way: Way,
    at: usize,
}

/// The commands that carry out a group on a collection.
///
/// An [`Kind::OnDocument`] group has none: it is to be rewritten first.
#[must_use]
pub const fn commands<'g, 'a>(
    collection: &'g str,
    group: &'g Group<'a>,
    limits: Limits,
    way: Way,
) -> Commands<'g, 'a> {
    Commands { collection, group, limits, way, at: 0 }
}

impl Iterator for Commands<'_, '_> {
    type Item = Command;

    fn next(&mut self) -> Option<Command> {
        let kind = self.group.kind;
        if kind == Kind::OnDocument || self.at >= self.group.statements.len() {
            return None;
        }
        let statements = self.at..self.end();
        self.at = statements.end;
        let mut body = Writer::over(Vec::with_capacity(self.bytes(&statements) + 256));
        self.write(&self.group.statements[statements.clone()], &mut body);
        Some(Command { body: body.into_bytes(), statements, kind })
    }
}

impl Commands<'_, '_> {
    /// Where the command that begins at `self.at` ends; it holds one statement at least.
    fn end(&self) -> usize {
        let rest = &self.group.statements[self.at..];
        let mut bytes = 0;
        let fits = |statement: &&Statement<'_>| {
            bytes += size(statement);
            bytes <= self.limits.bytes
        };
        self.at + rest.iter().take(self.limits.statements).take_while(fits).count().max(1)
    }

    fn bytes(&self, statements: &Range<usize>) -> usize {
        self.group.statements[statements.clone()].iter().map(size).sum()
    }

    fn write(&self, statements: &[Statement<'_>], body: &mut Writer) {
        let (command, list) = match self.group.kind {
            Kind::Insert => ("insert", "documents"),
            Kind::Delete => ("delete", "deletes"),
            Kind::Update | Kind::OnDocument | Kind::Replace | Kind::Upsert => ("update", "updates"),
        };
        body.begin();
        body.str(command.as_bytes(), self.collection);
        body.begin_array(list.as_bytes());
        if self.group.kind == Kind::Delete {
            delete(statements, body);
        } else {
            for (place, statement) in statements.iter().enumerate() {
                self.statement(Decimal::of(place).bytes(), statement, body);
            }
        }
        body.end();
        body.bool(b"ordered", self.way != Way::Each);
        if self.way != Way::Within {
            body.begin_document(b"writeConcern");
            body.str(b"w", "majority");
            body.end();
        }
        body.end();
    }

    fn statement(&self, place: &[u8], statement: &Statement<'_>, body: &mut Writer) {
        match &statement.write {
            Write::Document(document) if self.group.kind == Kind::Insert => {
                body.value(RawKind::Document, place, document);
            }
            Write::Document(document) => {
                body.begin_document(place);
                query(&statement.id, body);
                replacement(document, body);
                if self.group.kind == Kind::Upsert {
                    body.bool(b"upsert", true);
                }
                body.end();
            }
            Write::Operators { operators, .. } => {
                body.begin_document(place);
                query(&statement.id, body);
                body.value(RawKind::Document, b"u", operators);
                body.end();
            }
            Write::Delete | Write::Deltas(_) => {}
        }
    }
}

fn size(statement: &Statement<'_>) -> usize {
    let write = match &statement.write {
        Write::Document(document) => document.len(),
        Write::Operators { operators, .. } => operators.len(),
        Write::Delete | Write::Deltas(_) => 0,
    };
    write + statement.id.value.len() + AROUND_STATEMENT
}

/// One statement for all: 8 µs a document at the server instead of 13 to 17 (`limits.md`).
fn delete(statements: &[Statement<'_>], body: &mut Writer) {
    body.begin_document(b"0");
    body.begin_document(b"q");
    body.begin_document(b"_id");
    body.begin_array(b"$in");
    for (place, statement) in statements.iter().enumerate() {
        body.value(statement.id.kind, Decimal::of(place).bytes(), statement.id.value);
    }
    body.end();
    body.end();
    body.end();
    body.i32(b"limit", 0);
    body.end();
}

fn query(id: &Element<'_>, body: &mut Writer) {
    body.begin_document(b"q");
    if reads_as_operators(id) {
        body.begin_document(b"_id");
        body.value(id.kind, b"$eq", id.value);
        body.end();
    } else {
        body.value(id.kind, b"_id", id.value);
    }
    body.end();
}

/// Whether the value is a document whose first name begins with `$` (a `DBRef`).
fn reads_as_operators(id: &Element<'_>) -> bool {
    id.kind == RawKind::Document
        && id
            .as_document()
            .and_then(|id| id.elements().next())
            .is_some_and(|first| matches!(first, Ok(first) if first.name.starts_with(b"$")))
}

fn replacement(document: &[u8], body: &mut Writer) {
    if !needs_pipeline(document) {
        return body.value(RawKind::Document, b"u", document);
    }
    body.begin_array(b"u");
    body.begin_document(b"0");
    body.begin_document(b"$replaceWith");
    body.value(RawKind::Document, b"$literal", document);
    body.end();
    body.end();
    body.end();
}

fn needs_pipeline(document: &[u8]) -> bool {
    let elements = Document::new(document).into_iter().flat_map(|document| document.elements());
    elements
        .map_while(Result::ok)
        .any(|element| element.name.starts_with(b"$") || fold::is_filled_in(&element))
}
