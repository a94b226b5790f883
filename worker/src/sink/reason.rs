//! What a dead letter says about the target's answer. Words only: the server's own message quotes values.

use crate::{
    dead_letter::Reason,
    plan::{Fault, Sort, code, delta::Inexact},
};

const TOO_LARGE: [i32; 3] =
    [code::BSON_OBJECT_TOO_LARGE, code::DOCUMENT_TOO_LARGE_AFTER_UPDATE, code::DOCUMENT_TOO_LARGE_FOR_UPSERT];

/// The word for a value that a unique index has already.
pub(crate) const UNIQUE_INDEX: &str = "unique_index";

/// Why a statement that met `fault` is given up.
pub(super) fn of(fault: Fault) -> Reason {
    let (kind, text) = match (fault.sort, fault.code) {
        (Sort::Duplicate { .. }, _) => {
            (UNIQUE_INDEX, "a unique index of the target holds a value of this document already")
        }
        (Sort::BaseDoesNotFit, _) => ("base", "the target's document is not the one that the update found"),
        (_, code::DOCUMENT_VALIDATION_FAILURE) => {
            ("validation", "the target's validator does not take the document")
        }
        (_, code) if TOO_LARGE.contains(&code) => ("too_large", "the document is too large for the target"),
        _ => ("refused", "the target does not take the change"),
    };
    Reason { kind, text: format!("{text} (code {})", fault.code) }
}

/// Why a delta was not applied to its document.
pub(super) fn of_delta(why: Inexact) -> Reason {
    Reason { kind: "base", text: why.to_string() }
}
