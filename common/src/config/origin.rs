//! Which layer a value came from: the file, an environment variable, a flag.

use std::collections::BTreeMap;

use super::Problem;

/// Where values came from that did not come from the file: path → the variable's or the flag's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Origins(BTreeMap<String, String>);

impl Origins {
    /// Notes that the value at `path` came from the variable or flag `name`.
    pub(super) fn note(&mut self, path: &str, name: &str) {
        self.0.insert(path.to_owned(), name.to_owned());
    }

    /// The variable or flag that set `path`, or the value it lies in.
    pub(super) fn of(&self, path: &str) -> Option<&str> {
        let exact = self.0.get(path);
        let parent = || path.rfind(['.', '[']).and_then(|end| self.of(&path[..end]));
        exact.map(String::as_str).or_else(parent)
    }

    /// How strong the layer is that set `path`: the file 0, the environment 1, a flag 2.
    pub(super) fn strength(&self, path: &str) -> u8 {
        match self.of(path) {
            None => 0,
            Some(name) if name.starts_with('-') => 2,
            Some(_) => 1,
        }
    }

    /// The problem with the name of the variable or flag it came by, if it did.
    pub(super) fn explain(&self, problem: Problem) -> Problem {
        match self.of(&problem.path) {
            Some(name) => Problem { reason: format!("{} (given by {name})", problem.reason), ..problem },
            None => problem,
        }
    }

    /// Every variable and flag that was used.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_inside_another_has_its_origin() {
        let mut origins = Origins::default();
        origins.note("namespaces.include", "OPLOGUE_NAMESPACES__INCLUDE");
        origins.note("kafka.brokers", "--brokers");
        assert_eq!(origins.of("namespaces.include[3]"), Some("OPLOGUE_NAMESPACES__INCLUDE"));
        assert_eq!(origins.of("namespaces"), None);
        assert_eq!(origins.strength("kafka.brokers"), 2);
        assert_eq!(origins.strength("pipeline"), 0);
        let problem = origins.explain(Problem::new("kafka.brokers", "bad"));
        assert_eq!(problem.reason, "bad (given by --brokers)");
    }
}
