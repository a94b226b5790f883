//! What the target says about a write command, statement by statement.
//!
//! Owns the target's error codes and what sort of trouble each is. Messages are not read and not kept: they hold values.

use common::{
    error,
    raw::{self, Document, Element},
};

use super::{Kind, code};

/// What sort of trouble a code is, for the statement that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// A unique index has the value already.
    Duplicate {
        /// Whether it is the index on `_id`: an insert of what is there.
        on_id: bool,
    },
    /// Update operators met another document than the update found: a repair is to be asked for.
    BaseDoesNotFit,
    /// The target will not have this document, now or ever.
    Refused,
    /// It passes by itself.
    Transient,
    /// Somebody has to change the target or the configuration.
    Misconfigured,
    /// Nobody has classified it: retried like a transient one, with an alert.
    Unknown,
}

/// A code and its sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the target answered with code {code}")]
pub struct Fault {
    /// The server's code.
    pub code: i32,
    /// What sort of trouble it is.
    pub sort: Sort,
}

/// A statement that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Its place in the command; of a delete command there is one statement for all its documents.
    pub index: usize,
    /// Why.
    pub fault: Fault,
}

/// A write command's reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// Documents inserted, matched, upserted or deleted.
    pub n: u64,
    /// Documents that an update changed.
    pub modified: u64,
    /// Places in the command of the updates that inserted.
    pub upserted: Vec<usize>,
    /// The statements that failed; those not listed are done.
    pub failures: Vec<Failure>,
    /// Why the write concern was not met: what is done may be rolled back.
    pub unconfirmed: Option<Fault>,
}

impl Fault {
    /// Classifies a code that a statement of this kind met, or, with `None`, a whole command.
    #[must_use]
    pub const fn new(code: i32, kind: Option<Kind>) -> Self {
        Self { code, sort: sort(code, matches!(kind, Some(Kind::Update))) }
    }

    /// The kind of error this is where nothing better is known to do: the caller looks at [`Fault::sort`] first for
    /// duplicates (redo with upserts, or wait for the index) and for bases that do not fit (ask for a repair).
    #[must_use]
    pub const fn kind(self) -> error::Kind {
        match self.sort {
            Sort::Refused => error::Kind::Poison,
            Sort::Misconfigured => error::Kind::Misconfigured,
            Sort::Duplicate { .. } | Sort::BaseDoesNotFit | Sort::Transient | Sort::Unknown => {
                error::Kind::Transient
            }
        }
    }
}

const fn sort(code: i32, by_operators: bool) -> Sort {
    match code {
        code::DUPLICATE_KEY => Sort::Duplicate { on_id: false },
        // A value on the way is no document, the array is none, or is far too short.
        code::PATH_NOT_VIABLE | code::CANNOT_BACKFILL_ARRAY => Sort::BaseDoesNotFit,
        code::BAD_VALUE | code::TYPE_MISMATCH if by_operators => Sort::BaseDoesNotFit,
        code::BAD_VALUE
        | code::TYPE_MISMATCH
        | code::OVERFLOW
        | code::CONFLICTING_UPDATE_OPERATORS
        | code::DOLLAR_PREFIXED_FIELD_NAME
        | code::INVALID_ID_FIELD
        | code::INVALID_DB_REF
        | code::EMPTY_FIELD_NAME
        | code::DOTTED_FIELD_NAME
        | code::IMMUTABLE_FIELD
        | code::DOCUMENT_VALIDATION_FAILURE
        | code::CANNOT_GROW_DOCUMENT_IN_CAPPED
        | code::BSON_OBJECT_TOO_LARGE
        | code::DOCUMENT_TOO_LARGE_AFTER_UPDATE
        | code::DOCUMENT_TOO_LARGE_FOR_UPSERT => Sort::Refused,
        _ if code::is_of_index_keys(code) => Sort::Refused,
        code::UNAUTHORIZED
        | code::AUTHENTICATION_FAILED
        | code::ILLEGAL_OPERATION
        | code::INVALID_NAMESPACE
        | code::UNSATISFIABLE_WRITE_CONCERN
        | code::COMMAND_NOT_SUPPORTED_ON_VIEW
        | code::OPERATION_NOT_SUPPORTED_IN_TRANSACTION => Sort::Misconfigured,
        code::HOST_UNREACHABLE
        | code::HOST_NOT_FOUND
        | code::LOCK_TIMEOUT
        | code::MAX_TIME_MS_EXPIRED
        | code::WRITE_CONCERN_FAILED
        | code::NETWORK_TIMEOUT
        | code::SHUTDOWN_IN_PROGRESS
        | code::WRITE_CONFLICT
        | code::PRIMARY_STEPPED_DOWN
        | code::NO_SUCH_TRANSACTION
        | code::EXCEEDED_TIME_LIMIT
        | code::USER_WRITES_BLOCKED
        | code::SOCKET_EXCEPTION
        | code::NOT_WRITABLE_PRIMARY
        | code::INTERRUPTED_AT_SHUTDOWN
        | code::INTERRUPTED_DUE_TO_REPL_STATE_CHANGE
        | code::NOT_PRIMARY_NO_SECONDARY_OK
        | code::NOT_PRIMARY_OR_SECONDARY
        | code::OUT_OF_DISK_SPACE => Sort::Transient,
        _ => Sort::Unknown,
    }
}

impl Reply {
    /// Reads the reply to a command of this kind.
    ///
    /// # Errors
    /// It is not the BSON it should be.
    pub fn parse(reply: Document<'_>, kind: Kind) -> Result<Self, raw::Error> {
        let mut parsed = Self::default();
        for element in reply.elements() {
            let element = element?;
            match element.name {
                b"n" => parsed.n = count(&element),
                b"nModified" => parsed.modified = count(&element),
                b"upserted" => parsed.upserted = upserted(&element)?,
                b"writeErrors" => parsed.failures = failures(&element, kind)?,
                b"writeConcernError" => parsed.unconfirmed = Some(fault(&element, None)?),
                _ => {}
            }
        }
        Ok(parsed)
    }
}

fn count(element: &Element<'_>) -> u64 {
    element.as_integer().and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

fn upserted(element: &Element<'_>) -> Result<Vec<usize>, raw::Error> {
    let list =
        element.as_document().ok_or(raw::Error::Unexpected { field: "upserted", expected: "array" })?;
    list.elements().map(|upsert| index(&upsert?)).collect()
}

fn failures(element: &Element<'_>, kind: Kind) -> Result<Vec<Failure>, raw::Error> {
    let list =
        element.as_document().ok_or(raw::Error::Unexpected { field: "writeErrors", expected: "array" })?;
    let failure = |error: Result<Element<'_>, raw::Error>| {
        let error = error?;
        Ok(Failure { index: index(&error)?, fault: fault(&error, Some(kind))? })
    };
    list.elements().map(failure).collect()
}

fn index(element: &Element<'_>) -> Result<usize, raw::Error> {
    const UNREADABLE: raw::Error = raw::Error::Unexpected { field: "index", expected: "number" };
    let index = element.as_document().ok_or(UNREADABLE)?.get("index")?.and_then(|index| index.as_integer());
    index.and_then(|index| usize::try_from(index).ok()).ok_or(UNREADABLE)
}

fn fault(element: &Element<'_>, kind: Option<Kind>) -> Result<Fault, raw::Error> {
    const UNREADABLE: raw::Error = raw::Error::Unexpected { field: "code", expected: "number" };
    let error = element.as_document().ok_or(UNREADABLE)?;
    let code =
        error.get("code")?.and_then(|code| code.as_integer()).and_then(|code| i32::try_from(code).ok());
    let mut fault = Fault::new(code.ok_or(UNREADABLE)?, kind);
    if let Sort::Duplicate { on_id } = &mut fault.sort {
        *on_id = is_on_id(error)?;
    }
    Ok(fault)
}

/// Whether a duplicate key error (`keyPattern`, 4.2+) is about the index on `_id`.
fn is_on_id(error: Document<'_>) -> Result<bool, raw::Error> {
    let Some(pattern) = error.get("keyPattern")?.and_then(|pattern| pattern.as_document()) else {
        return Ok(false);
    };
    let mut names = pattern.elements();
    let first = names.next().transpose()?;
    Ok(first.is_some_and(|first| first.name == b"_id") && names.next().is_none())
}
