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
//! | [`collection`] | a collection of the source, as tests write to it |
//! | [`phases`] | writing before the snapshot and while streaming |
//! | [`log`], [`view`] | what lies in Kafka, read to the end |
//! | [`history`], [`source_events`] | whether the records are the source's history: complete, once, in order |
//! | [`compare`], [`shaping`] | whether the target is the source, shaped |
//! | [`gate`] | a port that is closed until it is opened |
//! | [`waiting`] | waiting for a condition with a deadline; nothing else ever waits |

mod checks;
pub mod collection;
pub mod compare;
pub mod gate;
pub mod history;
pub mod log;
pub mod phases;
pub mod pipeline;
pub mod process;
pub mod settings;
pub mod shaping;
pub mod source_events;
pub mod stack;
pub mod view;
pub mod waiting;

pub use collection::Collection;
pub use phases::{Phase, in_both_phases};
pub use pipeline::Pipeline;
pub use stack::Stack;
pub use waiting::{DEADLINE, eventually};
