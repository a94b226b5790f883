//! What `producer.memory_mib` pays for (pure).
//!
//! One number is divided among everything that holds documents, so that no queue can be made larger without another becoming
//! smaller. `docs/memory.md` has the whole arithmetic. The rest, about half, is what the shares are worth in
//! practice: replies of the source, which are 16 MB whatever is asked for, one event while it is larger than its share, the
//! clients and the allocator.

use common::config::types::Producer;

const MIB: usize = 1024 * 1024;

/// Bytes for each holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// What librdkafka holds of a transaction that is on its way.
    pub queue: usize,
    /// A record: more than that in one piece would be held twice. What is larger goes in parts.
    pub record: usize,
    /// Encoded events that wait for the transaction in front of them.
    pub encoded: usize,
    /// A Kafka transaction.
    pub transaction: usize,
    /// A chunk of the snapshot.
    pub chunk: usize,
}

impl Budget {
    /// The shares of one slice; `transaction_mib` and `chunk_mib` are kept to where they are smaller.
    #[must_use]
    pub fn of(settings: &Producer) -> Self {
        let memory = settings.memory_mib as usize * MIB;
        Self {
            queue: memory / 8,
            record: memory / 16,
            encoded: memory / 16,
            transaction: (settings.transaction_mib as usize * MIB).min(memory / 32),
            chunk: (settings.snapshot.chunk_mib as usize * MIB).min(memory / 64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_the_memory_and_the_settings_only_make_them_smaller() {
        let budget = |memory_mib, transaction_mib| {
            Budget::of(&Producer { memory_mib, transaction_mib, ..Producer::default() })
        };
        assert_eq!(budget(256, 4).transaction, 4 * MIB);
        assert_eq!(budget(64, 4).transaction, 2 * MIB);
        assert_eq!(budget(1024, 1024).transaction, 32 * MIB);
        for memory in [64, 256, 1024] {
            let Budget { queue, record, encoded, transaction, chunk } = budget(memory, 1024);
            assert!(queue + encoded + transaction + 3 * chunk <= memory as usize * MIB / 3);
            // A record that is larger than the queue would never get into it.
            assert!(record <= queue / 2);
        }
    }
}
