//! Secrets that lie in files of their own (mounted by an orchestrator), fetched into the place where they are used.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Config, Problem, Role, origin::Origins, secret::Secret, types::Place};

/// Reads the secrets of the role's own end from their files; the other end's files may not even be mounted here.
pub(super) fn fetch(
    role: Role,
    config: &mut Config,
    config_file: Option<&Path>,
    origins: &Origins,
) -> Vec<Problem> {
    let key = |key: &str, secret: &mut Option<Secret>, file: &Option<String>| {
        let name = file.as_ref()?;
        let path = format!("{key}_file");
        if secret.is_some() {
            return Some(Problem::new(path, format!("{key} is given too; give one of them")));
        }
        match read(&locate(name, origins.strength(&path) == 0, config_file)) {
            Ok(read) => {
                *secret = Some(read);
                None
            }
            Err(reason) => Some(Problem::new(path, reason)),
        }
    };
    let one =
        |end: &str, uri: &mut Option<Secret>, file: &Option<String>| key(&format!("{end}.uri"), uri, file);
    match role {
        Role::Worker => {
            let Config { target, worker, .. } = config;
            let uri = one("target", &mut target.uri, &target.uri_file);
            let mask = key("worker.mask_key", &mut worker.mask_key, &worker.mask_key_file);
            uri.into_iter().chain(mask).collect()
        }
        Role::Producer => {
            // Only who masks need have the key mounted.
            let masks = config.rules.iter().any(|rule| rule.at == Place::Producer && rule.hashes());
            let Config { source, worker, .. } = config;
            let mask = masks.then(|| key("worker.mask_key", &mut worker.mask_key, &worker.mask_key_file));
            let slices = source.slices.iter_mut().enumerate();
            let slices = slices.filter_map(|(i, slice)| {
                one(&format!("source.slices[{i}]"), &mut slice.uri, &slice.uri_file)
            });
            one("source", &mut source.uri, &source.uri_file)
                .into_iter()
                .chain(slices)
                .chain(mask.flatten())
                .collect()
        }
    }
}

/// A name in the configuration file is relative to that file; one from outside to the working directory.
pub(super) fn locate(name: &str, is_from_file: bool, config_file: Option<&Path>) -> PathBuf {
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
