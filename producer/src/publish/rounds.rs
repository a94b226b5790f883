//! The order in which a transaction's records are handed to librdkafka (pure).
//!
//! In rounds, each with one Kafka batch of every partition at most, partition by partition: each one's records reach the client within its linger and go
//! in few, large batches. A round begins when the one before has arrived. For librdkafka has one batch of a partition on its way
//! (`rd_kafka_toppar_producer_serve` takes the messages in flight off the five requests that idempotence allows), and while a second
//! one is ready its thread asks without a pause whether it may go: half of the producer's CPU time went there.
//!
//! A partition that is not familiar to the client yet gets one record in its first round (`familiar`).
//!
//! Guards: within a partition the order is the source's.

use std::ops::Range;

use crate::encode::{Encoded, Record};

/// What a record takes in its batch beside key, value and namespace: headers as most have them (about 100 bytes), and librdkafka's own worst frame.
const FRAME: usize = 160;

/// A record and the batch that holds its bytes.
pub(super) type Held<'a> = (&'a Encoded, &'a Record);

/// A transaction's records, round by round.
pub(super) struct Rounds<'a> {
    /// Sorted by partition.
    records: Vec<Held<'a>>,
    /// What is left of each partition, and whether one record goes ahead of it.
    left: Vec<(Range<usize>, bool)>,
    most: usize,
}

impl<'a> Rounds<'a> {
    /// Rounds of up to `most` bytes of each partition; of a record that is larger, that one. One record at first where `is_familiar` does
    /// not hold.
    pub(super) fn new(
        batches: &'a [Encoded],
        most: usize,
        is_familiar: impl Fn((&str, i32)) -> bool,
    ) -> Self {
        let of = |batch| move |record| (batch, record);
        let mut records: Vec<Held<'a>> =
            batches.iter().flat_map(|batch| batch.records.iter().map(of(batch))).collect();
        // A stable sort.
        records.sort_by_key(|(_, record)| partition(record));
        let mut left: Vec<(Range<usize>, bool)> = Vec::new();
        for records in records.chunk_by(share_a_partition) {
            let from = left.last().map_or(0, |(before, _)| before.end);
            let goes_ahead = records.first().is_some_and(|(_, record)| !is_familiar(partition(record)));
            left.push((from..from + records.len(), goes_ahead));
        }
        Self { records, left, most }
    }
}

impl<'a> Iterator for Rounds<'a> {
    type Item = Vec<Held<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut round = Vec::new();
        for (left, goes_ahead) in &mut self.left {
            let records = &self.records[left.clone()];
            let many = if std::mem::take(goes_ahead) { 1 } else { batchful(records, self.most) };
            let now = &records[..many];
            left.start += now.len();
            round.extend_from_slice(now);
        }
        (!round.is_empty()).then_some(round)
    }
}

/// Where a record goes.
pub(super) fn partition(record: &Record) -> (&str, i32) {
    (&record.route.topic.topic, record.partition)
}

/// Whether two records go to the same one.
pub(super) fn share_a_partition((_, a): &Held<'_>, (_, b): &Held<'_>) -> bool {
    partition(a) == partition(b)
}

/// How many of the records make a batch; one at the least, where there are any.
fn batchful(records: &[Held<'_>], most: usize) -> usize {
    let mut bytes = 0;
    let fits = |(batch, record): &&Held<'_>| {
        let key = batch.key(record).map_or(0, <[u8]>::len);
        bytes += batch.value(record).len() + key + record.ns().len() + FRAME;
        bytes <= most
    };
    records.iter().take_while(fits).count().max(1).min(records.len())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use bson::doc;

    use super::*;
    use crate::encode::tests::{add, encoder, event, route};

    fn batch(sequence: u64, coll: &str, texts: &[usize]) -> Encoded {
        let (mut encoder, route) = (encoder(sequence), route(coll));
        for (id, size) in (0..).zip(texts) {
            let document = doc! {"_id": id, "text": "x".repeat(*size)};
            add(&mut encoder, &event(id, doc! {"fullDocument": document}), &route);
        }
        encoder.take().unwrap()
    }

    #[test]
    fn a_round_has_one_batch_of_each_partition_and_all_records_come_once_in_the_sources_order() {
        const MOST: usize = 4000;
        let (mut small, mut large) = (vec![100; 60], vec![100; 20]);
        (small[7], large[3]) = (2 * MOST, MOST / 2);
        let batches = [batch(0, "a", &small), batch(60, "b", &large), batch(80, "a", &small)];
        let mut last = BTreeMap::new();
        let (mut count, mut rounds) = (0, 0);
        for round in Rounds::new(&batches, MOST, |_| true) {
            rounds += 1;
            for records in round.chunk_by(share_a_partition) {
                let bytes: usize = records.iter().map(|(batch, record)| batch.value(record).len()).sum();
                assert!(bytes <= MOST || records.len() == 1, "{bytes} bytes");
                for (_, record) in records {
                    let before = last.insert(partition(record), record.sequence);
                    assert!(before < Some(record.sequence));
                    count += 1;
                }
            }
            let partitions = round.chunk_by(share_a_partition).count();
            let different: BTreeSet<_> = round.iter().map(|(_, record)| partition(record)).collect();
            assert_eq!(partitions, different.len(), "one batch of each");
        }
        assert_eq!(count, 140);
        assert!((4..100).contains(&rounds), "{rounds} rounds");
    }

    #[test]
    fn what_fits_goes_in_one_round_and_nothing_in_none() {
        let batches = [batch(0, "a", &[10; 30])];
        assert_eq!(
            Rounds::new(&batches, 1 << 20, |_| true).map(|round| round.len()).collect::<Vec<_>>(),
            [30]
        );
        assert_eq!(Rounds::new(&[], 1 << 20, |_| false).count(), 0);
    }

    #[test]
    fn one_record_goes_ahead_to_a_partition_that_is_not_familiar() {
        let batches = [batch(0, "a", &[10; 30]), batch(30, "b", &[10; 30])];
        let topic = |coll| route(coll).topic.topic.clone();
        let (a, b) = (topic("a"), topic("b"));
        let rounds: Vec<_> = Rounds::new(&batches, 1 << 20, |(topic, _)| topic == b).collect();
        let partitions = |coll: &str| {
            rounds
                .iter()
                .flatten()
                .filter(|(_, r)| r.route.topic.topic == coll)
                .map(|(_, r)| r.partition)
                .collect::<BTreeSet<_>>()
                .len()
        };
        let of = |round: usize, coll: &str| {
            rounds[round].iter().filter(|(_, r)| r.route.topic.topic == coll).count()
        };
        assert_eq!(rounds.len(), 2);
        assert_eq!((of(0, &a), of(0, &b)), (partitions(&a), 30));
        assert_eq!((of(1, &a), of(1, &b)), (30 - partitions(&a), 0));
    }
}
