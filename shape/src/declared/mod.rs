//! Declared schemas: what documents should look like at the target, and what becomes of those that do not.
//!
//! Owns the meaning of a declared schema and of its policies: for whole documents ([`Declared::document`]) and for every path of a delta
//! ([`Declared::delta`]) alike. It comes after the field rules, on what they have left. It must not touch `_id`, keep anything from one
//! record for the next, or look at the target: the verdict follows from the record and the configuration alone, so it is the same for
//! every worker, restart and replay.
//!
//! # The law
//!
//! ```text
//!        document ── judge ──▸ document as declared           judge: leave out, read as another type, fill in; or refuse
//!           │                         │
//!         delta                 judged delta
//!           ▼                         ▼
//!        document' ── judge ─▸ document' as declared          both ways round give the same content, or are refused both
//! ```
//!
//! It holds because judging is done place by place, and which declared place a path means depends on its text alone ([`node`]):
//!
//! 1. **Numbers are elements and fields.** Below the root a name that can be an index and is no declared field is judged by `items`. Without
//!    `items` it is new; dropped, it leaves `null`, for it may be an array's element whose place has to stay.
//! 2. **Dots are dots.** A field whose name holds dots is judged as the path it spells, unless a field of that very name is declared. Where
//!    one is and the delta does not say which is meant, the record is [`Unclear`](crate::Unclear).
//! 3. **What is in a value of the wrong type is still judged**, where that type is accepted.
//! 4. **Readings are of scalars** ([`reading`]), so a container stays a container of the same length and paths keep their meaning.
//! 5. **A default is a value of the whole document and of a removal**: what was filled in stays until the source sets the field, and comes back
//!    when the source removes it. Its place among the fields is not promised.
//!
//! A delta does not show everything. Of a document on its way it knows that it is there, not what else is in it; so
//!
//! * elements with which the server fills a gap (`a.6` set on three elements) are not judged: they are `null`;
//! * an update that 4.4 logs as operators may itself make the documents on its way. Required fields that these lack are not noticed. Where one of
//!   them would have to be filled in, the record is [`Unclear`](crate::Unclear);
//! * an element that 4.4 logs as removed is judged as the `null` that it becomes, even if it should be a field with a number for a name.
//!
//! A schema with nothing to do is none ([`Schemas::for_namespace`]), and costs one look-up that the caller keeps.

mod compile;
mod defaults;
mod delta;
mod document;
mod drift;
mod judge;
mod kinds;
mod node;
mod number;
mod parse;
mod reading;
mod spelling;

#[cfg(test)]
mod tests;

pub use self::{
    compile::{Conflict, Schemas},
    delta::JudgedDelta,
    document::Judged,
    drift::{Deed, Drift, Sort, Tally},
};

use self::node::{Places, Policies};

/// A declared schema with its policies.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Where it stands in the configuration.
    at: String,
    places: Places,
    policies: Policies,
}

impl Declared {
    /// Where it stands in the configuration: `schemas[0]`.
    #[must_use]
    pub fn at(&self) -> &str {
        &self.at
    }
}
