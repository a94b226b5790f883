//! What operators see: logs, metrics, health, and the HTTP server that shows the last two.
//!
//! [`names`] is the one list of metrics. Nothing here decides anything about the pipeline.

pub mod health;
pub mod http;
pub mod log;
pub mod metrics;
pub mod names;
mod process;
pub mod reports;
