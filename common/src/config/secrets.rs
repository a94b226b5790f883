//! Secrets that lie in files of their own (mounted by an orchestrator), fetched into the place where they are used.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Config, Problem, Role, origin::Origins, secret::Secret};

/// Reads the connection string of the role's own end from its file; the other end's file may not even be mounted here.
pub(super) fn fetch(
    role: Role,
    config: &mut Config,
    config_file: Option<&Path>,
    origins: &Origins,
) -> Vec<Problem> {
    let (end, uri, uri_file) = match role {
        Role::Producer => ("source", &mut config.source.uri, &config.source.uri_file),
        Role::Worker => ("target", &mut config.target.uri, &config.target.uri_file),
    };
    let Some(name) = uri_file else { return Vec::new() };
    let path = format!("{end}.uri_file");
    if uri.is_some() {
        return vec![Problem::new(path, format!("{end}.uri is given too; give one of them"))];
    }
    match read(&locate(name, origins.strength(&path) == 0, config_file)) {
        Ok(secret) => {
            *uri = Some(secret);
            Vec::new()
        }
        Err(reason) => vec![Problem::new(path, reason)],
    }
}

/// A name in the configuration file is relative to that file; one from outside to the working directory.
fn locate(name: &str, is_from_file: bool, config_file: Option<&Path>) -> PathBuf {
    let beside = config_file.and_then(Path::parent).filter(|_| is_from_file);
    beside.map_or_else(|| PathBuf::from(name), |directory| directory.join(name))
}

fn read(path: &Path) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
    match text.trim() {
        "" => Err(format!("{} is empty", path.display())),
        secret => Ok(Secret::new(secret)),
    }
}
