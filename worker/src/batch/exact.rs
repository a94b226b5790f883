//! Carrying a batch out in transactions of the target, each with how far it reaches.
//!
//! ```text
//!   portion ─▸ select ─▸ plan ─▸ dead letters, acknowledged ─▸ one transaction ─▸ repairs asked for ─▸ next portion
//!      ▲                                                            │
//!      └──── knowing more: unfolded, upserts, a record refused ◂────┘ lesson
//! ```
//!
//! Owns what is done about each lesson. Guards law 3: an attempt either moves every lane of its portion together with what it wrote, or
//! nothing; what was found out about a record is remembered only within the batch, what has to outlive it is a mark, in the same
//! transaction.

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::PoisonError,
    time::{Duration, Instant},
};

use common::{
    cluster_time::ClusterTime,
    config::Config,
    error::{Error, Kind, Result},
    headers::Sequence,
    namespace::Namespace,
    retry::{Backoff, retry_with},
    telemetry::{health::Condition, names},
};
use metrics::counter;
use tokio_util::sync::CancellationToken;

use super::{
    Applied, Parts,
    open::{self, Events, Notes, Place},
    poisoned::Keys,
    portion::{Progress, records},
    report::Done,
    select::{Choice, Marked, Selected, Verdict, select},
    shaped::{self, Names, Shaped},
    waits::Waits,
};
use crate::{
    checkpoint::{Advance, Change, Mark, Repair, Store, key_document, sequence_of},
    consume::intake::Taken,
    control::Control,
    dead_letter::Reason,
    decode,
    plan::{self, NamespaceId, Options, Refusal},
    sink::{Attempt, Judge, Lesson, Run, Written, target::Target},
};

/// What transactions need.
pub struct Exact<T> {
    /// The pipeline's collections at the target.
    store: Store<T>,
    control: Control,
    waits: Waits,
    /// Holds while the target answers.
    target: Condition,
    /// Holds while the brokers do.
    kafka: Condition,
}

/// A batch that was opened and shaped.
struct Ready<'r> {
    taken: &'r [Taken],
    notes: &'r Notes,
    events: &'r Events<'r>,
    /// By the source's names: marks, repairs and what the control topic says go by them.
    names: &'r [Namespace],
    /// By the target's names.
    targets: &'r [Namespace],
    shaped: &'r Shaped<'r>,
}

/// What was done besides, over all portions.
#[derive(Default)]
struct Tally {
    /// Namespaces that are sent upserts.
    exist: BTreeSet<NamespaceId>,
    /// Dead letters that Kafka has.
    buried: BTreeSet<Place>,
    written: Written,
}

impl<T: Target> Exact<T> {
    /// What transactions need.
    pub fn new(config: &Config, store: Store<T>, control: Control, [target, kafka]: [Condition; 2]) -> Self {
        Self { store, control, waits: Waits::new(config), target, kafka }
    }

    /// Ends the transactions of batches that were dropped.
    pub(super) async fn end_dropped(&self) {
        self.store.end_dropped().await;
    }
}

impl<T: Target> Parts<T> {
    /// Carries a batch out, portion by portion.
    pub(super) async fn exact(&self, exact: &Exact<T>, taken: &[Taken]) -> Result<Applied> {
        let began = Instant::now();
        let (opened, mut notes) = open::open(taken);
        let events = opened.events(taken, &self.policy, &mut notes);
        let keys = Keys::of(taken, &notes.refused);
        let poisoned = keys.documents(taken, &notes.refused);
        let mut names = Names::of(&events.events, &self.rules, &self.targets)?;
        for poisoned in &poisoned {
            names.add((poisoned.db, poisoned.coll), &self.rules, &self.targets)?;
        }
        let mut shaped = shaped::shape(&events.events, &names);
        if !poisoned.is_empty() {
            shaped.poison(&poisoned, &names);
        }
        let ready = Ready {
            taken,
            notes: &notes,
            events: &events,
            names: &names.names,
            targets: &names.targets,
            shaped: &shaped,
        };
        let (mut progress, mut tally) = (Progress::new(taken, &notes.ends), Tally::default());
        loop {
            let ranges = progress.next(taken);
            if records(&ranges) == 0 {
                break;
            }
            self.portion(exact, &ready, &ranges, &mut progress, &mut tally).await?;
        }
        let latest = events.events.iter().filter_map(|event| event.change.cluster_time).max();
        let records: u64 = progress.lanes.iter().map(|lane| lane.from as u64).sum();
        let done = Done {
            records,
            bytes: taken.iter().flat_map(|taken| &taken.records).map(|record| record.size() as u64).sum(),
            duplicates: notes.duplicates,
            took: began.elapsed(),
            latest,
            events: &events,
            written: &tally.written,
            names: &names.names,
        };
        // A record that only waits is counted when it goes on.
        if records > 0 {
            self.report.done(&done);
        }
        // What stops the worker stands behind what waits: it comes again.
        let waits = progress.lanes.iter().any(|lane| lane.not_before.is_some());
        let stop = if waits { None } else { notes.stop.take() };
        Ok(Applied { lanes: progress.stands(), latest, stop })
    }

    /// Tries a portion once; afterwards it is done, or more is known.
    async fn portion(
        &self,
        exact: &Exact<T>,
        ready: &Ready<'_>,
        ranges: &[Range<usize>],
        progress: &mut Progress,
        tally: &mut Tally,
    ) -> Result<()> {
        let mut inserts = self.inserts(ready.names);
        tally.exist.iter().for_each(|ns| inserts[ns.0 as usize] = false);
        let marks: Vec<_> = progress.lanes.iter().map(|lane| lane.known.marks.clone()).collect();
        let choice = Choice {
            ranges,
            marks: &marks.iter().collect::<Vec<_>>(),
            verdicts: &progress.verdicts,
            names: ready.names,
            inserts: &inserts,
        };
        let selected = select(ready.shaped, &choice);
        let options = Options { fold: progress.folds, ..Options::default() };
        let plan = plan::plan(&selected.records, &options);
        if refuse_malformed(&plan, &selected, progress) {
            return Ok(());
        }
        self.bury_new(ready, ranges, &selected, tally).await?;
        let (advances, changes) = (advances(ready, ranges, progress), changes(ready, &selected.marked));
        let run = Run { records: &selected.records, names: ready.targets };
        let attempt =
            Attempt { run, plan: &plan, is_folded: progress.folds, advances: &advances, marks: &changes };
        let judge = Expects { control: &exact.control, ready, selected: &selected };
        let is_divisible = records(ranges) > 1;
        match self.sink.in_transaction(&exact.store, attempt, &judge, is_divisible).await? {
            Ok(written) => {
                tally.written.add(written);
                counter!(names::WORKER_SKIPPED).increment(selected.skipped);
                exact.ask_for_repairs(ready, &selected).await?;
                move_on(&selected.marked, ready, advances, progress);
                exact.waits.over(ready.taken, progress);
                progress.done(ranges);
                Ok(())
            }
            Err(lesson) => {
                tally.written.is_redone = true;
                self.learn_from(exact, lesson, ready, &selected, (ranges, progress, tally)).await
            }
        }
    }

    async fn learn_from(
        &self,
        exact: &Exact<T>,
        lesson: Lesson,
        ready: &Ready<'_>,
        selected: &Selected<'_>,
        (ranges, progress, tally): (&[Range<usize>], &mut Progress, &mut Tally),
    ) -> Result<()> {
        match lesson {
            Lesson::Lost => return exact.look_again(ready, progress).await,
            Lesson::Exists(namespace) => {
                tally.exist.insert(namespace);
                let mut habits = self.habits.lock().unwrap_or_else(PoisonError::into_inner);
                habits.learn(&ready.names[namespace.0 as usize], 1, 1);
            }
            Lesson::Unfold => {
                progress.folds = false;
                progress.shrink(ranges);
            }
            Lesson::Fewer => progress.shrink(ranges),
            Lesson::Refused(record, reason) => {
                progress.refuse(selected.places[record], reason);
                progress.shrink(ranges);
            }
            Lesson::Missing(records) => {
                for record in records {
                    let place = selected.places[record];
                    progress.verdicts.extend(missing(ready, place).map(|verdict| (place, verdict)));
                }
            }
            Lesson::Blocked(record) => {
                let place = selected.places[record];
                let taken = &ready.taken[place.lane];
                let not_before = exact.waits.wait(&taken.partition, &taken.records[place.record]).await?;
                progress.block(place, not_before);
            }
        }
        Ok(())
    }

    /// Writes the dead letters of a portion that Kafka does not have yet.
    async fn bury_new(
        &self,
        ready: &Ready<'_>,
        ranges: &[Range<usize>],
        selected: &Selected<'_>,
        tally: &mut Tally,
    ) -> Result<()> {
        let all = ready.notes.refused.iter().chain(&ready.shaped.refused).chain(&selected.letters);
        let is_here = |place: &Place| ranges[place.lane].contains(&place.record);
        let new: Vec<_> = all
            .filter(|(place, _)| is_here(place) && !tally.buried.contains(place))
            .map(|(place, reason)| (*place, reason))
            .collect();
        let places: Vec<_> = new.iter().map(|(place, _)| *place).collect();
        self.bury(ready.taken, &ready.notes.ends, new).await?;
        tally.buried.extend(places);
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

    /// Asks for what the portion found missing; once its marks are durable.
    async fn ask_for_repairs(&self, ready: &Ready<'_>, selected: &Selected<'_>) -> Result<()> {
        let repair = |marked: &Marked<'_>| match &marked.mark {
            Some(Mark::Missing(origin)) => Some(Repair {
                ns: ready.names[marked.namespace.0 as usize].clone(),
                key: key_document(&marked.id),
                origin: origin.clone(),
            }),
            _ => None,
        };
        let repairs: Vec<_> = selected.marked.iter().filter_map(repair).collect();
        for repair in &repairs {
            counter!(names::WORKER_REPAIRS, "ns" => repair.ns.to_string()).increment(1);
        }
        until_it_passes("ask for repairs", &self.kafka, || self.control.ask_for(&repairs)).await
    }
}

/// Takes the records out whose deltas cannot be read; `true` when there were some.
fn refuse_malformed(plan: &plan::Plan<'_>, selected: &Selected<'_>, progress: &mut Progress) -> bool {
    let malformed = plan.refused.iter().filter(|refused| matches!(refused.reason, Refusal::Malformed(_)));
    let mut any = false;
    for refused in malformed {
        let reason = Reason { kind: "delta", text: refused.reason.to_string() };
        progress.refuse(selected.places[refused.record], reason);
        any = true;
    }
    any
}

/// What becomes of a record whose document is not there as it should be; one without a sequence is not expected to find any.
fn missing(ready: &Ready<'_>, place: Place) -> Option<Verdict> {
    ready.sequence(place).map(|sequence| Verdict::Missing(sequence.into()))
}

/// How a portion moves the documents of its lanes.
fn advances(ready: &Ready<'_>, ranges: &[Range<usize>], progress: &Progress) -> Vec<Advance> {
    let mut advances = Vec::with_capacity(ranges.len());
    for (number, (range, lane)) in ranges.iter().zip(&progress.lanes).enumerate() {
        let Some(last) = range.end.checked_sub(1).filter(|_| !range.is_empty()) else { continue };
        let taken = &ready.taken[number];
        let is_whole = *range == (0..taken.records.len());
        let delivered = match is_whole {
            true => ready.notes.delivered[number].clone(),
            false => open::delivered(lane.known.delivered.clone(), &taken.records[range.clone()]),
        };
        advances.push(Advance {
            partition: taken.partition.clone(),
            from: lane.known.offset,
            to: taken.records[last].offset + 1,
            delivered,
            cluster_time: ready.latest(number, range),
            anchor: sequence_of(&taken.records[last]).map(str::to_owned),
        });
    }
    advances
}

fn changes<'r>(ready: &Ready<'r>, marked: &'r [Marked<'r>]) -> Vec<Change<'r>> {
    let change = |marked: &'r Marked<'r>| Change {
        partition: &ready.taken[marked.lane].partition,
        ns: &ready.names[marked.namespace.0 as usize],
        id: marked.id,
        key: marked.key,
        mark: marked.mark.clone(),
    };
    marked.iter().map(change).collect()
}

/// What the target knows now.
fn move_on(marked: &[Marked<'_>], ready: &Ready<'_>, advances: Vec<Advance>, progress: &mut Progress) {
    for marked in marked {
        let ns = &ready.names[marked.namespace.0 as usize];
        progress.lanes[marked.lane].known.marks.note(ns, marked.key, marked.mark.clone());
    }
    let mut advances = advances.into_iter().peekable();
    for (lane, taken) in progress.lanes.iter_mut().zip(ready.taken) {
        if let Some(advance) = advances.next_if(|advance| advance.partition == taken.partition) {
            (lane.known.offset, lane.known.delivered) = (advance.to, advance.delivered);
        }
    }
}

async fn until_it_passes<R, F: Future<Output = Result<R>>>(
    what: &str,
    condition: &Condition,
    attempt: impl FnMut() -> F,
) -> Result<R> {
    // Nobody cancels it: a batch that must end is dropped.
    let never = CancellationToken::new();
    let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    retry_with(backoff, what, &never, condition, attempt).await
}

impl Ready<'_> {
    fn sequence(&self, place: Place) -> Option<Sequence<'_>> {
        decode::headers(&self.taken[place.lane].records[place.record]).ok()?.sequence
    }

    /// Cluster time of the last event of a lane's records.
    fn latest(&self, lane: usize, range: &Range<usize>) -> Option<ClusterTime> {
        let place = |event: &open::Event<'_>| (event.place.lane, event.place.record);
        let end = self.events.events.partition_point(|event| place(event) < (lane, range.end));
        let mut events = self.events.events[..end].iter().rev();
        let here =
            events.by_ref().take_while(|event| event.place.lane == lane && event.place.record >= range.start);
        here.filter_map(|event| event.change.cluster_time).next()
    }
}

/// Which documents should be there, by what the control topic says.
struct Expects<'e> {
    control: &'e Control,
    ready: &'e Ready<'e>,
    selected: &'e Selected<'e>,
}

impl Expects<'_> {
    fn is_copied(&self, record: usize) -> bool {
        let Some(sequence) = self.ready.sequence(self.selected.places[record]) else { return false };
        let namespace = self.selected.records[record].namespace;
        self.control.is_copied(&sequence, &self.ready.names[namespace.0 as usize])
    }

    fn has_sequence(&self, record: usize) -> bool {
        self.ready.sequence(self.selected.places[record]).is_some()
    }
}

impl Judge for Expects<'_> {
    async fn should_be_there(&self, records: &[usize]) -> Result<Vec<usize>> {
        let is_open = |record: &usize| self.has_sequence(*record) && !self.is_copied(*record);
        if self.control.is_followed() && records.iter().any(is_open) {
            self.control.catch_up().await?;
        }
        Ok(records.iter().copied().filter(|record| self.is_copied(*record)).collect())
    }
}

#[cfg(test)]
mod tests;
