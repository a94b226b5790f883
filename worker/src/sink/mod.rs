//! The sink: a batch's plan, carried out on the target. One plan, two ways: in one transaction ([`Sink::attempt`], see `exact.rs`), or, for
//! a target without transactions, command by command:
//!
//! ```text
//!   step 1 ──▸ group ──▸ commands ──▸ reply, statement by statement ─┬─ done
//!                          ▲                                         ├─ passes by itself ──▸ again, with patience
//!                          ├─ upserts ◂── insert of what is there ───┤
//!                          ├─ halves  ◂── command refused whole ─────┤
//!                          ├─ one record each ◂── folded, refused ───┤
//!                          └──────────────                           └─ refused ──▸ dead letter with its reason
//!   step 2 …
//! ```
//!
//! Owns retries and splitting. It must not skip a failure: each statement ends as done or as refused with a reason, or the whole
//! batch does not end. What passes by itself is retried in place without a limit; what somebody has to see to ends the
//! worker. Guards the plan's order: a step begins when the step before is acknowledged by a majority.
//!
//! Everything here may be dropped at any await: a batch whose partition is gone ends so.

mod again;
mod attempt;
mod bases;
mod carry;
mod deployment;
mod exact;
mod filling;
mod nature;
mod reason;
#[cfg(test)]
pub(crate) mod script;
mod send;
pub mod target;
mod write;

pub use attempt::{Attempt, Judge, Lesson};
pub use carry::{Run, Written};
pub use deployment::Deployment;
pub(crate) use deployment::Open;
pub(crate) use filling::failed_whole;
pub(crate) use nature::LARGEST;
pub use nature::Nature;
pub(crate) use reason::UNIQUE_INDEX;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bson::RawDocumentBuf;
use common::{
    error::{Error, Kind as ErrorKind, Result},
    namespace::Namespace,
    raw::Document,
    telemetry::health::Condition,
};

use crate::plan::{Kind, Limits, Reply};

/// Pauses before statements that the target could not take just now are sent again.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Writes to one target.
#[derive(Debug)]
pub struct Sink<T> {
    target: T,
    limits: Limits,
    /// Holds while the target takes writes.
    condition: Condition,
    seen: Arc<Seen>,
}

/// Collections of the target that were looked at.
#[derive(Debug, Default)]
pub struct Seen {
    collections: Mutex<HashMap<Namespace, Saw>>,
}

/// What was seen of one.
#[derive(Debug, Clone, Copy)]
struct Saw {
    is_there: bool,
    nature: Nature,
}

impl Seen {
    /// What was seen of the collection no longer holds.
    pub fn forget(&self, ns: &Namespace) {
        self.collections().remove(ns);
    }

    fn collections(&self) -> MutexGuard<'_, HashMap<Namespace, Saw>> {
        self.collections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sink<T> {
    /// A sink whose commands hold up to `limits`.
    pub fn new(target: T, limits: Limits, condition: Condition) -> Self {
        Self { target, limits, condition, seen: Arc::default() }
    }

    /// What it has seen.
    #[must_use]
    pub fn seen(&self) -> Arc<Seen> {
        self.seen.clone()
    }

    /// What was seen of the collection; `None` when nobody has looked.
    fn has_seen(&self, ns: &Namespace) -> Option<Saw> {
        self.seen.collections().get(ns).copied()
    }

    fn saw(&self, ns: &Namespace, saw: Saw) {
        self.seen.collections().insert(ns.clone(), saw);
    }

    /// Whether the collection is written to outside of transactions.
    fn is_apart(&self, ns: &Namespace) -> bool {
        self.has_seen(ns).is_some_and(|saw| saw.nature.is_capped)
    }

    /// Whether of all that happens to these collections only the order counts in which documents come.
    pub(crate) fn keep_insertions<'n>(&self, mut names: impl Iterator<Item = &'n Namespace>) -> bool {
        let capped = Nature { is_tied: false, is_capped: true };
        names.all(|ns| self.has_seen(ns).is_some_and(|saw| saw.nature == capped))
    }
}

/// What a command of this kind was answered. A reply that cannot be read would mean that nobody knows what was written.
fn reply(bytes: &[u8], kind: Kind) -> Result<Reply> {
    let reply = Document::new(bytes).and_then(|reply| Reply::parse(reply, kind));
    reply.map_err(|error| Error::caused(ErrorKind::Invariant, "the target's reply cannot be read", error))
}

/// A command's body as the driver takes it.
pub(crate) fn raw(body: Vec<u8>) -> Result<RawDocumentBuf> {
    RawDocumentBuf::from_bytes(body)
        .map_err(|error| Error::caused(ErrorKind::Invariant, "a command's body is no BSON", error))
}
