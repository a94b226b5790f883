//! What a source says against an operator's filter: it ends the request, and nothing else.

use common::mongo::{self, Reason, code};
use mongodb::error::{Error as DriverError, ErrorKind};

/// Documents that one read looks at.
pub(super) const LOOKED_AT: i32 = 4000;
/// How long the source may work on one read, in milliseconds; the stream may have to wait as long.
pub(super) const MOST_MS: i32 = 10_000;

/// Codes with which a server says that it cannot answer now, whatever the question (`error_codes.yml`).
const PASSING: [i32; 29] = [
    6, 7, 24, 43, 46, 63, 64, 89, 91, 96, 112, 133, 134, 150, 175, 189, 202, 234, 237, 251, 262, 279, 290,
    9001, 10107, 11600, 11602, 13435, 13436,
];

/// What the source says against a filter, without the values that it names; `None` when it says nothing about it.
pub(super) fn objection(error: &DriverError) -> Option<String> {
    let ErrorKind::Command(_) = error.kind.as_ref() else { return None };
    match mongo::code(error)? {
        code::MAX_TIME_EXPIRED => Some(format!(
            "the filter took the source longer than {} s for {LOOKED_AT} documents",
            MOST_MS / 1000
        )),
        passing if PASSING.contains(&passing) => None,
        _ => Some(format!("the source refuses the filter: {}", Reason::of(error))),
    }
}
