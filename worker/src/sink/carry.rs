//! Carrying out a plan: groups of statements in, every record done or refused out.

use std::{collections::BTreeMap, time::Duration};

use common::{error::Result, namespace::Namespace, retry::Backoff};

use super::{
    FIRST_PAUSE, LONGEST_PAUSE, Sink, UNIQUE_TRIES, reason,
    send::Answer,
    target::{Target, misconfigured},
};
use crate::{
    dead_letter::Reason,
    plan::{self, Fault, Group, Kind, NamespaceId, Options, Plan, Record, Sort, Statement, commands},
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

/// One batch on its way out.
#[derive(Debug, Clone, Copy)]
pub struct Run<'r, 'a> {
    /// The shaped records.
    pub records: &'r [Record<'a>],
    /// The namespaces, by the number that the records give them.
    pub names: &'r [Namespace],
}

/// Statements that are still to be written.
struct Todo<'a> {
    group: Group<'a>,
    /// How often its unique values have been tried.
    tries: u32,
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
        let refused = plan
            .refused
            .iter()
            .map(|refused| (refused.record, Reason { kind: "delta", text: refused.reason.to_string() }));
        written.refused.extend(refused);
        for step in std::mem::take(&mut plan.steps) {
            let mut folded = Vec::new();
            for group in step.groups {
                self.group(run, &plan, group, written, &mut folded).await?;
            }
            if !folded.is_empty() {
                folded.sort_unstable();
                self.unfold(run, &folded, options, written).await?;
            }
        }
        Ok(())
    }

    /// Carries records out one by one, because what they were folded into is refused: so that only those which are to blame
    /// become dead letters.
    async fn unfold(
        &self,
        run: Run<'_, '_>,
        places: &[usize],
        options: &Options,
        written: &mut Written,
    ) -> Result<()> {
        let records: Vec<_> = places.iter().map(|place| run.records[*place]).collect();
        let before = written.refused.len();
        let alone = Options { fold: false, ..*options };
        written.is_redone = true;
        Box::pin(self.run(Run { records: &records, names: run.names }, &alone, written)).await?;
        for (place, _) in &mut written.refused[before..] {
            *place = places[*place];
        }
        Ok(())
    }

    async fn group<'a>(
        &self,
        run: Run<'_, 'a>,
        plan: &Plan<'a>,
        group: Group<'a>,
        written: &mut Written,
        folded: &mut Vec<usize>,
    ) -> Result<()> {
        let ns = &run.names[group.namespace.0 as usize];
        if group.kind != Kind::OnDocument {
            return self.write(ns, plan, group, written, folded).await;
        }
        let mut left = group;
        while !left.statements.is_empty() {
            let (rewritten, rest) = self.rewrite(ns, left).await?;
            for repair in rewritten.repairs {
                match repair.why {
                    None => *written.misses.entry(rest.namespace).or_default() += 1,
                    Some(why) => refuse(plan, &repair.statement, &reason::of_delta(why), written, folded),
                }
            }
            self.write(ns, plan, rewritten.group, written, folded).await?;
            left = rest;
        }
        Ok(())
    }

    /// Writes a group whose statements need nothing more.
    async fn write<'a>(
        &self,
        ns: &Namespace,
        plan: &Plan<'a>,
        group: Group<'a>,
        written: &mut Written,
        folded: &mut Vec<usize>,
    ) -> Result<()> {
        let mut todo = vec![Todo { group, tries: 0 }];
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while let Some(Todo { group, tries }) = todo.pop() {
            let mut again = Again::default();
            for command in commands(&ns.coll, &group, self.limits, false) {
                let (kind, statements) = (command.kind, command.statements.clone());
                let sent = &group.statements[statements];
                let bytes = command.body.len() as u64;
                match self.send(ns, command).await? {
                    Answer::Refused(fault) if sent.len() == 1 => {
                        refuse(plan, &sent[0], &reason::of(fault), written, folded);
                    }
                    Answer::Refused(_) => again.halves(sent),
                    Answer::Reply(reply) => {
                        written.bytes += bytes;
                        count(&group, kind, sent.len(), &reply, written);
                        for failure in reply.failures {
                            let failed = failed(sent, kind, failure.index);
                            let verdict = verdict(failure.fault, kind, tries);
                            match verdict {
                                Verdict::Stop => return Err(misconfigured(ns, failure.fault, None)),
                                Verdict::Refuse => {
                                    for statement in failed {
                                        refuse(plan, statement, &reason::of(failure.fault), written, folded);
                                    }
                                }
                                Verdict::Upsert => again.upserts.extend_from_slice(failed),
                                Verdict::Halves => again.halves(failed),
                                Verdict::Again => again.same.extend_from_slice(failed),
                            }
                        }
                    }
                }
            }
            written.is_redone |= !again.is_empty();
            let pause = again.same.first().map(|_| backoff.next().unwrap_or(Duration::ZERO));
            again.into_todo(&group, tries, &mut todo);
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(())
    }
}

/// What is sent again, and how.
#[derive(Default)]
struct Again<'a> {
    /// As it is, after a pause.
    same: Vec<Statement<'a>>,
    /// Inserts of what is there: as replacing upserts.
    upserts: Vec<Statement<'a>>,
    /// In smaller commands, to find the one that is at fault.
    parts: Vec<Vec<Statement<'a>>>,
}

impl<'a> Again<'a> {
    fn is_empty(&self) -> bool {
        self.same.is_empty() && self.upserts.is_empty() && self.parts.is_empty()
    }

    fn halves(&mut self, statements: &[Statement<'a>]) {
        let (first, second) = statements.split_at(statements.len() / 2);
        let parts = [first, second].into_iter().filter(|part| !part.is_empty());
        self.parts.extend(parts.map(<[_]>::to_vec));
    }

    fn into_todo(self, group: &Group<'a>, tries: u32, todo: &mut Vec<Todo<'a>>) {
        let namespace = group.namespace;
        let as_group = |kind, statements| Group { kind, namespace, statements };
        todo.extend(self.parts.into_iter().map(|part| Todo { group: as_group(group.kind, part), tries }));
        if !self.upserts.is_empty() {
            todo.push(Todo { group: as_group(Kind::Upsert, self.upserts), tries });
        }
        if !self.same.is_empty() {
            todo.push(Todo { group: as_group(group.kind, self.same), tries: tries + 1 });
        }
    }
}

/// What to do about one statement's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Send it again.
    Again,
    /// Send it as an upsert.
    Upsert,
    /// Send its documents in smaller commands.
    Halves,
    /// Give it up.
    Refuse,
    /// Somebody has to see to it.
    Stop,
}

fn verdict(fault: Fault, kind: Kind, tries: u32) -> Verdict {
    match (fault.sort, kind) {
        (Sort::Duplicate { on_id: true }, Kind::Insert) => Verdict::Upsert,
        // Two upserts of one `_id` met, or the value's holder is about to let it go.
        (Sort::Duplicate { on_id }, _) if on_id || tries < UNIQUE_TRIES => Verdict::Again,
        (Sort::Transient | Sort::Unknown, _) => Verdict::Again,
        (Sort::Misconfigured, _) => Verdict::Stop,
        (_, Kind::Delete) => Verdict::Halves,
        _ => Verdict::Refuse,
    }
}

/// The statements that a failure is about: a delete command has one for all its documents.
fn failed<'s, 'a>(sent: &'s [Statement<'a>], kind: Kind, index: usize) -> &'s [Statement<'a>] {
    if kind == Kind::Delete { sent } else { sent.get(index..=index).unwrap_or_default() }
}

/// Gives a statement's records up, or, where several were folded, has each tried alone.
fn refuse(
    plan: &Plan<'_>,
    statement: &Statement<'_>,
    reason: &Reason,
    written: &mut Written,
    folded: &mut Vec<usize>,
) {
    match plan.records(statement) {
        [record] => written.refused.push((*record, reason.clone())),
        records => folded.extend_from_slice(records),
    }
}

fn count(group: &Group<'_>, kind: Kind, sent: usize, reply: &plan::Reply, written: &mut Written) {
    let failures =
        if kind == Kind::Delete && !reply.failures.is_empty() { sent } else { reply.failures.len() };
    let done = sent.saturating_sub(failures) as u64;
    *written.statements.entry(kind).or_default() += done;
    if matches!(kind, Kind::Update | Kind::Replace) && reply.n < done {
        *written.misses.entry(group.namespace).or_default() += done - reply.n;
    }
    if kind == Kind::Insert {
        let met = reply.failures.iter().filter(|f| f.fault.sort == Sort::Duplicate { on_id: true });
        let inserts = written.inserts.entry(group.namespace).or_default();
        *inserts = (inserts.0 + sent as u64, inserts.1 + met.count() as u64);
    }
}

#[cfg(test)]
mod tests;
