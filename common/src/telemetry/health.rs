//! What the process says about itself: ready when every named condition holds, alive while every stage's heart beats.
//!
//! Shared state without a clock of its own: the time is handed in. It must never block: it is asked from hot loops.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;

/// The process's health. Clones share it.
#[derive(Debug, Clone)]
pub struct Health {
    state: Arc<Mutex<State>>,
    origin: Instant,
}

#[derive(Debug, Default)]
struct State {
    /// By name: `None` while it holds, else the reason why not.
    conditions: BTreeMap<String, Option<String>>,
    heartbeats: BTreeMap<String, Pulse>,
    stopping: bool,
}

#[derive(Debug)]
struct Pulse {
    /// Milliseconds after `Health::origin`.
    last: Arc<AtomicU64>,
    deadline: Duration,
}

/// What `/readyz` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether every condition holds.
    pub ready: bool,
    /// Each condition that does not, with the reason.
    pub waiting_for: BTreeMap<String, String>,
    /// The conditions that hold.
    pub holding: Vec<String>,
}

/// What `/livez` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Liveness {
    /// Whether every stage's heart has beaten within its deadline.
    pub alive: bool,
    /// Each stage that is silent for too long, with the seconds since its last beat.
    pub silent_seconds: BTreeMap<String, u64>,
}

impl Health {
    /// A health that is not ready until each of `conditions` was reported to hold.
    #[must_use]
    pub fn new(conditions: &[&str]) -> Self {
        let health = Self { state: Arc::default(), origin: Instant::now() };
        for name in conditions {
            health.condition(*name);
        }
        health
    }

    /// The handle to a condition; a new one does not hold yet.
    pub fn condition(&self, name: impl Into<String>) -> Condition {
        let name = name.into();
        let first = || Some("not reached yet".to_owned());
        self.lock().conditions.entry(name.clone()).or_insert_with(first);
        Condition { health: self.clone(), name }
    }

    /// Watches a stage from now on: unless it beats at least every `deadline`, the process counts as hung. Dropping the
    /// heartbeat ends the watch.
    pub fn heartbeat(&self, stage: impl Into<String>, deadline: Duration) -> Heartbeat {
        let stage = stage.into();
        let last = Arc::new(AtomicU64::new(self.millis(Instant::now())));
        self.lock().heartbeats.insert(stage.clone(), Pulse { last: last.clone(), deadline });
        Heartbeat { health: self.clone(), stage, last }
    }

    /// Says that the process is on its way out: not ready any more, whatever the conditions.
    pub fn stopping(&self) {
        self.lock().stopping = true;
    }

    /// Whether work can be expected of the process.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let state = self.lock();
        let mut waiting_for = BTreeMap::new();
        let mut holding = Vec::new();
        for (name, reason) in &state.conditions {
            match reason {
                Some(reason) => drop(waiting_for.insert(name.clone(), reason.clone())),
                None => holding.push(name.clone()),
            }
        }
        if state.stopping {
            waiting_for.insert("process".to_owned(), "stopping".to_owned());
        }
        Readiness { ready: waiting_for.is_empty(), waiting_for, holding }
    }

    /// Whether the process still moves, as of `now`.
    #[must_use]
    pub fn liveness(&self, now: Instant) -> Liveness {
        let now = self.millis(now);
        let silence = |pulse: &Pulse| now.saturating_sub(pulse.last.load(Ordering::Relaxed));
        let state = self.lock();
        let silent = state
            .heartbeats
            .iter()
            .filter(|(_, pulse)| u128::from(silence(pulse)) > pulse.deadline.as_millis());
        let silent_seconds: BTreeMap<_, _> =
            silent.map(|(stage, pulse)| (stage.clone(), silence(pulse) / 1000)).collect();
        Liveness { alive: silent_seconds.is_empty(), silent_seconds }
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.origin).as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thing that must hold before the process is ready.
#[derive(Debug, Clone)]
pub struct Condition {
    health: Health,
    name: String,
}

impl Condition {
    /// It holds.
    pub fn ready(&self) {
        self.set(None);
    }

    /// It does not hold, and why; the reason is public, so no secrets.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, reason: Option<String>) {
        self.health.lock().conditions.insert(self.name.clone(), reason);
    }
}

/// A stage's sign of life.
#[derive(Debug)]
pub struct Heartbeat {
    health: Health,
    stage: String,
    last: Arc<AtomicU64>,
}

impl Heartbeat {
    /// The stage moves. One atomic store: meant for every turn of a loop.
    pub fn beat(&self) {
        self.last.store(self.health.millis(Instant::now()), Ordering::Relaxed);
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.health.lock().heartbeats.remove(&self.stage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_once_every_condition_holds_and_not_when_stopping() {
        let health = Health::new(&["kafka", "source"]);
        let (kafka, source) = (health.condition("kafka"), health.condition("source"));
        assert!(!health.readiness().ready);
        kafka.ready();
        source.not_ready("connecting");
        let readiness = health.readiness();
        assert_eq!(readiness.waiting_for["source"], "connecting");
        assert_eq!(readiness.holding, ["kafka"]);
        source.ready();
        assert!(health.readiness().ready);
        health.stopping();
        assert_eq!(health.readiness().waiting_for["process"], "stopping");
    }

    #[test]
    fn handle_taken_again_does_not_reset_the_condition() {
        let health = Health::new(&["kafka"]);
        health.condition("kafka").ready();
        health.condition("kafka");
        assert!(health.readiness().ready);
    }

    #[test]
    fn alive_until_a_heart_is_silent_beyond_its_deadline() {
        let health = Health::new(&[]);
        let heart = health.heartbeat("sink", Duration::from_secs(5));
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert!(health.liveness(later(4)).alive);
        assert_eq!(health.liveness(later(8)).silent_seconds["sink"], 8);
        heart.beat();
        assert!(health.liveness(later(4)).alive);
        drop(heart);
        assert!(health.liveness(later(100)).alive);
    }
}
