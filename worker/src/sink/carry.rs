//! Carrying out a plan, step by step: shaped records in, every one done or refused out.

use std::collections::BTreeMap;

use common::{error::Result, namespace::Namespace};

use super::{Sink, target::Target, write::Writing};
use crate::{
    dead_letter::Reason,
    plan::{self, Kind, NamespaceId, Options, Record},
};

/// What was written of a batch.
#[derive(Debug, Default)]
pub struct Written {
    /// Records that were refused, by their place in the batch.
    pub refused: Vec<(usize, Reason)>,
    /// Statements acknowledged, by kind.
    pub statements: BTreeMap<Kind, u64>,
    /// Bytes of the commands.
    pub bytes: u64,
    /// Updates that found no document, by namespace.
    pub misses: BTreeMap<NamespaceId, u64>,
    /// Inserts sent, and those that met an existing `_id`, by namespace.
    pub inserts: BTreeMap<NamespaceId, (u64, u64)>,
    /// Whether something had to be sent more than once.
    pub is_redone: bool,
}

impl Written {
    /// Adds what another part of the batch has written.
    pub fn add(&mut self, other: Self) {
        self.refused.extend(other.refused);
        self.bytes += other.bytes;
        self.is_redone |= other.is_redone;
        other.statements.into_iter().for_each(|(kind, n)| *self.statements.entry(kind).or_default() += n);
        other.misses.into_iter().for_each(|(ns, n)| *self.misses.entry(ns).or_default() += n);
        for (ns, (sent, met)) in other.inserts {
            let inserts = self.inserts.entry(ns).or_default();
            *inserts = (inserts.0 + sent, inserts.1 + met);
        }
    }
}

/// One batch on its way out.
#[derive(Debug, Clone, Copy)]
pub struct Run<'r, 'a> {
    /// The shaped records.
    pub records: &'r [Record<'a>],
    /// The namespaces, by the number that the records give them.
    pub names: &'r [Namespace],
}

impl<T: Target> Sink<T> {
    /// Plans and carries out a batch.
    ///
    /// # Errors
    /// What somebody has to see to; what passes by itself is waited for.
    pub async fn carry_out(&self, run: Run<'_, '_>, options: &Options) -> Result<Written> {
        let mut written = Written::default();
        self.run(run, options, &mut written).await?;
        Ok(written)
    }

    async fn run(&self, run: Run<'_, '_>, options: &Options, written: &mut Written) -> Result<()> {
        let mut plan = plan::plan(run.records, options);
        for refused in &plan.refused {
            let reason = Reason { kind: "delta", text: refused.reason.to_string() };
            written.refused.push((refused.record, reason));
        }
        for step in std::mem::take(&mut plan.steps) {
            let is_folded = options.fold;
            let mut writing = Writing { sink: self, plan: &plan, written, is_folded, folded: Vec::new() };
            for group in step.groups {
                let ns = &run.names[group.namespace.0 as usize];
                writing.group(ns, group).await?;
            }
            let folded = writing.folded;
            if !folded.is_empty() {
                self.unfold(run, folded, options, written).await?;
            }
        }
        Ok(())
    }

    /// Carries records out one by one, because what they were folded into is refused: so that only those that are to blame become
    /// dead letters. It is done before the next step, which holds later changes of the same documents.
    async fn unfold(
        &self,
        run: Run<'_, '_>,
        mut places: Vec<usize>,
        options: &Options,
        written: &mut Written,
    ) -> Result<()> {
        places.sort_unstable();
        let records: Vec<_> = places.iter().map(|place| run.records[*place]).collect();
        let before = written.refused.len();
        let alone = Options { fold: false, ..*options };
        written.is_redone = true;
        // Not folded again, so no deeper than this.
        Box::pin(self.run(Run { records: &records, names: run.names }, &alone, written)).await?;
        for (place, _) in &mut written.refused[before..] {
            *place = places[*place];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
