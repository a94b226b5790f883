//! A process from its first line to its exit status; both binaries are the same but for a [`Service`].
//!
//! In order: command line, configuration (every problem at once, status 2), logs, metrics, HTTP, signals, then the service's
//! own `run`, then one line that says how it ended.

mod check;
mod command;
mod order;
mod probe;
mod process;
mod signals;

use std::{
    future::Future,
    io::{Write, stdout},
    process::ExitCode,
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

use crate::{
    cli::{
        Action, Cli, DeadLettersOrder, DefinitionsOrder, RulesOrder, SchemaOrder, Seek, SnapshotOrder,
        command,
    },
    config::{Config, Loaded, Problem, Problems, Role, Sources},
    error::{Error, Kind, Result},
    supervision::Supervisor,
    telemetry::{health::Health, reports::Reports},
};

/// What makes a process a producer or a worker.
pub trait Service {
    /// Which of the two it is.
    const ROLE: Role;
    /// The conditions of `/readyz`. None holds until it is reported through [`Health::condition`].
    const CONDITIONS: &'static [&'static str];

    /// Problems of the configuration that only this service can see (its field rules, say).
    #[must_use]
    fn problems(_config: &Config) -> Vec<Problem> {
        Vec::new()
    }

    /// Reaches every service once, for `check --connect`; gives a line for each that was reached.
    ///
    /// # Errors
    /// The first that cannot be reached or refuses.
    fn connect(_config: Arc<Config>) -> impl Future<Output = Result<Vec<String>>> {
        async { Ok(Vec::new()) }
    }

    /// Sets from where changes are applied next; gives a line for each partition.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn seek(_config: Arc<Config>, _seek: Seek) -> impl Future<Output = Result<Vec<String>>> {
        async { Err(Error::new(Kind::Misconfigured, "only a worker applies changes")) }
    }

    /// Has documents copied again; hands each line of progress to `tell`.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn snapshot(
        _config: Arc<Config>,
        _order: SnapshotOrder,
        _tell: impl Fn(String) + Send + 'static,
    ) -> impl Future<Output = Result<()>> {
        async { Err(Error::new(Kind::Misconfigured, "only a producer copies")) }
    }

    /// Does something with dead letters; writes what it has to say to `out`.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn dead_letters(
        _config: Arc<Config>,
        _order: DeadLettersOrder,
        _out: impl Write + Send + 'static,
    ) -> impl Future<Output = Result<()>> {
        async { Err(Error::new(Kind::Misconfigured, "only a worker refuses records")) }
    }

    /// Shows what documents look like; writes it to `out`.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn schema(
        _config: Arc<Config>,
        _order: SchemaOrder,
        _out: impl Write + Send + 'static,
    ) -> impl Future<Output = Result<()>> {
        async { Err(Error::new(Kind::Misconfigured, "only a worker observes schemas")) }
    }

    /// Tells what a change of the rules has left as it was, or has it copied again; writes what it has to say to `out`.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn rules(
        _config: Arc<Config>,
        _order: RulesOrder,
        _out: impl Write + Send + 'static,
    ) -> impl Future<Output = Result<()>> {
        async { Err(Error::new(Kind::Misconfigured, "only a worker knows the target's documents")) }
    }

    /// Shows or gives back what is put off at the target; writes what it has to say to `out`.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn definitions(
        _config: Arc<Config>,
        _order: DefinitionsOrder,
        _out: impl Write + Send + 'static,
    ) -> impl Future<Output = Result<()>> {
        async { Err(Error::new(Kind::Misconfigured, "only a worker makes collections")) }
    }

    /// Does the work until `context.shutdown` is cancelled, then drains and returns.
    ///
    /// # Errors
    /// What ends the process; its kind decides the exit status.
    fn run(config: Arc<Config>, context: Context) -> impl Future<Output = Result<()>>;
}

/// What a service is given to live in.
#[derive(Debug, Clone)]
pub struct Context {
    /// Cancelled when the process shall stop: a signal, or telemetry that broke.
    pub shutdown: CancellationToken,
    /// Where conditions and heartbeats are reported.
    pub health: Health,
    /// Where reports are offered to whoever asks over HTTP.
    pub reports: Reports,
}

impl Context {
    /// An empty set of stages that stops on shutdown.
    #[must_use]
    pub fn supervisor(&self) -> Supervisor {
        Supervisor::new(&self.shutdown)
    }
}

/// The whole of a binary's `main`.
#[must_use]
pub fn main<S: Service>() -> ExitCode {
    let cli = Cli::parse(S::ROLE);
    if let Action::Completions(shell) = cli.action {
        let name = S::ROLE.name();
        clap_complete::generate(shell, &mut command(S::ROLE), name, &mut std::io::stdout());
        return ExitCode::SUCCESS;
    }
    let sources = Sources::of_process(cli.file, cli.flags, S::problems);
    match Config::load(S::ROLE, &sources) {
        Err(problems) => refuse(S::ROLE, &problems),
        Ok(loaded) => start::<S>(cli.action, loaded),
    }
}

fn start<S: Service>(action: Action, loaded: Loaded) -> ExitCode {
    match action {
        Action::Check { connect } => check::check::<S>(loaded, connect),
        Action::Snapshot(order) => order::give::<S>(loaded, order),
        Action::DeadLetters(order) => {
            command::run::<S>(S::dead_letters(Arc::new(loaded.config), order, stdout()))
        }
        Action::Rules(order) => command::run::<S>(S::rules(Arc::new(loaded.config), order, stdout())),
        Action::Schema(order) => command::run::<S>(S::schema(Arc::new(loaded.config), order, stdout())),
        Action::Definitions(order) => {
            command::run::<S>(S::definitions(Arc::new(loaded.config), order, stdout()))
        }
        Action::Health => probe::health(&loaded),
        Action::Seek(seek) => check::tell::<S>(S::seek(Arc::new(loaded.config), seek)),
        _ => process::run::<S>(loaded),
    }
}

fn refuse(role: Role, problems: &Problems) -> ExitCode {
    let count = problems.0.len();
    let noun = if count == 1 { "problem" } else { "problems" };
    process::say(&format!("{role}: {count} {noun} in the configuration\n{problems}"));
    ExitCode::from(Kind::Misconfigured.exit_status())
}
