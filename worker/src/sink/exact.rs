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

use std::{collections::HashSet, time::Duration};

use bson::RawDocumentBuf;
use common::{
    error::{Error, Kind as ErrorKind, Result},
    namespace::Namespace,
    raw::Document,
    retry::{Backoff, retry_with},
};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    FIRST_PAUSE, LONGEST_PAUSE, Run, Sink, Written,
    again::failed,
    bases, reason,
    send::silent,
    target::{Target, Transaction, Trouble, Unfinished, misconfigured},
    unreadable,
    write::accounted,
};
use crate::{
    checkpoint::{Advance, Change, Store, cleared, compare_and_set, set},
    dead_letter::Reason,
    plan::{Fault, Group, Kind, NamespaceId, Plan, Reply, Sort, Statement, Step, commands, rewrite},
    sabotage,
};

/// Documents read at one time, in bytes, and how many are asked for.
const BUDGET: usize = 16 * 1024 * 1024;
const MOST: usize = 1000;
/// How long an attempt may take, and from when on it was long.
const PATIENCE: Duration = Duration::from_secs(40);
const LONG: Duration = Duration::from_secs(20);
/// How often a commit with an unknown result is asked for again, before the compare of a new attempt tells what became of it.
const COMMITS: usize = 5;

/// What a transaction that could not be carried out has taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// A partition's document does not stand where it has to.
    Lost,
    /// A document that was to be inserted exists, in this namespace.
    Exists(NamespaceId),
    /// A statement that stands for several records is refused: each is to be tried alone.
    Unfold,
    /// One of several statements is refused, nobody says which: fewer are to be tried.
    Fewer,
    /// A record is refused.
    Refused(usize, Reason),
    /// These records need a document that is not there as it should be.
    Missing(Vec<usize>),
    /// A record's value is still held by another document, in a unique index.
    Blocked(usize),
}

/// What an attempt writes.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'r, 'a> {
    /// The records and their namespaces.
    pub run: Run<'r, 'a>,
    /// Their plan.
    pub plan: &'r Plan<'a>,
    /// Whether the plan's statements may stand for several records.
    pub is_folded: bool,
    /// How the partitions' documents move.
    pub advances: &'r [Advance],
    /// How the marks change.
    pub marks: &'r [Change<'r>],
}

/// Says which of the records that found no document, or another one, should have found theirs.
pub trait Judge: Sync {
    /// Of these records.
    fn should_be_there(&self, records: &[usize]) -> impl Future<Output = Result<Vec<usize>>> + Send;
}

/// Why an attempt goes no further.
enum Stop {
    Lesson(Lesson),
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Lesson> for Stop {
    fn from(lesson: Lesson) -> Self {
        Self::Lesson(lesson)
    }
}

type Goes<R> = Result<R, Stop>;

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
                self.ensure(attempt.run, attempt.plan).await?;
                self.attempt(store, attempt, judge).await
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
    /// other.
    async fn ensure(&self, run: Run<'_, '_>, plan: &Plan<'_>) -> Result<()> {
        let groups = plan.steps.iter().flat_map(|step: &Step<'_>| &step.groups);
        let making = groups.filter(|group| matches!(group.kind, Kind::Upsert | Kind::Insert));
        for namespace in making.map(|group| group.namespace).collect::<HashSet<_>>() {
            let ns = &run.names[namespace.0 as usize];
            if self.has_made(ns) {
                continue;
            }
            self.target.create(ns).await.map_err(|trouble| failed_whole(ns, trouble))?;
            self.made(ns);
        }
        Ok(())
    }
}

/// A transaction on its way.
struct Filling<'f, 'r, 'a, T: Target, J> {
    sink: &'f Sink<T>,
    store: &'f Store<T>,
    attempt: Attempt<'r, 'a>,
    judge: &'f J,
    transaction: T::Transaction,
    written: Written,
}

impl<'a, T: Target, J: Judge> Filling<'_, '_, 'a, T, J> {
    async fn fill(&mut self) -> Goes<()> {
        self.compare().await?;
        if sabotage::commits_early() {
            self.commit().await?;
            let failed = |trouble| failed_whole(self.store.documents(), trouble);
            self.transaction = self.sink.target.begin().await.map_err(failed)?;
        }
        for step in &self.attempt.plan.steps {
            for group in &step.groups {
                let ns = &self.attempt.run.names[group.namespace.0 as usize];
                match group.kind {
                    Kind::OnDocument => self.on_documents(ns, group).await?,
                    _ => self.write(ns, group).await?,
                }
            }
        }
        self.mark().await
    }

    async fn compare(&mut self) -> Goes<()> {
        let ns = self.store.documents();
        let advances = self.attempt.advances;
        let reply =
            self.send(ns, compare_and_set(&ns.coll, &self.store.owner(), advances)?, Kind::Update).await?;
        match reply.failures.first() {
            Some(failure) => Err(unexpected(ns, failure.fault).into()),
            None if reply.n < advances.len() as u64 => Err(Lesson::Lost.into()),
            None => Ok(()),
        }
    }

    async fn mark(&mut self) -> Goes<()> {
        let (ns, changes) = (self.store.keys(), self.attempt.marks);
        let commands = [(set(&ns.coll, changes), Kind::Upsert), (cleared(&ns.coll, changes), Kind::Delete)];
        for (body, kind) in commands {
            let Some(body) = body else { continue };
            let reply = self.send(ns, raw(body)?, kind).await?;
            if let Some(failure) = reply.failures.first() {
                return Err(unexpected(ns, failure.fault).into());
            }
        }
        Ok(())
    }

    /// Sends one command whose statements must all pass.
    async fn send(&mut self, ns: &Namespace, body: RawDocumentBuf, kind: Kind) -> Result<Reply> {
        let reply = self.transaction.write(ns, body).await.map_err(|trouble| failed_whole(ns, trouble))?;
        Document::new(&reply).and_then(|reply| Reply::parse(reply, kind)).map_err(unreadable)
    }

    async fn write(&mut self, ns: &Namespace, group: &Group<'a>) -> Goes<()> {
        for command in commands(&ns.coll, group, self.sink.limits, true) {
            let sent = &group.statements[command.statements.clone()];
            let bytes = command.body.len() as u64;
            let reply = match self.transaction.write(ns, raw(command.body)?).await {
                Ok(reply) => reply,
                Err(Trouble::Failed(error)) => return Err(error.into()),
                Err(Trouble::Refused(fault)) => return Err(self.refused(ns, group, sent, fault).await),
            };
            let reply = Document::new(&reply)
                .and_then(|reply| Reply::parse(reply, group.kind))
                .map_err(unreadable)?;
            if let Some(failure) = reply.failures.first() {
                let to_blame = failed(sent, group.kind, failure.index);
                let to_blame = to_blame.ok_or_else(|| unexpected(ns, failure.fault))?;
                return Err(self.refused(ns, group, to_blame, failure.fault).await);
            }
            accounted(ns, group.kind, sent.len(), &reply)?;
            self.count(group, sent.len(), bytes);
            if group.kind == Kind::Update && reply.n < sent.len() as u64 {
                self.look_for(ns, group.namespace, sent).await?;
            }
        }
        Ok(())
    }

    fn count(&mut self, group: &Group<'_>, sent: usize, bytes: u64) {
        self.written.bytes += bytes;
        *self.written.statements.entry(group.kind).or_default() += sent as u64;
        if group.kind == Kind::Insert {
            self.written.inserts.entry(group.namespace).or_default().0 += sent as u64;
        }
    }

    /// Finds out which of the statements have no document.
    async fn look_for(&mut self, ns: &Namespace, namespace: NamespaceId, sent: &[Statement<'a>]) -> Goes<()> {
        let found = self.read(ns, bases::find(&ns.coll, sent, true), usize::MAX).await?;
        let bases = bases::Bases::of(&found.documents)?;
        let records = |statement: &&Statement<'a>| bases.get(statement.key).is_none();
        let missing: Vec<_> = sent.iter().filter(records).map(|statement| self.first_of(statement)).collect();
        self.missed(namespace, &missing).await
    }

    async fn missed(&mut self, namespace: NamespaceId, records: &[usize]) -> Goes<()> {
        if records.is_empty() {
            return Ok(());
        }
        let wanted = self.judge.should_be_there(records).await?;
        if !wanted.is_empty() {
            return Err(Lesson::Missing(wanted).into());
        }
        *self.written.misses.entry(namespace).or_default() += records.len() as u64;
        Ok(())
    }

    /// Reads the documents, applies the deltas, writes the documents back; as many at a time as memory allows.
    async fn on_documents(&mut self, ns: &Namespace, group: &Group<'a>) -> Goes<()> {
        let mut left = group.statements.clone();
        while !left.is_empty() {
            let mut rest = left.split_off(left.len().min(MOST));
            let found = self.read(ns, bases::find(&ns.coll, &left, false), BUDGET).await?;
            let bases = bases::Bases::of(&found.documents)?;
            if !found.is_complete {
                let (have, not_yet) = left.into_iter().partition(|s| bases.get(s.key).is_some());
                left = have;
                rest.splice(..0, not_yet);
            }
            let now = Group { kind: group.kind, namespace: group.namespace, statements: left };
            let rewritten = rewrite(now, |key| bases.get(key));
            let (unfit, gone): (Vec<_>, Vec<_>) =
                rewritten.repairs.into_iter().partition(|r| r.why.is_some());
            let gone: Vec<_> = gone.iter().map(|repair| self.first_of(&repair.statement)).collect();
            self.missed(group.namespace, &gone).await?;
            if let Some((repair, why)) = unfit.first().and_then(|repair| Some((repair, repair.why?))) {
                return Err(self.unfit(&repair.statement, reason::of_delta(why)).await);
            }
            self.write(ns, &rewritten.group).await?;
            left = rest;
        }
        Ok(())
    }

    async fn read(
        &mut self,
        ns: &Namespace,
        command: Vec<u8>,
        budget: usize,
    ) -> Result<super::target::Found> {
        let found = self.transaction.find(ns, raw(command)?, budget).await;
        found.map_err(|trouble| failed_whole(ns, trouble))
    }

    /// What a failure means, which one of these statements met.
    async fn refused(&self, ns: &Namespace, group: &Group<'a>, sent: &[Statement<'a>], fault: Fault) -> Stop {
        match (fault.sort, group.kind) {
            (Sort::Duplicate { on_id: true }, Kind::Insert) => Lesson::Exists(group.namespace).into(),
            (Sort::Transient | Sort::Unknown | Sort::Duplicate { on_id: true }, _) => {
                Error::caused(ErrorKind::Transient, format!("cannot write {ns}"), fault).into()
            }
            (Sort::Misconfigured, _) => misconfigured(ns, fault, None).into(),
            _ if sent.len() > 1 => Lesson::Fewer.into(),
            (Sort::Duplicate { .. }, _) if self.attempt.is_folded => Lesson::Unfold.into(),
            (Sort::Duplicate { .. }, _) => Lesson::Blocked(self.first_of(&sent[0])).into(),
            (Sort::BaseDoesNotFit, _) => self.unfit(&sent[0], reason::of(fault)).await,
            (Sort::Refused, _) => self.give_up(&sent[0], reason::of(fault)).into(),
        }
    }

    /// A delta that does not fit its document: the document is wrong where it was copied, else the delta.
    async fn unfit(&self, statement: &Statement<'a>, reason: Reason) -> Stop {
        match self.judge.should_be_there(&[self.first_of(statement)]).await {
            Ok(wanted) if wanted.is_empty() => self.give_up(statement, reason).into(),
            Ok(wanted) => Lesson::Missing(wanted).into(),
            Err(error) => error.into(),
        }
    }

    fn give_up(&self, statement: &Statement<'a>, reason: Reason) -> Lesson {
        match self.attempt.plan.records(statement) {
            [record] => Lesson::Refused(*record, reason),
            _ => Lesson::Unfold,
        }
    }

    fn first_of(&self, statement: &Statement<'a>) -> usize {
        *self.attempt.plan.records(statement).first().expect("a statement stands for one record at least")
    }

    async fn commit(&mut self) -> Result<()> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        for _ in 0..COMMITS {
            match self.transaction.commit().await {
                Ok(()) => return Ok(()),
                Err(Unfinished::Gone(error)) => return Err(error),
                Err(Unfinished::Unknown(error)) => {
                    tracing::debug!(
                        reason = error.chain(),
                        "whether the target has committed is not known; it is asked again"
                    );
                    tokio::time::sleep(backoff.next().unwrap_or(Duration::ZERO)).await;
                }
            }
        }
        Err(Error::new(ErrorKind::Transient, "whether the target has committed is not known"))
    }
}

fn unexpected(ns: &Namespace, fault: Fault) -> Error {
    match fault.sort {
        Sort::Misconfigured => misconfigured(ns, fault, None),
        _ => Error::caused(ErrorKind::Transient, format!("cannot write {ns}"), fault),
    }
}

fn failed_whole(ns: &Namespace, trouble: Trouble) -> Error {
    match trouble {
        Trouble::Failed(error) => error,
        Trouble::Refused(fault) => {
            Error::caused(ErrorKind::Invariant, format!("the target refuses a command on {ns}"), fault)
        }
    }
}

fn raw(body: Vec<u8>) -> Result<RawDocumentBuf> {
    RawDocumentBuf::from_bytes(body)
        .map_err(|error| Error::caused(ErrorKind::Invariant, "a command's body is no BSON", error))
}

#[cfg(test)]
mod tests;
