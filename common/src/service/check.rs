//! `check`: what was understood of the configuration, secrets masked, and whether the services can be reached.

use std::{
    io::{Write, stdout},
    process::ExitCode,
    sync::Arc,
};

use super::{
    Service,
    process::{finish, runtime},
};
use crate::{config::Loaded, error::Result};

/// Shows what was understood; with `connect`, also reaches the services.
pub(super) fn check<S: Service>(loaded: Loaded, connect: bool) -> ExitCode {
    show(&loaded.understood());
    if !connect {
        return ExitCode::SUCCESS;
    }
    tell::<S>(S::connect(Arc::new(loaded.config)))
}

/// Does something once and shows what came of it.
pub(super) fn tell<S: Service>(task: impl Future<Output = Result<Vec<String>>>) -> ExitCode {
    match runtime().and_then(|runtime| runtime.block_on(task)) {
        Ok(lines) => {
            lines.iter().for_each(|line| show(line));
            ExitCode::SUCCESS
        }
        Err(error) => finish(S::ROLE.name(), Err(error)),
    }
}

fn show(text: &str) {
    // A reader that went away (`check | head`) is no failure.
    drop(writeln!(stdout().lock(), "{text}"));
}
