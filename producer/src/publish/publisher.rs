//! The publisher's thread: gathers what was encoded and commits it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use common::{cluster_time::ClusterTime, error::Result, pace::Pace, telemetry::names};
use tokio::sync::watch;

use super::{Inlet, Session};
use crate::{encode::Encoded, sabotage};

/// What is durable in Kafka.
#[derive(Debug, Clone, Copy, Default)]
pub struct Published {
    /// Every event up to here.
    pub cluster_time: ClusterTime,
    /// Records of the epoch.
    pub sequence: u64,
}

/// Commits what arrives until the senders are gone. Blocks; run it on a thread of its own.
///
/// # Errors
/// What [`Session::commit`] returns; batches not committed by then are not published, and the position says so.
pub fn run(
    session: &Session,
    mut batches: Inlet,
    published: &watch::Sender<Published>,
    most_bytes: usize,
) -> Result<()> {
    let mut pace = Pace::default();
    while let Some(mut gathered) = batches.gather(most_bytes, &pace) {
        sabotage::swap(&mut gathered);
        if sabotage::doubles() {
            session.commit(&gathered)?;
        }
        let begun = Instant::now();
        session.commit(&gathered)?;
        let took = begun.elapsed();
        pace.ended(took, Instant::now());
        report(&gathered, took, published);
        drop(gathered);
        batches.published();
    }
    Ok(())
}

fn report(gathered: &[Encoded], took: Duration, published: &watch::Sender<Published>) {
    let mut records: BTreeMap<&str, u64> = BTreeMap::new();
    for record in gathered.iter().flat_map(|batch| &batch.records) {
        *records.entry(&record.operation).or_default() += 1;
    }
    for (operation, count) in records {
        metrics::counter!(names::PRODUCER_RECORDS_PUBLISHED, "op" => operation.to_owned()).increment(count);
    }
    let bytes: usize = gathered.iter().map(Encoded::bytes).sum();
    metrics::counter!(names::PRODUCER_BYTES_PUBLISHED).increment(bytes as u64);
    metrics::histogram!(names::PRODUCER_TRANSACTION_SECONDS).record(took.as_secs_f64());
    metrics::counter!(names::PRODUCER_TRANSACTIONS, "outcome" => "committed").increment(1);
    if let Some(last) = gathered.last() {
        let position = &last.position;
        published
            .send_replace(Published { cluster_time: position.cluster_time, sequence: position.sequence });
    }
}
