//! Declared schemas that lie in files of their own, fetched into the place where they are used.
//!
//! Only the worker has a use for them; elsewhere the files may not even be mounted.

use std::{fs, path::Path};

use super::{Config, Problem, Role, origin::Origins, secrets::locate, types::Anything};

/// Reads every `declared_file` into `declared`.
pub(super) fn fetch(
    role: Role,
    config: &mut Config,
    config_file: Option<&Path>,
    origins: &Origins,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (i, schema) in config.schemas.iter_mut().enumerate().filter(|_| role == Role::Worker) {
        let Some(name) = &schema.declared_file else { continue };
        let path = format!("schemas[{i}].declared_file");
        if schema.declared.is_some() {
            problems.push(Problem::new(path, "`declared` is given too; give one of them"));
            continue;
        }
        match read(&locate(name, origins.strength(&path) == 0, config_file)) {
            Ok(read) => schema.declared = Some(Anything(read)),
            Err(reason) => problems.push(Problem::new(path, reason)),
        }
    }
    problems
}

fn read(path: &Path) -> Result<serde_json::Value, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{} is not JSON: {e}", path.display()))
}
