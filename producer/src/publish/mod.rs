//! Publishing: one Kafka transaction holds records and the position that follows from them.
//!
//! Owns the transactional client and its thread. Must not acknowledge early: what is reported as published is committed.
//! Guards law 3 at the producer.
//!
//! # Group commit
//! There is no linger. A transaction takes whatever was encoded while the previous one committed, up to a bound in
//! bytes: a lone event is not delayed, a backlog is not chopped up, and reading and encoding go on meanwhile. Where the source's
//! reply was full, more is on its way already, and the transaction waits for that too (50 ms at most): a transaction costs the brokers a
//! few milliseconds, however little is in it.
//!
//! For the same reason little that comes right behind a transaction waits for company half as long as that one took, 10 ms at most. The
//! brokers write a transaction's markers after they have answered; whoever begins the next one sooner is turned away, and
//! librdkafka asks again after 20 ms (read: 2.12, `rd_kafka_txn_handle_AddPartitionsToTxn`). And where the machine is busy, fewer transactions
//! leave it the time to be quicker at each.
//!
//! # Fencing
//! `init_transactions` fences an older producer of the same slice and finishes or aborts its open transaction. Only then
//! is the position read: nobody can move it afterwards without fencing us in turn.

mod familiar;
mod headers;
mod limits;
mod parts;
mod publisher;
mod queue;
mod rounds;
mod transaction;

pub use limits::Limits;
pub use publisher::{Published, run};
pub use queue::{Inlet, Outlet, queue};
pub use transaction::Session;
