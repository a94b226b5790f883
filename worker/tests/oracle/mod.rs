//! Random documents and random updates of them, as users write them.

pub(crate) mod documents;
pub(crate) mod pipelines;
pub(crate) mod rng;
pub(crate) mod rules;
pub(crate) mod updates;
