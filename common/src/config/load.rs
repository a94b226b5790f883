//! Loading: layers merged, structure checked, types read, secrets fetched, meaning checked; every problem is told, not the first.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    Config, Problem, Problems, Role, checks, declared, env, file, layers, origin::Origins, read,
    schema::schema, secrets, structure,
};
use crate::cli::Setting;

/// Where a configuration is read from, weakest first.
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

/// Without the variables' values: some are secrets.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<_> =
            self.env.iter().map(|(name, _)| name).filter(|name| env::is_key(name)).collect();
        let Self { file, flags, .. } = self;
        f.debug_struct("Sources").field("file", file).field("env", &variables).field("flags", flags).finish()
    }
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
    pub(super) role: Role,
    pub(super) origins: Origins,
}

impl Loaded {
    /// Where it was read from, for the log.
    #[must_use]
    pub fn origin(&self) -> String {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        file.into_iter().chain(self.origins.names().map(str::to_owned)).collect::<Vec<_>>().join(", ")
    }
}

impl Config {
    /// Reads and validates the configuration of a process in `role`.
    ///
    /// # Errors
    /// Every problem at once, sorted by path.
    pub fn load(role: Role, sources: &Sources) -> Result<Loaded, Problems> {
        let file = file::find(sources.file.as_deref());
        let mut problems = Vec::new();
        let (mut tree, origins) = values(file.as_deref(), sources, &mut problems)?;
        structure::check(schema(), &mut tree, &mut problems);
        let config = read::read(tree, &mut problems);
        let config = config
            .map(|config| understand(role, config, file.as_deref(), &origins, sources.extra, &mut problems));
        match config {
            Some(config) if problems.is_empty() => Ok(Loaded { config, file, role, origins }),
            _ => Err(told(problems, &origins)),
        }
    }
}

/// The merged values. Without a readable file the rest would only look incomplete, so that ends it.
fn values(
    file: Option<&Path>,
    sources: &Sources,
    problems: &mut Vec<Problem>,
) -> Result<(Value, Origins), Problems> {
    let mut entries = env::entries(&sources.env, problems);
    for Setting { key, flag, value } in &sources.flags {
        entries.extend(env::flag(key, flag, value, problems));
    }
    let from_file = file.map(file::read).transpose();
    let merged = from_file.and_then(|from_file| {
        let merged = layers::merge(from_file.unwrap_or_default(), &entries);
        merged.map_err(|e| Problem::new("configuration", format!("cannot be put together: {e}")))
    });
    merged.map_err(|problem| {
        problems.push(problem);
        told(std::mem::take(problems), &Origins::default())
    })
}

/// Fetches secrets and checks the meaning. What lies where the structure is wrong already is not complained about twice.
fn understand(
    role: Role,
    mut config: Config,
    file: Option<&Path>,
    origins: &Origins,
    extra: fn(&Config) -> Vec<Problem>,
    problems: &mut Vec<Problem>,
) -> Config {
    let mut found = secrets::fetch(role, &mut config, file, origins);
    found.extend(declared::fetch(role, &mut config, file, origins));
    found.extend(checks::all(role, &config));
    found.extend(extra(&config));
    let news = found.into_iter().filter(|new| !problems.iter().any(|known| new.is_within(&known.path)));
    let news: Vec<_> = news.collect();
    problems.extend(news);
    config
}

fn told(problems: Vec<Problem>, origins: &Origins) -> Problems {
    let mut problems: Vec<_> = problems.into_iter().map(|problem| origins.explain(problem)).collect();
    problems.sort();
    problems.dedup();
    Problems(problems)
}
