//! Document filters: which documents of a namespace are carried, by a MongoDB query on the document.
//!
//! Owns the meaning of `filter`: what a document says ([`Predicate::matches`]), and what an update says about a document that is not at
//! hand ([`Predicate::judge`]). Pure; compiled once, evaluated on raw BSON. It must not change documents, and it sees them as the source
//! holds them, before any field rule. Guards: a query means here what it means to the server's `find` (simple collation); what
//! cannot be read exactly so is refused when it is compiled.
//!
//! ```text
//!                 reads nothing of it   ▸ verdict stays: what is at the target stays there, what is not stays away
//!   an update ──▸ decides it by itself  ▸ out                     ({deletedAt: null}, and deletedAt is set)
//!                 anything else         ▸ the document itself has to be asked for
//! ```

mod compare;
mod evaluate;
mod number;
mod operand;
mod parse;
mod path;
mod pattern;
mod problems;
mod touch;
mod types;

use common::{
    codec::decode,
    event::UpdateDescription,
    raw::{self, Document},
};

use self::{evaluate::Expression, touch::Paths};
use crate::Problem;

/// A compiled query on one document.
#[derive(Debug, Clone)]
pub struct Predicate {
    expression: Expression,
    paths: Paths,
}

/// What an update says about a document that is not at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The document is carried if it was.
    Stays,
    /// It is not carried any more, whatever else it holds.
    Out,
    /// Only the document can tell.
    Unknown,
}

impl Predicate {
    /// Compiles what stands at `at` in the configuration.
    ///
    /// # Errors
    /// Every [`Problem`] of it.
    pub fn compile(at: &str, filter: &str) -> Result<Self, Vec<Problem>> {
        let mut bytes = Vec::new();
        let query = decode::document(filter.as_bytes(), &mut bytes)
            .map_err(|error| error.to_string())
            .and_then(|()| Document::new(&bytes).map_err(|error| error.to_string()))
            .map_err(|error| vec![Problem::new(at, format!("is no document of Extended JSON: {error}"))])?;
        let expression = parse::query(at, query)?;
        Ok(Self { paths: Paths::of(&expression), expression })
    }

    /// Whether the document is carried.
    ///
    /// # Errors
    /// Malformed BSON.
    pub fn matches(&self, document: Document<'_>) -> Result<bool, raw::Error> {
        let all_known = |_: &[u8]| true;
        Ok(self.expression.verdict(document, &all_known)?.unwrap_or(false))
    }

    /// What an update says.
    ///
    /// # Errors
    /// Malformed BSON.
    pub fn judge(&self, delta: &UpdateDescription<'_>) -> Result<Verdict, raw::Error> {
        if !self.paths.are_touched(delta)? {
            return Ok(Verdict::Stays);
        }
        let Some((known, names)) = touch::known(delta)? else { return Ok(Verdict::Unknown) };
        let is_known = |name: &[u8]| names.contains(&name);
        match self.expression.verdict(Document::new(&known)?, &is_known)? {
            Some(false) => Ok(Verdict::Out),
            _ => Ok(Verdict::Unknown),
        }
    }
}

#[cfg(test)]
mod tests;
