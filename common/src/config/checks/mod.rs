//! What only the meaning of the configuration can tell is wrong, once every value has its type.
//!
//! Each check is pure and goes on after a problem. None of them repeats a connection string or an option's value.

mod kafka;
mod librdkafka;
mod map;
mod mongodb;
mod namespaces;
mod rules;
mod schemas;
mod uri;

pub(super) use librdkafka::REFUSED as REFUSED_BY_LIBRDKAFKA;
pub(super) use mongodb::REFUSED as REFUSED_IN_URIS;
pub(super) use uri::masked;

use super::{Config, Problem, Role, types::HistoryLost};
use crate::telemetry::log::check_filter;

/// Every problem of the configuration for a process in `role`.
pub(super) fn all(role: Role, config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    ends(role, config, &mut problems);
    kafka::check(&config.kafka, &mut problems);
    librdkafka::check(&config.kafka.options, &mut problems);
    namespaces::check(&config.namespaces, &mut problems);
    rules::check(&config.rules, &config.namespaces, &mut problems);
    rules::images(&config.images, &config.namespaces, &mut problems);
    rules::mask_key(role, config, &mut problems);
    schemas::check(&config.schemas, &mut problems);
    map::check(config, &mut problems);
    telemetry(config, &mut problems);
    problems
}

/// Both ends are checked where they are given; only the role's own must be.
fn ends(role: Role, config: &Config, problems: &mut Vec<Problem>) {
    let ends = [
        (Role::Producer, "source", &config.source.uri, &config.source.uri_file),
        (Role::Worker, "target", &config.target.uri, &config.target.uri_file),
    ];
    for (needed_by, end, uri, file) in ends {
        let path = format!("{end}.uri");
        match (uri.as_ref().filter(|uri| !uri.expose().is_empty()), file) {
            (Some(_), Some(_)) if needed_by != role => {
                problems.push(Problem::new(format!("{end}.uri_file"), "give either `uri` or `uri_file`"));
            }
            (Some(uri), _) => mongodb::check(&path, uri, problems),
            (None, None) if end == "source" && !config.source.slices.is_empty() => {}
            (None, None) if needed_by == role => problems.push(Problem::new(&path, missing(role, end))),
            (None, _) => {}
        }
    }
    slices(role, config, problems);
}

/// Several sources: each with a name and a connection string of its own.
fn slices(role: Role, config: &Config, problems: &mut Vec<Problem>) {
    let source = &config.source;
    if !source.slices.is_empty() && (source.uri.is_some() || source.uri_file.is_some()) {
        problems.push(Problem::new("source.slices", "give either one `source.uri` or `source.slices`"));
    }
    if source.slices.len() > 1 && config.producer.history_lost == HistoryLost::Resnapshot {
        let reason = "`resnapshot` is for one source: what is gone from one of several may be another's";
        problems.push(Problem::new("producer.history_lost", reason));
    }
    for (i, slice) in source.slices.iter().enumerate() {
        let path = format!("source.slices[{i}]");
        if source.slices[..i].iter().any(|other| other.name == slice.name) {
            problems.push(Problem::new(format!("{path}.name"), "another slice has this name"));
        }
        match (&slice.uri, &slice.uri_file) {
            (Some(uri), _) => mongodb::check(&format!("{path}.uri"), uri, problems),
            (None, None) if role == Role::Producer => {
                problems.push(Problem::new(format!("{path}.uri"), "missing; give `uri` or `uri_file`"));
            }
            (None, _) => {}
        }
    }
}

fn missing(role: Role, end: &str) -> String {
    let variable = format!("OPLOGUE_{}__URI", end.to_uppercase());
    format!(
        "missing, and the {role} needs it; set it or `uri_file` in the file, {variable}, or --{end}-uri-file"
    )
}

fn telemetry(config: &Config, problems: &mut Vec<Problem>) {
    if let Err(reason) = check_filter(&config.telemetry.log) {
        let reason = format!("is not a log filter ({reason}); write it as in info,producer=debug");
        problems.push(Problem::new("telemetry.log", reason));
    }
}
