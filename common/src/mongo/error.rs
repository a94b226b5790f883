//! What kind of trouble a MongoDB error is.

use mongodb::error::{Error as DriverError, ErrorKind};

use super::Reason;
use crate::error::{Error, Kind};

/// Server error codes that decisions rest on (`src/mongo/base/error_codes.yml` of the server).
pub mod code {
    /// `Unauthorized`: a role is missing.
    pub const UNAUTHORIZED: i32 = 13;
    /// `AuthenticationFailed`.
    pub const AUTHENTICATION_FAILED: i32 = 18;
    /// `NamespaceNotFound`.
    pub const NAMESPACE_NOT_FOUND: i32 = 26;
    /// `InvalidResumeToken`.
    pub const INVALID_RESUME_TOKEN: i32 = 260;
    /// `MaxTimeMSExpired`.
    pub const MAX_TIME_EXPIRED: i32 = 50;
    /// `CappedPositionLost`.
    pub const CAPPED_POSITION_LOST: i32 = 136;
    /// `QueryPlanKilled`: a read lost its collection.
    pub const QUERY_PLAN_KILLED: i32 = 175;
    /// `SnapshotTooOld`: the wanted cluster time has left the history window.
    pub const SNAPSHOT_TOO_OLD: i32 = 239;
    /// `SnapshotUnavailable`: the collection did not exist, or existed otherwise, at the wanted cluster time.
    pub const SNAPSHOT_UNAVAILABLE: i32 = 246;
    /// `ChangeStreamFatalError`.
    pub const CHANGE_STREAM_FATAL: i32 = 280;
    /// `ChangeStreamHistoryLost`.
    pub const CHANGE_STREAM_HISTORY_LOST: i32 = 286;
    /// `CollectionUUIDMismatch`.
    pub const COLLECTION_UUID_MISMATCH: i32 = 361;
    /// A field of a change event is too large for any fragment (`$changeStreamSplitLargeEvent`).
    pub const EVENT_NOT_SPLITTABLE: i32 = 7_182_500;
    /// `BSONObjectTooLarge`.
    pub const OBJECT_TOO_LARGE: i32 = 10334;
}

/// The server's error code, when the server answered.
#[must_use]
pub fn code(error: &DriverError) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(mongodb::error::WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(mongodb::error::WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        _ => None,
    }
}

/// The kind of an error the driver returned. Labels first, then codes; unknown server errors are transient.
#[must_use]
pub fn classify(error: &DriverError) -> Kind {
    if error.contains_label("TransientTransactionError") || error.contains_label("RetryableWriteError") {
        return Kind::Transient;
    }
    match error.kind.as_ref() {
        ErrorKind::Authentication { .. }
        | ErrorKind::InvalidTlsConfig { .. }
        | ErrorKind::InvalidArgument { .. } => Kind::Misconfigured,
        ErrorKind::Shutdown => Kind::Cancelled,
        _ => code(error).map_or(Kind::Transient, kind_of_code),
    }
}

const fn kind_of_code(code: i32) -> Kind {
    match code {
        code::UNAUTHORIZED | code::AUTHENTICATION_FAILED => Kind::Misconfigured,
        code::CHANGE_STREAM_HISTORY_LOST
        | code::CAPPED_POSITION_LOST
        | code::CHANGE_STREAM_FATAL
        | code::INVALID_RESUME_TOKEN => Kind::PositionLost,
        _ => Kind::Transient,
    }
}

/// Wraps an error the driver returned while `context` was being done.
#[must_use]
#[allow(clippy::needless_pass_by_value)]
pub fn failed(context: impl Into<String>, error: DriverError) -> Error {
    Error::caused(classify(&error), context, Reason::of(&error))
}
