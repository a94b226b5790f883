//! Carrying a batch out in transactions of the target, each with how far it reaches.
//!
//! ```text
//!   portion ─▸ select ─▸ plan ─▸ dead letters, acknowledged ─▸ one transaction ─▸ repairs asked for ─▸ next portion
//!      ▲                                                            │
//!      └──── knowing more: unfolded, upserts, a record refused ◂────┘ lesson
//! ```
//!
//! Owns the loop; what is done about a lesson is told in `lessons`. Guards law 3: an attempt either moves every lane of its portion together
//! with what it wrote, or nothing.

use std::{ops::Range, time::Instant};

use common::{error::Result, telemetry::names};
use metrics::counter;

use super::{
    Applied, Parts,
    lessons::{Tried, refuse_malformed},
    means::{Exact, Tally},
    open::{self, Place},
    poisoned::Keys,
    portion::{Progress, records},
    ready::{Expects, Ready, advances, changes, move_on},
    report::Done,
    select::{Choice, Selected, select},
    shaped::{self, Names},
};
use crate::{
    consume::intake::Taken,
    plan::{self, Options},
    sink::{Attempt, Run, target::Target},
};

impl<T: Target> Parts<T> {
    /// Carries a batch out, portion by portion.
    pub(super) async fn exact(&self, exact: &Exact<T>, taken: &[Taken]) -> Result<Applied> {
        let began = Instant::now();
        let (opened, mut notes) = open::open(taken);
        let events = opened.events(taken, &self.policy, &mut notes);
        let mut names = Names::of(&events.events, self.ways())?;
        let mut shaped = shaped::shape(&events.events, &names);
        shaped.departures.stop(&mut notes, taken);
        let keys = Keys::of(taken, &notes.refused);
        let poisoned = keys.documents(taken, &notes.refused);
        for poisoned in &poisoned {
            names.add((poisoned.db, poisoned.coll), self.ways())?;
        }
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
        ready.ask(&mut progress);
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
        if records > 0 {
            self.report.done(&done);
            let is_done = |place: Place| place.record < progress.lanes[place.lane].from;
            self.observe(taken, &events, is_done);
            shaped.departures.tell(&names.names, is_done);
        }
        let wants_more = progress.wants_more;
        let stop = progress.stop.take().or_else(|| notes.stop.take().filter(|_| !wants_more));
        Ok(Applied { lanes: progress.stands(), latest, stop, wants_more })
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
        let marks: Vec<_> = progress.lanes.iter().map(|lane| &lane.known.marks).collect();
        let choice = Choice {
            ranges,
            marks: &marks,
            verdicts: &progress.verdicts,
            names: ready.names,
            inserts: &inserts,
            order: progress.order.as_ref(),
        };
        let selected = select(ready.shaped, &choice);
        let options = Options { fold: progress.folds, ..Options::default() };
        let is_ordered = progress.order.is_some();
        let mut targets = selected.records.iter().map(|record| &ready.targets[record.namespace.0 as usize]);
        let plan = match is_ordered {
            true if self.sink.keep_insertions(&mut targets) => {
                plan::by_insertion(&selected.records, &options)
            }
            true => plan::in_order(&selected.records, &options, &progress.late),
            false => plan::plan(&selected.records, &options),
        };
        if refuse_malformed(&plan, &selected, progress) {
            return Ok(());
        }
        self.bury_new(ready, ranges, &selected, tally).await?;
        let (advances, changes) = (advances(ready, ranges, progress), changes(ready, &selected.marked));
        let run = Run { records: &selected.records, names: ready.targets };
        let attempt = Attempt { run, plan: &plan, is_ordered, advances: &advances, marks: &changes };
        let judge = Expects { control: &exact.control, ready, selected: &selected };
        let is_divisible = records(ranges) > 1;
        match self.sink.in_transaction(&exact.store, attempt, &judge, is_divisible).await? {
            Ok(written) => {
                tally.written.add(written);
                counter!(names::WORKER_SKIPPED).increment(selected.skipped);
                exact.ask_for_repairs(ready, &selected).await?;
                move_on(&selected.marked, ready, advances, progress);
                progress.done(ranges);
                Ok(())
            }
            Err(lesson) => {
                tally.written.is_redone = true;
                let tried = Tried { ready, ranges, selected: &selected };
                self.learn_from(exact, lesson, &tried, (progress, tally)).await
            }
        }
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

#[cfg(test)]
mod tests;
