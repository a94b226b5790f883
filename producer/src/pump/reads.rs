//! What a round reads, for whom, and what came of it.

use common::{cluster_time::ClusterTime, error::Result, namespace::Namespace, telemetry::names};

use crate::snapshot::{
    self, Outcome, Query,
    catalog::Defined,
    keys::{self, Looked},
    presence::{self, Presence},
};

/// Who asked for a read.
pub(super) enum Asker {
    /// The first snapshot: one of its copies, by index.
    Copy(usize),
    /// Workers: documents of one namespace, by the keys of their requests.
    Repairs(Namespace, Vec<String>),
    /// An operator, by the key of the request.
    Request(String),
    /// A worker that looks through the target, by the key of the request.
    Sweep(String),
    /// The lookout for definitions.
    Look,
}

/// What is read.
pub(super) enum Wanted {
    /// Documents in `_id` order.
    Chunk(Query),
    /// Single documents, by raw BSON `{_id: …}`.
    Keys(Query, Vec<Vec<u8>>),
    /// Which of these keys name no document.
    Missing(Query, Vec<Vec<u8>>),
    /// Nothing, for the namespace names no collection: all of these keys are missing, unless it gets one meanwhile.
    Nothing(Namespace, Vec<Vec<u8>>),
    /// Nothing more: this was read before the round's time.
    Look(Vec<Defined>),
    /// Nothing yet: a capped collection is read while the stream waits.
    Scan,
}

/// What came of it.
pub(super) enum Answer {
    /// Of a chunk.
    Chunk(Outcome),
    /// Of single documents.
    Keys(Looked),
    /// Of the question which are missing.
    Missing(Presence),
    /// Of the keys of a namespace that named no collection.
    Nothing(Vec<Vec<u8>>),
    /// What was read before.
    Look(Vec<Defined>),
    /// That now is the time to read.
    Scan,
}

/// Reads at `time`.
pub(super) async fn read(wanted: Wanted, time: ClusterTime, is_transactional: bool) -> Result<Answer> {
    match wanted {
        Wanted::Chunk(query) => snapshot::read(&query, time, is_transactional).await.map(Answer::Chunk),
        Wanted::Keys(query, keys) => keys::look(query, keys, time, is_transactional).await.map(Answer::Keys),
        Wanted::Missing(query, keys) => {
            presence::missing(query, keys, time, is_transactional).await.map(Answer::Missing)
        }
        Wanted::Nothing(_, keys) => Ok(Answer::Nothing(keys)),
        Wanted::Look(found) => Ok(Answer::Look(found)),
        Wanted::Scan => Ok(Answer::Scan),
    }
}

/// Counts what has to be read again.
pub(super) fn reread(reason: &'static str) {
    metrics::counter!(names::PRODUCER_SNAPSHOT_REREADS, "reason" => reason).increment(1);
}
