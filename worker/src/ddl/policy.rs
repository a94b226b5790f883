//! What a barrier asks for here: by the configuration's policy, its namespaces and its names. Pure.

use std::collections::BTreeSet;

use common::{
    config::{
        Config,
        types::{Ddl, DdlPolicy},
    },
    error::{Error, Kind, Result},
    mapping::Mapping,
    namespace::{Filter, Namespace},
};

use super::{
    deed::Deed,
    marker::{Change, Marker},
};
use crate::targets;

/// What the configuration says.
#[derive(Debug)]
pub(crate) struct Policy {
    ddl: Ddl,
    filter: Filter,
    mapping: Mapping,
    /// The topics that are read, where they are named.
    topics: BTreeSet<String>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Apply(Deed),
    /// Passed over, with a warning.
    Ignore,
    /// None of our business.
    Nothing,
}

impl Policy {
    pub(crate) fn new(config: &Config) -> Self {
        let (ddl, filter, mapping) = (config.worker.ddl.clone(), config.filter(), config.mapping());
        Self { ddl, filter, mapping, topics: config.worker.topics.iter().cloned().collect() }
    }

    /// What a marker asks for. Of one whose second name is not carried only the places in the first name's topic are left.
    ///
    /// # Errors
    /// Misconfigured where the policy is to stop, or the barrier cannot be carried out with these settings.
    pub(super) fn wanted(&self, marker: &mut Marker) -> Result<Wanted> {
        let (ns, deed, what) = match &marker.change {
            Change::Drop(ns) => (ns, Deed::Drop(self.name(ns)?), "drop"),
            Change::Rename { from, to, replaces } if self.filter.carries(to) => {
                let (target, onto, replaces) = (self.name(from)?, self.name(to)?, *replaces);
                (from, Deed::Rename { from: target, to: onto, replaces }, "rename")
            }
            // Out of what is carried, it is gone.
            Change::Rename { from, .. } => (from, Deed::Drop(self.name(from)?), "drop"),
        };
        if !self.filter.carries(ns) {
            return match deed {
                Deed::Drop(_) => Ok(Wanted::Nothing),
                Deed::Rename { .. } => {
                    let why = "its new name is carried and its old one is not; producer and workers want the same `namespaces`";
                    Err(refused(marker, ns, why))
                }
            };
        }
        let policy = if what == "drop" { self.ddl.drop } else { self.ddl.rename };
        let ns = ns.clone();
        match policy {
            DdlPolicy::Ignore => return Ok(Wanted::Ignore),
            DdlPolicy::Fail => {
                let context = format!(
                    "`{what}` of {ns} is not applied: its policy is `fail`. Carry it out on the target, then set worker.ddl.{what} to `ignore`"
                );
                return Err(Error::new(Kind::Misconfigured, context));
            }
            DdlPolicy::Apply => {}
        }
        if what == "drop" {
            let first = marker.places[0].topic.clone();
            marker.places.retain(|place| place.topic == first);
            if marker.number >= marker.places.len() {
                return Ok(Wanted::Nothing);
            }
        }
        let unread = marker
            .places
            .iter()
            .find(|place| !self.topics.is_empty() && !self.topics.contains(&*place.topic));
        match unread {
            Some(place) => {
                let why = format!("worker.topics leaves out {}, which it stands in, too", place.topic);
                Err(refused(marker, &ns, &why))
            }
            None => Ok(Wanted::Apply(deed)),
        }
    }

    fn name(&self, ns: &Namespace) -> Result<Namespace> {
        targets::name(&self.mapping, ns)
    }
}

fn refused(marker: &Marker, ns: &Namespace, why: &str) -> Error {
    let context = format!("`{}` of {ns} cannot be applied: {why}", marker.operation());
    Error::new(Kind::Misconfigured, context)
}
