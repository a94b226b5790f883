//! Carrying out a plan in one transaction of the target, together with how far it reaches.
//!
//! ```text
//!   begin ─▸ compare and set ─▸ step 1 ─▸ step 2 ─▸ … ─▸ marks ─▸ commit (majority)
//!               │                 │                                  │
//!              lost            a statement failed,                unknown: commit again; gone: begin anew,
//!               │              a document is missing              and the compare tells
//!               ▼                 ▼
//!            [`Lesson`]: the server has aborted, or we do; the batch is redone knowing more
//! ```
//!
//! Owns one attempt. It must not decide what a lesson means for the batch (`crate::batch::exact`). Within a transaction the first failed
//! statement ends everything, so there is nothing to send again here: an attempt is whole or nothing.
//!
//! Guards law 3: the commit holds the documents, the marks and the partitions' offsets, or none of them.
//!
//! Documents of capped collections are the exception, for transactions do not write to those. They are written while the transaction is open: behind the
//! compare, which keeps out who has lost the partition, and before the commit, so that no offset passes what is not written. What comes of an
//! attempt that ends in between is written again, and the same in the end (ADR 15).

use std::{collections::HashSet, time::Duration};

use common::{
    error::{Kind as ErrorKind, Result},
    retry::{Backoff, retry_with},
};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    FIRST_PAUSE, LONGEST_PAUSE, Saw, Sink, Written,
    attempt::{Attempt, Judge, Lesson},
    filling::{Filling, Stop, failed_whole},
    send::silent,
    target::{Target, Transaction as _},
};
use crate::{
    checkpoint::Store,
    plan::{Group, Kind, Step},
};

/// How long an attempt may take, and from when on it was long.
const PATIENCE: Duration = Duration::from_secs(40);
const LONG: Duration = Duration::from_secs(20);
impl<T: Target> Sink<T> {
    /// Carries out a batch in one transaction, begun anew until it is done or has taught something. Where it could be divided and takes
    /// too long, that is what it teaches: the server gives a transaction a minute.
    ///
    /// # Errors
    /// What somebody has to see to; what passes by itself is waited for.
    pub async fn in_transaction(
        &self,
        store: &Store<T>,
        attempt: Attempt<'_, '_>,
        judge: &impl Judge,
        is_divisible: bool,
    ) -> Result<Result<Written, Lesson>> {
        // Nobody cancels it: a batch that must end is dropped.
        let never = CancellationToken::new();
        let backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        retry_with(backoff, "write to the target", &never, &self.condition, async || {
            let began = Instant::now();
            let tried = async {
                match self.ensure(&attempt).await? {
                    Some(lesson) => Ok(Err(lesson)),
                    None => self.attempt(store, attempt, judge).await,
                }
            };
            match timeout(PATIENCE, tried).await.unwrap_or_else(|_| Err(silent(PATIENCE))) {
                Err(error)
                    if error.kind == ErrorKind::Transient && is_divisible && began.elapsed() > LONG =>
                {
                    self.condition.not_ready(error.chain());
                    Ok(Err(Lesson::Fewer))
                }
                tried => tried,
            }
        })
        .await
    }

    /// Carries out one attempt.
    async fn attempt(
        &self,
        store: &Store<T>,
        attempt: Attempt<'_, '_>,
        judge: &impl Judge,
    ) -> Result<Result<Written, Lesson>> {
        let transaction =
            self.target.begin().await.map_err(|trouble| failed_whole(store.documents(), trouble))?;
        let mut filling =
            Filling { sink: self, store, attempt, judge, transaction, written: Written::default() };
        match filling.fill().await {
            Ok(()) => {
                filling.commit().await?;
                Ok(Ok(filling.written))
            }
            Err(stop) => {
                filling.transaction.abort().await;
                match stop {
                    Stop::Lesson(lesson) => Ok(Err(lesson)),
                    Stop::Failed(error) => Err(error),
                }
            }
        }
    }

    /// Makes the collections that the plan's statements would make, for within a transaction that would make them wait for each
    /// other; and looks at their indexes before the first write.
    async fn ensure(&self, attempt: &Attempt<'_, '_>) -> Result<Option<Lesson>> {
        let groups = || attempt.plan.steps.iter().flat_map(|step: &Step<'_>| &step.groups);
        let is_making = |group: &&Group<'_>| matches!(group.kind, Kind::Upsert | Kind::Insert);
        let making: HashSet<_> = groups().filter(is_making).map(|group| group.namespace).collect();
        for namespace in groups().map(|group| group.namespace).collect::<HashSet<_>>() {
            let ns = &attempt.run.names[namespace.0 as usize];
            let (seen, is_making) = (self.has_seen(ns), making.contains(&namespace));
            let nature = match seen {
                Some(seen) => seen.nature,
                None => self.target.nature(ns).await.map_err(|trouble| failed_whole(ns, trouble))?,
            };
            if nature.needs_order() && !attempt.is_ordered {
                return Ok(Some(Lesson::Unique(namespace)));
            }
            let is_there = seen.is_some_and(|seen| seen.is_there);
            if is_making && !is_there {
                self.target.create(ns).await.map_err(|trouble| failed_whole(ns, trouble))?;
            }
            self.saw(ns, Saw { is_there: is_making || is_there, nature });
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
