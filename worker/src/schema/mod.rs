//! The observed schema: which paths the documents of a namespace have, of which BSON types, since when. Never a value.
//!
//! ```text
//!   batch that was dealt with ─▸ observe (tree of names, tallies per partition) ─▸ drifts: log, metric
//!                                   │ take, every minute, or soon after a drift
//!                                   ▼
//!   schemas topic, key <topic>/<partition>/<ns>: what stands there + what was taken ─▸ `worker schema` adds them up
//! ```
//!
//! # How many workers make one schema
//!
//! A record of the schemas topic belongs to one partition of the events, and a partition has one owner. The owner reads what stands there,
//! adds what it has seen since, and writes it back; the next owner goes on from that. There are as many records as partitions, however
//! many workers come and go. The schema of a namespace is their sum, and summing does not care about the order: types are a
//! union, first times a least, last times a greatest, counts a sum ([`tally`]).
//!
//! # Versions
//!
//! Nobody hands out version numbers: that would need one writer. A version *is* a cluster time at which the schema changed, and
//! those follow from the sum ([`version`]): a path begins at its first time, a type at its own, a field is optional from the first
//! time that a document lacked it. Whoever reads the same records finds the same versions. A report that arrives late may bring a
//! version between two others.
//!
//! Why it is so: `docs/adr/0011-the-schema-is-a-sum.md`.
//!
//! # What it does not promise
//!
//! It is an observation, not a ledger: what a worker has seen and not yet told when it is killed is not counted (up to a minute; a drift is
//! told within two seconds), and what it applies twice is counted twice. Observed is what the source sends, before field rules.
//! Documents are seen when they are dealt with, refused ones too.

mod drift;
mod json_schema;
mod kind;
mod observe;
mod observer;
mod path;
mod print;
mod recent;
mod record;
mod tally;
mod topic;
mod tree;
mod version;

pub use self::{
    drift::{Drift, What},
    observe::{Observed, Sight},
    observer::{Event, Observer, run},
    print::print,
    record::Contribution,
    tally::{Seen, Tally},
    topic::wanted,
};
