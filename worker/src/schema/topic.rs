//! The schemas topic: reading it whole, and adding to the records of one's own partitions. Blocks.

use std::{collections::BTreeMap, time::Duration};

use common::{
    config::types::Kafka,
    error::Result,
    kafka::{
        admin::{Admin, Wanted},
        ledger::{self, Entries},
        send::{Outgoing, send},
    },
    namespace::Namespace,
};

use super::record::{self, Contribution, Told};

/// The topic's only partition.
const PARTITION: i32 = 0;
/// How long reading it may take.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// What it takes in one record: as many paths as `worker.schema.paths` allows, with room to spare.
const MOST_BYTES: u32 = 16 * 1024 * 1024;

/// The topic as it is created: compacted, in segments that soon can be.
#[must_use]
pub fn wanted(kafka: &Kafka, name: String) -> Wanted {
    let config = [
        ("cleanup.policy", "compact".to_owned()),
        ("segment.ms", "3600000".to_owned()),
        ("segment.bytes", "67108864".to_owned()),
        ("max.message.bytes", MOST_BYTES.to_string()),
    ];
    let config = config.map(|(key, value)| (key.to_owned(), value)).into();
    Wanted { name, partitions: 1, replication_factor: kafka.replication_factor, config }
}

/// What the topic holds, as far as it was read.
pub(super) struct Topic {
    kafka: Kafka,
    name: String,
    entries: Entries,
    /// Where it ends if nobody else has written since.
    end: Option<i64>,
}

impl Topic {
    pub(super) fn new(kafka: Kafka, name: String) -> Self {
        Self { kafka, name, entries: Entries::new(), end: None }
    }

    /// Reads it anew if somebody else has written to it; tells whether.
    pub(super) fn refresh(&mut self) -> Result<bool> {
        let end = ledger::end(&self.kafka, &self.name, PARTITION)?;
        if self.end == Some(end) {
            return Ok(false);
        }
        self.entries = ledger::read(&self.kafka, &self.name, PARTITION, READ_WITHIN)?;
        self.end = Some(end);
        Ok(true)
    }

    /// Adds what was counted to what stands there.
    pub(super) fn add(&mut self, told: &Told) -> Result<()> {
        let mut records = Vec::with_capacity(told.len());
        for (ns, partition, told) in told {
            let key = record::key(partition, ns);
            let mut sum = self
                .entries
                .get(&key)
                .map(|value| Contribution::decode(value))
                .transpose()?
                .unwrap_or_default();
            sum.merge(told);
            records.push((key, sum.encode()?));
        }
        let outgoing: Vec<_> = records
            .iter()
            .map(|(key, value)| Outgoing {
                key: Some(key.clone().into()),
                value: value.clone(),
                headers: Vec::new(),
            })
            .collect();
        // Whether all, some or none of them arrived is not known when it fails: what is there is read then.
        let end = self.end.take();
        send(&self.kafka, "oplogue-worker-schemas", (&self.name, PARTITION), &outgoing)?;
        self.end = end.and_then(|end| Some(end + i64::try_from(records.len()).ok()?));
        self.entries.extend(records);
        Ok(())
    }

    /// What was seen of each namespace, by all.
    pub(super) fn sums(&self) -> Result<BTreeMap<Namespace, Contribution>> {
        sums(&self.entries)
    }
}

/// What was seen of each namespace, by all.
pub(super) fn sums(entries: &Entries) -> Result<BTreeMap<Namespace, Contribution>> {
    let mut sums: BTreeMap<Namespace, Contribution> = BTreeMap::new();
    for (key, value) in entries {
        let Some(ns) = record::namespace(key) else { continue };
        sums.entry(ns).or_default().merge(&Contribution::decode(value)?);
    }
    Ok(sums)
}

/// Everything that the topic holds; nothing where there is no such topic yet.
pub(super) fn read(kafka: &Kafka, name: &str) -> Result<BTreeMap<Namespace, Contribution>> {
    match Admin::new(kafka, "oplogue-worker-schemas").partitions(name)? {
        Some(_) => sums(&ledger::read(kafka, name, PARTITION, READ_WITHIN)?),
        None => Ok(BTreeMap::new()),
    }
}
