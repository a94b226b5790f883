//! Taking partitions on and giving them up.
//!
//! Rebalances are incremental (`cooperative-sticky`): only the partitions that move are named, the others go on.
//!
//! ```text
//!   assigned ─▸ look up where it begins ─▸ part its queue ─▸ incremental_assign
//!
//!   revoked  ─▸ drop what is only buffered ─▸ wait for the batch in flight ─▸ commit its head ─▸ incremental_unassign
//!                                              (not for ever: then the batch is cancelled)
//!
//!   lost     ─▸ drop, cancel, commit nothing ─▸ incremental_unassign      (the session is over, others own it already)
//! ```
//!
//! Guards: what is committed for a revoked partition is its head, nothing past it; the next owner begins there, and only after nothing
//! can be written for it here any more. Waiting happens between polls: other partitions flow meanwhile, and librdkafka
//! keeps the session alive on a thread of its own.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    error::{Kind, Result},
    kafka::failed,
};
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};

use super::{
    begin,
    change::Change,
    context::{Context, Rebalance, give_up},
    reader::Reader,
    report,
    taken::{LaneId, Partition, Start},
    tap::Tap,
};

/// How long to wait before the brokers are asked again for the offsets of a new assignment.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long a cancelled batch may take to end.
const CANCELLED_ENDS: Duration = Duration::from_secs(2);

impl Reader {
    /// Goes as far with rebalances as can be gone without waiting.
    pub(super) fn rebalance(&mut self) -> Result<()> {
        while self.change.is_some() || self.next_change() {
            if !self.advance()? {
                break;
            }
        }
        Ok(())
    }

    fn next_change(&mut self) -> bool {
        let now = Instant::now();
        self.change = self.consumer.context().next_rebalance().map(|rebalance| match rebalance {
            Rebalance::Assign(partitions) => Change::Assign { partitions, at: now },
            Rebalance::Revoke(partitions) => {
                let lanes = self.leave(&partitions);
                Change::Revoke { partitions, lanes, until: now + self.drain_timeout, is_cancelled: false }
            }
        });
        self.change.is_some()
    }

    /// `true` when the change is over.
    fn advance(&mut self) -> Result<bool> {
        let now = Instant::now();
        match self.change.take() {
            None => Ok(true),
            Some(Change::Assign { partitions, at }) if now < at => {
                self.change = Some(Change::Assign { partitions, at });
                Ok(false)
            }
            Some(Change::Assign { partitions, .. }) => self.assign(partitions),
            Some(Change::Revoke { partitions, lanes, .. }) if self.consumer.assignment_lost() => {
                tracing::warn!(
                    partitions = lanes.len(),
                    "partitions lost: the group went on without this worker"
                );
                self.release(&partitions, &lanes)
            }
            Some(Change::Revoke { partitions, lanes, until, is_cancelled }) => {
                if lanes.iter().all(|lane| self.shared.intake().is_drained(*lane)) {
                    self.commit_and_wait(&lanes, (until + CANCELLED_ENDS).max(now + CANCELLED_ENDS));
                    return self.release(&partitions, &lanes);
                }
                let (until, is_cancelled) = self.hurry(&lanes, until, is_cancelled);
                if is_cancelled && now > until + CANCELLED_ENDS {
                    return self.release(&partitions, &lanes);
                }
                self.change = Some(Change::Revoke { partitions, lanes, until, is_cancelled });
                Ok(false)
            }
        }
    }

    /// Cancels what has not ended in time.
    fn hurry(&self, lanes: &[LaneId], until: Instant, is_cancelled: bool) -> (Instant, bool) {
        if !is_cancelled && Instant::now() > until {
            tracing::warn!(
                "a batch of revoked partitions did not end in time and is given up; the next owner redoes it"
            );
            lanes.iter().for_each(|lane| self.shared.intake().cancel(*lane));
            return (Instant::now(), true);
        }
        (until, is_cancelled)
    }

    fn assign(&mut self, partitions: TopicPartitionList) -> Result<bool> {
        let starts = match begin::starts(&self.consumer, &partitions, self.around.authority.as_ref()) {
            Ok(starts) => starts,
            Err(error) if error.kind == Kind::Transient => {
                tracing::warn!(reason = error.chain(), "cannot take partitions on yet");
                self.change = Some(Change::Assign { partitions, at: Instant::now() + ASK_AGAIN });
                return Ok(false);
            }
            Err(error) => {
                self.change = Some(Change::Assign { partitions, at: Instant::now() });
                return Err(error);
            }
        };
        let client = self.consumer.clone();
        for start in &starts.own {
            self.open(&client, start)?;
        }
        self.hold(&starts.held)?;
        self.consumer
            .incremental_assign(&begin::assignment(&starts.own, &starts.held))
            .map_err(|error| failed("cannot take partitions on", error))?;
        let held = begin::assignment(&[], &starts.held);
        if held.count() > 0
            && let Err(error) = self.consumer.pause(&held)
        {
            tracing::debug!(%error, "what is held flows into its queue, up to that queue's limit");
        }
        self.lead(&starts.led)?;
        self.report_rebalance("assigned", starts.own.len() + starts.held.len());
        Ok(true)
    }

    pub(super) fn open(&mut self, client: &Arc<BaseConsumer<Context>>, start: &Start) -> Result<()> {
        let partition = start.partition.clone();
        let lane = self.shared.intake().assign(start.clone());
        tracing::debug!(%partition, offset = start.at, "reads");
        self.taps.push(Tap::open(client, lane, partition, &std::thread::current())?);
        Ok(())
    }

    /// Stops the flow of these partitions, and of the topics that are led by them; gives their lanes.
    fn leave(&mut self, partitions: &TopicPartitionList) -> Vec<LaneId> {
        self.pass_markers();
        let mut intake = self.shared.intake();
        let mut lanes = Vec::with_capacity(partitions.count());
        for element in partitions.elements() {
            let (topic, number) = (element.topic(), element.partition());
            match self.leading.holds(topic, number) {
                true if number == 0 && self.leading.leads(topic) => lanes.extend(intake.lanes_of(topic)),
                true => {}
                false => lanes.extend(intake.lane(topic, number)),
            }
        }
        lanes.iter().for_each(|lane| intake.leave(*lane));
        lanes
    }

    /// librdkafka waits for an answer to every rebalance before it lets go of the group.
    pub(super) fn answer_what_is_open(&mut self) {
        self.consumer.context().close();
        let open = self.change.take().map(|change| match change {
            Change::Assign { partitions, .. } => Rebalance::Assign(partitions),
            Change::Revoke { partitions, .. } => Rebalance::Revoke(partitions),
        });
        let queued = std::iter::from_fn(|| self.consumer.context().next_rebalance());
        for rebalance in open.into_iter().chain(queued) {
            let answer = match rebalance {
                Rebalance::Assign(partitions) => self.consumer.incremental_assign(&partitions),
                Rebalance::Revoke(partitions) => give_up(&self.consumer, &partitions),
            };
            tracing::debug!(?answer, "an open rebalance while closing");
        }
    }

    /// Gives partitions up for good.
    fn release(&mut self, partitions: &TopicPartitionList, lanes: &[LaneId]) -> Result<bool> {
        self.taps.retain(|tap| !lanes.contains(&tap.lane()));
        let mut intake = self.shared.intake();
        lanes.iter().for_each(|lane| intake.remove(*lane));
        drop(intake);
        for element in partitions.elements() {
            report::lag(&Partition { topic: element.topic().into(), number: element.partition() }, 0.0);
        }
        let held = self.let_go(partitions);
        self.stop_leading(partitions)?;
        give_up(&self.consumer, partitions).map_err(|error| failed("cannot give partitions up", error))?;
        // Not before, or records would come that nobody reads.
        self.resume(&held)?;
        self.report_rebalance("revoked", lanes.len());
        Ok(true)
    }
}
