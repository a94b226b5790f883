//! The slices that this producer works on: one life for each that the group has handed to it.
//!
//! Owns when a slice's life begins and ends; what happens in one is `life`'s. A slice that is given back is let go before it
//! may come again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use common::{
    config::{Config, Slice},
    error::{Error, Kind, Result},
    service::Context,
    telemetry::names,
};
use futures_util::future::try_join_all;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    life::{Conditions, Life},
    membership::Held,
    publish::Limits,
    source,
};

/// Conditions of their own for each slice; where there is but one they bear no name.
fn conditions(context: &Context, slice: &Slice, slices: usize) -> Conditions {
    let name = |what: &str| if slices == 1 { what.to_owned() } else { format!("{what} {}", slice.name) };
    Conditions {
        source: context.health.condition(name("source")),
        slice: context.health.condition(name("slice")),
        kafka: context.health.condition(KAFKA),
    }
}

/// The condition that the brokers are reached.
pub const KAFKA: &str = "kafka";

/// All slices of the pipeline, and the lives of those that are held here.
pub struct Seats {
    config: Arc<Config>,
    context: Context,
    slices: Vec<Slice>,
    conditions: Vec<Conditions>,
    lives: JoinSet<(u16, Result<()>)>,
    stops: BTreeMap<u16, CancellationToken>,
    said_standby: bool,
}

impl Seats {
    /// Nothing is held yet.
    #[must_use]
    pub fn new(config: Arc<Config>, context: Context, slices: Vec<Slice>) -> Self {
        let conditions = slices.iter().map(|slice| conditions(&context, slice, slices.len())).collect();
        let (lives, stops) = (JoinSet::new(), BTreeMap::new());
        Self { config, context, slices, conditions, lives, stops, said_standby: false }
    }

    /// Reaches the source of every slice, whoever will work on it.
    ///
    /// # Errors
    /// The first that refuses; what passes by itself is retried.
    pub async fn try_sources(&self) -> Result<()> {
        let reach = |(slice, conditions): (&'_ Slice, &Conditions)| {
            let (slice, condition) = (slice.clone(), conditions.source.clone());
            let stop = self.context.shutdown.clone();
            async move { source::reach(&slice, &stop, &condition).await.map(drop) }
        };
        try_join_all(self.slices.iter().zip(&self.conditions).map(reach)).await.map(drop)
    }

    /// Works on what the group hands out until `shutdown`, then until every life has ended.
    ///
    /// # Errors
    /// The first life's failure that no retry can help with; the others were stopped.
    pub async fn run(mut self, mut held: watch::Receiver<Held>, shutdown: CancellationToken) -> Result<()> {
        let mut failure = None;
        while failure.is_none() && !shutdown.is_cancelled() {
            let now = held.borrow_and_update().clone();
            self.follow(&now);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {}
                Some(ended) = self.lives.join_next() => failure = self.end(ended).err(),
                changed = held.changed() => if changed.is_err() { break },
            }
        }
        self.stops.values().for_each(CancellationToken::cancel);
        while let Some(ended) = self.lives.join_next().await {
            let ended = self.end(ended);
            failure = failure.or_else(|| ended.err());
        }
        // Only now may the group hand the slices on: `held` goes out of sight.
        drop(held);
        failure.map_or(Ok(()), Err)
    }

    /// Begins and ends lives so that they are what is held.
    #[allow(clippy::cast_precision_loss)]
    fn follow(&mut self, held: &Held) {
        for (partition, stop) in &self.stops {
            if !held.partitions.contains(partition) && !stop.is_cancelled() {
                tracing::info!(
                    slice = self.slices[usize::from(*partition)].name,
                    "the group takes the slice"
                );
                stop.cancel();
            }
        }
        for partition in &held.partitions {
            if !self.stops.contains_key(partition) {
                self.begin(*partition);
            }
        }
        metrics::gauge!(names::PRODUCER_SLICES).set(self.stops.len() as f64);
        self.stand_by(held);
    }

    fn begin(&mut self, partition: u16) {
        let (Some(slice), Some(conditions)) =
            (self.slices.get(usize::from(partition)), self.conditions.get(usize::from(partition)))
        else {
            // Partitions that somebody added, or slices that this configuration does not know (yet).
            tracing::warn!(partition, "the group hands out a slice that the configuration does not have");
            return;
        };
        tracing::info!(slice = slice.name, "the slice is this producer's");
        conditions.slice.not_ready("taking over");
        let stop = CancellationToken::new();
        self.stops.insert(partition, stop.clone());
        let life = Life {
            config: self.config.clone(),
            slice: slice.clone(),
            conditions: conditions.clone(),
            limits: Arc::new(Limits::new(&self.config.kafka)),
            stop,
        };
        self.lives.spawn(async move { (partition, life.run().await) });
    }

    fn end(&mut self, ended: Result<(u16, Result<()>), tokio::task::JoinError>) -> Result<()> {
        let (partition, result) =
            ended.map_err(|error| Error::caused(Kind::Invariant, "a slice's life panicked", error))?;
        self.stops.remove(&partition);
        let name = &self.slices[usize::from(partition)].name;
        result.map_err(|error| Error { context: format!("slice {name}: {}", error.context), ..error })
    }

    /// What others work on is no reason not to be ready: a standby is well.
    fn stand_by(&mut self, held: &Held) {
        if !held.is_member {
            return;
        }
        let ours: BTreeSet<usize> = self.stops.keys().map(|partition| usize::from(*partition)).collect();
        for (i, conditions) in self.conditions.iter().enumerate() {
            if !ours.contains(&i) {
                conditions.source.ready();
                conditions.slice.ready();
            }
        }
        if std::mem::replace(&mut self.said_standby, ours.is_empty()) != ours.is_empty() && ours.is_empty() {
            tracing::info!("standing by: other producers of the pipeline hold its slices");
        }
    }
}
