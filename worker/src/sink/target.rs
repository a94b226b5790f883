//! The target as the sink sees it: write commands out, replies back, documents by `_id`, transactions.

use bson::{Bson, RawDocument, RawDocumentBuf};
use common::{
    error::{Error, Kind},
    mongo::{self, Reason},
    namespace::Namespace,
};
use mongodb::error::Error as DriverError;

use super::nature::Nature;
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

/// Why a transaction was not committed, as far as is known.
#[derive(Debug)]
pub enum Unfinished {
    /// It may have been; to be asked again.
    Unknown(Error),
    /// It was not, or nobody remembers: the batch begins anew, and its compare tells.
    Gone(Error),
}

/// A MongoDB deployment that is written to. One method per command that the sink sends, so that tests can script the answers.
pub trait Target: Clone + Send + Sync + 'static {
    /// A transaction that was begun.
    type Transaction: Transaction;

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

    /// Makes a collection unless it is there.
    fn create(&self, ns: &Namespace) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// What the collection asks of who writes to it in batches; nothing where it is not there.
    fn nature(&self, ns: &Namespace) -> impl Future<Output = Result<Nature, Trouble>> + Send;

    /// Begins a transaction.
    fn begin(&self) -> impl Future<Output = Result<Self::Transaction, Trouble>> + Send;

    /// Ids of the sessions that the transactions run in.
    fn sessions(&self) -> Vec<Bson>;

    /// Ends the transactions that were dropped before their end; the server would keep them, and what they hold, for a minute.
    fn end_dropped(&self) -> impl Future<Output = Result<(), Trouble>> + Send;
}

/// A transaction of the target. Dropped, it stays open until [`Target::end_dropped`] or the next one.
pub trait Transaction: Send + Sync {
    /// As [`Target::write`]; a failed statement aborts the transaction at the server.
    fn write(
        &mut self,
        ns: &Namespace,
        command: RawDocumentBuf,
    ) -> impl Future<Output = Result<Vec<u8>, Trouble>> + Send;

    /// As [`Target::find`].
    fn find(
        &mut self,
        ns: &Namespace,
        command: RawDocumentBuf,
        budget: usize,
    ) -> impl Future<Output = Result<Found, Trouble>> + Send;

    /// Commits it to a majority; may be called again while the result is unknown.
    fn commit(&mut self) -> impl Future<Output = Result<(), Unfinished>> + Send;

    /// Gives it up.
    fn abort(&mut self) -> impl Future<Output = ()> + Send;
}

pub(super) fn size(document: &RawDocument) -> usize {
    document.as_bytes().len()
}

/// What a driver's error means for a command on `ns`.
pub(super) fn trouble(ns: &Namespace, error: &DriverError) -> Trouble {
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
