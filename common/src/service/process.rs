//! The running process: runtime, telemetry, signals, the service, and how it ended.

use std::{
    io::{Write, stderr},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use metrics::gauge;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Context, Service, signals::Signals};
use crate::{
    cli,
    config::{Config, Loaded},
    error::{Error, Kind, Result},
    supervision::Supervisor,
    telemetry::{health::Health, http::Server, log, metrics::Metrics, names, reports::Reports},
};

/// Threads that drive the async stages. Blocking clients have threads of their own.
const RUNTIME_THREADS: usize = 2;
/// How long blocking calls may take to return once everything else has ended.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// Runs a service to its end.
pub(super) fn run<S: Service>(loaded: Loaded) -> ExitCode {
    let result = log::init(&loaded.config.telemetry).and_then(|()| runtime()).and_then(|runtime| {
        info!(version = cli::version(), configuration = loaded.origin(), "{} starts", S::ROLE);
        let result = runtime.block_on(live::<S>(Arc::new(loaded.config)));
        runtime.shutdown_timeout(LEAVE_WITHIN);
        result
    });
    finish(S::ROLE.name(), result)
}

/// The runtime of a process.
pub(super) fn runtime() -> Result<Runtime> {
    let built = Builder::new_multi_thread().worker_threads(RUNTIME_THREADS).enable_all().build();
    built.map_err(|e| Error::caused(Kind::Transient, "cannot start the runtime", e))
}

/// One line to stderr, for what happens before there is a log.
pub(super) fn say(text: &str) {
    // Nothing can be done when even stderr is gone.
    drop(writeln!(stderr().lock(), "{text}"));
}

/// Telemetry and signals live around the service: they begin before it and end after it.
async fn live<S: Service>(config: Arc<Config>) -> Result<()> {
    let (health, reports) = (Health::new(S::CONDITIONS), Reports::default());
    let mut around = Supervisor::new(&CancellationToken::new());
    let shutdown = around.token().child_token();
    around.spawn("signals", Signals::catch()?.watch(shutdown.clone(), around.token()));
    watch::<S>(&config, (&health, &reports), &mut around).await?;
    let stopping = mark_stopping(shutdown.clone(), around.token(), health.clone());
    around.spawn("health", stopping);
    let result = S::run(config, Context { shutdown, health, reports }).await;
    result.and(around.stop().await)
}

/// Starts metrics and, where an address is configured, the HTTP server.
async fn watch<S: Service>(
    config: &Config,
    (health, reports): (&Health, &Reports),
    around: &mut Supervisor,
) -> Result<()> {
    let metrics = Metrics::install()?;
    gauge!(names::BUILD, "role" => S::ROLE.name(), "version" => env!("CARGO_PKG_VERSION"), "commit" => cli::COMMIT)
        .set(1);
    around.spawn("metrics", metrics.clone().upkeep(around.token()));
    if let Some(address) = config.telemetry.listen {
        let server = Server::bind(address).await?;
        around.spawn("http", server.serve(health.clone(), metrics, reports.clone(), around.token()));
    }
    Ok(())
}

async fn mark_stopping(shutdown: CancellationToken, stop: CancellationToken, health: Health) -> Result<()> {
    if stop.run_until_cancelled(shutdown.cancelled()).await.is_some() {
        health.stopping();
    }
    Ok(())
}

/// Says how it ended; the kind of error decides the exit status.
pub(super) fn finish(name: &str, result: Result<()>) -> ExitCode {
    let error = match result {
        Err(error) if error.kind != Kind::Cancelled => error,
        _ => {
            info!("{name} stopped");
            return ExitCode::SUCCESS;
        }
    };
    let kind = error.kind;
    if tracing::dispatcher::has_been_set() {
        error!(%kind, advice = kind.advice(), "{name} failed: {}", error.chain());
    } else {
        say(&format!("{name} failed: {} ({kind}: {})", error.chain(), kind.advice()));
    }
    ExitCode::from(kind.exit_status())
}
