//! What can be configured. The doc comments are the user's reference; units stand in the names.
//!
//! `docs/configuration.md` and `oplogue.schema.json` are written from here (`reference.rs`), and what the schema says (type,
//! range, pattern) is checked before anything is deserialised, so that all problems can be told at once.

use std::{collections::BTreeMap, net::SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::secret::Secret;
use crate::cluster_time::ClusterTime;

/// The whole configuration of one pipeline.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Oplogue")]
pub struct Config {
    /// Name of the pipeline: letters, digits, `-` and `_`. It names the internal topics (`oplogue.<pipeline>.…`), the consumer
    /// group and the transactional id, so it must differ between pipelines on one Kafka and stay the same over restarts.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,100}$"))]
    #[schemars(extend("patternErrorMessage" = "must be 1 to 100 letters, digits, `-` and `_`"))]
    pub pipeline: String,
    /// Where changes are read. Needed by the producer.
    #[serde(default)]
    pub source: Source,
    /// Where changes are written. Needed by the worker.
    #[serde(default)]
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
    /// Field rules, one table each. Of several whose namespace pattern matches, the most specific one holds alone: a full
    /// name before `db.*` and `*.coll`, those before a regular expression, that before `*.*`.
    #[serde(default)]
    pub rules: Vec<FieldRules>,
    /// Documents that stand beside their changes, one table each; of several that match a namespace the most specific one holds, as with
    /// `rules`. Without them updates say what changed, and nothing else. Needs a source of MongoDB 6.0 at the least, and collections
    /// with `changeStreamPreAndPostImages`: others go on without.
    #[serde(default)]
    pub images: Vec<Images>,
    /// Namespaces that have another name at the target, one table each; all others keep theirs. Of several whose pattern
    /// matches, the most specific one holds, as with `rules`. Two namespaces never share one at the target: where the
    /// configuration shows that they would, it is refused, else the worker stops when it meets the second. Topics, metrics and
    /// dead letters go by the source's names.
    #[serde(default)]
    pub map: Vec<NamespaceMap>,
    /// Declared schemas and what is done about documents that depart from them, one table each. Of several whose namespace pattern
    /// matches, the most specific one holds alone, as with `rules`.
    #[serde(default)]
    pub schemas: Vec<DeclaredSchema>,
    /// Logs, metrics, health.
    #[serde(default)]
    pub telemetry: Telemetry,
}

/// Where changes are read.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Source {
    /// MongoDB connection string of the source replica set. A secret: prefer `uri_file` or the environment. Once loaded it
    /// holds what `uri_file` held.
    pub uri: Option<Secret>,
    /// File that holds the connection string (a mounted secret), instead of `uri`. Relative to the configuration file; given
    /// as a variable or a flag, to the working directory.
    pub uri_file: Option<String>,
    /// Several sources instead of one `uri`, say the shards of a cluster, one table each. The producers of the pipeline share
    /// them out among themselves. Keep their order: a new one goes to the end.
    pub slices: Vec<SourceSlice>,
}

/// One of several sources.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSlice {
    /// Its name within the pipeline: letters, digits, `-` and `_`. It stands in every record's `seq` header.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,100}$"))]
    #[schemars(extend("patternErrorMessage" = "must be 1 to 100 letters, digits, `-` and `_`"))]
    pub name: String,
    /// Its connection string, as `source.uri`.
    #[serde(default)]
    pub uri: Option<Secret>,
    /// File that holds its connection string, as `source.uri_file`.
    #[serde(default)]
    pub uri_file: Option<String>,
}

/// Where changes are written.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Target {
    /// MongoDB connection string of the target. A secret: prefer `uri_file` or the environment. Once loaded it holds what
    /// `uri_file` held.
    pub uri: Option<Secret>,
    /// File that holds the connection string (a mounted secret), instead of `uri`. Relative to the configuration file; given
    /// as a variable or a flag, to the working directory.
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
    #[schemars(regex(pattern = r"^$|^[A-Za-z0-9_-]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?$"))]
    #[schemars(extend("patternErrorMessage" = "must be up to 100 letters, digits, `-`, `_` and inner dots"))]
    pub topic_prefix: String,
    /// Partitions of a newly created event topic; also the most workers that can share one namespace. Kept with the position: a
    /// later change holds for new topics only.
    #[serde(default = "partitions")]
    #[schemars(range(min = 1, max = 10_000))]
    pub partitions: u16,
    /// Replication factor of topics that are created. Use 3 in production.
    #[serde(default = "replication_factor")]
    #[schemars(range(min = 1, max = 100))]
    pub replication_factor: u16,
    /// Configs of newly created event topics, as Kafka names them (`retention.ms`, `min.insync.replicas`, …). In a variable's
    /// name a dot is written as one underscore: `OPLOGUE_KAFKA__TOPIC_CONFIG__RETENTION_MS`.
    #[serde(default)]
    pub topic_config: BTreeMap<String, String>,
    /// Options handed to librdkafka for every client (`security.protocol`, `sasl.username`, …). The ones that the
    /// guarantees rest on (`enable.idempotence`, `isolation.level`, `transactional.id`, …) are refused by name. Values are
    /// secrets. In a variable's name a dot is written as one underscore: `OPLOGUE_KAFKA__OPTIONS__SASL_PASSWORD`.
    #[serde(default)]
    pub options: BTreeMap<String, Secret>,
}

/// Enough for a handful of workers; each partition of a topic costs the broker files and the worker buffers.
const fn partitions() -> u16 {
    8
}

/// The only one that works with a single broker, which is how everybody begins.
const fn replication_factor() -> u16 {
    1
}

/// Which namespaces are carried.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Namespaces {
    /// Patterns of namespaces to carry: `db.coll`, `db.*`, `*.coll`, or `/regex/` over the whole `db.coll`. Empty: all but
    /// the server's own.
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

impl HistoryLost {
    /// Its word in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Reset => "reset",
            Self::Resnapshot => "resnapshot",
        }
    }
}

/// What to do when history of the source is lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HistoryLost {
    /// Stop and say so.
    #[default]
    Fail,
    /// Go on from now. What was changed meanwhile is missing at the target; the gap is written to the control topic, counted
    /// and logged.
    Reset,
    /// Go on from now as `reset` does, copy every namespace again, and delete at the target, document by document, what is gone
    /// from the source; namespaces that are gone as a whole are emptied. For a pipeline with one source.
    Resnapshot,
}

/// The producer's own settings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Producer {
    /// Name of the one source within the pipeline: letters, digits, `-` and `_`. Of several, `source.slices` has the names.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,100}$"))]
    #[schemars(extend("patternErrorMessage" = "must be 1 to 100 letters, digits, `-` and `_`"))]
    pub slice: String,
    /// A name of this process that stays the same over its restarts and that no other producer of the pipeline has, like the
    /// name of a pod of a StatefulSet. With it a producer that is back within 6 s goes on at once; without it, it waits until
    /// Kafka has noticed that its former self is gone.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,100}$"))]
    #[schemars(extend("patternErrorMessage" = "must be 1 to 100 letters, digits, `.`, `-` and `_`"))]
    pub instance: Option<String>,
    /// Where to begin when Kafka holds no position yet: `snapshot`, `latest`, `{ timestamp = "1700000000.1" }` or
    /// `{ token = "82…" }`.
    pub start: Start,
    /// What to do when the source's oplog no longer reaches back to the position, so that changes are lost.
    pub history_lost: HistoryLost,
    /// Change events the source returns at most per batch.
    #[schemars(range(min = 1, max = 100_000))]
    pub batch_events: u32,
    /// Memory that the process may be resident with for each slice it works on, in MiB. Batches and queues follow from it. Documents
    /// of many megabytes may take more (`docs/memory.md`).
    #[schemars(range(min = 64, max = 65_536))]
    pub memory_mib: u32,
    /// Bytes of encoded events that one Kafka transaction holds at most, in MiB, and never more than 1/32 of `memory_mib`.
    #[schemars(range(min = 1, max = 1024))]
    pub transaction_mib: u32,
    /// How long Kafka waits for a silent producer before it aborts its transaction, in milliseconds. Readers wait as long.
    /// The broker's `transaction.max.timeout.ms` is the upper limit, 15 minutes where nobody changed it.
    #[schemars(range(min = 1000, max = 900_000))]
    pub transaction_timeout_ms: u32,
    /// The snapshot's settings.
    pub snapshot: Snapshot,
}

/// The snapshot's settings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshot {
    /// Bytes that a chunk holds at most, in MiB, and never more than 1/64 of `producer.memory_mib`; one larger document makes a
    /// chunk of its own.
    #[schemars(range(min = 1, max = 256))]
    pub chunk_mib: u32,
    /// Chunks read at the same time. Each may hold `chunk_mib` in memory.
    #[schemars(range(min = 1, max = 64))]
    pub parallel: u16,
}

/// The worker's own settings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Worker {
    /// Topics to consume instead of those that the producer announced: for topics that other systems write.
    pub topics: Vec<String>,
    /// How changes reach the target. `exactly_once`: what is written and how far it reaches are one transaction of the target,
    /// which must be a replica set or a sharded cluster. `at_least_once`: after a crash some changes are written again, and the
    /// target converges. `auto`: `exactly_once` where the target can do it.
    pub delivery: Delivery,
    /// Statements in one write command at most.
    #[schemars(range(min = 1, max = 1000))]
    pub batch_statements: u16,
    /// Batches written at the same time, each on its own connection.
    #[schemars(range(min = 1, max = 64))]
    pub connections: u16,
    /// Memory that the process may be resident with, in MiB. Buffers, batches and what is fetched at one time follow from it. Many
    /// partitions with documents of many megabytes may take more (`docs/memory.md`).
    #[schemars(range(min = 64, max = 65_536))]
    pub memory_mib: u32,
    /// Records kept ready per partition, in MiB; a fuller partition is paused. All partitions together keep 1/8 of `memory_mib`.
    #[schemars(range(min = 1, max = 1024))]
    pub partition_mib: u32,
    /// How often offsets are committed at the least, in milliseconds.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub commit_interval_ms: u32,
    /// How long a shutdown or a revoked partition may take to drain, in milliseconds. Keep it below what ends the process
    /// from outside (Kubernetes' `terminationGracePeriodSeconds`).
    #[schemars(range(min = 100, max = 600_000))]
    pub drain_timeout_ms: u32,
    /// What to do about definition changes.
    pub ddl: Ddl,
    /// What is learnt about documents while they pass.
    pub schema: SchemaSettings,
    /// The key of the masks that say `hash`, also of those that the producer applies; 16 characters at the least; `openssl rand -hex 32` makes a good one. A secret: prefer
    /// `mask_key_file` or the environment. With another key every digest is another, so changing it calls for a new copy.
    pub mask_key: Option<Secret>,
    /// File that holds the key (a mounted secret), instead of `mask_key`. Relative to the configuration file; given as a
    /// variable, to the working directory.
    pub mask_key_file: Option<String>,
}

/// How changes reach the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Exactly once where the target has transactions, else at least once.
    #[default]
    Auto,
    /// In the target's transactions, or not at all.
    ExactlyOnce,
    /// Without transactions.
    AtLeastOnce,
}

/// What is learnt about documents while they pass.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SchemaSettings {
    /// Whether workers observe which paths and types the documents of each namespace have, for `worker schema`, and tell when that
    /// changes. No values are kept.
    pub observe: bool,
    /// Paths that are known of one namespace at most. What comes beyond them is not told of.
    #[schemars(range(min = 1, max = 10_000))]
    pub paths: u32,
}

/// What to do about one kind of definition change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DdlPolicy {
    /// Carry it out at the target, once, where all partitions have come to it.
    Apply,
    /// Pass over it, with a warning in the log and a metric.
    Ignore,
    /// Stop, naming the namespace.
    Fail,
}

/// What to do about what is not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtherDdl {
    /// Pass over it, with a warning in the log; definition changes are counted, too.
    Ignore,
    /// Stop, naming the namespace.
    Fail,
}

/// What to do about definition changes, by kind.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ddl {
    /// `drop` of a collection, and a `rename` to a name that is not carried. `apply` needs a target with transactions.
    pub drop: DdlPolicy,
    /// `rename` of a collection. `apply` needs a target with transactions.
    pub rename: DdlPolicy,
    /// `createIndexes`, `dropIndexes`, `modify` of an index, and the indexes that a collection has when it is copied. `apply` passes
    /// over those that field rules change the fields of, and over all where the target has no transactions.
    pub indexes: DdlPolicy,
    /// `create` with its options, and the options that a collection has when it is copied or first seen. `apply` makes the collection before
    /// its first document; where the target has no transactions it is made plain.
    pub create: DdlPolicy,
    /// A collection that `create` is to make, where the target has one already that compares strings by another collation, or is capped where the
    /// source's is not: documents that differ at the source may be one there, or get lost. `ignore` leaves it as it is.
    pub differing: OtherDdl,
    /// `modify` of a collection's options. `apply` passes over them where the target has no transactions.
    pub modify: DdlPolicy,
    /// What is left: `shardCollection` and the like. Nothing of it is applied.
    pub other: OtherDdl,
}

/// Which fields of a namespace's documents pass, and as what.
///
/// All paths are the source's. They hold for whole documents and for every path of an update alike.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldRules {
    /// Namespace pattern, written as in `namespaces.include`.
    pub namespace: String,
    /// Dotted paths that pass; everything else is left out. `_id` always passes. Empty: all pass. A path reaches
    /// through arrays: `items.price` is the price of every item. A number is both the element at that position and a field of
    /// that name: `items.0` is the first item. A dot that belongs to a name is written `\.`, a backslash `\\`
    /// (in TOML between single quotes: `'a\.b'`); a dollar needs nothing; a name that is empty is written `\e`.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Dotted paths that are left out.
    #[serde(default)]
    pub deny: Vec<String>,
    /// New names of fields, by dotted path: `{ "address.zip" = "postcode" }`. The field stays in its document and keeps its place
    /// there; only its own name changes, also in every item of an array. A record in which a field has that name at the source already is
    /// refused whole, as a dead letter: deny that field or rename it too.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// What takes the place of values, by dotted path: `"hash"`, `"redact"` or `{ truncate = 20 }`. Null stays null under all of them.
    ///
    /// `hash`: every value gives way to its HMAC-SHA-256 under `worker.mask_key`, over its BSON type and bytes, as 64 hex digits. Equal
    /// values of one type have equal digests, so joins still work. `truncate`: of a string the first so many characters stay,
    /// any other value becomes `"***"`. Both reach into arrays and documents: each value in them is masked, while names and
    /// lengths stay to be seen. `redact`: the value becomes `"***"`, a document or array as a whole.
    #[serde(default)]
    pub mask: BTreeMap<String, Mask>,
    /// Which documents are carried: a MongoDB query on the document as the source holds it, in Extended JSON, say
    /// `'{"deletedAt": null, "region": {"$in": ["eu", "us"]}}'`. A document that stops matching is deleted at the target, one that
    /// starts matching arrives whole. Empty: all are carried.
    #[serde(default)]
    pub filter: Option<String>,
    /// Who applies these rules.
    #[serde(default)]
    pub at: Place,
}

impl FieldRules {
    /// Whether a mask asks for digests.
    #[must_use]
    pub fn hashes(&self) -> bool {
        self.mask.values().any(|mask| *mask == Mask::Hash)
    }
}

/// Who applies rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The worker: Kafka holds what the source does.
    #[default]
    Worker,
    /// The producer: what the rules keep back never enters Kafka. It needs the key of the masks that say `hash`, and has to be
    /// started anew when the rules change.
    Producer,
}

/// What takes the place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mask {
    /// Its keyed digest.
    Hash,
    /// `"***"`.
    Redact,
    /// Its first characters.
    Truncate(#[schemars(range(min = 1, max = 1_000_000))] u32),
}

/// Which documents stand beside the changes of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// Namespace pattern, written as in `namespaces.include`.
    pub namespace: String,
    /// The document after an update. It is applied whole: filters need not ask for documents, and update pipelines that move fields arrive in
    /// the source's order.
    #[serde(default)]
    pub post: Image,
    /// The document before a change, for other readers of the topic; nothing at the target depends on it.
    #[serde(default)]
    pub pre: Image,
}

/// Whether a document stands beside a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Image {
    /// It does not.
    #[default]
    Off,
    /// Where the source has it.
    Available,
}

/// What the documents of a namespace should look like at the target, and what is done about those that do not.
///
/// Names are the target's: documents are compared after the field rules.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredSchema {
    /// Namespace pattern at the source, written as in `namespaces.include`.
    pub namespace: String,
    /// The schema, as `$jsonSchema` takes it: `bsonType` or `type`, `properties`, `required`, `items`, `additionalProperties` (true or
    /// false), `title`, `description`. Any other keyword is refused. Where `properties` are given, those are the fields that are known,
    /// unless `additionalProperties` says true.
    #[serde(default)]
    pub declared: Option<Anything>,
    /// File that holds the schema as JSON, instead of `declared`; `worker schema show NAMESPACE --json-schema` writes what was observed.
    /// Relative to the configuration file; given as a variable, to the working directory.
    #[serde(default)]
    pub declared_file: Option<String>,
    /// What to do about a field that is not declared. `drop`: it never reaches the target, in documents as in updates.
    #[serde(default)]
    pub new_field: NewField,
    /// What to do about a document without a required field that has no default, and about an update that removes such a field.
    #[serde(default)]
    pub missing_field: MissingField,
    /// What to do about a number of another type than the declared ones.
    #[serde(default)]
    pub widened_type: WrongType,
    /// What to do about a value of any other type that is not declared.
    #[serde(default)]
    pub incompatible_type: WrongType,
    /// Values of missing fields by dotted path, as Extended JSON: `{ status = "new", "address.country" = "DE" }`. A field within a
    /// document is filled in where that document is there. An update that removes such a field sets it to the default.
    #[serde(default)]
    pub defaults: BTreeMap<String, Anything>,
}

/// A value of any type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Anything(#[schemars(extend("anything" = true))] pub serde_json::Value);

/// What to do about a field that is not declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewField {
    /// It passes.
    #[default]
    Accept,
    /// It is left out.
    Drop,
    /// The record becomes a dead letter.
    Quarantine,
    /// The worker stops before the record, naming namespace, path and position.
    Stop,
}

/// What to do about a required field that is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingField {
    /// Nothing.
    #[default]
    Accept,
    /// The record becomes a dead letter.
    Quarantine,
    /// The worker stops before the record, naming namespace, path and position.
    Stop,
}

/// What to do about a value of a type that is not declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WrongType {
    /// It passes as it is.
    #[default]
    Accept,
    /// It becomes the same value of a declared type, where there is one (`docs/schema.md`), else the record becomes a dead letter.
    Coerce,
    /// The record becomes a dead letter.
    Quarantine,
    /// The worker stops before the record, naming namespace, path and position.
    Stop,
}

/// A namespace's name at the target.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamespaceMap {
    /// Namespace pattern at the source, written as in `namespaces.include`.
    pub from: String,
    /// Namespace at the target. Each `*` is what the `*` of `from` matched, in their order: `crm.*`, `all.*_*`. After a
    /// regular expression `$1` or `${name}` is what that group matched, and `$$` a dollar.
    pub to: String,
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
    /// IP address and port of `/metrics`, `/livez` and `/readyz`, as in `0.0.0.0:9464`; port 0 picks a free one, which is
    /// logged. Empty: no HTTP at all.
    #[serde(deserialize_with = "address")]
    pub listen: Option<SocketAddr>,
    /// Log filter: a level, and others for single targets, as in `info,producer=debug,librdkafka=warn`.
    pub log: String,
    /// Log lines for people or for machines.
    pub log_format: LogFormat,
}

/// An address, or nothing where the text is empty.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    let parse =
        |text: String| text.parse().map_err(|_| D::Error::custom("write it as ip:port, like 0.0.0.0:9464"));
    text.map(parse).transpose()
}
