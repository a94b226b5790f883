//! `snapshot`: asks the running producer for documents anew, and shows how far it comes.

use std::{
    io::{Write, stdout},
    process::ExitCode,
    sync::Arc,
};

use super::{
    Service,
    process::{finish, runtime},
};
use crate::{cli::SnapshotOrder, config::Loaded};

/// Gives the order and shows what becomes of it.
pub(super) fn give<S: Service>(loaded: Loaded, order: SnapshotOrder) -> ExitCode {
    let given = S::snapshot(Arc::new(loaded.config), order, |line| show(&line));
    match runtime().and_then(|runtime| runtime.block_on(given)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => finish(S::ROLE.name(), Err(error)),
    }
}

fn show(text: &str) {
    // A reader that went away is no failure.
    drop(writeln!(stdout().lock(), "{text}"));
}
