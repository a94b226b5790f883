//! One command: sent until it is answered, its answer confirmed by a majority.

use bson::RawDocumentBuf;
use common::{
    error::{Error, Kind, Result},
    namespace::Namespace,
    raw::Document,
    retry::{Backoff, retry_with},
};
use tokio_util::sync::CancellationToken;

use super::{
    FIRST_PAUSE, LONGEST_PAUSE, Sink,
    target::{Found, Target, Trouble},
    unreadable,
};
use crate::plan::{Command, Fault, Reply};

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
            let reply =
                Document::new(&reply).and_then(|reply| Reply::parse(reply, kind)).map_err(unreadable)?;
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
        attempt: impl FnMut() -> F,
    ) -> Result<R> {
        // Nobody cancels it: a batch that must end is dropped.
        let never = CancellationToken::new();
        let backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        retry_with(backoff, what, &never, &self.condition, attempt).await
    }
}

fn raw(body: Vec<u8>) -> Result<RawDocumentBuf> {
    RawDocumentBuf::from_bytes(body)
        .map_err(|error| Error::caused(Kind::Invariant, "a command's body is no BSON", error))
}
