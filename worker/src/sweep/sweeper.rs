//! The stage that sweeps: for each sweep under way whose partition 0 is this worker's, the next batch is listed and asked about.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use common::{control::Sweep, error::Result, mapping::Mapping};
use tokio_util::sync::CancellationToken;

use super::{Wanted, listing, wanted::Sweeping};
use crate::{
    consume::{Group, Shared},
    control::Control,
    sink::Deployment,
    targets,
};

/// How often it is looked whether a sweep can go on.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long an answer is waited for before the batch is listed again: another worker, late to learn that partition 0 is no longer
/// its own, may have written over it.
const ASK_AGAIN: Duration = Duration::from_secs(15);

/// Batches of one worker that wait for an answer at a time: the producer keeps them in memory.
const MOST_ASKED: usize = 4;

/// Sweeps.
pub(crate) struct Sweeper {
    /// What there is to sweep.
    pub(crate) wanted: Wanted,
    /// Which partitions are this worker's.
    pub(crate) shared: Arc<Shared>,
    /// Where batches go.
    pub(crate) control: Control,
    /// What is listed.
    pub(crate) target: Deployment,
    /// What namespaces are called there.
    pub(crate) mapping: Mapping,
    /// Knows what has been applied.
    pub(crate) group: Arc<Group>,
}

/// How far this worker is with a sweep.
#[derive(Debug, Default)]
struct Progress {
    /// Where the topic ended when this worker came to the sweep.
    ends: Option<BTreeMap<i32, i64>>,
    /// Whether everything up to there is applied.
    is_applied: bool,
    /// The place from which the last batch was listed, and when that was written.
    asked: Option<(Option<String>, Instant)>,
    /// The reason it did not go on, once told.
    told: Option<String>,
}

impl Sweeper {
    /// Sweeps until `shutdown`; what fails is tried again.
    ///
    /// # Errors
    /// None.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let mut progress: HashMap<String, Progress> = HashMap::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                () = self.wanted.news() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
            let mut open = self.wanted.open();
            open.retain(|sweep| self.shared.intake().lane(&sweep.topic, 0).is_some());
            progress.retain(|request, _| open.iter().any(|sweep| sweep.request == *request));
            let mut asked = 0;
            for sweep in open {
                if asked == MOST_ASKED {
                    break;
                }
                let at = progress.entry(sweep.request.clone()).or_default();
                let stepped = tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return Ok(()),
                    stepped = self.step(&sweep, at) => stepped,
                };
                tell(&sweep, at, stepped);
                asked += usize::from(at.told.is_none() && at.asked.is_some());
            }
        }
    }

    /// Goes on with one sweep, if it can.
    async fn step(&self, sweep: &Sweeping, progress: &mut Progress) -> Result<()> {
        if sweep.swept.is_none() && !self.is_applied(sweep, progress).await? {
            return Ok(());
        }
        let from = sweep.swept.as_ref().map(|key| key.get().to_owned());
        if progress.asked.as_ref().is_some_and(|(asked, at)| *asked == from && at.elapsed() < ASK_AGAIN) {
            return Ok(());
        }
        let at = targets::name(&self.mapping, &sweep.ns)?;
        let batch = listing::batch(&self.target, &at, &sweep.ns, sweep.swept.as_deref()).await?;
        tracing::debug!(ns = %sweep.ns, keys = batch.keys.len(), "the target is looked through");
        self.control.say(&Sweep::key(&sweep.request), &batch).await?;
        progress.asked = Some((from, Instant::now()));
        Ok(())
    }

    /// Whether everything that the topic held when this worker came to the sweep is applied.
    async fn is_applied(&self, sweep: &Sweeping, progress: &mut Progress) -> Result<bool> {
        if progress.is_applied {
            return Ok(true);
        }
        let topic = sweep.topic.clone();
        let known = progress.ends.clone();
        let (ends, is_applied) = self
            .group
            .ask(move |group| {
                let ends = match known {
                    Some(ends) => ends,
                    None => filled(group.ends(&topic)?),
                };
                let committed = group.committed(&topic, ends.keys().copied())?;
                let is_applied = ends.iter().all(|(number, end)| committed.get(number) >= Some(end));
                Ok((ends, is_applied))
            })
            .await?;
        progress.ends = Some(ends);
        progress.is_applied = is_applied;
        Ok(is_applied)
    }
}

/// The ends of the partitions that hold anything.
fn filled(ends: BTreeMap<i32, (i64, i64)>) -> BTreeMap<i32, i64> {
    ends.into_iter().filter(|(_, (low, high))| low < high).map(|(number, (_, high))| (number, high)).collect()
}

/// Says once why a sweep does not go on.
fn tell(sweep: &Sweeping, progress: &mut Progress, stepped: Result<()>) {
    let Err(error) = stepped else {
        progress.told = None;
        return;
    };
    let reason = error.chain();
    if progress.told.as_ref() != Some(&reason) {
        tracing::warn!(ns = %sweep.ns, reason, "a sweep does not go on; it is tried again");
        progress.told = Some(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_holds_nothing_is_not_waited_for() {
        let ends = BTreeMap::from([(0, (0, 0)), (1, (0, 7)), (2, (5, 5))]);
        assert_eq!(filled(ends), BTreeMap::from([(1, 7)]));
    }
}
