//! Partitions that keep a number of this producer's already (pure).
//!
//! A broker checks the sequence numbers of a producer's batches partition by partition, but where it has none yet it takes whatever comes first. With
//! two requests on their way to such a partition, and the first one put off (its transaction cannot be verified just now, or the
//! partition's leader is not known yet), the second is taken; the first one's number is too small when it comes again, which librdkafka
//! reads as "stored already" (2.12, `rd_kafka_handle_Produce_error`), and reports no failure: **the record is lost, and the transaction
//! commits**. So nothing follows the first record to such a partition before that has arrived.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Brokers forget a producer that has been silent for `producer.id.expiration.ms`, a day by default. After this time one record goes ahead again,
/// however busy the partition was: no note need be taken of every record.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// What has arrived where.
#[derive(Debug, Default)]
pub(super) struct Familiar(HashMap<String, HashMap<i32, Instant>>);

impl Familiar {
    /// Whether a record of this client has arrived there lately.
    pub(super) fn has(&self, (topic, partition): (&str, i32), now: Instant) -> bool {
        let last = self.0.get(topic).and_then(|partitions| partitions.get(&partition));
        last.is_some_and(|last| now.duration_since(*last) < REMEMBERED_FOR)
    }

    /// The first record has arrived there, and nothing was sent behind it yet.
    pub(super) fn arrived(&mut self, (topic, partition): (&str, i32), now: Instant) {
        self.0.entry(topic.to_owned()).or_default().insert(partition, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_familiar_for_a_while_after_a_record_has_arrived() {
        let start = Instant::now();
        let mut familiar = Familiar::default();
        assert!(!familiar.has(("t", 0), start));
        familiar.arrived(("t", 0), start);
        assert!(familiar.has(("t", 0), start + Duration::from_secs(599)));
        assert!(!familiar.has(("t", 1), start) && !familiar.has(("u", 0), start));
        assert!(!familiar.has(("t", 0), start + REMEMBERED_FOR));
        familiar.arrived(("t", 0), start + REMEMBERED_FOR);
        assert!(familiar.has(("t", 0), start + REMEMBERED_FOR));
    }
}
