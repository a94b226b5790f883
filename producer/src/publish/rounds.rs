//! The order in which a transaction's records are handed to librdkafka (pure).
//!
//! In rounds, each with one Kafka batch of every partition at most, partition by partition: each one's records reach the client within its linger and go
//! in few, large batches. A round begins when the one before has arrived. For librdkafka has one batch of a partition on its way
//! (`rd_kafka_toppar_producer_serve` takes the messages in flight off the five requests that idempotence allows), and while a second
//! one is ready its thread asks without a pause whether it may go: half of the producer's CPU time went there.
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
    /// What is left of each partition.
    left: Vec<Range<usize>>,
    most: usize,
}

impl<'a> Rounds<'a> {
    /// Rounds of up to `most` bytes of each partition; of a record that is larger, that one.
    pub(super) fn new(batches: &'a [Encoded], most: usize) -> Self {
        let of = |batch| move |record| (batch, record);
        let mut records: Vec<Held<'a>> =
            batches.iter().flat_map(|batch| batch.records.iter().map(of(batch))).collect();
        // A stable sort.
        records.sort_by_key(|(_, record)| partition(record));
        let mut left: Vec<Range<usize>> = Vec::new();
        for records in records.chunk_by(share_a_partition) {
            let from = left.last().map_or(0, |before| before.end);
            left.push(from..from + records.len());
        }
        Self { records, left, most }
    }
}

impl<'a> Iterator for Rounds<'a> {
    type Item = Vec<Held<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut round = Vec::new();
        for left in &mut self.left {
            let records = &self.records[left.clone()];
            let now = &records[..batchful(records, self.most)];
            left.start += now.len();
            round.extend_from_slice(now);
        }
        (!round.is_empty()).then_some(round)
    }
}

fn partition(record: &Record) -> (&str, i32) {
    (&record.route.topic.topic, record.partition)
}

fn share_a_partition((_, a): &Held<'_>, (_, b): &Held<'_>) -> bool {
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
        for round in Rounds::new(&batches, MOST) {
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
        assert_eq!(Rounds::new(&batches, 1 << 20).map(|round| round.len()).collect::<Vec<_>>(), [30]);
        assert_eq!(Rounds::new(&[], 1 << 20).count(), 0);
    }
}
