//! Where a partition that was just assigned is read from.
//!
//! Guards: a reader never jumps. In exactly-once mode the partition's document at the target says where it goes on, whatever Kafka
//! holds; in plain mode the committed offset does. An offset that the log no longer holds is a lost position, named with topic,
//! partition and offset. Only a partition that neither knows begins at its beginning.
//!
//! The partitions of an ordered topic are read by one worker, whom the group has given the first of them. The others hold theirs and do
//! not read.

use std::{collections::BTreeMap, sync::Arc};

use common::{
    error::{Error, Kind, Result},
    kafka::{admin::REQUEST_TIMEOUT, failed},
    namespace::Namespace,
};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    topic_partition_list::TopicPartitionListElem,
};

use super::{
    authority::Authority,
    context::Context,
    intake::{Partition, Start},
};
use crate::checkpoint::{Known, Stored};

/// What Kafka says of a partition.
struct Held {
    partition: Partition,
    /// The offset that it holds for the group.
    committed: Option<i64>,
    /// The log's first offset, and the one behind its last.
    ends: (i64, i64),
}

/// What becomes of partitions that were just assigned.
#[derive(Debug, Default)]
pub(super) struct Starts {
    /// Read and applied side by side.
    pub(super) own: Vec<Start>,
    /// All partitions of the ordered topics whose first one is among those assigned.
    pub(super) led: Vec<Start>,
    /// Partitions of ordered topics, not read for being assigned.
    pub(super) held: Vec<Partition>,
}

/// The starts of all `partitions`. Blocks on the brokers, and on the target where that has the say.
///
/// # Errors
/// Transient when somebody does not answer; [`Kind::PositionLost`] when the log does not hold where to go on.
pub(super) fn starts(
    consumer: &BaseConsumer<Context>,
    partitions: &TopicPartitionList,
    authority: Option<&Authority>,
) -> Result<Starts> {
    let partition =
        |e: &TopicPartitionListElem<'_>| Partition { topic: e.topic().into(), number: e.partition() };
    let partitions: Vec<_> = partitions.elements().iter().map(partition).collect();
    match authority {
        _ if partitions.is_empty() => Ok(Starts::default()),
        None => {
            let own = held(consumer, &partitions)?.iter().map(plain).collect::<Result<_>>()?;
            Ok(Starts { own, ..Starts::default() })
        }
        Some(authority) => exact(consumer, partitions, authority),
    }
}

fn held(consumer: &BaseConsumer<Context>, partitions: &[Partition]) -> Result<Vec<Held>> {
    let wanted: TopicPartitionList =
        partitions.iter().map(|p| (p.topic.to_string(), p.number, Offset::Invalid)).collect();
    let committed = consumer
        .committed_offsets(wanted, REQUEST_TIMEOUT)
        .map_err(|error| failed("cannot look the committed offsets up", error))?;
    let held = committed.elements().into_iter().map(|element| {
        let partition = Partition { topic: element.topic().into(), number: element.partition() };
        element.error().map_err(|error| failed(format!("cannot tell the offset of {partition}"), error))?;
        let committed = match element.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        let ends = ends(consumer, &partition)?;
        Ok(Held { partition, committed, ends })
    });
    held.collect()
}

fn plain(held: &Held) -> Result<Start> {
    let at = first(&held.partition, held.committed, held.ends)?;
    let (partition, committed) = (held.partition.clone(), held.committed);
    Ok(Start { partition, at, committed, anchor: None, known: Known::default(), is_ordered: false })
}

/// Takes the partitions over at the target, and those of ordered topics that come with them.
fn exact(
    consumer: &BaseConsumer<Context>,
    partitions: Vec<Partition>,
    authority: &Authority,
) -> Result<Starts> {
    let stored = authority.look(partitions.iter())?;
    let counts = whole(consumer, partitions.iter().chain(stored.keys()))?;
    let ordered = authority.ordered(&stored)?;
    let (held, mut wanted): (Vec<_>, Vec<_>) =
        partitions.into_iter().partition(|partition| ordered.contains_key(&partition.topic));
    for first in held.iter().filter(|partition| partition.number == 0) {
        let all = 0..counts.get(&first.topic).copied().unwrap_or(1);
        wanted.extend(all.map(|number| Partition { topic: first.topic.clone(), number }));
    }
    let starts = taken_over(consumer, &wanted, &stored, authority)?;
    let (led, own): (Vec<_>, Vec<_>) =
        starts.into_iter().partition(|start| ordered.contains_key(&start.partition.topic));
    let led = lead(led, &ordered, authority)?;
    Ok(Starts { own, led, held })
}

fn taken_over(
    consumer: &BaseConsumer<Context>,
    partitions: &[Partition],
    stored: &BTreeMap<Partition, Stored>,
    authority: &Authority,
) -> Result<Vec<Start>> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let held = held(consumer, partitions)?;
    let mut starts = Vec::with_capacity(held.len());
    for held in &held {
        // Where there is no document yet, Kafka's offset is the first one.
        let at = match stored.get(&held.partition) {
            Some(stored) => stored.offset,
            None => first(&held.partition, held.committed, held.ends)?,
        };
        starts.push((held.partition.clone(), at));
    }
    let mut stored = authority.take_over(&starts)?;
    let start = |mut held: Held| {
        let stored = stored.remove(&held.partition).ok_or_else(|| {
            Error::new(Kind::Transient, format!("the document of {} is not there yet", held.partition))
        })?;
        // An owner that does not know yet that it was replaced may have gone on since the ends were looked up.
        if stored.offset > held.ends.1 {
            held.ends = ends(consumer, &held.partition)?;
        }
        anchored(&held, stored)
    };
    held.into_iter().map(start).collect()
}

/// The starts of ordered topics, now that each of their partitions has a document, all of which say so from here on.
fn lead(
    mut starts: Vec<Start>,
    ordered: &BTreeMap<Arc<str>, Namespace>,
    authority: &Authority,
) -> Result<Vec<Start>> {
    for start in &mut starts {
        start.is_ordered = true;
        let (topic, number) = (&start.partition.topic, start.partition.number);
        if let Some(ns) = ordered.get(topic).filter(|_| number == 0) {
            authority.order(topic, ns)?;
            tracing::info!(%topic, %ns, "a unique index: this worker applies the topic in the source's order");
        }
    }
    Ok(starts)
}

fn ends(consumer: &BaseConsumer<Context>, partition: &Partition) -> Result<(i64, i64)> {
    consumer
        .fetch_watermarks(&partition.topic, partition.number, REQUEST_TIMEOUT)
        .map_err(|error| failed(format!("cannot look the ends of {partition} up"), error))
}

/// Where to go on by the target's word.
fn anchored(held: &Held, stored: Stored) -> Result<Start> {
    let offset = first(&held.partition, Some(stored.offset), held.ends)?;
    let known = stored.known();
    // Retention may have removed what was applied, up to the very record to go on at.
    let anchor = stored.anchor.filter(|_| offset > held.ends.0);
    let at = anchor.as_ref().map_or(offset, |anchor| anchor.offset);
    if held.committed.is_some_and(|committed| committed < offset) {
        tracing::debug!(partition = %held.partition, offset, ?held.committed, "the target is ahead of Kafka's offset");
    }
    let (partition, committed) = (held.partition.clone(), held.committed);
    Ok(Start { partition, at, committed, anchor, known, is_ordered: false })
}

/// How many partitions the topics have: no fewer than the target knows of.
fn whole<'p>(
    consumer: &BaseConsumer<Context>,
    known: impl Iterator<Item = &'p Partition>,
) -> Result<BTreeMap<Arc<str>, i32>> {
    let mut most: BTreeMap<&Arc<str>, i32> = BTreeMap::new();
    for partition in known {
        let highest = most.entry(&partition.topic).or_default();
        *highest = partition.number.max(*highest);
    }
    let mut counts = BTreeMap::new();
    for (topic, highest) in most {
        let metadata = consumer
            .fetch_metadata(Some(topic), REQUEST_TIMEOUT)
            .map_err(|error| failed(format!("cannot look topic {topic} up"), error))?;
        let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
        if partitions > 0 && partitions <= highest {
            let context = format!(
                "{topic} has {partitions} partitions, but the target knows of {topic}[{highest}]: it was recreated"
            );
            return Err(Error::new(Kind::PositionLost, context));
        }
        counts.insert(topic.clone(), partitions);
    }
    Ok(counts)
}

/// The offset to read first, between the log's ends `(low, high)`.
fn first(partition: &Partition, committed: Option<i64>, (low, high): (i64, i64)) -> Result<i64> {
    match committed {
        Some(offset) if offset < low || offset > high => {
            let context = format!(
                "{partition} was read up to offset {offset}, but the topic now holds {low} to {high}: it was \
                 recreated, or retention has removed what was not yet read"
            );
            Err(Error::new(Kind::PositionLost, context))
        }
        Some(offset) => Ok(offset),
        None => {
            if low > 0 {
                tracing::warn!(%partition, low, "first start, and retention has already removed the beginning");
            }
            Ok(low)
        }
    }
}

/// The assignment with each partition's first offset; of those that are not read, their ends.
pub(super) fn assignment(starts: &[Start], held: &[Partition]) -> TopicPartitionList {
    let read = starts.iter().map(|start| (&start.partition, Offset::Offset(start.at)));
    let held = held.iter().map(|partition| (partition, Offset::End));
    read.chain(held).map(|(partition, at)| (partition.topic.to_string(), partition.number, at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Anchor;

    #[test]
    fn the_targets_offset_is_read_from_one_record_early_unless_retention_took_that_one() {
        let partition = Partition { topic: "t".into(), number: 3 };
        let anchor = Anchor { offset: 6, sequence: Some("rs0/0/5".to_owned()) };
        let stored = || Stored { anchor: Some(anchor.clone()), ..Stored::at(7) };
        let start =
            |stored, ends| anchored(&Held { partition: partition.clone(), committed: Some(2), ends }, stored);
        let early = start(stored(), (0, 9)).unwrap();
        assert_eq!((early.at, early.anchor, early.committed), (6, Some(anchor.clone()), Some(2)));
        let removed = start(stored(), (7, 9)).unwrap();
        assert_eq!((removed.at, removed.anchor), (7, None));
        let fresh = start(Stored::at(7), (0, 9)).unwrap();
        assert_eq!((fresh.at, fresh.anchor), (7, None));
        for ends in [(0, 6), (8, 9)] {
            let error = start(stored(), ends).unwrap_err();
            assert_eq!(error.kind, Kind::PositionLost);
            assert!(error.context.contains("t[3]") && error.context.contains('7'), "{error}");
        }
    }

    #[test]
    fn the_committed_offset_is_the_start_unless_the_log_no_longer_holds_it() {
        let partition = Partition { topic: "t".into(), number: 3 };
        let at = |committed, ends| first(&partition, committed, ends);
        assert_eq!(at(Some(5), (0, 9)).unwrap(), 5);
        assert_eq!(at(Some(9), (0, 9)).unwrap(), 9);
        assert_eq!(at(Some(0), (0, 0)).unwrap(), 0);
        assert_eq!(at(None, (0, 9)).unwrap(), 0);
        assert_eq!(at(None, (4, 9)).unwrap(), 4);
        for (committed, ends) in [(3, (4, 9)), (10, (0, 9))] {
            let error = at(Some(committed), ends).unwrap_err();
            assert_eq!(error.kind, Kind::PositionLost);
            assert!(
                error.context.contains("t[3]") && error.context.contains(&committed.to_string()),
                "{error}"
            );
        }
    }
}
