//! Which of the two binaries reads the configuration.

use std::fmt;

/// The part a process plays. It decides which keys are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads the source, writes Kafka; needs `source.uri`.
    Producer,
    /// Reads Kafka, writes the target; needs `target.uri`.
    Worker,
}

impl Role {
    /// The binary's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Worker => "worker",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
