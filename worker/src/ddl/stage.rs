//! The stage that stands at barriers: looks which lanes have come to one, and goes a step with each.
//!
//! Whatever is done is a comparison at the target, so it may be dropped at any await and done again. What passes by itself is tried again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use common::{
    error::{Disposition, Error, Result},
    retry::Backoff,
    telemetry::names,
};
use metrics::gauge;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    deed::Collections,
    marker::Marker,
    policy::{Policy, Wanted},
};
use crate::{
    checkpoint::{Known, Origin, Store, topics},
    consume::{
        Shared,
        intake::{AtBarrier, LaneId, Partition},
    },
    control::Control,
    sink::{Deployment, Seen},
    target::Reached,
};

/// While a lane waits at a barrier, how often it is looked whether it can go on.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// Pauses while the target does not answer.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The stage.
pub(crate) struct Barriers {
    pub(super) shared: Arc<Shared>,
    pub(super) store: Store<Deployment>,
    pub(super) collections: Collections,
    /// Where repairs are asked for.
    pub(super) control: Control,
    /// What the sink has seen of the target's collections.
    pub(super) seen: Arc<Seen>,
    policy: Policy,
    waiting: BTreeMap<LaneId, Waiting>,
    works: Vec<Working>,
}

/// Work on a definition that is under way.
pub(super) struct Working {
    pub(super) barrier: Origin,
    pub(super) task: AbortOnDropHandle<Result<()>>,
}

/// A lane at a barrier.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) lane: LaneId,
    pub(super) partition: Partition,
    pub(super) marker: Marker,
    pub(super) wanted: Wanted,
    /// What the target knew of the partition when the lane came here.
    pub(super) known: Known,
    /// When that was, and when it was last told.
    pub(super) since: Instant,
    pub(super) told: Instant,
}

impl Barriers {
    /// A stage for targets with transactions; `None` for others, which keep no partitions' documents.
    pub(crate) fn new(
        target: &Reached,
        shared: &Arc<Shared>,
        control: &Control,
        seen: Arc<Seen>,
        policy: Policy,
    ) -> Option<Self> {
        let store = target.store.clone()?;
        shared.intake().hold_barriers();
        let collections = Collections::new(target.deployment.clone(), target.version, &store);
        let (shared, control, waiting) = (shared.clone(), control.clone(), BTreeMap::new());
        Some(Self { shared, store, collections, control, seen, policy, waiting, works: Vec::new() })
    }

    /// Stands at barriers until `shutdown`.
    ///
    /// # Errors
    /// What somebody has to see to, and what ends this life of the worker.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> Result<()> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let turn = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                turn = self.turn() => turn,
            };
            let pause = match turn {
                Ok(true) => continue,
                Ok(false) => {
                    backoff.reset();
                    (!self.waiting.is_empty()).then_some(LOOK_AGAIN)
                }
                Err(error) if matches!(error.kind.disposition(), Disposition::Retry) => {
                    let pause = backoff.next().unwrap_or(LONGEST_PAUSE);
                    tracing::warn!(reason = error.chain(), ?pause, "at a definition change; tried again");
                    Some(pause)
                }
                Err(error) => return Err(error),
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                () = self.shared.at_barrier(), if pause.is_none() => {}
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            }
        }
    }

    /// One look, and a step of each lane that can go one; `true` when there was one.
    async fn turn(&mut self) -> Result<bool> {
        self.look()?;
        gauge!(names::WORKER_AT_BARRIERS)
            .set(f64::from(u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)));
        if self.waiting.is_empty() {
            return Ok(false);
        }
        let places = self.waiting.values().flat_map(|waiting| &waiting.marker.places);
        let stored = self.store.positions(&topics(places)).await?;
        let mut moved = false;
        for waiting in self.waiting.values().cloned().collect::<Vec<_>>() {
            let stepped = self.step(&waiting, &stored).await;
            moved |= stepped.map_err(|error| at(&waiting, error))?;
        }
        self.tell(&stored);
        Ok(moved)
    }

    /// Finds the lanes that have come to a barrier since the last look, and forgets those that are gone.
    fn look(&mut self) -> Result<()> {
        let here = self.shared.intake().at_barriers();
        self.waiting.retain(|lane, _| here.contains(lane));
        // Of barriers that have become somebody else's, who will ask for the same again.
        self.works.retain(|work| self.waiting.values().any(|waiting| waiting.marker.barrier == work.barrier));
        for lane in here {
            // A lane whose barrier was passed may be at the next one already.
            let Some(AtBarrier { partition, record, known }) = self.shared.intake().barrier(lane) else {
                continue;
            };
            if self.waiting.get(&lane).is_some_and(|waiting| waiting.marker.offset == record.offset) {
                continue;
            }
            let named = |error: Error| Error { context: format!("{partition}, {}", error.context), ..error };
            let mut marker = Marker::read(&record).map_err(named)?;
            let wanted = self.policy.wanted(&mut marker);
            let wanted = wanted.map_err(|error| {
                named(Error { context: format!("offset {}: {}", record.offset, error.context), ..error })
            })?;
            let now = Instant::now();
            let waiting = Waiting { lane, partition, marker, wanted, known, since: now, told: now };
            self.waiting.insert(lane, waiting);
        }
        Ok(())
    }

    pub(super) const fn works(&mut self) -> &mut Vec<Working> {
        &mut self.works
    }

    pub(super) const fn waiting(&mut self) -> &mut BTreeMap<LaneId, Waiting> {
        &mut self.waiting
    }
}

/// Says where an error was met.
fn at(waiting: &Waiting, error: Error) -> Error {
    let context = format!("{}, offset {}: {}", waiting.partition, waiting.marker.offset, error.context);
    Error { context, ..error }
}
