//! What `worker.memory_mib` pays for (pure).
//!
//! One number is divided among everything that holds records. `docs/memory.md` has the whole arithmetic: what is in flight costs about three
//! times its bytes (as read, as BSON, as the command), and what librdkafka fetches ahead of its partitions is the one share that grows with
//! their number.

use common::config::types::Worker;

const MIB: usize = 1024 * 1024;
const KIB: usize = 1024;

/// Bytes for each holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Records that wait, of all partitions.
    pub waiting: usize,
    /// Records that wait, of one partition.
    pub lane: usize,
    /// Records of all batches that are under way.
    pub flying: usize,
    /// Records of one batch.
    pub batch: usize,
    /// What librdkafka asks for at one time, compressed, of one partition.
    pub fetch_of_partition: usize,
    /// What it asks for at one time, compressed, of all partitions of a broker.
    pub fetch: usize,
    /// What it keeps ready of one partition; the last fetch may go beyond.
    pub fetched_of_partition: usize,
}

/// librdkafka wants `fetch.max.bytes` at or above the `message.max.bytes` of the same client.
const LEAST_FETCH: usize = MIB;

impl Budget {
    /// The worker's shares; `partition_mib` is kept to where it is smaller.
    #[must_use]
    pub fn of(settings: &Worker) -> Self {
        let memory = settings.memory_mib as usize * MIB;
        let (waiting, flying) = (memory / 64 * 3, memory / 16);
        Self {
            waiting,
            lane: (settings.partition_mib as usize * MIB).min(waiting),
            flying,
            batch: flying / usize::from(settings.connections).max(1),
            fetch_of_partition: (memory / 4096).max(16 * KIB),
            fetch: (memory / 64).max(LEAST_FETCH),
            fetched_of_partition: (memory / 2048).max(32 * KIB),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_the_memory_and_leave_room_for_64_partitions() {
        for memory_mib in [64, 256, 1024] {
            let budget = Budget::of(&Worker { memory_mib, ..Worker::default() });
            // A fetch of text is five times as large once it is unpacked.
            let fetched = 64 * (budget.fetched_of_partition + 5 * budget.fetch_of_partition);
            let all = budget.waiting + 3 * budget.flying + fetched;
            assert!(all <= memory_mib as usize * MIB * 3 / 4, "{all}");
            assert!(budget.batch * 2 <= budget.flying && budget.fetch >= LEAST_FETCH);
        }
        let budget = Budget::of(&Worker { partition_mib: 1024, ..Worker::default() });
        assert_eq!(budget.lane, budget.waiting);
    }
}
