//! Barriers: drops, renames, what makes and changes collections and indexes; carried out once all partitions that they stand in have come to them.
//!
//! ```text
//!            producer                     worker 1              worker 2
//!   t[0]  ──a──b──▮20──e──         t[0] stands at 20      t[1] stands at 20      at: {barrier 20} in each partition's document
//!   t[1]  ──c──▮21──f──g──              │                      │
//!                                       ▼ all stand            │ waits
//!                                  intent {uuid}  ─▸ drop ─▸ done                in the first partition's document
//!                                       │                      ▼
//!                                       │ waits           goes on at f           at: none
//!                                       ▼ nobody stands
//!                                  goes on at e
//! ```
//!
//! The partitions' documents at the target are all there is of a barrier: where each stands, what is about to be done, whether it is done. Each statement
//! about them compares where the document stands and whose it is, so any worker may die or be replaced at any moment, and whoever owns a
//! partition next goes on from what stands there. Why that is exact: `docs/adr/0009-barriers-stand-in-every-partition.md`.
//!
//! Owns what is done at barriers. It must not touch a lane that is not at one. Guards: nothing that came before the change at the source is applied
//! after it, nothing that came after it before, and it is carried out on the collection that it was meant for and on no other.

mod collation;
mod deed;
mod define;
mod definition;
mod indexes;
mod judge;
mod marker;
mod notes;
mod options;
mod policy;
mod restore;
mod stage;
mod step;
mod translated;
mod work;

pub(crate) use policy::Policy;
pub use restore::restore;
pub(crate) use stage::Barriers;
