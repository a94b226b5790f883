//! One command: sent until it is answered, its answer confirmed by a majority.

use std::time::Duration;

use common::{
    error::{Error, Kind, Result},
    namespace::Namespace,
    retry::{Backoff, retry_with},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    FIRST_PAUSE, LONGEST_PAUSE, Sink, raw, reply as reply_of,
    target::{Found, Target, Trouble},
};
use crate::plan::{Command, Fault, Reply};

/// How long an answer is waited for: a server that froze or a connection that leads nowhere says nothing at all. Doubled with each
/// attempt, for a majority may lag.
const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST_PATIENCE: Duration = Duration::from_secs(600);

/// What the target said about a command.
#[derive(Debug)]
pub(super) enum Answer {
    /// It was carried out; what each statement came to.
    Reply(Reply),
    /// It was refused as a whole.
    Refused(Fault),
}

impl<T: Target> Sink<T> {
    /// Sends a command until there is an answer that lasts.
    pub(super) async fn send(&self, ns: &Namespace, command: Command) -> Result<Answer> {
        let kind = command.kind;
        let body = raw(command.body)?;
        self.until_it_passes(&format!("write {ns}"), async || {
            let reply = match self.target.write(ns, body.clone()).await {
                Ok(reply) => reply,
                Err(Trouble::Refused(fault)) => return Ok(Answer::Refused(fault)),
                Err(Trouble::Failed(error)) => return Err(error),
            };
            let reply = reply_of(&reply, kind)?;
            match reply.unconfirmed {
                // What was done may be rolled back; doing it again does no harm.
                Some(fault) => {
                    Err(Error::caused(Kind::Transient, "no majority has confirmed the write", fault))
                }
                None => Ok(Answer::Reply(reply)),
            }
        })
        .await
    }

    /// Reads documents.
    pub(super) async fn read(&self, ns: &Namespace, command: Vec<u8>, budget: usize) -> Result<Found> {
        let body = raw(command)?;
        self.until_it_passes(&format!("read {ns}"), async || {
            self.target.find(ns, body.clone(), budget).await.map_err(|trouble| match trouble {
                Trouble::Failed(error) => error,
                Trouble::Refused(fault) => {
                    Error::caused(Kind::Invariant, "the target refuses a `find`", fault)
                }
            })
        })
        .await
    }

    async fn until_it_passes<R, F: Future<Output = Result<R>>>(
        &self,
        what: &str,
        mut attempt: impl FnMut() -> F,
    ) -> Result<R> {
        // Nobody cancels it: a batch that must end is dropped.
        let never = CancellationToken::new();
        let mut patience = PATIENCE;
        let in_time = || {
            let waits = patience;
            patience = (patience * 2).min(LONGEST_PATIENCE);
            let answer = timeout(waits, attempt());
            async move { answer.await.unwrap_or_else(|_| Err(silent(waits))) }
        };
        retry_with(Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), what, &never, &self.condition, in_time).await
    }
}

pub(super) fn silent(waited: Duration) -> Error {
    Error::new(Kind::Transient, format!("no answer within {} s", waited.as_secs()))
}
