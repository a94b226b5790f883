//! The sweep: what the target holds is listed, so that the producer can tell what of it is gone from the source.
//!
//! ```text
//!   control topic:  snapshot/… sweeping, swept: X ──▸ wanted ──▸ sweeper ──find {_id > X}──▸ target
//!                        ▲                                          │
//!   producer:            └─ deletes, swept: Y, withdraws ◂── sweep/… {after: X, keys: [… Y]}
//! ```
//!
//! One worker sweeps a namespace: the one that owns partition 0 of its topic. Nothing rests on there being only one: a batch names
//! the place from which it was listed, and the producer answers only the one that begins where its last answer ended.
//!
//! A sweep begins when everything that its topic held at that moment is applied at the target. An older record that is applied
//! later could bring back a document whose delete nobody will ever publish: one that fell into a gap of the source's history.
//!
//! [`wanted`] and [`listing`] decide, [`sweeper`] waits and asks. Nothing here writes to the target.

pub(crate) mod listing;
mod sweeper;
mod wanted;

pub(crate) use sweeper::Sweeper;
pub use wanted::Wanted;
