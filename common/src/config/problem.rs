//! What is wrong with a configuration: every problem with its path, told all at once.

use std::fmt;

/// One thing that has to be changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: the key with its levels (`kafka.brokers`, `rules[1].deny[0]`), or a file or variable by name.
    pub path: String,
    /// What is wrong and what would be right; never a secret.
    pub reason: String,
}

impl Problem {
    /// A problem at `path`.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }

    /// Whether this problem lies at `path` or below it.
    #[must_use]
    pub fn is_within(&self, path: &str) -> bool {
        let rest = self.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

/// Every problem of a configuration, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Problems(pub Vec<Problem>);

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_one_line_each_and_know_their_place() {
        let at = |path: &str| Problem::new(path, "wrong");
        assert_eq!(Problems(vec![at("a.b"), at("c[0]")]).to_string(), "a.b: wrong\nc[0]: wrong");
        assert!(at("a.b").is_within("a") && at("a[0].c").is_within("a[0]") && at("a").is_within("a"));
        assert!(!at("ab").is_within("a") && !at("a").is_within("a.b"));
    }
}
