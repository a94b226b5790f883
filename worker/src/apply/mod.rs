//! The applying loop: what is ready goes out in batches, a few at a time.
//!
//! ```text
//!   lanes   p0 ▮▮▮▮▮▮      ┌─ batch A (p0, p1) ─▸ decode ─▸ shape ─▸ plan ─▸ write, step by step ─▸ settle ─┐
//!           p1 ▮▮      ─take                                                                              heads
//!           p2 ▮▮▮▮        └─ batch B (p2)     ─▸ …                                                      ─┘
//! ```
//!
//! A batch takes what is ready, from any lanes that are in no other batch: a lone record is written alone and at once, and while a
//! batch is under way, and for a moment behind it ([`pace`](common::pace)), the next one gathers. Lanes are disjoint between batches, and a document
//! has one lane, so its history stays in order however many batches are in flight.
//!
//! Owns how many batches there are; it must not look into one.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    pace::{LITTLE, Pace},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::consume::{
    Shared,
    intake::{LaneId, Limit, Settled, Taken},
};

/// What becomes of a batch: how its lanes stand, and what ends the worker, if anything does.
#[derive(Debug)]
pub struct Outcome {
    /// Each lane of the batch, once.
    pub settled: Vec<Settled>,
    /// Cluster time of the latest event applied.
    pub latest: Option<ClusterTime>,
    /// Why the worker cannot go on.
    pub failure: Option<Error>,
}

/// Applies batches; cloned into each.
pub trait Apply: Clone + Send + 'static {
    /// Applies what was taken. It returns when everything that it says is durable is so, or when a lane is gone.
    fn apply(self, taken: Vec<Taken>) -> impl Future<Output = Outcome> + Send;
}

/// The loop.
pub struct Applier<A> {
    shared: Arc<Shared>,
    apply: A,
    limit: Limit,
    most: usize,
    running: JoinSet<Outcome>,
    /// Each running batch: when it started, and its lanes, to give them back when it panics.
    started: BTreeMap<tokio::task::Id, (Instant, Vec<LaneId>)>,
    pace: Pace,
    failure: Option<Error>,
}

impl<A: Apply> Applier<A> {
    /// A loop with up to `most` batches of up to `limit` in flight.
    pub fn new(shared: Arc<Shared>, apply: A, limit: Limit, most: usize) -> Self {
        Self {
            shared,
            apply,
            limit,
            most: most.max(1),
            running: JoinSet::new(),
            started: BTreeMap::new(),
            pace: Pace::default(),
            failure: None,
        }
    }

    /// Applies until `shutdown`, then waits for what is in flight. The reader cancels what takes too long.
    ///
    /// # Errors
    /// The first batch's failure; the others were waited for.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<()> {
        loop {
            let stops = shutdown.is_cancelled() || self.failure.is_some();
            let held = if stops { None } else { self.start_batches() };
            if stops && self.running.is_empty() {
                return self.failure.map_or(Ok(()), Err);
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled(), if !stops => {}
                Some(ended) = self.running.join_next_with_id() => self.end(ended),
                () = self.shared.ready(), if !stops && self.running.len() < self.most => {}
                () = tokio::time::sleep_until(held.unwrap_or_else(Instant::now).into()), if held.is_some() => {}
            }
        }
    }

    /// Starts what may start; gives until when what is there is held back, if it is.
    fn start_batches(&mut self) -> Option<Instant> {
        while self.running.len() < self.most {
            let now = Instant::now();
            let waiting = self.shared.intake().waiting();
            let held = self.pace.holds(now).filter(|_| (1..LITTLE).contains(&waiting));
            if held.is_some() {
                return held;
            }
            let taken = self.shared.take(self.limit);
            if taken.is_empty() {
                return None;
            }
            let lanes = taken.iter().map(|taken| taken.lane).collect();
            let batch = self.running.spawn(self.apply.clone().apply(taken));
            self.started.insert(batch.id(), (now, lanes));
            self.pace.started(now);
        }
        None
    }

    fn end(&mut self, ended: Result<(tokio::task::Id, Outcome), tokio::task::JoinError>) {
        let outcome = match ended {
            Ok((id, outcome)) => {
                if let Some((at, _)) = self.started.remove(&id) {
                    self.pace.ended(at.elapsed(), Instant::now());
                }
                outcome
            }
            Err(error) => {
                let lanes = self.started.remove(&error.id()).map_or_else(Vec::new, |(_, lanes)| lanes);
                let failure = Error::caused(Kind::Invariant, "a batch panicked", error);
                let settled = lanes.into_iter().map(Settled::nothing).collect();
                Outcome { settled, latest: None, failure: Some(failure) }
            }
        };
        self.shared.settle(outcome.settled);
        self.shared.applied(outcome.latest);
        match (&self.failure, outcome.failure) {
            (None, failure) => self.failure = failure,
            (Some(_), Some(error)) => tracing::warn!(reason = error.chain(), "also failed"),
            (Some(_), None) => {}
        }
    }
}

#[cfg(test)]
mod tests;
