//! What one step of encoding hands to the publisher.

use std::{borrow::Cow, ops::Range, sync::Arc};

use common::{
    cluster_time::ClusterTime,
    headers::{Format, Ruled},
    position::Position,
};

use crate::route::Route;

/// One record; its key and value stand in the batch's arena.
#[derive(Debug)]
pub struct Record {
    /// Topic and namespace.
    pub route: Arc<Route>,
    /// Partition, chosen by the document key.
    pub partition: i32,
    /// `operationType`.
    pub operation: Cow<'static, str>,
    /// Cluster time of the event, or of the snapshot read.
    pub cluster_time: ClusterTime,
    /// Sequence number within the epoch.
    pub sequence: u64,
    /// Whether this is a snapshot record.
    pub is_snapshot: bool,
    /// Place in a transaction of the source, as the header `txn` says it.
    pub transaction: Option<String>,
    /// Place in a barrier, as the header `barrier` says it.
    pub barrier: Option<String>,
    /// Namespace of the event, where the record stands in another one's topic.
    pub of: Option<Arc<Route>>,
    /// What the rules of this side have made of it.
    pub ruled: Option<Ruled>,
    /// How the value is encoded.
    pub format: Format,
    key: Option<Range<usize>>,
    value: Range<usize>,
}

/// A ledger record that goes out with the batch.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its JSON value; none withdraws the key.
    pub value: Option<Vec<u8>>,
}

/// Records in order, and the position that holds once they are durable.
#[derive(Debug)]
pub struct Encoded {
    pub(super) arena: Vec<u8>,
    /// The records, in source order.
    pub records: Vec<Record>,
    /// Records for the positions topic, the [`Position`] among them.
    pub positions: Vec<Entry>,
    /// Records for the control topic.
    pub announcements: Vec<Entry>,
    /// The position itself.
    pub position: Position,
}

impl Encoded {
    /// A record's key; events about no document have none.
    #[must_use]
    pub fn key(&self, record: &Record) -> Option<&[u8]> {
        record.key.clone().map(|range| &self.arena[range])
    }

    /// A record's value.
    #[must_use]
    pub fn value(&self, record: &Record) -> &[u8] {
        &self.arena[record.value.clone()]
    }

    /// Makes its keys and values so many bytes.
    #[cfg(test)]
    pub(crate) fn resize(&mut self, bytes: usize) {
        self.arena.resize(bytes, 0);
    }

    /// Bytes of keys and values.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.arena.len()
    }
}

impl Record {
    /// The event's namespace.
    #[must_use]
    pub fn ns(&self) -> &str {
        &self.of.as_ref().unwrap_or(&self.route).name
    }

    pub(super) fn with(self, key: Option<Range<usize>>, value: Range<usize>) -> Self {
        Self { key, value, ..self }
    }

    pub(super) fn new(
        route: &Arc<Route>,
        operation: Cow<'static, str>,
        cluster_time: ClusterTime,
        sequence: u64,
        is_snapshot: bool,
    ) -> Self {
        Self {
            route: Arc::clone(route),
            partition: 0,
            operation,
            cluster_time,
            sequence,
            is_snapshot,
            transaction: None,
            barrier: None,
            of: None,
            ruled: None,
            format: Format::ExtJson,
            key: None,
            value: 0..0,
        }
    }
}
