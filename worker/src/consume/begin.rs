//! Where a partition that was just assigned is read from.
//!
//! Guards: a reader never jumps. The committed offset is where it goes on; one that the log no longer holds is a lost position,
//! named with topic, partition and offset. Only a partition that was never committed begins at its beginning.

use common::{
    error::{Error, Kind, Result},
    kafka::{admin::REQUEST_TIMEOUT, failed},
};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};

use super::{context::Context, intake::Partition};

/// Where a partition begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) partition: Partition,
    /// The offset to read first.
    pub(super) at: i64,
    /// The offset that Kafka holds for the group.
    pub(super) committed: Option<i64>,
}

/// The starts of all `partitions`. Blocks on the brokers.
///
/// # Errors
/// Transient when the brokers do not answer; [`Kind::PositionLost`] when a committed offset is gone.
pub(super) fn starts(
    consumer: &BaseConsumer<Context>,
    partitions: &TopicPartitionList,
) -> Result<Vec<Start>> {
    if partitions.count() == 0 {
        return Ok(Vec::new());
    }
    let committed = consumer
        .committed_offsets(partitions.clone(), REQUEST_TIMEOUT)
        .map_err(|error| failed("cannot look the committed offsets up", error))?;
    committed
        .elements()
        .into_iter()
        .map(|element| {
            let partition = Partition { topic: element.topic().into(), number: element.partition() };
            element
                .error()
                .map_err(|error| failed(format!("cannot tell the offset of {partition}"), error))?;
            let committed = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            let ends = consumer
                .fetch_watermarks(&partition.topic, partition.number, REQUEST_TIMEOUT)
                .map_err(|error| failed(format!("cannot look the ends of {partition} up"), error))?;
            let at = first(&partition, committed, ends)?;
            Ok(Start { partition, at, committed })
        })
        .collect()
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

/// The assignment with each partition's first offset.
pub(super) fn assignment(starts: &[Start]) -> TopicPartitionList {
    let offsets = starts
        .iter()
        .map(|start| (start.partition.topic.to_string(), start.partition.number, Offset::Offset(start.at)));
    offsets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
