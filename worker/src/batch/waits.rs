//! Records that wait because another document still holds their value in a unique index of the target.
//!
//! In the source the value was free: the record that freed it stands in another partition, and comes. Its place in the source's history is
//! before the waiting one, so it was in Kafka when the wait began. A wait that outlives all that was there then is no race:
//! the target holds a document that the source does not, and somebody has to look.
//!
//! What this cannot solve: partitions that are far apart. A record that is ahead may take a value that only *looks* free, because the
//! record that takes and frees it before stands in a partition that is behind; then each may wait for the other. Nothing of the
//! topic moves then, and after a while that is said, too. The way out is the index: built again once the target has caught up.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use common::{
    config::Config,
    error::{Error, Kind, Result},
    supervision::blocking,
};

use super::portion::Progress;
use crate::{
    checkpoint::Origin,
    consume::{
        Group,
        intake::{Partition, Taken},
        record::Record,
    },
    decode,
};

/// Pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked whether there is still anything to wait for.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// From when on a topic of which nothing moves while one of its records waits will not move any more.
const STILL: Duration = Duration::from_secs(60);

/// The records that wait, by partition.
pub(super) struct Waits {
    group: Arc<Group>,
    waits: Mutex<HashMap<Partition, Wait>>,
}

#[derive(Debug, Clone)]
struct Wait {
    offset: i64,
    origin: Option<Origin>,
    pause: Duration,
    looked: Instant,
    /// Where each partition of the topic ended when the wait began; known after the first look.
    ends: Option<BTreeMap<i32, (i64, i64)>>,
    /// How far the topic's partitions were when one of them last moved, and when that was.
    committed: BTreeMap<i32, i64>,
    moved: Instant,
}

impl Waits {
    pub(super) fn new(config: &Config) -> Self {
        Self { group: Arc::new(Group::new(config)), waits: Mutex::default() }
    }

    /// The record waits, for the first time or still; until when.
    ///
    /// # Errors
    /// [`Kind::Misconfigured`] when there is nothing to wait for.
    pub(super) async fn wait(&self, partition: &Partition, record: &Record) -> Result<Instant> {
        let wait = self.note(partition, record);
        if wait.ends.is_none() || wait.looked.elapsed() > LOOK_EVERY {
            self.look(partition, wait.clone()).await?;
        }
        Ok(Instant::now() + wait.pause)
    }

    fn note(&self, partition: &Partition, record: &Record) -> Wait {
        let mut waits = self.waits();
        let wait = waits.entry(partition.clone()).or_insert_with(|| Wait::new(record));
        if wait.offset != record.offset {
            *wait = Wait::new(record);
        }
        wait.pause = (wait.pause * 2).min(LONGEST_PAUSE);
        wait.clone()
    }

    /// These lanes have gone on.
    pub(super) fn over(&self, taken: &[Taken], progress: &Progress) {
        let mut waits = self.waits();
        if waits.is_empty() {
            return;
        }
        for (taken, lane) in taken.iter().zip(&progress.lanes) {
            if waits.get(&taken.partition).is_some_and(|wait| wait.offset < lane.known.offset) {
                waits.remove(&taken.partition);
            }
        }
    }

    async fn look(&self, partition: &Partition, wait: Wait) -> Result<()> {
        let group = self.group.clone();
        let (topic, offset, known) = (partition.topic.clone(), wait.offset, wait.ends.clone());
        let asked = blocking(move || {
            let ends = known.map_or_else(|| group.ends(&topic), Ok)?;
            let committed = group.committed(&topic, ends.keys().copied())?;
            Ok((ends, committed))
        });
        let (ends, committed) = match asked.await {
            Ok(asked) => asked,
            // Kafka is away: it is waited on.
            Err(Error { kind: Kind::Transient, .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let others = self.waits().clone();
        let is_first = wait.ends.is_none();
        let still = self.looked(partition, &ends, &committed);
        if is_first {
            return Ok(());
        }
        tracing::warn!(%partition, offset, "a record still waits for a value that another document holds in a unique index");
        let is_over =
            ends.iter().filter(|(number, _)| **number != partition.number).all(|(number, (low, high))| {
                let is_passed = low == high || committed.get(number).is_some_and(|at| at >= high);
                is_passed
                    || is_behind(
                        &wait,
                        others.get(&Partition { topic: partition.topic.clone(), number: *number }),
                    )
            });
        if still > STILL {
            let context = format!(
                "{partition}, offset {offset}: a unique index of the target holds a value of this document already, \
                 and nothing of the topic has moved for {still:?}: its partitions wait for each other. Drop the index at \
                 the target and build it again once the workers have caught up"
            );
            return Err(Error::new(Kind::Misconfigured, context));
        }
        if !is_over {
            return Ok(());
        }
        let context = format!(
            "{partition}, offset {offset}: a unique index of the target holds a value of this document already, and \
             no record that is still to come frees it: the target holds a document that the source does not, or an \
             index that the source does not have"
        );
        Err(Error::new(Kind::Misconfigured, context))
    }

    /// Takes note of a look; gives for how long nothing of the topic has moved.
    fn looked(
        &self,
        partition: &Partition,
        ends: &BTreeMap<i32, (i64, i64)>,
        committed: &BTreeMap<i32, i64>,
    ) -> Duration {
        let mut waits = self.waits();
        let Some(wait) = waits.get_mut(partition) else { return Duration::ZERO };
        (wait.ends, wait.looked) = (Some(ends.clone()), Instant::now());
        if wait.committed != *committed {
            (wait.committed, wait.moved) = (committed.clone(), Instant::now());
        }
        wait.moved.elapsed()
    }

    fn waits(&self) -> MutexGuard<'_, HashMap<Partition, Wait>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wait {
    fn new(record: &Record) -> Self {
        let origin = decode::headers(record).ok().and_then(|headers| headers.sequence).map(Origin::from);
        let (pause, now, committed) = (FIRST_PAUSE, Instant::now(), BTreeMap::new());
        Self { offset: record.offset, origin, pause, looked: now, ends: None, committed, moved: now }
    }
}

/// Whether the other waits at a later place of the same history: nothing of it comes before.
fn is_behind(wait: &Wait, other: Option<&Wait>) -> bool {
    let place = |wait: &Wait| wait.origin.as_ref().map(|o| (o.slice.clone(), o.epoch, o.number));
    match (place(wait), other.and_then(place)) {
        (Some((slice, epoch, number)), Some((other_slice, other_epoch, other_number))) => {
            slice == other_slice && (epoch, number) < (other_epoch, other_number)
        }
        _ => false,
    }
}
