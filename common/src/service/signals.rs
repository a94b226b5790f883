//! SIGINT and SIGTERM: the first asks for a drain, the second ends the process on the spot.

use std::process::exit;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::error::{Error, Kind, Result};

/// What a shell shows for a process ended by SIGINT.
const INTERRUPTED: i32 = 130;

/// Both signals, caught from the moment this exists.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Starts to catch them.
    pub(super) fn catch() -> Result<Self> {
        let catch =
            |kind| signal(kind).map_err(|e| Error::caused(Kind::Transient, "cannot catch signals", e));
        Ok(Self { interrupt: catch(SignalKind::interrupt())?, terminate: catch(SignalKind::terminate())? })
    }

    /// Cancels `shutdown` at the first signal, exits at the second; ends when `stop` is cancelled.
    pub(super) async fn watch(mut self, shutdown: CancellationToken, stop: CancellationToken) -> Result<()> {
        let Some(name) = stop.run_until_cancelled(self.next()).await else { return Ok(()) };
        info!(signal = name, "stopping: draining what is in flight; a second signal stops at once");
        shutdown.cancel();
        if let Some(name) = stop.run_until_cancelled(self.next()).await {
            warn!(
                signal = name,
                "stopped at once, undrained; what was not acknowledged is done again at the next start"
            );
            exit(INTERRUPTED);
        }
        Ok(())
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
