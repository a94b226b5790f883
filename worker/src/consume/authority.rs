//! The target's word on where partitions stand, for the thread that reads Kafka.
//!
//! That thread blocks, the target's driver does not: here the one waits for the other.

use std::{collections::BTreeMap, sync::Arc};

use common::{error::Result, namespace::Namespace};
use tokio::runtime::Handle;

use super::intake::Partition;
use crate::{
    checkpoint::{Store, Stored, topics},
    control::Control,
    sink::Deployment,
};

/// Asks the target, and the source for what is missing there.
pub struct Authority {
    /// The pipeline's collections.
    pub store: Store<Deployment>,
    /// Where repairs are asked for.
    pub control: Control,
    /// Where the target's driver runs.
    pub runtime: Handle,
}

impl Authority {
    /// The documents that there are of these partitions' topics, of all their partitions.
    pub(super) fn look<'p>(
        &self,
        partitions: impl Iterator<Item = &'p Partition>,
    ) -> Result<BTreeMap<Partition, Stored>> {
        self.runtime.block_on(self.store.read(&topics(partitions)))
    }

    /// Which of these partitions' topics are to be applied in the source's order. One whose collection has no unique index any more, and is not
    /// capped, no longer is.
    pub(super) fn ordered(
        &self,
        stored: &BTreeMap<Partition, Stored>,
    ) -> Result<BTreeMap<Arc<str>, Namespace>> {
        let because = |(partition, stored): (&Partition, &Stored)| {
            Some((partition.topic.clone(), stored.ordered.clone()?))
        };
        let mut ordered: BTreeMap<_, _> = stored.iter().filter_map(because).collect();
        self.runtime.block_on(async {
            for (topic, ns) in ordered.clone() {
                if !self.store.needs_order(&ns).await? {
                    tracing::info!(%topic, %ns, "nothing asks for the source's order any more: the topic's partitions are applied side by side again");
                    self.store.order(&topic, None).await?;
                    ordered.remove(&topic);
                }
            }
            Ok(ordered)
        })
    }

    /// Keeps the order of a topic for all of its partitions; to be called when each has its document.
    pub(super) fn order(&self, topic: &str, because: &Namespace) -> Result<()> {
        self.runtime.block_on(self.store.order(topic, Some(because)))
    }

    /// Takes partitions over, and asks again for the repairs that have not come.
    pub(super) fn take_over(&self, starts: &[(Partition, i64)]) -> Result<BTreeMap<Partition, Stored>> {
        self.runtime.block_on(async {
            let mut stored = self.store.take_over(starts).await?;
            stored.retain(|partition, _| starts.iter().any(|(start, _)| start == partition));
            let repairs: Vec<_> = stored.values().flat_map(|stored| stored.repairs.clone()).collect();
            self.control.ask_for(&repairs).await?;
            Ok(stored)
        })
    }
}
