//! The worker's binary against a real Kafka and a real MongoDB.
//!
//! `OPLOGUE_TEST_TARGET_URI` and `OPLOGUE_TEST_BROKERS` say where they are (`scripts/stack`); without them every test fails.
//! Records are made here, as `design.md` section 2 describes them. Each test has its own pipeline, topics and database.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod apply;
mod barriers;
mod capped;
mod crashes;
mod desk;
mod differing;
mod lost;
mod marks;
mod orphans;
mod plain;
mod refuse;
mod restart;
mod schema;
mod share;
mod support;
mod target;
mod unique;
