//! The rebalance that is going on, between two of the reader's turns.

use std::time::Instant;

use rdkafka::TopicPartitionList;

use super::taken::LaneId;

/// A change of the assignment that is not finished.
#[derive(Debug)]
pub(super) enum Change {
    /// To be taken on, at this time: the brokers may not have answered the first question.
    Assign { partitions: TopicPartitionList, at: Instant },
    /// To be given up: these lanes drain until then, or have been cancelled.
    Revoke { partitions: TopicPartitionList, lanes: Vec<LaneId>, until: Instant, is_cancelled: bool },
}
