//! What can be configured. The doc comments are the user's reference; units stand in the names.

use std::{collections::BTreeMap, net::SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::Secret;
use crate::cluster_time::ClusterTime;

/// The whole configuration of one pipeline.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the pipeline: letters, digits, `-` and `_`. It names the internal topics (`oplogue.<pipeline>.…`), the consumer
    /// group and the transactional id, so it must differ between pipelines on one Kafka and stay the same over restarts.
    pub pipeline: String,
    /// Where changes are read. Needed by the producer.
    pub source: Source,
    /// Where changes are written. Needed by the worker.
    pub target: Target,
    /// The log between the two.
    pub kafka: Kafka,
    /// Which namespaces are carried.
    #[serde(default)]
    pub namespaces: Namespaces,
    /// The producer's own settings.
    #[serde(default)]
    pub producer: Producer,
    /// The worker's own settings.
    #[serde(default)]
    pub worker: Worker,
    /// Field rules; of several whose namespace pattern matches, the most specific one holds.
    #[serde(default)]
    pub rules: Vec<FieldRules>,
    /// Logs, metrics, health.
    #[serde(default)]
    pub telemetry: Telemetry,
}

/// Where changes are read.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// MongoDB connection string of the source replica set. A secret: prefer `uri_file` or the environment.
    pub uri: Option<Secret>,
    /// File that holds the connection string (a mounted secret); instead of `uri`.
    pub uri_file: Option<String>,
}

/// Where changes are written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// MongoDB connection string of the target. A secret: prefer `uri_file` or the environment.
    pub uri: Option<Secret>,
    /// File that holds the connection string (a mounted secret); instead of `uri`.
    pub uri_file: Option<String>,
}

/// The log between producer and workers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// Bootstrap servers, `host:port`, separated by commas.
    pub brokers: String,
    /// Put before every event topic's name, with a dot: `prefix.db.coll`. Empty for none.
    #[serde(default)]
    pub topic_prefix: String,
    /// Partitions of a newly created event topic; also the most workers that can share one namespace. Kept with the position: a
    /// later change holds for new topics only.
    #[serde(default = "default::partitions")]
    pub partitions: u16,
    /// Replication factor of topics that are created. Use 3 in production.
    #[serde(default = "default::replication_factor")]
    pub replication_factor: u16,
    /// Configs of newly created event topics, as Kafka names them (`retention.ms`, `cleanup.policy`, …).
    #[serde(default)]
    pub topic_config: BTreeMap<String, String>,
    /// Options handed to librdkafka for every client (`security.protocol`, `sasl.username`, …). The ones that the
    /// guarantees rest on (`enable.idempotence`, `isolation.level`, `transactional.id`, …) are refused by name.
    #[serde(default)]
    pub options: BTreeMap<String, Secret>,
}

/// Which namespaces are carried.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Namespaces {
    /// Patterns of namespaces to carry: `db.coll`, `db.*`, `*.coll`, or `/regex/` over `db.coll`. Empty: all but the
    /// server's own.
    pub include: Vec<String>,
    /// Patterns of namespaces to leave out; they win over `include`.
    pub exclude: Vec<String>,
}

/// Where a pipeline without a position begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Copy what exists, then follow.
    #[default]
    Snapshot,
    /// Follow from now on.
    Latest,
    /// Follow from a cluster time on, written `seconds.increment`.
    Timestamp(#[schemars(with = "String")] ClusterTime),
    /// Follow from a resume token, its `_data` in hex.
    Token(String),
}

/// The producer's own settings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Producer {
    /// Name of the captured deployment within the pipeline. One source: leave it.
    pub slice: String,
    /// Where to begin when Kafka holds no position yet: `snapshot`, `latest`, `{ timestamp = "1700000000.1" }` or
    /// `{ token = "82…" }`.
    pub start: Start,
    /// Change events the source returns at most per batch.
    pub batch_events: u32,
    /// Bytes of encoded events that one Kafka transaction holds at most, in MiB.
    pub transaction_mib: u32,
    /// How long Kafka waits for a silent producer before it aborts its transaction, in milliseconds. Readers wait as long.
    pub transaction_timeout_ms: u32,
    /// The snapshot's settings.
    pub snapshot: Snapshot,
}

/// The snapshot's settings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshot {
    /// Bytes that a chunk holds at most, in MiB; one larger document makes a chunk of its own.
    pub chunk_mib: u32,
    /// Chunks read at the same time.
    pub parallel: u16,
}

/// The worker's own settings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Worker {
    /// Topics to consume instead of those that the producer announced: for topics that other systems write.
    pub topics: Vec<String>,
    /// Statements in one write command at most, 1 to 1000.
    pub batch_statements: u16,
    /// Batches written at the same time, each on its own connection.
    pub connections: u16,
    /// Records kept ready per partition, in MiB; a fuller partition is paused.
    pub partition_mib: u32,
    /// How often offsets are committed at the least, in milliseconds.
    pub commit_interval_ms: u32,
    /// How long a shutdown or a revoked partition may take to drain, in milliseconds.
    pub drain_timeout_ms: u32,
    /// What to do about definition changes.
    pub ddl: Ddl,
}

/// What to do about one kind of definition change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DdlPolicy {
    /// Pass over it, with a warning in the log and a metric.
    Ignore,
    /// Stop, naming the namespace.
    Fail,
}

/// What to do about definition changes, by kind.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ddl {
    /// `drop` of a collection.
    pub drop: DdlPolicy,
    /// `rename` of a collection.
    pub rename: DdlPolicy,
    /// Everything that changes no document: `create`, `createIndexes`, `dropIndexes`, `modify`, `dropDatabase`.
    pub other: DdlPolicy,
}

/// Which fields of a namespace's documents pass.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FieldRules {
    /// Namespace pattern, written as in `namespaces.include`.
    pub namespace: String,
    /// Dotted paths that pass; everything else is left out. `_id` always passes. Empty: all pass. A path reaches
    /// through arrays: `items.price` is the price of every item.
    pub allow: Vec<String>,
    /// Dotted paths that are left out.
    pub deny: Vec<String>,
}

/// Log lines as text or as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs, metrics, health.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Address of `/metrics`, `/livez` and `/readyz`; port 0 picks a free one and logs it. Empty: no HTTP at all.
    pub listen: Option<SocketAddr>,
    /// Log filter, as in `info,producer=debug`.
    pub log: String,
    /// Log lines as `text` or `json`.
    pub log_format: LogFormat,
}

mod default {
    //! Defaults that serde wants as functions.

    pub(super) const fn partitions() -> u16 {
        8
    }

    pub(super) const fn replication_factor() -> u16 {
        1
    }
}

impl Default for Producer {
    fn default() -> Self {
        Self {
            slice: "rs0".to_owned(),
            start: Start::default(),
            batch_events: 1000,
            transaction_mib: 4,
            transaction_timeout_ms: 15_000,
            snapshot: Snapshot::default(),
        }
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self { chunk_mib: 4, parallel: 2 }
    }
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            batch_statements: 1000,
            connections: 2,
            partition_mib: 4,
            commit_interval_ms: 1000,
            drain_timeout_ms: 20_000,
            ddl: Ddl::default(),
        }
    }
}

impl Default for Ddl {
    fn default() -> Self {
        Self { drop: DdlPolicy::Fail, rename: DdlPolicy::Fail, other: DdlPolicy::Ignore }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { listen: None, log: "info".to_owned(), log_format: LogFormat::Text }
    }
}
