//! Random documents and random updates of them, as users write them. Each test file uses its part.

#![allow(dead_code)]

pub(crate) mod declared;
pub(crate) mod documents;
pub(crate) mod pipelines;
pub(crate) mod rng;
pub(crate) mod rules;
pub(crate) mod updates;
