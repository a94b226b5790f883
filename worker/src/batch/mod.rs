//! One batch, from the records that were taken to what their lanes may commit.
//!
//! ```text
//!   taken ─▸ open ─▸ events ─▸ shape ─▸ records ─▸ sink ─▸ dead letters ─▸ settled
//!            (decode, duplicates,        (plan, step by step)   │
//!             policy)    └───────refused────────┴───────────────┘
//! ```
//!
//! Owns the order of these steps. Guards law 3: heads move behind a batch only when the target has acknowledged every statement
//! and Kafka every dead letter. A batch one of whose lanes is gone is dropped where it stands: nothing more is written,
//! and its other lanes get their records back.

mod habits;
mod open;
mod report;
mod shaped;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use common::{
    config::Config,
    error::{Error, Kind, Result},
    namespace::Namespace,
};
use futures_util::future::select_all;
use tokio_util::sync::CancellationToken;

use self::{
    habits::Habits,
    open::{Notes, Place, Policy},
    report::{Done, Report},
    shaped::Names,
};
use crate::{
    apply::{Apply, Outcome},
    consume::intake::{Settled, Taken},
    dead_letter::{DeadLetters, Letter, Reason},
    plan::{NamespaceId, Options},
    shape::Rules,
    sink::{Run, Sink, Written, target::Target},
    targets::Targets,
};

/// Everything that batches share. Cheap to clone.
pub struct Batches<T> {
    parts: Arc<Parts<T>>,
}

struct Parts<T> {
    sink: Sink<T>,
    dead_letters: DeadLetters,
    rules: Rules,
    targets: Targets,
    policy: Policy,
    habits: Mutex<Habits>,
    report: Report,
}

impl<T> Clone for Batches<T> {
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone() }
    }
}

impl<T: Target> Batches<T> {
    /// What batches need.
    ///
    /// # Errors
    /// Misconfigured when the field rules cannot be understood.
    pub fn new(config: &Config, sink: Sink<T>, dead_letters: DeadLetters) -> Result<Self> {
        let rules = Rules::compile(&config.rules, config.worker.mask_key.as_ref()).map_err(|problems| {
            let lines: Vec<_> = problems.iter().map(|p| format!("{}: {}", p.path, p.reason)).collect();
            Error::new(Kind::Misconfigured, lines.join("; "))
        })?;
        let policy = Policy { ddl: config.worker.ddl.clone(), filter: config.filter() };
        let (targets, habits, report) = (Targets::new(config), Mutex::default(), Report::new());
        Ok(Self { parts: Arc::new(Parts { sink, dead_letters, rules, targets, policy, habits, report }) })
    }
}

impl<T: Target> Apply for Batches<T> {
    async fn apply(self, taken: Vec<Taken>) -> Outcome {
        let gone = select_all(taken.iter().map(|taken| Box::pin(taken.gone.cancelled())));
        let applied = tokio::select! {
            biased;
            _ = gone => Err(Error::cancelled()),
            applied = self.parts.apply(&taken) => applied,
        };
        match applied {
            Ok(notes) => settle(taken, notes),
            Err(error) => give_back(taken, error),
        }
    }
}

/// The lanes of a batch that has ended.
fn settle(taken: Vec<Taken>, notes: Notes) -> Outcome {
    let lanes = taken.into_iter().zip(notes.ends).zip(notes.delivered);
    let settled = lanes.map(|((mut taken, end), all)| {
        let is_cut = end < taken.records.len();
        let delivered = if is_cut { open::delivered(&taken, end) } else { all };
        let rest = taken.records.split_off(end);
        // The record at which a lane was cut is where it goes on.
        let next = rest.first().map(|record| record.offset);
        let head = next.or_else(|| taken.records.last().map(|record| record.offset + 1));
        Settled { lane: taken.lane, head, delivered, rest }
    });
    Outcome { settled: settled.collect(), latest: notes.latest, failure: notes.stop }
}

/// The lanes of a batch that was dropped or has failed: all is to be done again, here or by the next owner.
fn give_back(taken: Vec<Taken>, error: Error) -> Outcome {
    let settled = taken.into_iter().map(|taken| Settled {
        lane: taken.lane,
        head: None,
        delivered: taken.delivered,
        rest: taken.records,
    });
    let failure = (error.kind != Kind::Cancelled).then_some(error);
    Outcome { settled: settled.collect(), latest: None, failure }
}

impl<T: Target> Parts<T> {
    async fn apply(&self, taken: &[Taken]) -> Result<Notes> {
        let began = Instant::now();
        let (opened, mut notes) = open::open(taken);
        let events = opened.events(taken, &self.policy, &mut notes);
        let names = Names::of(&events.events, &self.rules, &self.targets)?;
        let shaped = shaped::shape(&events.events, &names);
        let inserts = self.inserts(&names.names);
        let (records, places) = shaped.records(|ns: NamespaceId| inserts[ns.0 as usize]);
        let run = Run { records: &records, names: &names.targets };
        let written = self.sink.carry_out(run, &Options::default()).await?;
        self.learn(&names.names, &written);

        let refused = written.refused.iter().map(|(record, reason)| (places[*record], reason));
        let before = notes.refused.iter().chain(&shaped.refused);
        let refused = before.map(|(place, reason)| (*place, reason)).chain(refused);
        self.bury(taken, &notes.ends, refused.collect()).await?;

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
        Ok(notes)
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
        let letter = |(place, reason): &(Place, &'_ Reason)| {
            let Taken { partition, records, .. } = &taken[place.lane];
            (partition, &records[place.record], (*reason).clone())
        };
        let letters: Vec<_> = refused.iter().map(letter).collect();
        let letters: Vec<_> =
            letters.iter().map(|(partition, record, reason)| Letter { partition, record, reason }).collect();
        self.dead_letters.write(&letters, &CancellationToken::new()).await
    }
}

#[cfg(test)]
mod tests;
