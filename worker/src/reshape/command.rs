//! `worker rules`: which namespaces hold documents shaped by former rules; and asking for the snapshots that bring them in line.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    time::Duration,
};

use common::{
    cli::RulesOrder,
    config::Config,
    control::{PARTITION, Request, RequestState},
    error::{Error, Kind, Result},
    kafka::{admin::Admin, ledger, request as requests},
    namespace::Namespace,
    position::{TOPIC_PREFIX, Topic},
    topics::Topics,
};

use super::{
    digest,
    ledger::{Ledger, Standing, View},
    refused,
};
use crate::columns::columns;

/// How long the control topic may take to be read.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// Does what is asked for. Blocks.
///
/// # Errors
/// [`Kind::Misconfigured`] for a namespace that is not there or a snapshot that the producer refuses; transient when the brokers do not
/// answer.
pub fn carry_out(config: &Config, order: &RulesOrder, out: &mut impl Write) -> Result<()> {
    let control = Topics::new(&config.kafka.topic_prefix, &config.pipeline).control();
    let ledger = read(config, &control)?;
    match order {
        RulesOrder::Show { is_json } => {
            show(&ledger.view(), *is_json).iter().for_each(|line| drop(writeln!(out, "{line}")));
            Ok(())
        }
        RulesOrder::Resnapshot { namespaces, detach } => {
            let asked = ask(config, &control, &ledger, namespaces, out)?;
            if *detach || asked.is_empty() { Ok(()) } else { follow(config, &control, &asked, out) }
        }
    }
}

fn read(config: &Config, control: &str) -> Result<Ledger> {
    if Admin::new(&config.kafka, "oplogue-worker").partitions(control)?.is_none() {
        return Err(refused(format!("topic {control} is not there: no producer of this pipeline has run")));
    }
    let (filter, mut ledger) = (config.filter(), Ledger::new(&config.slice_names()));
    for (key, value) in ledger::read(&config.kafka, control, PARTITION, READ_WITHIN)? {
        if key.starts_with(TOPIC_PREFIX) {
            let topic: Topic = serde_json::from_slice(&value)
                .map_err(|error| Error::caused(Kind::Invariant, format!("{key} cannot be read"), error))?;
            if filter.carries(&topic.ns) {
                let rules = digest::of(config, &topic.ns)?;
                ledger.carries(topic.ns, rules);
            }
        } else {
            ledger.note(&key, Some(&value));
        }
    }
    Ok(ledger)
}

fn show(views: &[View], is_json: bool) -> Vec<String> {
    if is_json {
        return views.iter().filter_map(|view| serde_json::to_string(view).ok()).collect();
    }
    let cells = |view: &View| {
        let shaped = view.shaped_by.clone().unwrap_or_else(|| "-".to_owned());
        [view.namespace.to_string(), standing(view), view.rules.clone(), shaped]
    };
    columns(["NAMESPACE", "STANDING", "RULES", "DOCUMENTS SHAPED BY"], views.iter().map(cells).collect())
}

fn standing(view: &View) -> String {
    match view.standing {
        Standing::InForce => "in force".to_owned(),
        Standing::Affected => "affected: to be copied again".to_owned(),
        Standing::Asked => "a snapshot is asked for".to_owned(),
        Standing::Copying => format!("copying, {} documents", view.documents),
    }
}

/// Asks for the snapshots of what is affected and has none under way; the keys of the requests.
fn ask(
    config: &Config,
    control: &str,
    ledger: &Ledger,
    namespaces: &BTreeSet<Namespace>,
    out: &mut impl Write,
) -> Result<Vec<String>> {
    let views = ledger.view();
    let known: BTreeSet<_> = views.iter().map(|view| &view.namespace).collect();
    if let Some(unknown) = namespaces.iter().find(|ns| !known.contains(ns)) {
        return Err(refused(format!("{unknown} is not carried by this pipeline, or has no topic yet")));
    }
    let mut wanted = BTreeMap::new();
    for view in views {
        let View { namespace: ns, standing, rules, .. } = view;
        let is_named = namespaces.is_empty() || namespaces.contains(&ns);
        if !is_named || standing != Standing::Affected {
            continue;
        }
        for slice in ledger.slices_of(&ns) {
            // One id each: they are what requests are known by.
            let key = Request::key(slice, &format!("{}-{}", requests::id(), wanted.len()));
            drop(writeln!(out, "asked for a snapshot of {ns} ({key})"));
            wanted.insert(key, Request { rules: Some(rules.clone()), ..Request::of(ns.clone()) });
        }
    }
    if wanted.is_empty() {
        drop(writeln!(out, "nothing is to be copied again"));
    } else {
        requests::write(&config.kafka, control, &wanted)?;
    }
    Ok(wanted.into_keys().collect())
}

fn follow(config: &Config, control: &str, keys: &[String], out: &mut impl Write) -> Result<()> {
    let ended = requests::follow(&config.kafka, control, keys, None, |_, request| {
        let Request { ns, documents, .. } = request;
        match request.state {
            RequestState::Copying | RequestState::Sweeping => {
                drop(writeln!(out, "{ns}: {documents} documents"))
            }
            RequestState::Done => drop(writeln!(
                out,
                "{ns}: done, {documents} documents; in line once the workers have applied them"
            )),
            RequestState::Asked | RequestState::Refused => {}
        }
    })?;
    let refusals: Vec<_> =
        ended.values().flatten().filter(|request| request.state == RequestState::Refused).collect();
    match refusals.as_slice() {
        [] => Ok(()),
        [Request { ns, reason, .. }, ..] => {
            Err(refused(format!("{ns}: {}", reason.clone().unwrap_or_default())))
        }
    }
}
