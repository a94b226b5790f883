//! The harness: what the end-to-end tests stand on.
//!
//! It shares no code with the pipeline, so that it is a second opinion: it finds topics in the control topic, decodes
//! records with the `bson` crate, reads the source's change stream for itself, shapes documents in its own way.
//!
//! | module | owns |
//! |---|---|
//! | [`stack`] | the real services: the shared ones, and special ones that end with their test |
//! | [`process`] | one run of a binary: its log, its signals, its end |
//! | [`settings`] | a pipeline's `oplogue.toml` |
//! | [`pipeline`] | one test's pipeline: databases, topics and processes of its own |
//! | [`log`] | what lies in Kafka, read to the end |
//! | [`history`] | whether the records are the source's history: complete, once, in order |
//! | [`compare`] | whether the target is the source, shaped |
//! | [`gate`] | a port that is closed until it is opened |
//! | [`waiting`] | waiting for a condition with a deadline; nothing else ever waits |

pub mod compare;
pub mod gate;
pub mod history;
pub mod log;
pub mod pipeline;
pub mod process;
pub mod settings;
pub mod shaping;
pub mod source_events;
pub mod stack;
pub mod view;
pub mod waiting;

pub use pipeline::Pipeline;
pub use stack::Stack;
pub use waiting::{DEADLINE, eventually};
