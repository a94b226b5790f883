//! A transaction on its way: the statements of one attempt, one command after the other.
//!
//! Owns the reading of replies. The first failure ends it, as a [`Lesson`] or an error; nothing is sent again here.

use std::time::Duration;

use bson::RawDocumentBuf;
use common::{
    error::{Error, Kind as ErrorKind, Result},
    namespace::Namespace,
    retry::Backoff,
};

use super::{
    FIRST_PAUSE, LONGEST_PAUSE, Sink, Written,
    again::failed,
    attempt::{Attempt, Judge, Lesson},
    bases, raw, reason, reply,
    target::{Found, Target, Transaction, Trouble, Unfinished, misconfigured},
    write::accounted,
};
use crate::{
    checkpoint::{Store, cleared, compare_and_set, set},
    dead_letter::Reason,
    plan::{Fault, Group, Kind, NamespaceId, Reply, Sort, Statement, Way, commands},
    sabotage,
};

/// How often a commit with an unknown result is asked for again, before the compare of a new attempt tells what became of it.
const COMMITS: usize = 5;

/// Why an attempt goes no further.
pub(super) enum Stop {
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

pub(super) type Goes<R> = Result<R, Stop>;

/// A transaction on its way.
pub(super) struct Filling<'f, 'r, 'a, T: Target, J> {
    pub(super) sink: &'f Sink<T>,
    pub(super) store: &'f Store<T>,
    pub(super) attempt: Attempt<'r, 'a>,
    pub(super) judge: &'f J,
    pub(super) transaction: T::Transaction,
    pub(super) written: Written,
}

impl<'a, T: Target, J: Judge> Filling<'_, '_, 'a, T, J> {
    pub(super) async fn fill(&mut self) -> Goes<()> {
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
        let compare = compare_and_set(&ns.coll, &self.store.owner(), advances, self.attempt.is_ordered)?;
        let reply = self.send(ns, compare, Kind::Update).await?;
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
        self::reply(&reply, kind)
    }

    async fn write(&mut self, ns: &Namespace, group: &Group<'a>) -> Goes<()> {
        let way = if self.sink.is_apart(ns) { Way::InOrder } else { Way::Within };
        for command in commands(&ns.coll, group, self.sink.limits, way) {
            let sent = &group.statements[command.statements.clone()];
            let bytes = command.body.len() as u64;
            let body = raw(command.body)?;
            let answer = match way {
                Way::Within => self.transaction.write(ns, body).await,
                _ => self.sink.target.write(ns, body).await,
            };
            let reply = match answer {
                Ok(bytes) => reply(&bytes, group.kind)?,
                Err(Trouble::Failed(error)) => return Err(error.into()),
                Err(Trouble::Refused(fault)) => return Err(self.refused(ns, group, sent, fault).await),
            };
            if let Some(failure) = reply.failures.first() {
                let to_blame = failed(sent, group.kind, failure.index);
                let to_blame = to_blame.ok_or_else(|| unexpected(ns, failure.fault))?;
                return Err(self.refused(ns, group, to_blame, failure.fault).await);
            }
            if let Some(fault) = reply.unconfirmed {
                let context = format!("no majority has confirmed the write to {ns}");
                return Err(Error::caused(ErrorKind::Transient, context, fault).into());
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
        let wanted = self.judge.should_be_there(records, false).await?;
        if !wanted.is_empty() {
            return Err(Lesson::Missing(wanted).into());
        }
        *self.written.misses.entry(namespace).or_default() += records.len() as u64;
        Ok(())
    }

    /// Reads the documents, applies the deltas, writes the documents back; as many at a time as memory allows.
    async fn on_documents(&mut self, ns: &Namespace, group: &Group<'a>) -> Goes<()> {
        let Group { kind, namespace, ref statements } = *group;
        let mut left = Group { kind, namespace, statements: statements.clone() };
        while !left.statements.is_empty() {
            let rest = bases::cut(&mut left);
            let found = self.read(ns, bases::find(&ns.coll, &left.statements, false), bases::BUDGET).await?;
            let (rewritten, rest) = bases::rewritten(&found, left, rest)?;
            let (unfit, gone): (Vec<_>, Vec<_>) =
                rewritten.repairs.into_iter().partition(|r| r.why.is_some());
            let gone: Vec<_> = gone.iter().map(|repair| self.first_of(&repair.statement)).collect();
            self.missed(namespace, &gone).await?;
            if let Some((repair, why)) = unfit.first().and_then(|repair| Some((repair, repair.why?))) {
                return Err(self.unfit(&repair.statement, reason::of_delta(why)).await);
            }
            self.write(ns, &rewritten.group).await?;
            left = rest;
        }
        Ok(())
    }

    async fn read(&mut self, ns: &Namespace, command: Vec<u8>, budget: usize) -> Result<Found> {
        let found = match self.sink.is_apart(ns) {
            true => self.sink.target.find(ns, raw(command)?, budget).await,
            false => self.transaction.find(ns, raw(command)?, budget).await,
        };
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
            (Sort::Duplicate { .. }, _) if !self.attempt.is_ordered => Lesson::Unique(group.namespace).into(),
            _ if sent.len() > 1 => Lesson::Fewer.into(),
            (Sort::Duplicate { .. }, _) => Lesson::Blocked(self.first_of(&sent[0])).into(),
            (Sort::BaseDoesNotFit, _) => self.unfit(&sent[0], reason::of(fault)).await,
            (Sort::Refused, _) => self.give_up(&sent[0], reason::of(fault)).into(),
        }
    }

    /// A delta that does not fit its document: the document is wrong where it was copied, else the delta.
    async fn unfit(&self, statement: &Statement<'a>, reason: Reason) -> Stop {
        match self.judge.should_be_there(&[self.first_of(statement)], true).await {
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

    pub(super) async fn commit(&mut self) -> Result<()> {
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

pub(crate) fn failed_whole(ns: &Namespace, trouble: Trouble) -> Error {
    match trouble {
        Trouble::Failed(error) => error,
        Trouble::Refused(fault) => {
            Error::caused(ErrorKind::Invariant, format!("the target refuses a command on {ns}"), fault)
        }
    }
}
