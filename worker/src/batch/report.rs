//! What a batch tells operators: counters, a line of progress every few seconds, warnings that do not flood.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use common::{cluster_time::ClusterTime, namespace::Namespace, telemetry::names};
use metrics::{counter, histogram};

use super::open::Events;
use crate::{plan::Kind, sink::Written};

/// How often progress is told while there is any, and how often misses are.
const EVERY: Duration = Duration::from_secs(10);

/// What has happened since progress was last told.
#[derive(Debug)]
pub(super) struct Report {
    since: Mutex<Since>,
}

#[derive(Debug)]
struct Since {
    at: Instant,
    records: u64,
    misses: u64,
    latest: Option<ClusterTime>,
}

/// A batch that has ended well.
#[derive(Debug)]
pub(super) struct Done<'b> {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) duplicates: u64,
    pub(super) took: Duration,
    pub(super) latest: Option<ClusterTime>,
    pub(super) events: &'b Events<'b>,
    pub(super) written: &'b Written,
    pub(super) names: &'b [Namespace],
}

impl Report {
    pub(super) fn new() -> Self {
        let at = Instant::now();
        Self { since: Mutex::new(Since { at, records: 0, misses: 0, latest: None }) }
    }

    pub(super) fn done(&self, done: &Done<'_>) {
        count(done);
        let misses = done.written.misses.values().sum::<u64>();
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.records += done.records;
        since.misses += misses;
        since.latest = done.latest.or(since.latest);
        if since.at.elapsed() >= EVERY {
            tell(&since);
            *since = Since { at: Instant::now(), records: 0, misses: 0, ..*since };
        }
    }
}

fn count(done: &Done<'_>) {
    for (operation, records) in &done.events.operations {
        counter!(names::WORKER_RECORDS, "op" => (*operation).to_owned()).increment(*records);
    }
    for (operation, ns) in &done.events.ignored {
        tracing::warn!(
            ns,
            "`{operation}` is not applied: worker.ddl says so, or the target has no transactions"
        );
        counter!(names::WORKER_DDL_IGNORED, "op" => (*operation).to_owned()).increment(1);
    }
    for (kind, statements) in &done.written.statements {
        counter!(names::WORKER_STATEMENTS, "op" => word(*kind)).increment(*statements);
    }
    for (namespace, misses) in &done.written.misses {
        let ns = done.names[namespace.0 as usize].to_string();
        counter!(names::WORKER_MISSES, "ns" => ns).increment(*misses);
    }
    let outcome = if done.written.is_redone { "redone" } else { "applied" };
    counter!(names::WORKER_BATCHES, "outcome" => outcome).increment(1);
    counter!(names::WORKER_BYTES_RECEIVED).increment(done.bytes);
    counter!(names::WORKER_BYTES_WRITTEN).increment(done.written.bytes);
    counter!(names::WORKER_DUPLICATES).increment(done.duplicates);
    histogram!(names::WORKER_BATCH_SECONDS).record(done.took.as_secs_f64());
}

fn tell(since: &Since) {
    #[allow(clippy::cast_precision_loss)]
    let per_second = (since.records as f64 / since.at.elapsed().as_secs_f64()).round();
    let lag_seconds = since.latest.map(|latest| latest.age(SystemTime::now()).as_secs());
    tracing::info!(records = since.records, per_second, lag_seconds, "applied");
    if since.misses > 0 {
        tracing::warn!(
            misses = since.misses,
            "updates found no document at the target: normal while the snapshot runs, and after a restart"
        );
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Delete => "delete",
        Kind::Update => "update",
        Kind::OnDocument | Kind::Replace => "replace",
        Kind::Upsert => "upsert",
        Kind::Insert => "insert",
    }
}
