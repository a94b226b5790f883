//! Reading Kafka: partitions in, bounded buffers of records out, committed offsets back.
//!
//! ```text
//!   librdkafka: a queue per partition ──tap──▸ intake: a buffer per lane ──take──▸ batch
//!                                               │   (full: its tap is shut)          │
//!   committed offset ◂──────commit────────── head ◂───────────settle────────────────┘
//! ```
//!
//! Owns the group membership, the assignment, the buffers and the offsets. It must not open a record, and it moves an offset only
//! over what a batch has reported durable.
//!
//! [`intake`] is the pure state; [`shared`] puts it between two threads; the reader (one thread, the only one that calls the
//! client) polls, rebalances, commits; the applying loop takes and settles.

mod authority;
mod begin;
mod change;
mod client;
mod commit;
mod context;
mod group;
mod in_order;
pub mod intake;
mod lane;
mod leading;
pub mod order;
mod reader;
mod rebalance;
pub mod record;
mod report;
pub mod shared;
mod taken;
mod tap;
mod unknown;

pub use authority::Authority;
pub use client::group;
pub use group::Group;
pub use reader::{Surroundings, run};
pub use shared::Shared;
