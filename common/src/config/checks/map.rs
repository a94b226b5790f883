//! What namespaces are called at the target: readable entries, and no two namespaces of one name as far as the configuration
//! names them. The others are refused when they are seen.

use std::collections::BTreeMap;

use super::namespaces::{never_carried, read};
use crate::{
    config::{Config, Problem},
    mapping::{Mapping, Unmapped},
    namespace::{Filter, Namespace, Pattern},
};

/// Checks every entry, and the entries against each other.
pub(super) fn check(config: &Config, problems: &mut Vec<Problem>) {
    let before = problems.len();
    let mut patterns: Vec<Pattern> = Vec::new();
    for (i, entry) in config.map.iter().enumerate() {
        let path = format!("map[{i}]");
        match read(&entry.from) {
            Err(reason) => problems.push(Problem::new(format!("{path}.from"), reason)),
            Ok(from) => {
                problems
                    .extend(never_carried(&from).map(|reason| Problem::new(format!("{path}.from"), reason)));
                if patterns.iter().any(|known| known.to_string() == from.to_string()) {
                    problems
                        .push(Problem::new(format!("{path}.from"), format!("`{from}` has an entry already")));
                }
                patterns.push(from);
                let alone = Mapping::new(std::iter::once((entry.from.as_str(), entry.to.as_str())));
                if let Err((_, key, reason)) = alone {
                    problems.push(Problem::new(format!("{path}.{key}"), reason));
                }
            }
        }
    }
    if problems.len() == before {
        collisions(config, &patterns, problems);
    }
}

/// Named namespaces that would be one at the target.
fn collisions(config: &Config, patterns: &[Pattern], problems: &mut Vec<Problem>) {
    let mapping = config.mapping();
    let mut targets: BTreeMap<Namespace, Namespace> = BTreeMap::new();
    for ns in named(config, patterns) {
        let (at, to) = match mapping.target(&ns) {
            Ok(Some((at, to))) => (at, to),
            Ok(None) => continue,
            Err(unmapped) => {
                let (Unmapped::Twice(_, at, _) | Unmapped::Refused { at, .. }) = &unmapped;
                problems.push(Problem::new(format!("map[{at}]"), unmapped.to_string()));
                continue;
            }
        };
        if let Some(other) = targets.get(&to) {
            let reason = format!("{ns} and {other} would both be {to} at the target");
            problems.push(Problem::new(format!("map[{at}].to"), reason));
        }
        targets.insert(to, ns);
    }
    for ns in named(config, patterns) {
        if let (Ok(None), Some(other)) = (mapping.target(&ns), targets.get(&ns)) {
            let at = mapping.target(other).ok().flatten().map_or(0, |(at, _)| at);
            let reason = format!("{other} would be {ns} at the target, which {ns} itself is");
            problems.push(Problem::new(format!("map[{at}].to"), reason));
        }
    }
}

/// The carried namespaces that the configuration names: entries, includes and rules by full name, and where `db.*` and `*.coll`
/// of two entries cross.
fn named(config: &Config, patterns: &[Pattern]) -> Vec<Namespace> {
    let texts = config.namespaces.include.iter().chain(config.rules.iter().map(|rule| &rule.namespace));
    let others = texts.filter_map(|text| text.parse::<Pattern>().ok()?.exact());
    let own = patterns.iter().filter_map(Pattern::exact);
    let crossings = patterns.iter().enumerate().flat_map(|(i, a)| patterns[..i].iter().map(move |b| (a, b)));
    let crossings = crossings.filter_map(|(a, b)| a.crossing(b));
    let filter = filter(config);
    let mut named: Vec<_> = own.chain(others).chain(crossings).filter(|ns| filter.carries(ns)).collect();
    named.sort();
    named.dedup();
    named
}

/// The filter, of those patterns that can be read.
fn filter(config: &Config) -> Filter {
    let patterns = |texts: &[String]| texts.iter().filter_map(|text| text.parse().ok()).collect();
    Filter::new(patterns(&config.namespaces.include), patterns(&config.namespaces.exclude))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(include: &[&str], map: &[(&str, &str)]) -> Vec<String> {
        let map: Vec<_> = map.iter().map(|(from, to)| json!({"from": from, "to": to})).collect();
        let config = json!({
            "pipeline": "p", "kafka": {"brokers": "k:1"}, "namespaces": {"include": include}, "map": map,
        });
        let mut problems = Vec::new();
        check(&serde_json::from_value(config).unwrap(), &mut problems);
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn entries_that_keep_namespaces_apart_pass() {
        for (include, map) in [
            (&[][..], &[("shop.*", "crm.*"), ("crm.*", "shop.*")][..]),
            (&["a.b"], &[("a.b", "a.c"), ("a.c", "a.b")]),
            (&["a.b", "a.c"], &[("a.*", "b.*"), ("a.c", "a.b")]),
            (&["a.*"], &[("a.b", "a.c"), ("x.y", "a.c")]),
            (&[], &[("a.*", "c.*"), ("*.b", "*.d"), ("a.b", "a.e")]),
        ] {
            assert_eq!(problems(include, map), Vec::<String>::new());
        }
    }

    #[test]
    fn every_entry_that_cannot_stand_is_told_with_its_place() {
        assert_eq!(
            problems(
                &[],
                &[("a", "b.c"), ("admin.*", "b.*"), ("a.b", "c"), ("a.b", "c.d"), ("a.*", "local.*")]
            ),
            [
                "map[0].from: `a` is not a namespace pattern; write db.coll, db.*, *.coll or /regex/",
                "map[1].from: `admin.*` belongs to the server or to Oplogue itself and is never carried",
                "map[2].to: `c` is not written db.coll",
                "map[3].from: `a.b` has an entry already",
                "map[4].to: `local.*`: it belongs to the server or to Oplogue itself",
            ]
        );
    }

    #[test]
    fn namespaces_that_would_be_one_are_told() {
        assert_eq!(
            problems(&[], &[("a.b", "x.y"), ("c.d", "x.y")]),
            ["map[1].to: c.d and a.b would both be x.y at the target"]
        );
        assert_eq!(
            problems(&["a.b", "a.c"], &[("a.b", "a.c")]),
            ["map[0].to: a.b would be a.c at the target, which a.c itself is"]
        );
        assert_eq!(
            problems(&["a.*", "c.y"], &[("a.*", "c.*"), ("a.y", "c.y")]),
            ["map[1].to: a.y would be c.y at the target, which c.y itself is"]
        );
        assert_eq!(
            problems(&[], &[("a.*", "c.*"), ("*.b", "*.d")]),
            ["map[1]: map[0] and map[1] both hold for a.b and neither is more specific"]
        );
    }
}
