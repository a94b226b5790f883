//! Every metric Oplogue has, by its one name. Emit with these constants only; `docs/metrics.md` is written from the table.
//!
//! Labels: `ns` a namespace, `topic` and `partition` as Kafka names them, `op` an operation type, `reason` and
//! `outcome` a short fixed word. Never a document key.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// What a metric measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One metric as documented.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Its name, with its unit.
    pub name: &'static str,
    /// What it measures.
    pub sort: Sort,
    /// Its unit.
    pub unit: Unit,
    /// Its labels, separated by commas.
    pub labels: &'static str,
    /// What it means.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $sort:ident $unit:ident $constant:ident = $name:literal [$labels:literal];)+) => {
        $($(#[doc = $help])+ pub const $constant: &str = $name;)+

        /// Every metric, in the order of the documentation.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: $name, sort: Sort::$sort, unit: Unit::$unit, labels: $labels, help: concat!($($help),+),
        },)+];
    };
}

metrics! {
    /// Always 1; version, commit and role stand in the labels.
    Gauge Count BUILD = "oplogue_build_info" ["role, version, commit"];
    /// 1 while every condition of `/readyz` holds, else 0.
    Gauge Count READY = "oplogue_ready" [""];

    /// Change events read from the source.
    Counter Count PRODUCER_EVENTS_READ = "oplogue_producer_events_read_total" [""];
    /// Bytes of raw batches read from the source, the snapshot's included.
    Counter Bytes PRODUCER_BYTES_READ = "oplogue_producer_read_bytes_total" [""];
    /// Batches of change events read from the source.
    Counter Count PRODUCER_BATCHES_READ = "oplogue_producer_batches_read_total" [""];
    /// Records in committed Kafka transactions, snapshot records included.
    Counter Count PRODUCER_RECORDS_PUBLISHED = "oplogue_producer_records_published_total" ["op"];
    /// Bytes of keys and values in committed Kafka transactions.
    Counter Bytes PRODUCER_BYTES_PUBLISHED = "oplogue_producer_published_bytes_total" [""];
    /// Kafka transactions ended; outcome `committed` or `aborted`.
    Counter Count PRODUCER_TRANSACTIONS = "oplogue_producer_transactions_total" ["outcome"];
    /// Time from the first record of a Kafka transaction to its commit.
    Histogram Seconds PRODUCER_TRANSACTION_SECONDS = "oplogue_producer_transaction_seconds" [""];
    /// Slices that this producer works on; 0 on a standby.
    Gauge Count PRODUCER_SLICES = "oplogue_producer_slices" [""];
    /// Cluster time of the source minus that of the last event published.
    Gauge Seconds PRODUCER_LAG_SECONDS = "oplogue_producer_lag_seconds" [""];
    /// Cluster time of the position kept in Kafka, as seconds since 1970.
    Gauge Seconds PRODUCER_POSITION_SECONDS = "oplogue_producer_position_timestamp_seconds" [""];
    /// Documents that the snapshot has published.
    Counter Count PRODUCER_SNAPSHOT_DOCUMENTS = "oplogue_producer_snapshot_documents_total" [""];
    /// Chunks that the snapshot has published.
    Counter Count PRODUCER_SNAPSHOT_CHUNKS = "oplogue_producer_snapshot_chunks_total" [""];
    /// Chunks that were read anew at a later cluster time.
    Counter Count PRODUCER_SNAPSHOT_REREADS = "oplogue_producer_snapshot_rereads_total" ["reason"];
    /// Documents that workers asked for anew; outcome `found`, `gone` or `refused`.
    Counter Count PRODUCER_REPAIRS = "oplogue_producer_repairs_total" ["outcome"];
    /// Documents of the target that were looked for at the source; outcome `there` or `gone` (deleted).
    Counter Count PRODUCER_SWEPT = "oplogue_producer_swept_total" ["outcome"];
    /// Collections that the snapshot has still to finish.
    Gauge Count PRODUCER_SNAPSHOT_COLLECTIONS = "oplogue_producer_snapshot_pending_collections" [""];
    /// Estimated bytes of the collections to copy.
    Gauge Bytes PRODUCER_SNAPSHOT_BYTES = "oplogue_producer_snapshot_estimated_bytes" [""];
    /// Event topics created.
    Counter Count PRODUCER_TOPICS_CREATED = "oplogue_producer_topics_created_total" [""];
    /// Gaps: times that the source's history was lost.
    Counter Count PRODUCER_GAPS = "oplogue_producer_gaps_total" [""];

    /// Records received, by operation type.
    Counter Count WORKER_RECORDS = "oplogue_worker_records_total" ["op"];
    /// Bytes of keys and values received.
    Counter Bytes WORKER_BYTES_RECEIVED = "oplogue_worker_received_bytes_total" [""];
    /// Records dropped because their sequence had been delivered before.
    Counter Count WORKER_DUPLICATES = "oplogue_worker_duplicates_total" [""];
    /// Write statements acknowledged by the target.
    Counter Count WORKER_STATEMENTS = "oplogue_worker_statements_total" ["op"];
    /// Bytes of write commands acknowledged by the target.
    Counter Bytes WORKER_BYTES_WRITTEN = "oplogue_worker_written_bytes_total" [""];
    /// Batches written; outcome `applied`, `redone` or `split`.
    Counter Count WORKER_BATCHES = "oplogue_worker_batches_total" ["outcome"];
    /// Time to write one batch, retries included.
    Histogram Seconds WORKER_BATCH_SECONDS = "oplogue_worker_batch_seconds" [""];
    /// Namespaces of which the rules have changed, and that have not been copied again since.
    Gauge Count WORKER_NAMESPACES_AFFECTED = "oplogue_worker_namespaces_affected" [""];
    /// Records handed to the dead-letter topic.
    Counter Count WORKER_DEAD_LETTERS = "oplogue_worker_dead_letters_total" ["reason"];
    /// Deltas that matched no document at the target.
    Counter Count WORKER_MISSES = "oplogue_worker_misses_total" ["ns"];
    /// Documents asked for anew, because they were missing at the target or differed.
    Counter Count WORKER_REPAIRS = "oplogue_worker_repairs_total" ["ns"];
    /// Deltas left to a repair that was asked for.
    Counter Count WORKER_SKIPPED = "oplogue_worker_skipped_total" [""];
    /// What was new about documents once their namespace was known; kind `new_field`, `widened_type`, `new_type`, `missing_field` or `full`.
    Counter Count WORKER_SCHEMA_DRIFTS = "oplogue_worker_schema_drifts_total" ["ns, kind"];
    /// What was done about departures from declared schemas: kind `new_field`, `missing_field`, `widened_type` or `incompatible_type`; policy `drop`, `coerce`, `default` or `quarantine`.
    Counter Count WORKER_SCHEMA_DEEDS = "oplogue_worker_schema_departures_total" ["ns, kind, policy"];
    /// Definition changes carried out at the target.
    Counter Count WORKER_DDL_APPLIED = "oplogue_worker_ddl_applied_total" ["op"];
    /// Assigned partitions that wait at a definition change for the others to come to it.
    Gauge Count WORKER_AT_BARRIERS = "oplogue_worker_partitions_at_barriers" [""];
    /// Definition changes passed over by policy.
    Counter Count WORKER_DDL_IGNORED = "oplogue_worker_ddl_ignored_total" ["op"];
    /// Partitions assigned to this worker.
    Gauge Count WORKER_PARTITIONS = "oplogue_worker_assigned_partitions" [""];
    /// Assigned partitions paused because enough of their records wait.
    Gauge Count WORKER_PAUSED = "oplogue_worker_paused_partitions" [""];
    /// Bytes of records received and not yet applied.
    Gauge Bytes WORKER_BUFFERED = "oplogue_worker_buffered_bytes" [""];
    /// Times that this worker took partitions on or gave some up.
    Counter Count WORKER_REBALANCES = "oplogue_worker_rebalances_total" [""];
    /// Records between the checkpoint and the end of the partition.
    Gauge Count WORKER_LAG_RECORDS = "oplogue_worker_lag_records" ["topic, partition"];
    /// Wall clock minus the cluster time of the last event applied; 0 when caught up.
    Gauge Seconds WORKER_LAG_SECONDS = "oplogue_worker_lag_seconds" [""];

    /// Attempts that failed and were tried again.
    Counter Count RETRIES = "oplogue_retries_total" [""];

    /// Resident memory.
    Gauge Bytes PROCESS_MEMORY = "process_resident_memory_bytes" [""];
    /// Processor time, user and system.
    Counter Seconds PROCESS_CPU = "process_cpu_seconds_total" [""];
    /// Open file descriptors.
    Gauge Count PROCESS_FDS = "process_open_fds" [""];
    /// Threads.
    Gauge Count PROCESS_THREADS = "process_threads" [""];
    /// When the process started, as seconds since 1970.
    Gauge Seconds PROCESS_START = "process_start_time_seconds" [""];
}

/// Hands every description to the recorder.
pub fn describe_all() {
    for metric in METRICS {
        let help = metric.help.trim();
        match metric.sort {
            Sort::Counter => describe_counter!(metric.name, metric.unit, help),
            Sort::Gauge => describe_gauge!(metric.name, metric.unit, help),
            Sort::Histogram => describe_histogram!(metric.name, metric.unit, help),
        }
    }
}

/// The list for `docs/metrics.md`; a test keeps it current.
#[must_use]
pub fn markdown() -> String {
    let mut text = HEADING.to_owned();
    for Metric { name, sort, labels, help, .. } in METRICS {
        let sort = format!("{sort:?}").to_lowercase();
        text.push_str(&format!("| `{name}` | {sort} | {labels} | {} |\n", help.trim()));
    }
    text
}

const HEADING: &str = "\
<!-- Written from common/src/telemetry/names.rs by `OPLOGUE_TEST_UPDATE=1 cargo test -p common --features service --test reference`. -->

# Metrics

`GET /metrics` at `telemetry.listen` answers in Prometheus' text format. A metric appears once something was counted. Labels: `ns` is a
namespace, `op` an operation type, `reason` and `outcome` a short fixed word; never a document key.

| metric | type | labels | meaning |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_follow_the_prometheus_conventions() {
        let mut seen = HashSet::new();
        for Metric { name, sort, unit, .. } in METRICS {
            assert!(seen.insert(name), "{name} twice");
            assert!(name.starts_with("oplogue_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), *sort == Sort::Counter, "{name}");
            let stem = name.trim_end_matches("_total");
            assert_eq!(stem.ends_with("_seconds"), *unit == Unit::Seconds, "{name}");
            assert_eq!(stem.ends_with("_bytes"), *unit == Unit::Bytes, "{name}");
        }
    }
}
