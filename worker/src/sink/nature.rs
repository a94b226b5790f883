//! What a collection of the target asks of those who write to it.

use common::{
    error::{Error, Kind},
    namespace::Namespace,
};

/// The largest size that a server gives a capped collection: 1 PB. One that the pipeline has made has it, and drops nothing by itself.
pub(crate) const LARGEST: i64 = 1 << 50;

/// What it asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Nature {
    /// A unique index besides that of `_id`, or a collation, ties documents to each other.
    pub is_tied: bool,
    /// It is capped: it keeps its documents in the order in which they come, and no transaction writes to it.
    pub is_capped: bool,
}

impl Nature {
    /// Whether its topic is applied in the source's order.
    #[must_use]
    pub const fn needs_order(self) -> bool {
        self.is_tied || self.is_capped
    }
}

/// Why a capped collection is not written to that drops documents by itself.
pub(super) fn drops(ns: &Namespace) -> Error {
    let context = format!(
        "the target's {ns} is a capped collection that drops documents by itself, also such as the source still has: drop it, and the worker \
         makes it anew; or, where the source's is capped, give it the largest size, `collMod` with `cappedSize: {LARGEST}` and \
         `cappedMax: 0`, until it takes over"
    );
    Error::new(Kind::Misconfigured, context)
}
