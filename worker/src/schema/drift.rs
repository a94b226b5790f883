//! Drift: what is new about a namespace's documents once they are known. Pure but for the telling.
//!
//! Documents that a snapshot reads were there before, and the first event of a namespace begins its schema: neither is drift.

use common::{cluster_time::ClusterTime, namespace::Namespace, raw::Kind, telemetry::names};
use metrics::counter;

use super::kind::{are_numbers, bit, kinds, name};

/// Lines that one batch writes at most for one namespace; what is beyond them is counted.
const LINES: usize = 20;

/// One thing that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Where.
    pub path: String,
    /// Since when.
    pub at: ClusterTime,
    /// What.
    pub what: What,
}

/// What is new at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A field that no document had.
    NewField(Kind),
    /// A number of another type, where there were only numbers.
    Widened {
        /// The types so far, as bits.
        before: u32,
        /// The new one.
        kind: Kind,
    },
    /// Any other type that was not seen there.
    NewType {
        /// The types so far, as bits.
        before: u32,
        /// The new one.
        kind: Kind,
    },
    /// A document without a field that all had, or an update that removes it.
    Missing,
    /// So many paths are known, and there is no room for more.
    Full(usize),
}

impl What {
    /// What it is when this type comes to those.
    pub(super) const fn of(before: u32, kind: Kind) -> Self {
        if before == 0 {
            Self::NewField(kind)
        } else if are_numbers(before | bit(kind)) {
            Self::Widened { before, kind }
        } else {
            Self::NewType { before, kind }
        }
    }

    /// Its word, for metrics and searches.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NewField(_) => "new_field",
            Self::Widened { .. } => "widened_type",
            Self::NewType { .. } => "new_type",
            Self::Missing => "missing_field",
            Self::Full(_) => "full",
        }
    }
}

/// Says what has drifted: counters, and lines without values.
pub(super) fn tell(ns: &Namespace, drifts: &[Drift]) {
    for drift in drifts {
        counter!(names::WORKER_SCHEMA_DRIFTS, "ns" => ns.to_string(), "kind" => drift.what.word())
            .increment(1);
    }
    for Drift { path, at, what } in drifts.iter().take(LINES) {
        let (drift, cluster_time) = (what.word(), at);
        match what {
            What::NewField(kind) => {
                tracing::info!(%ns, path, r#type = name(*kind), %cluster_time, drift, "a field is new");
            }
            What::Widened { before, kind } | What::NewType { before, kind } => {
                let before: Vec<_> = kinds(*before).map(name).collect();
                let (kind, before) = (name(*kind), before.join(", "));
                tracing::info!(%ns, path, r#type = kind, before, %cluster_time, drift, "a type is new at a path");
            }
            What::Missing => tracing::info!(%ns, path, %cluster_time, drift, "a field may be missing now"),
            What::Full(paths) => {
                tracing::warn!(%ns, paths, drift, "the schema has as many paths as `worker.schema.paths` allows; more are not told");
            }
        }
    }
    if drifts.len() > LINES {
        tracing::info!(%ns, more = drifts.len() - LINES, "and more of the like");
    }
}
