//! What a barrier asks for here: by the configuration's policy, its namespaces and its names. Pure.

use std::collections::BTreeSet;

use bson::Document;
use common::{
    config::{
        Config,
        types::{Ddl, DdlPolicy, OtherDdl},
    },
    error::{Error, Kind, Result},
    mapping::Mapping,
    namespace::{ByPattern, Filter, Namespace},
};
use shape::{Rules, Shaper};

use super::{
    deed::Deed,
    definition::Definition,
    marker::{Change, Marker},
    options,
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
    /// Field rules: what an index is about may have another name, or be no more.
    rules: Rules,
    /// Document filters by pattern: names that differ in them hold other documents.
    filters: ByPattern<Option<String>>,
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
    /// What the configuration says; `rules` are its field rules.
    pub(crate) fn new(config: &Config, rules: Rules) -> Self {
        let (ddl, filter, mapping) = (config.worker.ddl.clone(), config.filter(), config.mapping());
        let filters = config
            .rules
            .iter()
            .filter_map(|rules| Some((rules.namespace.parse().ok()?, rules.filter.clone())));
        let filters = ByPattern::new(filters);
        Self { ddl, filter, mapping, topics: config.worker.topics.iter().cloned().collect(), rules, filters }
    }

    /// What a marker asks for. Of one whose second name is not carried only the places in the first name's topic are left.
    ///
    /// # Errors
    /// Misconfigured where the policy is to stop, or the barrier cannot be carried out with these settings.
    pub(super) fn wanted(&self, marker: &mut Marker) -> Result<Wanted> {
        let (deed, what) = self.deed(&marker.change, marker.is_read)?;
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
        if let (Deed::Rename { .. }, Change::Rename { from, to, .. }) = (&deed, &marker.change)
            && self.carries_other_documents(from, to)
        {
            let why = "its two names have different filters, so that the target holds other documents than it should under the new one. Carry it \
                       out on the target, set worker.ddl.rename to `ignore`, and have the new name copied by a snapshot that reconciles";
            return Err(refused(marker, why));
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

    /// Whether the filters of two names differ.
    fn carries_other_documents(&self, from: &Namespace, to: &Namespace) -> bool {
        let filter = |ns: &Namespace| self.filters.first(ns).and_then(Option::as_deref);
        filter(from) != filter(to)
    }

    /// What is to be done, and which setting says whether it is.
    fn deed(&self, change: &Change, is_read: bool) -> Result<(Deed, &'static str)> {
        Ok(match change {
            Change::Drop(ns) => (Deed::Drop(self.name(ns)?), "drop"),
            Change::Rename { from, to, replaces } if self.filter.carries(to) => {
                let (from, to) = (self.name(from)?, self.name(to)?);
                (Deed::Rename { from, to, replaces: *replaces }, "rename")
            }
            // Out of what is carried, it is gone.
            Change::Rename { from, .. } => (Deed::Drop(self.name(from)?), "drop"),
            Change::CreateIndexes(ns, indexes) => {
                let definition = Definition::create_indexes(indexes, self.shaper(ns)?);
                self.define(ns, Definition { may_not_fit: is_read, ..definition }, INDEXES)?
            }
            Change::DropIndexes(ns, names) => self.define(ns, Definition::drop_indexes(names), INDEXES)?,
            Change::Create { ns, options, is_certain } => {
                let definition = options::create(options, self.shaper(ns)?.is_some());
                let insists = *is_certain && self.ddl.differing == OtherDdl::Fail;
                self.define(ns, Definition { insists, ..definition }, "create")?
            }
            Change::Modify(ns, changed) => self.modify(ns, changed)?,
        })
    }

    fn define(
        &self,
        ns: &Namespace,
        definition: Definition,
        what: &'static str,
    ) -> Result<(Deed, &'static str)> {
        Ok((Deed::Define(self.name(ns)?, Box::new(definition)), what))
    }

    /// One `modify` may be about an index and about options, each of which has a setting. The stricter one is told.
    fn modify(&self, ns: &Namespace, changed: &Document) -> Result<(Deed, &'static str)> {
        let index = changed.get_document("index").ok();
        let mut options = changed.clone();
        options.remove("index");
        let what = match (index.is_some(), options.is_empty()) {
            (true, true) => INDEXES,
            (false, _) => "modify",
            (true, false) if self.ddl.indexes == DdlPolicy::Fail => INDEXES,
            (true, false) if self.ddl.modify == DdlPolicy::Ignore => {
                options.clear();
                INDEXES
            }
            (true, false) => "modify",
        };
        let is_shaped = self.shaper(ns)?.is_some();
        // Of one that is known by its keys alone nobody knows what it is called here.
        let is_known = |index: &&Document| !is_shaped || index.contains_key("name");
        let index = index.filter(is_known).filter(|_| self.ddl.indexes != DdlPolicy::Ignore);
        self.define(ns, options::modify(&options, is_shaped).with_index(index), what)
    }

    fn shaper(&self, ns: &Namespace) -> Result<Option<&Shaper>> {
        let found = self.rules.for_namespace(ns);
        found.map_err(|conflict| Error::new(Kind::Misconfigured, conflict.to_string()))
    }

    fn policy(&self, what: &str) -> DdlPolicy {
        match what {
            "drop" => self.ddl.drop,
            "rename" => self.ddl.rename,
            "create" => self.ddl.create,
            "modify" => self.ddl.modify,
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

#[cfg(test)]
mod tests {
    use bson::doc;
    use serde_json::{Value, json};

    use super::*;
    use crate::{checkpoint::Origin, consume::intake::Partition};

    fn policy(more: &Value) -> Policy {
        let mut config = json!({
            "pipeline": "p", "kafka": {"brokers": "k:1"}, "namespaces": {"include": ["d.*"], "exclude": ["d.hidden"]},
            "map": [{"from": "d.*", "to": "e.*"}],
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let config: Config = serde_json::from_value(config).unwrap();
        let rules = Rules::compile(&config.rules, None).unwrap();
        Policy::new(&config, rules)
    }

    /// The second record of a barrier over two partitions of d.a and one of d.b.
    fn marker(change: Change) -> Marker {
        let place = |(topic, number): (&str, i32)| Partition { topic: topic.into(), number };
        Marker {
            barrier: Origin { slice: "rs0".to_owned(), epoch: 0, number: 7 },
            number: 1,
            places: [("d.a", 0), ("d.a", 1), ("d.b", 0)].map(place).into(),
            offset: 5,
            sequence: String::new(),
            change,
            is_read: false,
            cluster_time: None,
        }
    }

    fn ns(coll: &str) -> Namespace {
        Namespace::new("d", coll)
    }

    fn rename(from: &str, to: &str) -> Change {
        Change::Rename { from: ns(from), to: ns(to), replaces: None }
    }

    fn wanted(policy: &Policy, change: Change) -> Result<(Wanted, usize)> {
        let mut marker = marker(change);
        policy.wanted(&mut marker).map(|wanted| (wanted, marker.places.len()))
    }

    #[test]
    fn a_rename_out_of_what_is_carried_is_a_drop_of_the_first_topic_alone() {
        let policy = policy(&json!({}));
        let dropped = Wanted::Apply(Deed::Drop(Namespace::new("e", "a")));
        assert_eq!(wanted(&policy, Change::Drop(ns("a"))).unwrap(), (dropped.clone(), 2));
        assert_eq!(wanted(&policy, rename("a", "hidden")).unwrap(), (dropped, 2));
        let (from, to) = (Namespace::new("e", "a"), Namespace::new("e", "b"));
        let renamed = Wanted::Apply(Deed::Rename { from, to, replaces: None });
        assert_eq!(wanted(&policy, rename("a", "b")).unwrap(), (renamed, 3));
        assert_eq!(wanted(&policy, Change::Drop(ns("hidden"))).unwrap().0, Wanted::Nothing);
        assert_eq!(wanted(&policy, rename("hidden", "b")).unwrap_err().kind, Kind::Misconfigured);
    }

    #[test]
    fn each_kind_has_its_setting_and_indexes_are_of_what_passes() {
        let kinds =
            policy(&json!({"worker": {"ddl": {"drop": "ignore", "rename": "fail", "indexes": "apply"}},
            "rules": [{"namespace": "d.shaped", "deny": ["x"]}]}));
        assert_eq!(wanted(&kinds, Change::Drop(ns("a"))).unwrap().0, Wanted::Ignore);
        assert_eq!(wanted(&kinds, rename("a", "hidden")).unwrap().0, Wanted::Ignore);
        let error = wanted(&kinds, rename("a", "b")).unwrap_err();
        assert!(error.context.contains("worker.ddl.rename") && error.context.contains("d.a"), "{error}");
        let drops = |coll| Change::DropIndexes(ns(coll), vec!["i".to_owned()]);
        assert!(matches!(wanted(&kinds, drops("a")).unwrap().0, Wanted::Apply(Deed::Define(..))));
        let makes = |key: Document| {
            let change = Change::CreateIndexes(ns("shaped"), vec![doc! {"key": key, "name": "i"}]);
            match wanted(&kinds, change).unwrap().0 {
                Wanted::Apply(Deed::Define(_, definition)) => (definition.works.len(), definition.left_out),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(makes(doc! {"y": 1}), (1, Vec::new()));
        assert_eq!(makes(doc! {"x": 1}), (0, vec!["index i".to_owned()]));
    }

    #[test]
    fn only_what_is_certain_is_insisted_on() {
        let insists = |settings: &Value, is_certain| {
            let change = Change::Create { ns: ns("a"), options: Document::new(), is_certain };
            match wanted(&policy(settings), change).unwrap().0 {
                Wanted::Apply(Deed::Define(_, definition)) => definition.insists,
                other => panic!("{other:?}"),
            }
        };
        let ignores = json!({"worker": {"ddl": {"differing": "ignore"}}});
        assert!(insists(&json!({}), true) && !insists(&json!({}), false) && !insists(&ignores, true));
    }

    #[test]
    fn a_rename_between_names_of_different_filters_is_refused() {
        let filtered = policy(
            &json!({"rules": [{"namespace": "d.a", "filter": "{\"x\": 1}"}, {"namespace": "d.b", "deny": ["x"]}]}),
        );
        let error = wanted(&filtered, rename("a", "b")).unwrap_err();
        assert!(error.context.contains("different filters"), "{error}");
        assert!(wanted(&filtered, rename("b", "c")).is_ok());
        assert!(wanted(&filtered, rename("a", "hidden")).is_ok());
    }

    #[test]
    fn topics_that_are_named_have_to_be_all_of_a_barrier() {
        let some = policy(&json!({"worker": {"topics": ["d.a"]}}));
        assert!(wanted(&some, Change::Drop(ns("a"))).is_ok());
        let error = wanted(&some, rename("a", "b")).unwrap_err();
        assert!(error.context.contains("worker.topics leaves out d.b"), "{error}");
    }
}
