//! Where a slice stands: the records of the positions topic, and the announcements on the control topic.
//!
//! Owns keys and JSON shapes. Several small records per slice instead of one large: a batch rewrites only what it
//! moved. Guards law 3: these records are written in the same transaction as the events they follow from.
//!
//! | key | value |
//! |---|---|
//! | `slice` | the slice's name: which slice this partition belongs to |
//! | `token` | [`Position`] |
//! | `copy/<uuid>` | [`CollectionCopy`] |
//! | `topic/<namespace>` | [`Topic`] |
//! | `definition/<namespace>` | [`CollectionDefinition`] |

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{cluster_time::ClusterTime, namespace::Namespace};

/// Key of the record that says which slice a partition of the positions topic belongs to.
pub const SLICE_KEY: &str = "slice";
/// Key of the [`Position`] record.
pub const TOKEN_KEY: &str = "token";
/// Prefix of the keys of [`CollectionCopy`] records.
pub const COPY_PREFIX: &str = "copy/";
/// Prefix of the keys of [`CollectionDefinition`] records.
pub const DEFINITION_PREFIX: &str = "definition/";
/// Prefix of the keys of [`Gap`] records on the control topic.
pub const GAP_PREFIX: &str = "gap/";
/// Prefix of the keys of [`Topic`] records, in the positions topic and in the control topic.
pub const TOPIC_PREFIX: &str = "topic/";

/// From where a slice goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// Raised whenever history starts over (a re-snapshot after lost history).
    pub epoch: u32,
    /// Number of the last published record of the epoch; 0 before the first.
    pub sequence: u64,
    /// Every event up to this point has been published, or lies before the beginning.
    pub cluster_time: ClusterTime,
    /// The resume token to continue after, as canonical Extended JSON; absent before the first batch, when the
    /// stream begins right behind `cluster_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Box<RawValue>>,
    /// Whether the slice's first snapshot has not been listed or not ended.
    #[serde(default)]
    pub snapshot: SnapshotState,
    /// The cluster time by which the collections of the first snapshot were listed: a namespace whose first event is later
    /// is complete from that event on. Absent where nothing was listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<ClusterTime>,
    /// The source's transaction that the last published event belongs to; the next event may belong to it, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<OpenTransaction>,
}

/// A transaction of the source of which some events have been published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTransaction {
    /// Session and number, as the header `txn` says them.
    pub id: String,
    /// Events of it that have been published; the next one's index.
    pub events: u32,
}

/// How far the slice's first snapshot has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SnapshotState {
    /// None was asked for, or it has ended.
    #[default]
    Ended,
    /// Asked for; the collections have not been listed yet.
    Wanted,
    /// The collections are listed as [`CollectionCopy`] records, not all are copied.
    Copying,
}

/// How far the copy of one collection has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectionCopy {
    /// The collection's present name.
    pub ns: Namespace,
    /// The collection's UUID, 32 hex digits: a copy belongs to a collection, not to a name.
    pub uuid: String,
    /// `_id` of the last published document, as canonical Extended JSON `{"_id": …}`; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<RawValue>>,
    /// Documents published so far.
    pub documents: u64,
    /// Whether every document has been published.
    pub done: bool,
}

/// What has been published of a collection's options and indexes, where the source's stream does not tell of them (before 6.0).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectionDefinition {
    /// The name under which it was published.
    pub ns: Namespace,
    /// The collection's UUID, 32 hex digits.
    pub uuid: String,
    /// `{"options": {…}, "indexes": […]}` as `listCollections` and `listIndexes` say them, as canonical Extended JSON.
    pub definition: Box<RawValue>,
}

/// History of the source that was lost: changes behind `from`, up to `to`, were never published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The last position before the loss.
    pub from: ClusterTime,
    /// Where the stream goes on.
    pub to: ClusterTime,
    /// The policy that went on, as configured.
    pub policy: String,
    /// The namespaces that were carried when it happened.
    pub namespaces: Vec<Namespace>,
    /// When it was noticed, seconds since 1970.
    pub recorded: u64,
}

impl Gap {
    /// Key of this record on the control topic.
    #[must_use]
    pub fn key(&self, slice: &str) -> String {
        format!("{GAP_PREFIX}{slice}/{}", self.from)
    }
}

/// An event topic that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// The namespace it carries.
    pub ns: Namespace,
    /// Its name.
    pub topic: String,
    /// Partitions that documents are spread over; partitions added from outside stay empty.
    pub partitions: u16,
}

impl Position {
    /// A position before the first record of a history that begins behind `cluster_time`.
    #[must_use]
    pub const fn before_the_first(cluster_time: ClusterTime, snapshot: SnapshotState) -> Self {
        Self { epoch: 0, sequence: 0, cluster_time, token: None, snapshot, listed: None, transaction: None }
    }
}

impl CollectionCopy {
    /// Key of this record. By UUID, for a rename must not fork the progress.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{COPY_PREFIX}{}", self.uuid)
    }
}

impl CollectionDefinition {
    /// Key of the record of a namespace.
    #[must_use]
    pub fn key(ns: &Namespace) -> String {
        format!("{DEFINITION_PREFIX}{ns}")
    }
}

impl Topic {
    /// Key of this record.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{TOPIC_PREFIX}{}", self.ns)
    }
}
