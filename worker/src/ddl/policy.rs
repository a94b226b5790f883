//! What a barrier asks for here: by the configuration's policy, its namespaces and its names. Pure.

use std::collections::BTreeSet;

use common::{
    config::{
        Config,
        types::{Ddl, DdlPolicy},
    },
    error::{Error, Kind, Result},
    mapping::Mapping,
    namespace::{Filter, Namespace, Pattern},
};

use super::{
    deed::Deed,
    indexes::Work,
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
    /// Namespaces with field rules: what their indexes are about may have another name, or be no more.
    shaped: Vec<Pattern>,
}

/// The setting about indexes.
const INDEXES: &str = "indexes";

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
        let shaped = config.rules.iter().filter_map(|rules| rules.namespace.parse().ok()).collect();
        Self { ddl, filter, mapping, topics: config.worker.topics.iter().cloned().collect(), shaped }
    }

    /// What a marker asks for. Of one whose second name is not carried only the places in the first name's topic are left.
    ///
    /// # Errors
    /// Misconfigured where the policy is to stop, or the barrier cannot be carried out with these settings.
    pub(super) fn wanted(&self, marker: &mut Marker) -> Result<Wanted> {
        let (deed, what) = self.deed(&marker.change)?;
        let ns = marker.ns().clone();
        if !self.filter.carries(&ns) {
            return match deed {
                Deed::Rename { .. } => {
                    let why = "its new name is carried and its old one is not; producer and workers want the same `namespaces`";
                    Err(refused(marker, why))
                }
                _ => Ok(Wanted::Nothing),
            };
        }
        match self.policy(what) {
            DdlPolicy::Ignore => return Ok(Wanted::Ignore),
            DdlPolicy::Fail => {
                let operation = marker.operation();
                let context = format!(
                    "`{operation}` of {ns} is not applied: its policy is `fail`. Carry it out on the target, then set worker.ddl.{what} to `ignore`"
                );
                return Err(Error::new(Kind::Misconfigured, context));
            }
            DdlPolicy::Apply => {}
        }
        if what == INDEXES && self.shaped.iter().any(|pattern| pattern.matches(&ns)) {
            return Ok(Wanted::Ignore);
        }
        if !matches!(deed, Deed::Rename { .. }) {
            let first = marker.places[0].topic.clone();
            marker.places.retain(|place| place.topic == first);
            if marker.number >= marker.places.len() {
                return Ok(Wanted::Nothing);
            }
        }
        let is_unread = |topic: &str| !self.topics.is_empty() && !self.topics.contains(topic);
        match marker.places.iter().find(|place| is_unread(&place.topic)) {
            Some(place) => {
                let why = format!("worker.topics leaves out {}, which it stands in, too", place.topic);
                Err(refused(marker, &why))
            }
            None => Ok(Wanted::Apply(deed)),
        }
    }

    /// What is to be done, and which setting says whether it is.
    fn deed(&self, change: &Change) -> Result<(Deed, &'static str)> {
        Ok(match change {
            Change::Drop(ns) => (Deed::Drop(self.name(ns)?), "drop"),
            Change::Rename { from, to, replaces } if self.filter.carries(to) => {
                let (from, to) = (self.name(from)?, self.name(to)?);
                (Deed::Rename { from, to, replaces: *replaces }, "rename")
            }
            // Out of what is carried, it is gone.
            Change::Rename { from, .. } => (Deed::Drop(self.name(from)?), "drop"),
            Change::CreateIndexes(ns, indexes) => {
                (Deed::Indexes(self.name(ns)?, Work::create(indexes)), INDEXES)
            }
            Change::DropIndexes(ns, names) => (Deed::Indexes(self.name(ns)?, Work::drop(names)), INDEXES),
            Change::ModifyIndex(ns, index) => (Deed::Indexes(self.name(ns)?, Work::modify(index)), INDEXES),
        })
    }

    fn policy(&self, what: &str) -> DdlPolicy {
        match what {
            "drop" => self.ddl.drop,
            "rename" => self.ddl.rename,
            _ => self.ddl.indexes,
        }
    }

    fn name(&self, ns: &Namespace) -> Result<Namespace> {
        targets::name(&self.mapping, ns)
    }
}

fn refused(marker: &Marker, why: &str) -> Error {
    let context = format!("`{}` of {} cannot be applied: {why}", marker.operation(), marker.ns());
    Error::new(Kind::Misconfigured, context)
}
