//! Shard keys of the target's collections, and field rules that take them away.
//!
//! A sharded collection puts each document where its shard key says. Documents without it all go to one place, and those of a renamed or masked one
//! where nobody meant them to. So rules that do that are errors of the configuration, told by whoever knows both. Reads the cluster's catalogue and
//! nothing else of it; never tried on a sharded cluster, for none is at hand.

use std::sync::Arc;

use bson::{Document, doc};
use common::{
    config::{Config, Problem},
    error::{Error, Kind, Result},
    mongo::{self, Server},
    namespace::{ByPattern, Namespace},
};
use futures_util::TryStreamExt as _;
use mongodb::Client;
use shape::{Place, Rules, Shaper};

use crate::{batch, targets};

/// A collection of the target and the paths that it is sharded by, both by the target's names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ShardKey {
    ns: Namespace,
    paths: Vec<String>,
}

/// The shard keys and the rules. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ShardKeys {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    rules: Rules,
    /// Where each pattern stands among the rules.
    places: ByPattern<usize>,
    keys: Vec<ShardKey>,
}

impl ShardKeys {
    /// Reads the shard keys, where there are any.
    ///
    /// # Errors
    /// Transient when the target does not answer; misconfigured for rules that take a shard key away.
    pub(crate) async fn read(config: &Config, client: &Client, server: &Server) -> Result<Self> {
        let keys = match catalogue(client).await {
            Err(error) if error.kind == Kind::Misconfigured => {
                if server.is_sharded {
                    let reason = error.chain();
                    tracing::warn!(reason, "whether field rules leave the target's shard keys is not known");
                }
                Vec::new()
            }
            found => found?.iter().filter_map(shard_key).collect(),
        };
        let keys = Self::new(config, keys)?;
        keys.check_all()?;
        Ok(keys)
    }

    fn new(config: &Config, keys: Vec<ShardKey>) -> Result<Self> {
        let places =
            config.rules.iter().enumerate().filter_map(|(at, rule)| Some((rule.namespace.parse().ok()?, at)));
        let (places, rules) = (ByPattern::new(places), batch::rules(config)?);
        Ok(Self { inner: Arc::new(Inner { config: config.clone(), rules, places, keys }) })
    }

    /// Whether the rules of a namespace leave the shard key that it has at the target.
    ///
    /// # Errors
    /// Misconfigured when they do not.
    pub(crate) fn check(&self, ns: &Namespace) -> Result<()> {
        told(&self.inner.problems(ns)?)
    }

    /// The same of the namespaces that can be told without having seen them: those that keep their names, and those that rules name.
    fn check_all(&self) -> Result<()> {
        let inner = &self.inner;
        let is_name = |pattern: &&str| !pattern.contains('*') && !pattern.starts_with('/');
        let patterns = inner.config.rules.iter().map(|rule| rule.namespace.as_str());
        let named = patterns.filter(is_name).filter_map(|name| name.parse().ok());
        let mut all: Vec<Namespace> = inner.keys.iter().map(|key| key.ns.clone()).chain(named).collect();
        all.sort();
        all.dedup();
        let mut problems = Vec::new();
        for ns in all {
            problems.extend(inner.problems(&ns)?);
        }
        told(&problems)
    }
}

impl Inner {
    fn problems(&self, ns: &Namespace) -> Result<Vec<Problem>> {
        let (filter, mapping) = (self.config.filter(), self.config.mapping());
        if self.keys.is_empty() || !filter.carries(ns) {
            return Ok(Vec::new());
        }
        let target = targets::name(&mapping, ns)?;
        let rule = self.rules.rule(ns);
        let rule = rule.map_err(|conflict| Error::new(Kind::Misconfigured, conflict.to_string()))?;
        let shaper = rule.and_then(|rule| rule.shaper.as_ref());
        let (Some(shaper), Some(at)) = (shaper, self.places.first(ns)) else { return Ok(Vec::new()) };
        let renames = &self.config.rules[*at].rename;
        let paths = self.keys.iter().filter(|key| key.ns == target).flat_map(|key| &key.paths);
        let problem = |path: &String| {
            let reason = taken_away(path, shaper, renames.iter())?;
            Some(Problem::new(
                format!("rules[{at}]"),
                format!("{target} is sharded by `{path}` at the target, {reason}"),
            ))
        };
        Ok(paths.filter_map(problem).collect())
    }
}

fn told(problems: &[Problem]) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
    Err(Error::new(Kind::Misconfigured, lines.join("; ")))
}

/// What the rules do to a field of the target's documents that has to be one of the source's, unchanged; `None` where it is.
fn taken_away<'r>(
    path: &str,
    shaper: &Shaper,
    renames: impl Iterator<Item = (&'r String, &'r String)>,
) -> Option<String> {
    let renames: Vec<_> = renames.collect();
    if sources(path, &renames).iter().any(|source| shaper.place(source) == Place::At(path.to_owned())) {
        return None;
    }
    Some(match shaper.place(path) {
        Place::Gone => "which these rules leave out".to_owned(),
        Place::At(name) => format!("which these rules call `{name}`"),
        Place::Changed => "which these rules change, itself or something in it".to_owned(),
    })
}

/// The paths that a field may have at the source: each name may be one that a rule gives.
fn sources(path: &str, renames: &[(&String, &String)]) -> Vec<String> {
    let mut sources = vec![Vec::<&str>::new()];
    for name in path.split('.') {
        let given = renames.iter().filter(|(_, to)| *to == name);
        let names = given.filter_map(|(from, _)| from.rsplit('.').next()).chain([name]);
        let longer =
            names.flat_map(|name| sources.iter().map(move |source| [source.as_slice(), &[name]].concat()));
        sources = longer.collect();
    }
    sources.iter().map(|source| source.join(".")).collect()
}

/// One entry of the cluster's catalogue.
fn shard_key(entry: &Document) -> Option<ShardKey> {
    let is_gone = entry.get_bool("dropped").unwrap_or(false);
    let ns = entry.get_str("_id").ok()?.parse().ok()?;
    let paths = entry.get_document("key").ok()?.keys().cloned().collect();
    (!is_gone).then_some(ShardKey { ns, paths })
}

/// What a cluster knows of its sharded collections (MongoDB manual, "Config Database"); other deployments have no such collection.
async fn catalogue(client: &Client) -> Result<Vec<Document>> {
    let found = async {
        let collections = client.database("config").collection("collections");
        collections.find(doc! {}).projection(doc! {"key": 1, "dropped": 1}).await?.try_collect().await
    };
    found
        .await
        .map_err(|error| mongo::failed("cannot read the target's shard keys in config.collections", error))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn keys(more: &Value, sharded: &[(&str, Document)]) -> ShardKeys {
        let mut config = json!({"pipeline": "p", "kafka": {"brokers": "k:1"}, "worker": {"mask_key": "key"}});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let entry = |(ns, key): &(&str, Document)| shard_key(&doc! {"_id": *ns, "key": key.clone()}).unwrap();
        ShardKeys::new(&serde_json::from_value(config).unwrap(), sharded.iter().map(entry).collect()).unwrap()
    }

    /// What is said of rules for `d.*`, where the target's `d.c` is sharded by `region` and `at.zip`.
    fn said(rule: &Value) -> Vec<String> {
        let mut rule = rule.clone();
        rule.as_object_mut().unwrap().insert("namespace".to_owned(), "d.*".into());
        let idle = json!({"namespace": "a.a", "deny": ["x"]});
        let keys = keys(&json!({"rules": [idle, rule]}), &[("d.c", doc! {"region": 1, "at.zip": "hashed"})]);
        match keys.check_all() {
            Ok(()) => Vec::new(),
            Err(error) => {
                assert_eq!(error.kind, Kind::Misconfigured);
                error.context.split("; ").map(str::to_owned).collect()
            }
        }
    }

    #[test]
    fn rules_that_take_a_shard_key_away_are_told_with_their_place() {
        let (region, zip) =
            ("d.c is sharded by `region` at the target", "d.c is sharded by `at.zip` at the target");
        for (rule, wanted) in [
            (json!({"allow": ["region", "at"]}), vec![]),
            (json!({"allow": ["at.zip", "region"], "deny": ["at.street"]}), vec![]),
            (json!({"deny": ["regions"]}), vec![]),
            (json!({"allow": ["at"]}), vec![format!("rules[1]: {region}, which these rules leave out")]),
            (json!({"deny": ["at"]}), vec![format!("rules[1]: {zip}, which these rules leave out")]),
            (
                json!({"rename": {"at": "to"}}),
                vec![format!("rules[1]: {zip}, which these rules call `to.zip`")],
            ),
            (
                json!({"mask": {"region": "hash", "at": "redact"}}),
                vec![
                    format!("rules[1]: {region}, which these rules change, itself or something in it"),
                    format!("rules[1]: {zip}, which these rules leave out"),
                ],
            ),
        ] {
            assert_eq!(said(&rule), wanted, "{rule}");
        }
    }

    #[test]
    fn a_shard_key_may_be_a_name_that_rules_give() {
        assert_eq!(said(&json!({"rename": {"area": "region", "place": "at", "place.code": "zip"}})), [""; 0]);
        assert_eq!(said(&json!({"rename": {"area": "region", "region": "area"}})), [""; 0]);
    }

    #[test]
    fn names_are_the_targets_and_only_what_is_carried_counts() {
        let rules = json!([{"namespace": "s.c", "deny": ["k"]}, {"namespace": "s.*", "deny": ["k"]}]);
        let sharded = [("t.c", doc! {"k": 1}), ("t.x", doc! {"k": 1})];
        let map = json!([{"from": "s.*", "to": "t.*"}]);
        let all = keys(&json!({"rules": rules, "map": map}), &sharded);
        let said = all.check_all().unwrap_err().context;
        assert!(said.starts_with("rules[0]: t.c is sharded by `k`") && !said.contains("t.x"), "{said}");
        assert!(all.check(&"s.x".parse().unwrap()).unwrap_err().context.starts_with("rules[1]: t.x"));
        assert!(all.check(&"t.x".parse().unwrap()).is_ok());
        let none = keys(&json!({"rules": rules, "map": map, "namespaces": {"exclude": ["s.*"]}}), &sharded);
        assert!(none.check_all().is_ok() && none.check(&"s.x".parse().unwrap()).is_ok());
    }

    #[test]
    fn entries_of_the_catalogue_that_are_gone_say_nothing() {
        let entry = doc! {"_id": "d.a.b", "key": {"x": 1, "_id": 1}, "unique": false, "dropped": false};
        let wanted =
            ShardKey { ns: Namespace::new("d", "a.b"), paths: vec!["x".to_owned(), "_id".to_owned()] };
        assert_eq!(shard_key(&entry), Some(wanted));
        assert_eq!(shard_key(&doc! {"_id": "d.a", "key": {"x": 1}, "dropped": true}), None);
        assert_eq!(shard_key(&doc! {"_id": "d.a", "dropped": true}), None);
    }
}
