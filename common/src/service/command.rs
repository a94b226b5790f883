//! Commands that look at something, or change it, once: `dead-letters`, `schema`, `rules`. What they have to say is their own.

use std::process::ExitCode;

use super::{
    Service,
    process::{runtime, say},
};
use crate::error::Result;

/// Runs a command to its end; here only how it ended.
pub(super) fn run<S: Service>(task: impl Future<Output = Result<()>>) -> ExitCode {
    match runtime().and_then(|runtime| runtime.block_on(task)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{}: {}", S::ROLE, error.chain()));
            ExitCode::from(error.kind.exit_status())
        }
    }
}
