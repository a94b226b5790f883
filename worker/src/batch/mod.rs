//! One batch, from the records that were taken to what their lanes may commit.
//!
//! ```text
//!   taken ─▸ open ─▸ events ─▸ shape ─▸ select ─▸ records ─▸ sink ─▸ settled
//!            (decode, duplicates,      (marks)     (plan, step by step)
//!             policy)    └───────refused──┴────────────┴──▸ dead letters
//! ```
//!
//! Owns the order of these steps. Guards law 3: heads move behind a batch only when the target has acknowledged every statement
//! and Kafka every dead letter. A batch one of whose lanes is gone is dropped where it stands: nothing more is written,
//! and its other lanes get their records back.
//!
//! There are two ways to carry a batch out: in transactions of the target ([`exact`]), or command by command (here, in `plain`).

mod declared;
mod exact;
mod habits;
mod left;
mod lessons;
mod means;
mod open;
mod order;
mod poisoned;
mod portion;
mod ready;
mod report;
mod ruled;
mod select;
mod shaped;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use common::{
    cluster_time::ClusterTime,
    config::Config,
    error::{Error, Kind, Result},
    namespace::Namespace,
};
use futures_util::future::select_all;
use tokio_util::sync::CancellationToken;

pub use self::means::Exact;
use self::{
    habits::Habits,
    open::{Events, Notes, Place, Policy},
    report::{Done, Report},
    select::{Choice, Verdict, select},
    shaped::{Names, Ways},
};
use crate::{
    apply::{Apply, Outcome},
    checkpoint::{Known, Marks},
    consume::intake::{Settled, Taken},
    dead_letter::{DeadLetters, Letter, Reason},
    decode,
    plan::Options,
    schema::{self, Observer},
    sink::{Run, Sink, Written, target::Target},
    targets::Targets,
};
use shape::{Rules, declared::Schemas};

/// Everything that batches share. Cheap to clone.
pub struct Batches<T> {
    parts: Arc<Parts<T>>,
}

struct Parts<T> {
    sink: Sink<T>,
    dead_letters: DeadLetters,
    rules: Rules,
    schemas: Schemas,
    targets: Targets,
    policy: Policy,
    habits: Mutex<Habits>,
    report: Report,
    observer: Observer,
    /// What transactions need; without it the target is written command by command.
    exact: Option<Exact<T>>,
}

/// A batch that was carried out, or as much of it as could be.
struct Applied {
    /// How each lane stands.
    lanes: Vec<Stands>,
    /// Cluster time of the latest event.
    latest: Option<ClusterTime>,
    /// Why the worker has to stop.
    stop: Option<Error>,
    /// Whether what is left needs more records to be carried out.
    wants_more: bool,
}

/// How a lane stands behind its batch.
struct Stands {
    /// How many of its records are dealt with.
    end: usize,
    /// The offset behind them.
    head: Option<i64>,
    known: Known,
}

impl<T> Clone for Batches<T> {
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone() }
    }
}

/// The field rules.
///
/// # Errors
/// Misconfigured when they cannot be understood.
pub(crate) fn rules(config: &Config) -> Result<Rules> {
    Rules::compile(&config.rules, config.worker.mask_key.as_ref())
        .map_err(|problems| misconfigured(&problems))
}

fn misconfigured(problems: &[shape::Problem]) -> Error {
    let lines: Vec<_> = problems.iter().map(|p| format!("{}: {}", p.path, p.reason)).collect();
    Error::new(Kind::Misconfigured, lines.join("; "))
}

impl<T: Target> Batches<T> {
    /// What batches need.
    ///
    /// # Errors
    /// Misconfigured when the field rules cannot be understood.
    pub fn new(
        config: &Config,
        sink: Sink<T>,
        dead_letters: DeadLetters,
        exact: Option<Exact<T>>,
    ) -> Result<Self> {
        let rules = rules(config)?;
        let schemas = Schemas::compile(&config.schemas).map_err(|problems| misconfigured(&problems))?;
        let policy = Policy { ddl: config.worker.ddl.clone(), filter: config.filter() };
        let (targets, habits, report) = (Targets::new(config), Mutex::default(), Report::new());
        let observer = Observer::blind();
        let parts =
            Parts { sink, dead_letters, rules, schemas, targets, policy, habits, report, observer, exact };
        Ok(Self { parts: Arc::new(parts) })
    }

    /// Has every batch looked at, for the observed schemas.
    ///
    /// # Panics
    /// When batches are carried out already.
    #[must_use]
    pub fn observed_by(mut self, observer: Observer) -> Self {
        Arc::get_mut(&mut self.parts).expect("nobody else has it yet").observer = observer;
        self
    }
}

impl<T: Target> Apply for Batches<T> {
    async fn apply(self, mut taken: Vec<Taken>) -> Outcome {
        taken.iter_mut().for_each(|taken| decode::join(&mut taken.records));
        let gone = select_all(taken.iter().map(|taken| Box::pin(taken.gone.cancelled())));
        let apply = async {
            match &self.parts.exact {
                Some(exact) => Box::pin(self.parts.exact(exact, &taken)).await,
                None => Box::pin(self.parts.plain(&taken)).await,
            }
        };
        let applied = tokio::select! {
            biased;
            _ = gone => Err(Error::cancelled()),
            applied = apply => applied,
        };
        match applied {
            Ok(applied) => settle(taken, applied),
            Err(error) => {
                // Whoever owns the lanes now is not to wait for a transaction that nobody goes on with.
                if let Some(exact) = &self.parts.exact {
                    exact.store.end_dropped().await;
                }
                give_back(taken, error)
            }
        }
    }
}

/// The lanes of a batch that has ended.
fn settle(taken: Vec<Taken>, applied: Applied) -> Outcome {
    let rest: usize =
        taken.iter().zip(&applied.lanes).map(|(taken, stands)| taken.records.len() - stands.end).sum();
    let too_few = applied.wants_more.then_some(rest);
    let settled = taken.into_iter().zip(applied.lanes).map(|(mut taken, stands)| Settled {
        too_few,
        lane: taken.lane,
        head: stands.head,
        known: stands.known,
        rest: taken.records.split_off(stands.end),
    });
    Outcome { settled: settled.collect(), latest: applied.latest, failure: applied.stop }
}

/// The lanes of a batch that was dropped or has failed: all is to be done again, here or by the next owner.
fn give_back(taken: Vec<Taken>, error: Error) -> Outcome {
    let settled = taken.into_iter().map(|taken| Settled {
        known: taken.known,
        rest: taken.records,
        ..Settled::nothing(taken.lane)
    });
    let failure = (error.kind != Kind::Cancelled).then_some(error);
    Outcome { settled: settled.collect(), latest: None, failure }
}

/// How the lanes of a batch stand that was carried out up to its ends.
fn stands(taken: &[Taken], notes: &Notes) -> Vec<Stands> {
    let lanes = taken.iter().zip(&notes.ends).zip(&notes.delivered);
    let stands = lanes.map(|((taken, end), all)| {
        let is_cut = *end < taken.records.len();
        let before = || taken.known.delivered.clone();
        let delivered = if is_cut { open::delivered(before(), &taken.records[..*end]) } else { all.clone() };
        // The record at which a lane was cut is where it goes on.
        let next = taken.records.get(*end).map(|record| record.offset);
        let head = next.or_else(|| taken.records.last().map(|record| record.offset + 1));
        let known = Known { delivered, ..taken.known.clone() };
        Stands { end: *end, head, known }
    });
    stands.collect()
}

impl<T: Target> Parts<T> {
    /// Carries a batch out command by command.
    async fn plain(&self, taken: &[Taken]) -> Result<Applied> {
        let began = Instant::now();
        let (opened, mut notes) = open::open(taken);
        let events = opened.events(taken, &self.policy, &mut notes);
        let names = Names::of(&events.events, self.ways())?;
        let mut shaped = shaped::shape(&events.events, &names);
        shaped.departures.stop(&mut notes, taken);
        let ranges: Vec<_> = notes.ends.iter().map(|end| 0..*end).collect();
        // Nobody keeps marks here, so nobody waits for an answer.
        let none = Marks::default();
        let asks = shaped.asks().map(|(place, reason)| (place, Verdict::Refuse(reason.clone()))).collect();
        let selected = select(
            &shaped,
            &Choice {
                ranges: &ranges,
                marks: &vec![&none; taken.len()],
                verdicts: &asks,
                names: &names.names,
                inserts: &self.inserts(&names.names),
                order: None,
            },
        );
        let run = Run { records: &selected.records, names: &names.targets };
        let written = self.sink.carry_out(run, &Options::default()).await?;
        self.learn(&names.names, &written);

        let refused = written.refused.iter().map(|(record, reason)| (selected.places[*record], reason));
        let before = notes.refused.iter().chain(&shaped.refused).chain(&selected.letters);
        let refused = before.map(|(place, reason)| (*place, reason)).chain(refused);
        self.bury(taken, &notes.ends, refused.collect()).await?;

        self.observe(taken, &events, |place| place.record < notes.ends[place.lane]);
        shaped.departures.tell(&names.names, |place| place.record < notes.ends[place.lane]);
        notes.latest = events.events.iter().filter_map(|event| event.change.cluster_time).max();
        self.report.done(&Done {
            records: notes.ends.iter().map(|end| *end as u64).sum(),
            bytes: taken.iter().flat_map(|taken| &taken.records).map(|record| record.size() as u64).sum(),
            duplicates: notes.duplicates,
            took: began.elapsed(),
            latest: notes.latest,
            events: &events,
            written: &written,
            names: &names.names,
        });
        let lanes = stands(taken, &notes);
        Ok(Applied { lanes, latest: notes.latest, stop: notes.stop, wants_more: false })
    }

    fn ways(&self) -> Ways<'_> {
        Ways { rules: &self.rules, schemas: &self.schemas, targets: &self.targets }
    }

    /// Looks at the events that were dealt with.
    fn observe(&self, taken: &[Taken], events: &Events<'_>, is_done: impl Fn(Place) -> bool) {
        let done = events.events.iter().filter(|event| is_done(event.place));
        self.observer.see(done.map(|event| schema::Event {
            partition: &taken[event.place.lane].partition,
            change: &event.change,
        }));
    }

    fn inserts(&self, names: &[Namespace]) -> Vec<bool> {
        let mut habits = self.habits.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().map(|ns| habits.inserts(ns)).collect()
    }

    fn learn(&self, names: &[Namespace], written: &Written) {
        let mut habits = self.habits.lock().unwrap_or_else(PoisonError::into_inner);
        for (namespace, (sent, met)) in &written.inserts {
            habits.learn(&names[namespace.0 as usize], *sent, *met);
        }
    }

    /// Writes the dead letters of a batch, in the order of its records; nothing at or behind a cut is one.
    async fn bury(&self, taken: &[Taken], ends: &[usize], mut refused: Vec<(Place, &Reason)>) -> Result<()> {
        refused.retain(|(place, _)| place.record < ends[place.lane]);
        refused.sort_by_key(|(place, _)| (place.lane, place.record));
        refused.dedup_by_key(|(place, _)| *place);
        let mut letters = Vec::with_capacity(refused.len());
        for (place, reason) in refused {
            let Taken { partition, records, .. } = &taken[place.lane];
            let records = &records[place.record..];
            // Of a value in parts, each record.
            let span = decode::span(records).unwrap_or(1);
            letters.extend(records[..span].iter().map(|record| Letter { partition, record, reason }));
        }
        self.dead_letters.write(&letters, &CancellationToken::new()).await
    }
}

#[cfg(test)]
mod tests;
