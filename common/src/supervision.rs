//! A supervised set of tasks: nothing runs detached, the first failure stops the rest, a stop has a deadline.
//!
//! Owns the lifetime of a pipeline's stages. A stage is an async task or, for a blocking client, a thread. Both are
//! expected to watch [`Supervisor::token`] and to come to an end once it is cancelled. It must not decide what an
//! error means: it hands up the first one.

use std::{
    any::Any,
    collections::HashMap,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use tokio::{
    sync::oneshot,
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, error, warn};

use crate::error::{Error, Kind, Result};

/// How long a stage may take to end when nothing else was said.
pub const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A set of stages that live and end together. Dropping it cancels and aborts them.
#[derive(Debug)]
pub struct Supervisor {
    token: CancellationToken,
    tasks: JoinSet<Result<()>>,
    stages: HashMap<Id, Stage>,
    _cancel_on_drop: DropGuard,
}

#[derive(Debug)]
struct Stage {
    name: String,
    stop_within: Duration,
    abort: AbortHandle,
}

type Ended = Result<(Id, Result<()>), JoinError>;

impl Supervisor {
    /// An empty set that is asked to stop when `shutdown` is cancelled. It never cancels `shutdown` itself.
    #[must_use]
    pub fn new(shutdown: &CancellationToken) -> Self {
        let token = shutdown.child_token();
        let guard = token.clone().drop_guard();
        Self { token, tasks: JoinSet::new(), stages: HashMap::new(), _cancel_on_drop: guard }
    }

    /// Cancelled when the stages shall end: on shutdown, or because one of them failed.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Runs a stage that ends within [`STOP_WITHIN`] of being asked to.
    pub fn spawn<F>(&mut self, name: impl Into<String>, stage: F)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.spawn_within(STOP_WITHIN, name, stage);
    }

    /// Runs a stage that ends within `stop_within` of being asked to; a later one is aborted and named.
    pub fn spawn_within<F>(&mut self, stop_within: Duration, name: impl Into<String>, stage: F)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let abort = self.tasks.spawn(stage);
        self.stages.insert(abort.id(), Stage { name: name.into(), stop_within, abort });
    }

    /// Runs a blocking stage on a thread of its own. It must watch the token: a thread cannot be aborted, a late one is
    /// named and left behind.
    pub fn spawn_thread<F>(&mut self, name: impl Into<String>, stage: F)
    where
        F: FnOnce() -> Result<()> + Send + 'static,
    {
        self.spawn_thread_within(STOP_WITHIN, name, stage);
    }

    /// As [`spawn_thread`](Self::spawn_thread), with a deadline of its own.
    pub fn spawn_thread_within<F>(&mut self, stop_within: Duration, name: impl Into<String>, stage: F)
    where
        F: FnOnce() -> Result<()> + Send + 'static,
    {
        let name = name.into();
        let (done, ended) = oneshot::channel();
        let body = move || {
            let result = catch_unwind(AssertUnwindSafe(stage)).unwrap_or_else(|panic| Err(panicked(&*panic)));
            drop(done.send(result));
        };
        let started = thread::Builder::new().name(name.clone()).spawn(body);
        self.spawn_within(stop_within, name, async move {
            started.map_err(|e| Error::caused(Kind::Transient, "cannot start a thread", e))?;
            ended.await.unwrap_or_else(|_| Err(Error::new(Kind::Invariant, "thread ended without a result")))
        });
    }

    /// Waits until every stage has ended and gives the first failure. A stage that returns `Ok` ends alone; one that
    /// fails stops the others; one that is [`Kind::Cancelled`] stops them without being a failure.
    ///
    /// # Errors
    /// The first failure, prefixed with the stage's name; a panic is [`Kind::Invariant`]; stages that did not end in
    /// time are [`Kind::Transient`] when nothing else failed.
    pub async fn join(mut self) -> Result<()> {
        let mut failure = None;
        while !self.token.is_cancelled() {
            let ended = tokio::select! {
                biased;
                () = self.token.cancelled() => break,
                ended = self.tasks.join_next_with_id() => ended,
            };
            let Some(ended) = ended else { return Ok(()) };
            if let Err(error) = self.settle(ended) {
                failure = (error.kind != Kind::Cancelled).then_some(error);
                self.token.cancel();
            }
        }
        self.drain(failure).await
    }

    /// Asks every stage to stop, then waits as [`join`](Self::join) does.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub async fn stop(self) -> Result<()> {
        self.token.cancel();
        self.join().await
    }

    /// Waits for what is left, each stage up to its own deadline.
    async fn drain(mut self, mut failure: Option<Error>) -> Result<()> {
        let asked = Instant::now();
        let mut late = Vec::new();
        while let Some(next) = self.stages.values().map(|stage| asked + stage.stop_within).min() {
            match timeout_at(next, self.tasks.join_next_with_id()).await {
                Ok(None) => break,
                Ok(Some(ended)) => keep_first(&mut failure, self.settle(ended)),
                Err(_) => late.append(&mut self.abort_late(asked)),
            }
        }
        failure.or_else(|| did_not_stop(&late)).map_or(Ok(()), Err)
    }

    /// Books the end of one stage.
    fn settle(&mut self, ended: Ended) -> Result<()> {
        let (id, result) = match ended {
            Ok((id, result)) => (id, result),
            Err(error) if error.is_cancelled() => (error.id(), Ok(())),
            Err(error) => (error.id(), Err(panicked(&*error.into_panic()))),
        };
        let name = self.stages.remove(&id).map_or_else(String::new, |stage| stage.name);
        debug!(stage = name, failed = result.is_err(), "stage ended");
        result.map_err(|error| Error { context: format!("{name}: {}", error.context), ..error })
    }

    fn abort_late(&mut self, asked: Instant) -> Vec<String> {
        let now = Instant::now();
        let (late, rest) = self.stages.drain().partition(|(_, stage)| asked + stage.stop_within <= now);
        self.stages = rest;
        let late: HashMap<Id, Stage> = late;
        late.into_values()
            .map(|stage| {
                error!(stage = stage.name, within = ?stage.stop_within, "stage did not stop in time");
                stage.abort.abort();
                stage.name
            })
            .collect()
    }
}

/// Runs what blocks on a thread that may, and waits for it.
///
/// # Errors
/// The work's own; [`Kind::Invariant`] when it panicked.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::caused(Kind::Invariant, "a blocking call panicked", error))?
}

/// The first failure counts; what fails after it is only logged.
fn keep_first(failure: &mut Option<Error>, result: Result<()>) {
    match result {
        Err(error) if error.kind == Kind::Cancelled => {}
        Err(error) if failure.is_some() => warn!(kind = %error.kind, "also failed: {}", error.chain()),
        Err(error) => *failure = Some(error),
        Ok(()) => {}
    }
}

fn did_not_stop(late: &[String]) -> Option<Error> {
    let text = || format!("did not stop in time: {}", late.join(", "));
    (!late.is_empty()).then(|| Error::new(Kind::Transient, text()))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    Error::new(Kind::Invariant, format!("panicked: {text}"))
}

#[cfg(test)]
mod tests;
