//! The harness: what the end-to-end tests stand on.
//!
//! It shares no code with the pipeline, so that it is a second opinion: it finds topics in the control topic, decodes
//! records with the `bson` crate, reads the source's change stream for itself, shapes documents in its own way.
//!
//! ```text
//! cargo build --bins && cargo test -p e2e            starts the stack `e2e` and leaves it running
//! OPLOGUE_TEST_STACK=name cargo test -p e2e          uses a stack that `scripts/stack up --name name` has started
//! ```
//!
//! Configuration and logs of a test that failed stay in `target/e2e/`.
//!
//! | module | owns |
//! |---|---|
//! | [`stack`] | the real services: the shared ones, and special ones that end with their test |
//! | [`process`] | one run of a binary: its log, its signals, its end |
//! | [`settings`] | a pipeline's `oplogue.toml` |
//! | [`pipeline`] | one test's pipeline: databases, topics and processes of its own |
//! | [`collection`] | a collection of the source, as tests write to it |
//! | [`progress`] | waiting until a pipeline has copied, published, applied |
//! | [`phases`] | writing before the snapshot and while streaming |
//! | [`log`], [`view`] | what lies in Kafka, read to the end |
//! | [`group`] | a member of a Kafka group that speaks for itself |
//! | [`history`], [`source_events`] | whether the records are the source's history: complete, once, in order |
//! | [`compare`], [`shaping`] | whether the target is the source, shaped |
//! | [`definitions`] | options and indexes of collections |
//! | [`connect`] | Kafka Connect with the connectors of `connect-configs/` |
//! | [`gate`] | a port that is closed until it is opened |
//! | [`waiting`] | waiting for a condition with a deadline; nothing else ever waits |

mod checks;
pub mod collection;
pub mod compare;
pub mod connect;
pub mod definitions;
pub mod gate;
pub mod group;
pub mod history;
pub mod log;
pub mod phases;
pub mod pipeline;
pub mod process;
pub mod progress;
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
