//! The target as the sink sees it: write commands out, replies back, documents by `_id`.

use bson::{RawDocument, RawDocumentBuf};
use common::{
    error::{Error, Kind},
    mongo::{self, Reason},
    namespace::Namespace,
};
use futures_util::TryStreamExt as _;
use mongodb::{Client, error::Error as DriverError};

use crate::plan::{Fault, Sort, code};

/// Why a command was not carried out.
#[derive(Debug)]
pub enum Trouble {
    /// The server will not have the command as it is: one of its statements is at fault.
    Refused(Fault),
    /// Everything else: it passes, or somebody has to see to it.
    Failed(Error),
}

/// Documents that were read.
#[derive(Debug)]
pub struct Found {
    /// Them, whole.
    pub documents: Vec<RawDocumentBuf>,
    /// Whether these are all; otherwise the budget was spent.
    pub is_complete: bool,
}

/// A MongoDB deployment that is written to. One method per command that the sink sends, so that tests can script the answers.
pub trait Target: Send + Sync + 'static {
    /// Sends a write command and gives the reply's bytes.
    fn write(
        &self,
        ns: &Namespace,
        command: RawDocumentBuf,
    ) -> impl Future<Output = Result<Vec<u8>, Trouble>> + Send;

    /// Sends a `find` and reads its documents until there are no more or `budget` bytes are reached.
    fn find(
        &self,
        ns: &Namespace,
        command: RawDocumentBuf,
        budget: usize,
    ) -> impl Future<Output = Result<Found, Trouble>> + Send;
}

impl Target for Client {
    async fn write(&self, ns: &Namespace, command: RawDocumentBuf) -> Result<Vec<u8>, Trouble> {
        let reply = self.database(&ns.db).run_raw_command(command).await;
        let reply = reply.map_err(|error| trouble(ns, &error))?;
        reply.to_vec().map_err(|error| {
            Trouble::Failed(Error::caused(Kind::Invariant, "a reply does not encode again", error))
        })
    }

    async fn find(&self, ns: &Namespace, command: RawDocumentBuf, budget: usize) -> Result<Found, Trouble> {
        let failed = |error| trouble(ns, &error);
        let cursor = self.database(&ns.db).run_raw_cursor_command(command).await.map_err(failed)?;
        let mut cursor = cursor.with_type::<RawDocumentBuf>();
        let (mut documents, mut bytes) = (Vec::new(), 0);
        while let Some(document) = cursor.try_next().await.map_err(failed)? {
            bytes += size(&document);
            documents.push(document);
            if bytes >= budget {
                return Ok(Found { documents, is_complete: false });
            }
        }
        Ok(Found { documents, is_complete: true })
    }
}

fn size(document: &RawDocument) -> usize {
    document.as_bytes().len()
}

/// What a driver's error means for a command on `ns`.
fn trouble(ns: &Namespace, error: &DriverError) -> Trouble {
    let says_transient = ["RetryableWriteError", "TransientTransactionError"];
    let code = mongo::code(error).filter(|_| !says_transient.iter().any(|label| error.contains_label(label)));
    let Some(code) = code else {
        let context = format!("cannot write {ns}");
        return Trouble::Failed(Error::caused(mongo::classify(error), context, Reason::of(error)));
    };
    let fault = Fault::new(code, None);
    match fault.sort {
        Sort::Transient | Sort::Unknown => {
            Trouble::Failed(Error::caused(Kind::Transient, format!("cannot write {ns}"), Reason::of(error)))
        }
        Sort::Misconfigured => Trouble::Failed(misconfigured(ns, fault, Some(error))),
        Sort::Duplicate { .. } | Sort::BaseDoesNotFit | Sort::Refused => Trouble::Refused(fault),
    }
}

/// What somebody has to do about a code.
pub(super) fn misconfigured(ns: &Namespace, fault: Fault, error: Option<&DriverError>) -> Error {
    let context = match fault.code {
        code::UNAUTHORIZED => format!(
            "the target's user may not write {ns}: it needs the role readWrite on the database {}",
            ns.db
        ),
        _ => format!("the target does not take writes to {ns} as it is"),
    };
    match error {
        Some(error) => Error::caused(Kind::Misconfigured, context, Reason::of(error)),
        None => Error::caused(Kind::Misconfigured, context, fault),
    }
}
