//! One step of a partition that stands at a barrier.

use std::{collections::BTreeMap, time::Duration};

use common::{
    error::{Error, Kind, Result},
    headers::Sequence,
    namespace::Namespace,
    telemetry::names,
};
use metrics::counter;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::{
    deed::Deed,
    define::Fence,
    definition::Definition,
    judge::{Next, judge, missing},
    marker::{Change, Marker},
    policy::Wanted,
    stage::{Barriers, Waiting, Working},
};
use crate::{
    checkpoint::{Advance, Held, Home, Intent, Stored, Uuid},
    consume::intake::Partition,
};

/// After how long it is said that somebody is waited for, and how often.
const TELL_EVERY: Duration = Duration::from_secs(30);
/// Partitions that are named.
const NAMED: usize = 4;

impl Barriers {
    /// Goes a step, if there is one to go; `true` when there was.
    pub(super) async fn step(
        &mut self,
        waiting: &Waiting,
        stored: &BTreeMap<Partition, Stored>,
    ) -> Result<bool> {
        let Some(own) = stored.get(&waiting.partition) else { return Ok(false) };
        self.check(waiting, own)?;
        let deed = match &waiting.wanted {
            Wanted::Apply(deed) if !is_duplicate(waiting, own) => deed,
            _ => return self.pass_over(waiting, own).await,
        };
        let held =
            Held { partition: &waiting.partition, offset: own.offset, barrier: &waiting.marker.barrier };
        match judge(&waiting.marker, stored) {
            Next::Wait => Ok(false),
            Next::Stand => self.store.stand(held).await,
            Next::Intend => {
                let intent = self.collections.intent(deed).await?;
                self.store.intend(held, intent).await
            }
            Next::CarryOut(intent) => self.carry_out(waiting, deed, intent, held).await,
            Next::Pass => {
                if waiting.marker.number == 0 {
                    self.collections.clear(deed, &waiting.marker.barrier).await?;
                }
                self.pass(waiting, own).await
            }
            Next::Passed => self.release(waiting).await,
            Next::SetBack(other) => Err(set_back(&waiting.marker, &other)),
        }
    }

    /// The document is ours and stands where the lane does, or behind the barrier.
    fn check(&self, waiting: &Waiting, own: &Stored) -> Result<()> {
        let partition = &waiting.partition;
        if own.owner != self.store.owner() {
            return Err(Error::new(Kind::Fenced, format!("{partition} is another worker's by now")));
        }
        if own.offset != waiting.known.offset && own.offset <= waiting.marker.offset {
            let (here, there) = (waiting.known.offset, own.offset);
            let context = format!("the document of {partition} stood at {here} and was moved to {there}");
            return Err(Error::new(Kind::Fenced, context));
        }
        Ok(())
    }

    /// Goes on without having waited for anybody.
    async fn pass_over(&mut self, waiting: &Waiting, own: &Stored) -> Result<bool> {
        if own.offset > waiting.marker.offset {
            return self.release(waiting).await;
        }
        if is_duplicate(waiting, own) {
            counter!(names::WORKER_DUPLICATES).increment(1);
        } else if waiting.wanted == Wanted::Ignore && waiting.marker.number == 0 {
            let (operation, ns) = (waiting.marker.operation(), waiting.marker.ns().to_string());
            tracing::warn!(ns, "`{operation}` is not applied: worker.ddl says `ignore`");
            counter!(names::WORKER_DDL_IGNORED, "op" => operation).increment(1);
        }
        self.pass(waiting, own).await
    }

    async fn carry_out(
        &mut self,
        waiting: &Waiting,
        deed: &Deed,
        intent: Intent,
        held: Held<'_>,
    ) -> Result<bool> {
        let marker = &waiting.marker;
        let is_over = match deed {
            Deed::Define(ns, definition) => {
                let fence =
                    Fence { documents: self.store.documents().clone(), filter: self.store.standing(held) };
                match self.work(marker, (ns, definition, intent.uuid), fence).await? {
                    true => true,
                    false => return Ok(false),
                }
            }
            _ => self.collections.carry_out(deed, intent, &marker.barrier).await?,
        };
        if !is_over {
            return Ok(true);
        }
        self.forget(deed, intent).await?;
        self.marks(marker, deed).await?;
        if !self.store.finish(held).await? {
            return Ok(true);
        }
        let (operation, ns) = (marker.operation(), marker.ns().to_string());
        let waited = waiting.since.elapsed();
        tracing::info!(ns, ?waited, partitions = marker.places.len(), "`{operation}` is applied");
        counter!(names::WORKER_DDL_APPLIED, "op" => operation).increment(1);
        Ok(true)
    }

    /// Work that may take long goes on beside the other barriers; `true` once it is over.
    async fn work(
        &mut self,
        marker: &Marker,
        (ns, definition, uuid): (&Namespace, &Definition, Option<Uuid>),
        fence: Fence,
    ) -> Result<bool> {
        let Some(at) = self.works().iter().position(|work| work.barrier == marker.barrier) else {
            let (collections, ns, definition) = (self.collections.clone(), ns.clone(), definition.clone());
            let task = async move { collections.define(&ns, &definition, uuid, &fence).await };
            let task = AbortOnDropHandle::new(tokio::spawn(task));
            self.works().push(Working { barrier: marker.barrier.clone(), task });
            return Ok(false);
        };
        if !self.works()[at].task.is_finished() {
            return Ok(false);
        }
        let ended = self.works().swap_remove(at).task.await;
        ended.map_err(|error| Error::caused(Kind::Invariant, "work on a definition panicked", error))??;
        Ok(true)
    }

    /// What is put off of a collection that is gone by now no longer has to be remembered.
    async fn forget(&self, deed: &Deed, intent: Intent) -> Result<()> {
        match deed {
            Deed::Drop(ns) => self.collections.forget(ns, intent.uuid).await,
            Deed::Rename { to, .. } => self.collections.forget(to, intent.onto).await,
            Deed::Define(..) => Ok(()),
        }
    }

    /// What is known of single documents goes where they went.
    async fn marks(&self, marker: &Marker, deed: &Deed) -> Result<()> {
        let home = |ns, topic: &'_ Partition| {
            let partitions = marker.places.iter().filter(|place| place.topic == topic.topic).count();
            (ns, topic.topic.clone(), u16::try_from(partitions).unwrap_or(u16::MAX))
        };
        if matches!(deed, Deed::Define(..)) {
            return Ok(());
        }
        let (Some(first), Some(last)) = (marker.places.first(), marker.places.last()) else { return Ok(()) };
        let (ns, to) = match (&marker.change, deed) {
            (Change::Rename { from, to, .. }, Deed::Rename { .. }) => (from, Some(to)),
            _ => (marker.ns(), None),
        };
        let from = home(ns, first);
        let from = Home { ns: from.0, topic: &from.1, partitions: from.2 };
        let Some(to) = to else { return self.store.forget_marks(from).await };
        let to = home(to, last);
        let to = Home { ns: to.0, topic: &to.1, partitions: to.2 };
        self.store.forget_marks(to).await?;
        let repairs = self.store.carry_marks(from, to, &marker.barrier).await?;
        self.control.ask_for(&repairs).await
    }

    /// Moves the document behind the barrier.
    async fn pass(&mut self, waiting: &Waiting, own: &Stored) -> Result<bool> {
        let marker = &waiting.marker;
        let mut delivered = own.delivered.clone();
        let (epoch, number) = marker.place(marker.number);
        delivered.admit(&Sequence { slice: &marker.barrier.slice, epoch, number });
        let advance = Advance {
            partition: waiting.partition.clone(),
            from: own.offset,
            to: marker.offset + 1,
            delivered,
            cluster_time: marker.cluster_time,
            anchor: Some(marker.sequence.clone()),
        };
        if self.store.pass(&advance).await? { self.release(waiting).await } else { Ok(true) }
    }

    /// Lets the lane go on, from what the target knows now: marks may have come with a rename.
    async fn release(&mut self, waiting: &Waiting) -> Result<bool> {
        if let Wanted::Apply(deed) = &waiting.wanted {
            deed.touches().for_each(|ns| self.seen.forget(ns));
        }
        let stored = self.store.read(&[&*waiting.partition.topic]).await?;
        let Some(own) = stored.get(&waiting.partition) else { return Ok(false) };
        counter!(names::WORKER_RECORDS, "op" => waiting.marker.operation()).increment(1);
        self.shared.intake().pass_barrier(waiting.lane, own.known());
        self.shared.applied(waiting.marker.cluster_time);
        self.shared.wake_applier();
        self.shared.wake_reader();
        self.waiting().remove(&waiting.lane);
        Ok(true)
    }

    /// Says, now and then, who is waited for.
    pub(super) fn tell(&mut self, stored: &BTreeMap<Partition, Stored>) {
        for waiting in self.waiting().values_mut().filter(|waiting| waiting.told.elapsed() > TELL_EVERY) {
            waiting.told = Instant::now();
            let missing: Vec<_> = missing(&waiting.marker, stored).map(ToString::to_string).collect();
            let (partition, since) = (&waiting.partition, waiting.since.elapsed());
            let some = missing[..missing.len().min(NAMED)].join(", ");
            tracing::warn!(
                %partition, ?since, missing = missing.len(), some,
                "waits at a `{}` of {} for other partitions", waiting.marker.operation(), waiting.marker.ns()
            );
        }
    }
}

impl Marker {
    /// The namespace that it is about, by the source's name.
    pub(super) const fn ns(&self) -> &Namespace {
        match &self.change {
            Change::Drop(ns)
            | Change::Rename { from: ns, .. }
            | Change::CreateIndexes(ns, _)
            | Change::DropIndexes(ns, _)
            | Change::Create { ns, .. }
            | Change::Modify(ns, _) => ns,
        }
    }
}

/// Whether Kafka has delivered the record before.
fn is_duplicate(waiting: &Waiting, own: &Stored) -> bool {
    let place = waiting.marker.place(waiting.marker.number);
    let slice = &waiting.marker.barrier.slice;
    own.offset <= waiting.marker.offset
        && own.delivered.iter().any(|last| last.slice == *slice && (last.epoch, last.number) >= place)
}

fn set_back(marker: &Marker, other: &Partition) -> Error {
    let context = format!(
        "it stands before a `{}` of {} that {other} is behind: one of them was set back or forward alone, or has passed it over under \
         another policy. Set all partitions of the barrier back (`worker seek`), or let it pass with `ignore` in worker.ddl and ask for a \
         snapshot that reconciles",
        marker.operation(),
        marker.ns()
    );
    Error::new(Kind::PositionLost, context)
}
