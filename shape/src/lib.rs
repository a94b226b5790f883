//! Field rules: which parts of a document may reach the target, and as what.
//!
//! Owns the meaning of `allow`, `deny`, `rename` and `mask`; the same rules hold for whole documents ([`Shaper::document`]: inserts,
//! replacements, snapshot rows, pre-images) and for every path of a delta ([`Shaper::delta`]), so that a denied field
//! reaches the target by no road. It must not touch `_id`, decide about namespaces, or look at the target.
//!
//! # The law
//!
//! ```text
//!        document ── shape ──▸ shaped document
//!           │                         │
//!         delta               shaped delta (what the target is sent)
//!           ▼                         ▼
//!        document' ── shape ─▸ shaped document'      both ways round give the same bytes
//! ```
//!
//! A shaper sees one side of that square at a time: it shapes a delta without the document, and a document without its
//! history. Six rules follow.
//!
//! 1. **Places stay.** What stands on the way to a deeper allowed path but cannot hold it (a number under
//!    `items.price`) becomes `null`; it is not left out. An array element must stay so that `items.3` keeps its meaning
//!    (MongoDB's own projection drops such elements and shifts the rest), and a field must stay so that it keeps its
//!    place when an update makes a document of it. That a field exists is known anyway once it holds a document: `{}`.
//! 2. **Numbers are transparent.** A name that can be an array index is passed over when it matches nothing by itself,
//!    in arrays *and* in documents below the root, for `items.0.price` does not say which of the two `items` is.
//!    A numeric part of a rule matches that position or that name, and what applies to `items` still applies there.
//!    For the same reason a denied numeric name leaves `null` in its place.
//! 3. **Dots are dots.** A field whose name holds dots is matched as the path it spells, for before 6.1 a delta's `a.b`
//!    may be either. A rule that means the name alone writes `a\.b`; it wins for that name, and a delta that leaves
//!    open which one is meant is [`Unclear`] (the caller asks for the document itself).
//!
//! 4. **A new name is a name, not a place.** A field stays in its document and between its neighbours; only one component of its
//!    paths changes. Moving it elsewhere could not be done to a delta: where the place it goes to is in another document, the
//!    delta does not tell whether that document is there, nor what else is set in it.
//! 5. **A new name is taken.** A field that has it at the source is refused with its record ([`Unclear::Taken`]) wherever it shows,
//!    even alone, for a delta does not tell what stands beside it ([`names`]). Rules that deny it or rename it settle that.
//! 6. **Masks are of values, not of containers.** The digest of an array could not be brought up to date by a delta that changes one
//!    element. So `hash` and `truncate` mask each value in it and keep the shape, and `redact` makes the whole the same
//!    text whatever is in it. Null stays null ([`mask`]).
//!
//! One exception: 4.4 logs `a.b: 1` also where the update makes `a`. If `b` does not pass, nothing says that `a` (or an element beyond the
//! end of an array) has come to be, and the shaped document lacks an empty document until something in it passes. (Where `a` is
//! redacted, the delta says so in its place.)
//!
//! Rules are compiled once ([`Rules::compile`]) into one small automaton per namespace pattern; a namespace without rules has
//! no [`Shaper`] and costs one lookup, which the caller keeps.

mod build;
mod compile;
mod contradictions;
pub mod declared;
mod delta;
mod document;
mod filter;
mod machine;
mod mask;
mod names;
pub mod path;
mod rule_path;
mod rules;
mod tree;
mod way;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use compile::Problem;
pub use delta::{Delta, Shaped, Unclear};
pub use filter::{Predicate, Verdict};
pub use rule_path::{Component, Path, PathError};
pub use rules::{Conflict, Rule, Rules};

use machine::Machine;
use mask::Key;

/// What one set of field rules does to documents and deltas.
#[derive(Debug, Clone)]
pub struct Shaper {
    machine: Machine,
    /// There where a rule masks with digests.
    key: Option<Key>,
}
