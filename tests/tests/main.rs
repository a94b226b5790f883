//! The real binaries against real services.
//!
//! One file for each promise to the user. Every test has a pipeline of its own (databases, topics, processes); the
//! services are shared. Data is written in two phases, before the snapshot and while streaming, then everything is
//! compared.

mod capped;
mod cli;
mod collections;
mod configuration;
mod copied;
mod databases;
mod ddl;
mod ddl_options;
mod drift;
mod filtered;
mod filters;
mod ids;
mod interop;
mod kills;
mod letters;
mod lost_history;
mod main_job;
mod memory;
mod names;
mod namespaces;
mod older_sources;
mod outages;
mod parts;
mod peers;
mod places;
mod poison;
mod reconcile;
mod refusals;
mod repairs;
mod requests;
mod reshape;
mod schema;
mod shaping;
mod snapshots;
mod standby;
mod starts;
mod transactions;
mod types;
mod unique;
