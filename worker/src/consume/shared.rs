//! What the reader's thread and the applying loop share: the intake, and how each wakes the other.

use std::{
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::Thread,
};

use common::cluster_time::ClusterTime;
use tokio::sync::Notify;

use super::{
    intake::{Intake, LaneId, Limit, Room, Settled, Taken, Unfit},
    record::Record,
};

/// The intake under its lock. The lock is held for moments only, never across a wait.
#[derive(Debug)]
pub struct Shared {
    intake: Mutex<Intake>,
    ready: Notify,
    barrier: Notify,
    reader: OnceLock<Thread>,
    /// Cluster time of the latest event applied; 0 before the first.
    applied: AtomicU64,
}

impl Shared {
    /// An intake without lanes.
    #[must_use]
    pub const fn new(room: Room) -> Self {
        Self {
            intake: Mutex::new(Intake::new(room)),
            ready: Notify::const_new(),
            barrier: Notify::const_new(),
            reader: OnceLock::new(),
            applied: AtomicU64::new(0),
        }
    }

    /// Takes a batch; empty when nothing is ready.
    #[must_use]
    pub fn take(&self, limit: Limit) -> Vec<Taken> {
        let taken = self.intake().take(limit);
        // Only what was taken makes room; else the two would wake each other for ever where the reader looks after an ordered topic.
        if !taken.is_empty() {
            self.wake_reader();
        }
        taken
    }

    /// Ends a batch.
    pub fn settle(&self, settled: Vec<Settled>) {
        let mut intake = self.intake();
        let mut is_at_barrier = false;
        for settled in settled {
            let lane = settled.lane;
            intake.settle(settled);
            is_at_barrier |= intake.is_at_barrier(lane);
        }
        drop(intake);
        if is_at_barrier {
            self.barrier.notify_one();
        }
        self.wake_reader();
    }

    /// Keeps records that were read, and empties `records`.
    ///
    /// # Errors
    /// As [`Intake::push`].
    pub(super) fn push(&self, lane: LaneId, records: &mut Vec<Record>) -> Result<(), Unfit> {
        let mut intake = self.intake();
        let is_wanted = intake.push(lane, records)?;
        let is_at_barrier = intake.is_at_barrier(lane);
        drop(intake);
        if is_wanted {
            self.wake_applier();
        }
        if is_at_barrier {
            self.barrier.notify_one();
        }
        Ok(())
    }

    /// Waits until a lane has come to a barrier since the last call. Cancel safe.
    pub async fn at_barrier(&self) {
        self.barrier.notified().await;
    }

    /// Waits until records have come since the last call. Cancel safe.
    pub async fn ready(&self) {
        self.ready.notified().await;
    }

    /// Everything of a batch up to this cluster time is applied.
    pub fn applied(&self, latest: Option<ClusterTime>) {
        self.applied.fetch_max(latest.map_or(0, |latest| latest.0), Ordering::Relaxed);
    }

    /// Cluster time of the latest event applied.
    #[must_use]
    pub fn latest(&self) -> Option<ClusterTime> {
        Some(self.applied.load(Ordering::Relaxed)).filter(|latest| *latest > 0).map(ClusterTime)
    }

    /// The reader goes round again at once.
    pub fn wake_reader(&self) {
        if let Some(reader) = self.reader.get() {
            reader.unpark();
        }
    }

    pub(super) fn reader_is(&self, thread: Thread) {
        // Set once: a second reader would be a second thread with the same state.
        drop(self.reader.set(thread));
    }

    pub(crate) fn wake_applier(&self) {
        self.ready.notify_one();
    }

    /// The intake, locked.
    pub fn intake(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
