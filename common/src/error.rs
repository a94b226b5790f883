//! The seven kinds of error, and what is done about each.
//!
//! There are seven because there are seven things to do. Every fallible boundary (source, broker, target, codec)
//! classifies what it meets into a [`Kind`]; [`Kind::disposition`] is the only place that decides what follows.

use std::fmt;

/// What sort of trouble an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Passes by itself: network, election, throttling, and every error nobody has classified.
    Transient,
    /// One record cannot be understood or applied, now or ever.
    Poison,
    /// The place to continue from is gone: history lost, offset removed, a topic recreated.
    PositionLost,
    /// Another process has taken over this one's work.
    Fenced,
    /// Somebody has to change the configuration, a role or the deployment.
    Misconfigured,
    /// What the design rules out was seen.
    Invariant,
    /// Shutdown was asked for.
    Cancelled,
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Try the same again in place, with backoff and without limit; readiness goes after a while.
    Retry,
    /// Hand the record whole to the dead letters, then go on.
    DeadLetter,
    /// Stop the slice or partition; the configured policy or an operator decides.
    StopSlice,
    /// Drop what is in flight, build the client anew, read the position again.
    Rejoin,
    /// Exit with status 2 and every problem at once.
    Refuse,
    /// Stop the process loudly.
    Abort,
    /// Drain, commit, leave with status 0.
    Drain,
}

impl Kind {
    /// What to do about an error of this kind.
    #[must_use]
    pub const fn disposition(self) -> Disposition {
        match self {
            Self::Transient => Disposition::Retry,
            Self::Poison => Disposition::DeadLetter,
            Self::PositionLost => Disposition::StopSlice,
            Self::Fenced => Disposition::Rejoin,
            Self::Misconfigured => Disposition::Refuse,
            Self::Invariant => Disposition::Abort,
            Self::Cancelled => Disposition::Drain,
        }
    }

    /// The process exit status when an error of this kind ends it.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Cancelled => 0,
            Self::Misconfigured => 2,
            _ => 1,
        }
    }

    /// A sentence for the operator: what this kind of trouble asks of them.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Transient => "retried until it passes; look at the other side if it does not",
            Self::Poison => "the record is kept whole in the dead-letter topic with the reason",
            Self::PositionLost => "the place to continue from is gone; choose how to go on",
            Self::Fenced => "another process has taken over; this one rejoins",
            Self::Misconfigured => "change the configuration or the deployment and start again",
            Self::Invariant => "a guarantee was about to break; report this with the log around it",
            Self::Cancelled => "stopped on request",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transient => "transient",
            Self::Poison => "poison",
            Self::PositionLost => "position lost",
            Self::Fenced => "fenced",
            Self::Misconfigured => "misconfigured",
            Self::Invariant => "invariant broken",
            Self::Cancelled => "cancelled",
        })
    }
}

/// An error on its way up: its kind, what was being done, and the source chain below it.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    /// What sort of trouble it is.
    pub kind: Kind,
    /// What was being done, for the operator; never a document's value.
    pub context: String,
    /// The error below.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of anything that can fail in a shell.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with nothing below it.
    pub fn new(kind: Kind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// An error caused by `source`.
    pub fn caused(
        kind: Kind,
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, context: context.into(), source: Some(source.into()) }
    }

    /// Shutdown was asked for.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "shutdown requested")
    }

    /// The whole chain on one line, outermost first.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.context.clone();
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            let below = error.to_string();
            if !text.contains(&below) {
                text.push_str(": ");
                text.push_str(&below);
            }
            next = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_asks_for_something_else() {
        let kinds = [
            Kind::Transient,
            Kind::Poison,
            Kind::PositionLost,
            Kind::Fenced,
            Kind::Misconfigured,
            Kind::Invariant,
            Kind::Cancelled,
        ];
        let mut seen: Vec<_> = kinds.iter().map(|k| format!("{:?}", k.disposition())).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), kinds.len());
    }

    #[test]
    fn chain_names_every_cause_once() {
        let inner = std::io::Error::other("refused");
        let error = Error::caused(Kind::Transient, "cannot reach the broker", inner);
        assert_eq!(error.chain(), "cannot reach the broker: refused");
    }
}
