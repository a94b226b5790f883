//! What is done about a transaction that could not be carried out.
//!
//! Guards law 3: a lesson changes what is tried next, never what was written. What was found out about a record is remembered only within the
//! batch; what has to outlive it is a mark, in the same transaction.

use std::{collections::BTreeSet, ops::Range, sync::PoisonError};

use common::error::{Error, Kind, Result};

use super::{
    Parts,
    means::{Exact, Tally, until_it_passes},
    open::Place,
    portion::Progress,
    ready::Ready,
    select::{Selected, Verdict},
};
use crate::{
    checkpoint::Mark,
    consume::intake::Taken,
    dead_letter::Reason,
    plan::{self, NamespaceId, Refusal},
    sink::{Lesson, UNIQUE_INDEX, target::Target},
};

/// A portion that was tried.
pub(super) struct Tried<'t, 'r> {
    pub(super) ready: &'t Ready<'r>,
    pub(super) ranges: &'t [Range<usize>],
    pub(super) selected: &'t Selected<'r>,
}

impl<T: Target> Parts<T> {
    /// Learns from a lesson.
    ///
    /// # Errors
    /// What ends this life of the worker, or the worker.
    pub(super) async fn learn_from(
        &self,
        exact: &Exact<T>,
        lesson: Lesson,
        tried: &Tried<'_, '_>,
        (progress, tally): (&mut Progress, &mut Tally),
    ) -> Result<()> {
        match lesson {
            Lesson::Lost => return exact.look_again(tried.ready, progress).await,
            Lesson::Exists(namespace) => {
                tally.exist.insert(namespace);
                let mut habits = self.habits.lock().unwrap_or_else(PoisonError::into_inner);
                habits.learn(&tried.ready.names[namespace.0 as usize], 1, 1);
            }
            Lesson::Unfold => {
                progress.folds = false;
                progress.shrink(tried.ranges);
            }
            Lesson::Fewer => progress.shrink(tried.ranges),
            Lesson::Refused(record, reason) => {
                progress.refuse(tried.place(record), reason);
                progress.shrink(tried.ranges);
            }
            Lesson::Missing(records) => records.into_iter().for_each(|record| tried.miss(record, progress)),
            Lesson::Unique(namespace) => return exact.order(tried, namespace).await,
            Lesson::Blocked(record) => {
                let document = tried.document(record);
                if !progress.write_late(document) {
                    exact.judge_blocked(tried, record, progress).await?;
                }
            }
        }
        Ok(())
    }
}

impl<T: Target> Exact<T> {
    /// A compare was lost: what the documents say now holds. What they have passed is written, by us without our knowing, or by another
    /// owner. One that has another owner, went back or is gone: everything begins anew, with what the group and the documents say then.
    async fn look_again(&self, ready: &Ready<'_>, progress: &mut Progress) -> Result<()> {
        let topics: BTreeSet<_> = ready.taken.iter().map(|taken| &*taken.partition.topic).collect();
        let topics: Vec<_> = topics.into_iter().collect();
        let stored =
            until_it_passes("read the partitions' documents", &self.target, || self.store.read(&topics))
                .await?;
        for (lane, taken) in progress.lanes.iter_mut().zip(ready.taken) {
            let (partition, here) = (&taken.partition, lane.known.offset);
            match stored.get(partition) {
                Some(stored) if stored.owner != self.store.owner() => {
                    let context = format!("{partition} is another worker's by now");
                    return Err(Error::new(Kind::Fenced, context));
                }
                Some(stored) if stored.ordered.is_some() && !taken.is_ordered => {
                    let context = format!("{partition} is to be applied in the source's order by now");
                    return Err(Error::new(Kind::Fenced, context));
                }
                Some(stored) if stored.offset >= here => {
                    if stored.offset > here {
                        tracing::info!(%partition, here, there = stored.offset, "the target is further than was known here");
                    }
                    lane.known = stored.known();
                    lane.catch_up(taken);
                }
                other => {
                    let there = other.map(|stored| stored.offset);
                    let context =
                        format!("the document of {partition} stood at {here} and was moved to {there:?}");
                    return Err(Error::new(Kind::Fenced, context));
                }
            }
        }
        Ok(())
    }

    /// A collection of the target has a unique index, or is capped: from now on the topics of its changes are applied in the source's order, by one worker
    /// each. Everything begins anew, for other workers may have partitions of them.
    async fn order(&self, tried: &Tried<'_, '_>, namespace: NamespaceId) -> Result<()> {
        let ns = &tried.ready.targets[namespace.0 as usize];
        let of_it = tried.selected.records.iter().zip(&tried.selected.places);
        let of_it = of_it.filter(|(record, _)| record.namespace == namespace);
        let topics: BTreeSet<_> =
            of_it.map(|(_, place)| tried.ready.taken[place.lane].partition.topic.clone()).collect();
        for topic in &topics {
            until_it_passes("note that a topic is to be applied in order", &self.target, || {
                self.store.order(topic, Some(ns))
            })
            .await?;
        }
        let context = format!(
            "{ns} has a unique index or a collation at the target, or is capped: {} is applied in the source's order from now on",
            topics.into_iter().collect::<Vec<_>>().join(", ")
        );
        Err(Error::new(Kind::Fenced, context))
    }

    /// A record that another document's value blocks although it comes in the source's order. That document may be one that is not as it should be:
    /// where the topic has some that wait for their repair, this one is asked for, too, and comes behind it; where one has lost a change to the dead
    /// letters, this record follows. Otherwise a later record frees the value that is not at hand yet; and where there are no more, nothing does, and the worker
    /// stops here.
    async fn judge_blocked(
        &self,
        tried: &Tried<'_, '_>,
        record: usize,
        progress: &mut Progress,
    ) -> Result<()> {
        let place = tried.place(record);
        let Taken { partition, records, .. } = &tried.ready.taken[place.lane];
        let topic = [&*partition.topic];
        let stored =
            until_it_passes("read the partitions' documents", &self.target, || self.store.read(&topic))
                .await?;
        let here = |is_it: fn(&Mark) -> bool| {
            tried.selected.marked.iter().any(|now| now.mark.as_ref().is_some_and(is_it))
        };
        let is_missing = |mark: &Mark| matches!(mark, Mark::Missing(_));
        let can_be_asked_for = tried.ready.sequence(place).is_some();
        if can_be_asked_for && (here(is_missing) || stored.values().any(|stored| !stored.repairs.is_empty()))
        {
            tried.miss(record, progress);
        } else if here(|mark| *mark == Mark::Dead) || stored.values().any(|stored| !stored.marks.is_empty()) {
            let text = "a unique index of the target holds a value of this document, of a document with a dead letter".to_owned();
            progress.refuse(place, Reason { kind: UNIQUE_INDEX, text });
        } else if !tried.ready.taken[place.lane].is_all {
            progress.cut(place, None);
        } else {
            let offset = records[place.record].offset;
            let context = format!(
                "{partition}, offset {offset}: a unique index of the target holds a value of this document already, and no record at hand \
                 frees it: the target holds a document or an index that the source does not, or the index was made while the topic's \
                 partitions were far apart. Remove the document, or drop the index and build it again once the workers have caught up"
            );
            progress.cut(place, Some(Error::new(Kind::Misconfigured, context)));
        }
        Ok(())
    }
}

impl Tried<'_, '_> {
    fn place(&self, record: usize) -> Place {
        self.selected.places[record]
    }

    fn document(&self, record: usize) -> (NamespaceId, Vec<u8>) {
        let record = &self.selected.records[record];
        (record.namespace, record.key.to_vec())
    }

    /// The record's document is not there as it should be; one without a sequence is not expected to find any.
    fn miss(&self, record: usize, progress: &mut Progress) {
        let place = self.place(record);
        if let Some(sequence) = self.ready.sequence(place) {
            progress.verdicts.insert(place, Verdict::Missing(sequence.into()));
        }
    }
}

/// Takes the records out whose deltas cannot be read; `true` when there were some.
pub(super) fn refuse_malformed(
    plan: &plan::Plan<'_>,
    selected: &Selected<'_>,
    progress: &mut Progress,
) -> bool {
    let malformed = plan.refused.iter().filter(|refused| matches!(refused.reason, Refusal::Malformed(_)));
    let mut any = false;
    for refused in malformed {
        let reason = Reason { kind: "delta", text: refused.reason.to_string() };
        progress.refuse(selected.places[refused.record], reason);
        any = true;
    }
    any
}
