//! How problems of a filter are told.

use common::raw::Element;

use crate::Problem;

/// All that is wrong with a part of a filter.
pub(super) type Problems = Vec<Problem>;

/// Another kind of value was expected there.
pub(super) fn expected(at: &str, what: &str, found: &Element<'_>) -> Problems {
    vec![Problem::new(at, format!("expected {what}, found {}", found.kind.alias()))]
}
