//! What namespaces are called at the target, and that no two are called the same.
//!
//! The configuration shows some collisions; the others show with the namespaces. Each worker knows every topic that is announced,
//! also those whose partitions others hold, so a collision stops all of them before either is mixed into the other.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use common::{
    config::Config,
    error::{Error, Kind, Result},
    mapping::Mapping,
    namespace::Namespace,
};

/// The target's names of the namespaces seen so far.
#[derive(Debug)]
pub struct Targets {
    mapping: Mapping,
    /// Whose name each is.
    seen: Mutex<HashMap<Namespace, Namespace>>,
}

impl Targets {
    /// As the configuration says.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { mapping: config.mapping(), seen: Mutex::default() }
    }

    /// The namespace's name at the target.
    ///
    /// # Errors
    /// Misconfigured when there is none that it can have, or another namespace has it.
    pub fn of(&self, ns: &Namespace) -> Result<Namespace> {
        if self.mapping.is_empty() {
            return Ok(ns.clone());
        }
        let target = name(&self.mapping, ns)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(&target) {
            Some(other) if other != ns => {
                let text = format!(
                    "{ns} and {other} would both be {target} at the target: give one of them a name of its own in `map`, or \
                     exclude it"
                );
                Err(Error::new(Kind::Misconfigured, text))
            }
            Some(_) => Ok(target),
            None => {
                seen.insert(target.clone(), ns.clone());
                Ok(target)
            }
        }
    }
}

/// What a namespace is called at the target.
///
/// # Errors
/// Misconfigured when there is no name that it can have.
pub fn name(mapping: &Mapping, ns: &Namespace) -> Result<Namespace> {
    let mapped = mapping.target(ns);
    let mapped = mapped.map_err(|unmapped| Error::new(Kind::Misconfigured, unmapped.to_string()))?;
    Ok(mapped.map_or_else(|| ns.clone(), |(_, target)| target))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn targets(map: &[(&str, &str)]) -> Targets {
        let map: Vec<_> = map.iter().map(|(from, to)| json!({"from": from, "to": to})).collect();
        let config = json!({"pipeline": "p", "kafka": {"brokers": "k:1"}, "map": map});
        Targets::new(&serde_json::from_value(config).unwrap())
    }

    fn name(targets: &Targets, ns: &str) -> Result<String> {
        targets.of(&ns.parse().unwrap()).map(|target| target.to_string())
    }

    #[test]
    fn the_second_namespace_of_a_name_is_refused_with_both() {
        let targets = targets(&[("a.*", "c.*")]);
        assert_eq!(name(&targets, "a.x").unwrap(), "c.x");
        assert_eq!(name(&targets, "a.x").unwrap(), "c.x");
        assert_eq!(name(&targets, "c.y").unwrap(), "c.y");
        for second in ["c.x", "a.y"] {
            let error = name(&targets, second).unwrap_err();
            assert_eq!(error.kind, Kind::Misconfigured);
            assert!(error.context.contains(second) && error.context.contains("`map`"), "{}", error.context);
        }
    }

    #[test]
    fn a_name_of_the_servers_own_is_refused_when_it_shows() {
        let error = name(&targets(&[("/a.(.*)/", "b.$1")]), "a.system.x").unwrap_err();
        assert_eq!(error.kind, Kind::Misconfigured);
    }

    #[test]
    fn without_entries_every_namespace_keeps_its_name() {
        assert_eq!(name(&targets(&[]), "a.x").unwrap(), "a.x");
    }
}
