//! What was found where a document departs from its declared schema: which kind, where, and what was done. Never a value.

use std::fmt;

use common::raw::Kind;

use super::kinds::Kinds;

/// Sorts of departure, one policy each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// A field that is not declared.
    NewField,
    /// A required field is not there.
    MissingField,
    /// A number of another type than the declared ones.
    WidenedType,
    /// A value of any other type.
    IncompatibleType,
}

impl Sort {
    /// Its word, which is the policy's key, too.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NewField => "new_field",
            Self::MissingField => "missing_field",
            Self::WidenedType => "widened_type",
            Self::IncompatibleType => "incompatible_type",
        }
    }
}

/// What was done about a departure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// The field was left out.
    Drop,
    /// The value became one of a declared type.
    Coerce,
    /// The default was put in.
    Default,
    /// The record is refused.
    Quarantine,
    /// The worker stops before the record.
    Stop,
}

impl Deed {
    /// Its word, for metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Coerce => "coerce",
            Self::Default => "default",
            Self::Quarantine => "quarantine",
            Self::Stop => "stop",
        }
    }
}

/// A departure for which the record is refused, or the worker stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Where, as paths of observed schemas are written; in an update as the update writes it.
    pub path: String,
    /// What.
    pub sort: Sort,
    /// [`Deed::Quarantine`] or [`Deed::Stop`].
    pub deed: Deed,
    /// The type that was met.
    pub(super) met: Option<Kind>,
    /// The types that are declared.
    pub(super) declared: Kinds,
    /// Whether a reading was looked for and there was none.
    pub(super) is_unreadable: bool,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, sort, met, declared, is_unreadable, .. } = self;
        let met = met.map_or("nothing", Kind::alias);
        match sort {
            Sort::NewField => write!(f, "`{path}` ({met}) is not declared"),
            Sort::MissingField => write!(f, "`{path}` is required and would be missing"),
            Sort::WidenedType | Sort::IncompatibleType => {
                write!(f, "`{path}` is of type {met} where {} is declared", declared.words())?;
                if *is_unreadable {
                    f.write_str(", and cannot be read as that without a loss")
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// How often what was done about which sort.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: Vec<((Sort, Deed), u64)>,
}

impl Tally {
    pub(super) const fn new() -> Self {
        Self { counts: Vec::new() }
    }

    pub(super) fn count(&mut self, sort: Sort, deed: Deed) {
        match self.counts.iter_mut().find(|(known, _)| *known == (sort, deed)) {
            Some((_, count)) => *count += 1,
            None => self.counts.push(((sort, deed), 1)),
        }
    }

    /// Whether nothing was done.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// What was done, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (Sort, Deed, u64)> {
        self.counts.iter().map(|((sort, deed), count)| (*sort, *deed, *count))
    }
}
