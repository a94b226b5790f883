//! What becomes of a statement that failed, and how statements are sent again. Pure.

use crate::plan::{Fault, Group, Kind, Sort, Statement};

/// How often a value that a unique index already has is tried again: another partition's batch may free it meanwhile.
pub(super) const UNIQUE_TRIES: u32 = 6;

/// What to do about one statement's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it again.
    Again,
    /// Send it as an upsert.
    Upsert,
    /// Send its documents in smaller commands.
    Halves,
    /// Give it up.
    Refuse,
    /// Somebody has to see to it.
    Stop,
}

impl Verdict {
    /// What to do about `fault`, which a statement of this kind met at its `tries`th repetition.
    pub(super) const fn of(fault: Fault, kind: Kind, tries: u32) -> Self {
        match (fault.sort, kind) {
            (Sort::Duplicate { on_id: true }, Kind::Insert) => Self::Upsert,
            // Two upserts of one `_id` have met.
            (Sort::Duplicate { on_id: true }, _) => Self::Again,
            (Sort::Duplicate { on_id: false }, _) if tries < UNIQUE_TRIES => Self::Again,
            (Sort::Transient | Sort::Unknown, _) => Self::Again,
            (Sort::Misconfigured, _) => Self::Stop,
            (_, Kind::Delete) => Self::Halves,
            _ => Self::Refuse,
        }
    }
}

/// Statements that are still to be written.
#[derive(Debug)]
pub(super) struct Todo<'a> {
    pub(super) group: Group<'a>,
    /// How often it was sent again.
    pub(super) tries: u32,
}

/// What of a group is sent again, and how.
#[derive(Debug, Default)]
pub(super) struct Again<'a> {
    /// As it is, after a pause.
    pub(super) same: Vec<Statement<'a>>,
    /// Inserts of what is there: as replacing upserts.
    pub(super) upserts: Vec<Statement<'a>>,
    /// In smaller commands, to find the one that is at fault.
    parts: Vec<Vec<Statement<'a>>>,
}

impl<'a> Again<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.same.is_empty() && self.upserts.is_empty() && self.parts.is_empty()
    }

    pub(super) fn halves(&mut self, statements: &[Statement<'a>]) {
        let (first, second) = statements.split_at(statements.len() / 2);
        let parts = [first, second].into_iter().filter(|part| !part.is_empty());
        self.parts.extend(parts.map(<[_]>::to_vec));
    }

    /// Puts the groups on top of what is to be done.
    pub(super) fn into_todo(self, from: &Todo<'a>, todo: &mut Vec<Todo<'a>>) {
        let mut push = |kind, statements: Vec<_>, tries| {
            if !statements.is_empty() {
                todo.push(Todo { group: Group { kind, namespace: from.group.namespace, statements }, tries });
            }
        };
        push(from.group.kind, self.same, from.tries + 1);
        push(Kind::Upsert, self.upserts, from.tries);
        self.parts.into_iter().for_each(|part| push(from.group.kind, part, from.tries));
    }
}

/// The statements that a failure is about: a delete command has one for all its documents.
pub(super) fn failed<'s, 'a>(sent: &'s [Statement<'a>], kind: Kind, index: usize) -> &'s [Statement<'a>] {
    if kind == Kind::Delete { sent } else { sent.get(index..=index).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::code;

    #[test]
    fn verdicts() {
        let duplicate = |on_id| Fault { code: code::DUPLICATE_KEY, sort: Sort::Duplicate { on_id } };
        let fault = |code| Fault::new(code, Some(Kind::Upsert));
        for (fault, kind, tries, verdict) in [
            (duplicate(true), Kind::Insert, 0, Verdict::Upsert),
            (duplicate(true), Kind::Upsert, 99, Verdict::Again),
            (duplicate(false), Kind::Insert, 0, Verdict::Again),
            (duplicate(false), Kind::Update, UNIQUE_TRIES, Verdict::Refuse),
            (fault(code::WRITE_CONFLICT), Kind::Update, 1000, Verdict::Again),
            (fault(1_234_567), Kind::Upsert, 1000, Verdict::Again),
            (fault(code::DOCUMENT_VALIDATION_FAILURE), Kind::Upsert, 0, Verdict::Refuse),
            (fault(code::PATH_NOT_VIABLE), Kind::Update, 0, Verdict::Refuse),
            (fault(code::BAD_VALUE), Kind::Delete, 0, Verdict::Halves),
            (fault(code::UNAUTHORIZED), Kind::Delete, 0, Verdict::Stop),
        ] {
            assert_eq!(Verdict::of(fault, kind, tries), verdict, "{fault:?} {kind:?}");
        }
    }
}
