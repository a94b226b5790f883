//! Writing one group of statements until each is done or refused.

use common::{
    error::{Error, Kind as ErrorKind, Result},
    namespace::Namespace,
    retry::Backoff,
};

use super::{
    FIRST_PAUSE, LONGEST_PAUSE, Sink, Written,
    again::{Again, Todo, Verdict, failed},
    bases, reason,
    send::Answer,
    target::{Target, misconfigured},
};
use crate::{
    dead_letter::Reason,
    plan::{Group, Kind, NamespaceId, Plan, Reply, Sort, Statement, Way, commands},
};

/// Repetitions after which operators are told that something does not pass.
const PATIENCE: u32 = 8;

/// One step of a plan on its way out.
pub(super) struct Writing<'w, 'a, T> {
    pub(super) sink: &'w Sink<T>,
    pub(super) plan: &'w Plan<'a>,
    pub(super) written: &'w mut Written,
    /// Whether statements may stand for several records.
    pub(super) is_folded: bool,
    /// Records to be tried one by one, because what they were folded into was refused.
    pub(super) folded: Vec<usize>,
}

impl<'a, T: Target> Writing<'_, 'a, T> {
    /// Writes a group.
    pub(super) async fn group(&mut self, ns: &Namespace, group: Group<'a>) -> Result<()> {
        if group.kind == Kind::OnDocument {
            self.on_documents(ns, group).await
        } else {
            self.write(ns, group).await
        }
    }

    /// Reads the documents, applies the deltas, writes the documents back; as many at a time as memory allows.
    async fn on_documents(&mut self, ns: &Namespace, group: Group<'a>) -> Result<()> {
        let mut left = group;
        while !left.statements.is_empty() {
            let rest = bases::cut(&mut left);
            let find = bases::find(&ns.coll, &left.statements, false);
            let found = self.sink.read(ns, find, bases::BUDGET).await?;
            let (rewritten, rest) = bases::rewritten(&found, left, rest)?;
            for repair in rewritten.repairs {
                match repair.why {
                    None => self.missed(rest.namespace, 1),
                    Some(why) => self.refuse(&repair.statement, &reason::of_delta(why)),
                }
            }
            self.write(ns, rewritten.group).await?;
            left = rest;
        }
        Ok(())
    }

    async fn write(&mut self, ns: &Namespace, group: Group<'a>) -> Result<()> {
        let mut todo = vec![Todo { group, tries: 0 }];
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while let Some(next) = todo.pop() {
            let again = self.send(ns, &next).await?;
            self.written.is_redone |= !again.is_empty();
            if !again.same.is_empty() {
                if next.tries >= PATIENCE && next.tries.is_power_of_two() {
                    let (statements, tries) = (again.same.len(), next.tries);
                    tracing::warn!(%ns, statements, tries, "the target still does not take some statements");
                }
                tokio::time::sleep(backoff.next().unwrap_or(LONGEST_PAUSE)).await;
            }
            again.into_todo(&next, &mut todo);
        }
        Ok(())
    }

    /// Sends a group's commands; gives what has to be sent again.
    async fn send(&mut self, ns: &Namespace, todo: &Todo<'a>) -> Result<Again<'a>> {
        let Todo { group, tries } = todo;
        let mut again = Again::default();
        for command in commands(&ns.coll, group, self.sink.limits, Way::Each) {
            let sent = &group.statements[command.statements.clone()];
            let bytes = command.body.len() as u64;
            match self.sink.send(ns, command).await? {
                Answer::Refused(fault) if sent.len() == 1 => self.refuse(&sent[0], &reason::of(fault)),
                Answer::Refused(_) => again.halves(sent),
                Answer::Reply(reply) => {
                    accounted(ns, group.kind, sent.len(), &reply)?;
                    self.count(group, sent.len(), bytes, &reply);
                    self.settle(ns, group.kind, *tries, sent, &reply, &mut again)?;
                }
            }
        }
        Ok(again)
    }

    /// Reads the reply statement by statement.
    fn settle(
        &mut self,
        ns: &Namespace,
        kind: Kind,
        tries: u32,
        sent: &[Statement<'a>],
        reply: &Reply,
        again: &mut Again<'a>,
    ) -> Result<()> {
        for failure in &reply.failures {
            let statements = failed(sent, kind, failure.index)
                .ok_or_else(|| unaccounted(ns, "it names a statement that was not sent"))?;
            match Verdict::of(failure.fault, kind, tries) {
                Verdict::Stop => return Err(misconfigured(ns, failure.fault, None)),
                Verdict::Halves if sent.len() > 1 => again.halves(statements),
                Verdict::Upsert => again.upserts.extend_from_slice(statements),
                Verdict::Again => again.same.extend_from_slice(statements),
                Verdict::Refuse | Verdict::Halves => {
                    let reason = reason::of(failure.fault);
                    statements.iter().for_each(|statement| self.refuse(statement, &reason));
                }
            }
        }
        Ok(())
    }

    /// Gives a statement's record up, or, where it stands for several, has each tried alone. So is whatever met a unique index: folding
    /// may have left out the very step that freed the value (two documents that swap theirs).
    fn refuse(&mut self, statement: &Statement<'a>, reason: &Reason) {
        match self.plan.records(statement) {
            [record] if !self.is_folded || reason.kind != reason::UNIQUE_INDEX => {
                self.written.refused.push((*record, reason.clone()));
            }
            records => self.folded.extend_from_slice(records),
        }
    }

    fn missed(&mut self, namespace: NamespaceId, documents: u64) {
        if documents > 0 {
            *self.written.misses.entry(namespace).or_default() += documents;
        }
    }

    fn count(&mut self, group: &Group<'_>, sent: usize, bytes: u64, reply: &Reply) {
        let all_failed = group.kind == Kind::Delete && !reply.failures.is_empty();
        let failures = if all_failed { sent } else { reply.failures.len() };
        let done = sent.saturating_sub(failures) as u64;
        self.written.bytes += bytes;
        *self.written.statements.entry(group.kind).or_default() += done;
        if matches!(group.kind, Kind::Update | Kind::Replace) {
            self.missed(group.namespace, done.saturating_sub(reply.n));
        }
        if group.kind == Kind::Insert {
            let on_id = Sort::Duplicate { on_id: true };
            let met = reply.failures.iter().filter(|failure| failure.fault.sort == on_id).count() as u64;
            let inserts = self.written.inserts.entry(group.namespace).or_default();
            *inserts = (inserts.0 + sent as u64, inserts.1 + met);
        }
    }
}

/// Each document that was to be there afterwards is reported as written or as failed.
pub(super) fn accounted(ns: &Namespace, kind: Kind, sent: usize, reply: &Reply) -> Result<()> {
    let is_exact = matches!(kind, Kind::Insert | Kind::Upsert);
    if is_exact && reply.n + reply.failures.len() as u64 != sent as u64 {
        return Err(unaccounted(ns, "written and failed statements are not all that were sent"));
    }
    Ok(())
}

fn unaccounted(ns: &Namespace, what: &str) -> Error {
    Error::new(ErrorKind::Invariant, format!("the target's reply about {ns} does not add up: {what}"))
}
