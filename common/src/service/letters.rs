//! `dead-letters`: looks at what could not be applied, and deals with it.

use std::{io::stdout, process::ExitCode, sync::Arc};

use super::{
    Service,
    process::{runtime, say},
};
use crate::{cli::DeadLettersOrder, config::Loaded};

/// Carries the order out. What it has to say is its own; here only how it ended.
pub(super) fn deal<S: Service>(loaded: Loaded, order: DeadLettersOrder) -> ExitCode {
    let dealt = S::dead_letters(Arc::new(loaded.config), order, stdout());
    match runtime().and_then(|runtime| runtime.block_on(dealt)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{}: {}", S::ROLE, error.chain()));
            ExitCode::from(error.kind.exit_status())
        }
    }
}
