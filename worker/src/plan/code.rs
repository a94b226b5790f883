//! Error codes by the names that the server gives them (`src/mongo/base/error_codes.yml`; from 10000 on older ones, named here).

#![allow(missing_docs)]

pub const BAD_VALUE: i32 = 2;
pub const HOST_UNREACHABLE: i32 = 6;
pub const HOST_NOT_FOUND: i32 = 7;
pub const UNAUTHORIZED: i32 = 13;
pub const TYPE_MISMATCH: i32 = 14;
pub const OVERFLOW: i32 = 15;
pub const AUTHENTICATION_FAILED: i32 = 18;
pub const ILLEGAL_OPERATION: i32 = 20;
pub const LOCK_TIMEOUT: i32 = 24;
pub const PATH_NOT_VIABLE: i32 = 28;
pub const CANNOT_BACKFILL_ARRAY: i32 = 34;
pub const CONFLICTING_UPDATE_OPERATORS: i32 = 40;
pub const MAX_TIME_MS_EXPIRED: i32 = 50;
pub const DOLLAR_PREFIXED_FIELD_NAME: i32 = 52;
pub const INVALID_ID_FIELD: i32 = 53;
pub const INVALID_DB_REF: i32 = 55;
pub const EMPTY_FIELD_NAME: i32 = 56;
pub const DOTTED_FIELD_NAME: i32 = 57;
pub const WRITE_CONCERN_FAILED: i32 = 64;
pub const IMMUTABLE_FIELD: i32 = 66;
pub const INVALID_NAMESPACE: i32 = 73;
pub const NETWORK_TIMEOUT: i32 = 89;
pub const SHUTDOWN_IN_PROGRESS: i32 = 91;
pub const UNSATISFIABLE_WRITE_CONCERN: i32 = 100;
pub const WRITE_CONFLICT: i32 = 112;
pub const DOCUMENT_VALIDATION_FAILURE: i32 = 121;
pub const COMMAND_NOT_SUPPORTED_ON_VIEW: i32 = 166;
pub const CANNOT_INDEX_PARALLEL_ARRAYS: i32 = 171;
pub const PRIMARY_STEPPED_DOWN: i32 = 189;
pub const CANNOT_BUILD_INDEX_KEYS: i32 = 201;
pub const NO_SUCH_TRANSACTION: i32 = 251;
pub const EXCEEDED_TIME_LIMIT: i32 = 262;
pub const OPERATION_NOT_SUPPORTED_IN_TRANSACTION: i32 = 263;
pub const USER_WRITES_BLOCKED: i32 = 371;
pub const SOCKET_EXCEPTION: i32 = 9001;
pub const CANNOT_GROW_DOCUMENT_IN_CAPPED: i32 = 10003;
pub const NOT_WRITABLE_PRIMARY: i32 = 10107;
pub const BSON_OBJECT_TOO_LARGE: i32 = 10334;
pub const DUPLICATE_KEY: i32 = 11000;
pub const INTERRUPTED_AT_SHUTDOWN: i32 = 11600;
pub const INTERRUPTED_DUE_TO_REPL_STATE_CHANGE: i32 = 11602;
pub const GEO_POINT_OUT_OF_BOUNDS: i32 = 13027;
pub const GEO_POINT_OF_ONE_NUMBER: i32 = 13068;
pub const NOT_PRIMARY_NO_SECONDARY_OK: i32 = 13435;
pub const NOT_PRIMARY_OR_SECONDARY: i32 = 13436;
pub const OUT_OF_DISK_SPACE: i32 = 14031;
pub const CANNOT_EXTRACT_GEO_KEYS: i32 = 16755;
pub const HASHED_INDEX_OF_ARRAY: i32 = 16766;
pub const GEO_POINT_MALFORMED: i32 = 16804;
pub const TEXT_LANGUAGE_NO_STRING: i32 = 17261;
pub const TEXT_LANGUAGE_UNKNOWN: i32 = 17262;
pub const DOCUMENT_TOO_LARGE_AFTER_UPDATE: i32 = 17419;
pub const DOCUMENT_TOO_LARGE_FOR_UPSERT: i32 = 17420;

/// Whether an index cannot have a document's values: its build fails, and afterwards the document is refused (each tried on 6.0.27).
#[must_use]
pub const fn is_of_index_keys(code: i32) -> bool {
    matches!(
        code,
        CANNOT_INDEX_PARALLEL_ARRAYS
            | CANNOT_BUILD_INDEX_KEYS
            | GEO_POINT_OUT_OF_BOUNDS
            | GEO_POINT_OF_ONE_NUMBER
            | CANNOT_EXTRACT_GEO_KEYS
            | HASHED_INDEX_OF_ARRAY
            | GEO_POINT_MALFORMED
            | TEXT_LANGUAGE_NO_STRING
            | TEXT_LANGUAGE_UNKNOWN
    )
}
