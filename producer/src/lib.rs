//! The producer: reads every change of a source deployment and publishes it to Kafka.
//!
//! [`pipeline`] is the only module that knows all stages; the others do not know each other beyond what they hand on.

pub mod capture;
pub mod control;
pub mod encode;
pub mod life;
pub mod membership;
pub mod memory;
pub mod order;
pub mod pipeline;
pub mod publish;
pub mod pump;
pub mod route;
mod sabotage;
pub mod seats;
pub mod snapshot;
pub mod source;
pub mod start;
pub mod state;
pub mod vacancy;
pub mod weave;
