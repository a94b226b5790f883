//! Loading: layers, problems, configuration.

use std::path::PathBuf;

use super::{Config, Problem, Problems, Role};
use crate::cli::Setting;

/// Where a configuration is read from, weakest first.
#[derive(Debug)]
pub struct Sources {
    /// The file, when named; else `./oplogue.toml` if it is there.
    pub file: Option<PathBuf>,
    /// Environment variables; only those that begin with `OPLOGUE_` are looked at.
    pub env: Vec<(String, String)>,
    /// Settings given as flags.
    pub flags: Vec<Setting>,
    /// Problems that only the service itself can see.
    pub extra: fn(&Config) -> Vec<Problem>,
}

impl Sources {
    /// The process's own environment beside what its command line gave.
    #[must_use]
    pub fn of_process(
        file: Option<PathBuf>,
        flags: Vec<Setting>,
        extra: fn(&Config) -> Vec<Problem>,
    ) -> Self {
        let env = std::env::vars_os();
        let env = env.map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()));
        Self { file, env: env.collect(), flags, extra }
    }
}

/// A configuration that was validated.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file it was read from.
    pub file: Option<PathBuf>,
}

impl Loaded {
    /// Where it was read from, for the log.
    #[must_use]
    pub fn origin(&self) -> String {
        self.file.as_ref().map_or_else(|| "environment".to_owned(), |file| file.display().to_string())
    }

    /// What was understood, secrets masked.
    #[must_use]
    pub fn understood(&self) -> String {
        format!("{:#?}", self.config)
    }
}

impl Config {
    /// Reads and validates the configuration of a process.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn load(_role: Role, sources: &Sources) -> Result<Loaded, Problems> {
        let failed = |reason: String| Problems(vec![Problem::new("configuration", reason)]);
        let file = sources.file.clone().unwrap_or_else(|| "oplogue.toml".into());
        let built = config::Config::builder()
            .add_source(config::File::from(file.clone()))
            .build()
            .and_then(config::Config::try_deserialize::<Config>)
            .map_err(|e| failed(e.to_string()))?;
        let problems = (sources.extra)(&built);
        if problems.is_empty() {
            Ok(Loaded { config: built, file: Some(file) })
        } else {
            Err(Problems(problems))
        }
    }
}
