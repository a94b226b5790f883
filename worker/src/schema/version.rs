//! The versions of a schema: the cluster times at which it changed. Pure.

use std::collections::{BTreeMap, BTreeSet};

use common::cluster_time::ClusterTime;

use super::{kind, record::Contribution, tally::Tally};

/// What is known of one path in a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// Names of its types.
    pub(super) types: BTreeSet<&'static str>,
    /// Whether a document may be without it.
    pub(super) is_optional: bool,
}

/// A schema at one time.
pub(super) type Shape = BTreeMap<String, Field>;

/// One change of a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// A path is new.
    Added(String, Vec<&'static str>, bool),
    /// A path has one more type.
    Typed(String, &'static str),
    /// A path may be missing now.
    Optional(String),
    /// A path is gone: only between two versions that are compared backwards.
    Removed(String),
}

/// A version and what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) at: ClusterTime,
    pub(super) changes: Vec<Change>,
}

/// Every version, the first one first.
pub(super) fn versions(schema: &Contribution) -> Vec<Version> {
    let mut changes: BTreeMap<ClusterTime, Vec<Change>> = BTreeMap::new();
    for (path, tally) in &schema.paths {
        let Some(first) = tally.first() else { continue };
        let since = optional_since(schema, path, tally);
        let types = types(tally, |seen| seen == first);
        let added = Change::Added(
            path.clone(),
            types.into_iter().collect(),
            since.is_some_and(|since| since <= first),
        );
        changes.entry(first).or_default().push(added);
        for seen in tally.seen.iter().filter(|seen| seen.first > first) {
            changes.entry(seen.first).or_default().push(Change::Typed(path.clone(), kind::name(seen.kind)));
        }
        if let Some(since) = since.filter(|since| *since > first) {
            changes.entry(since).or_default().push(Change::Optional(path.clone()));
        }
    }
    let numbered = changes.into_iter().zip(1..);
    numbered.map(|((at, changes), number)| Version { number, at, changes }).collect()
}

/// The schema as it was at a time.
pub(super) fn shape(schema: &Contribution, at: ClusterTime) -> Shape {
    let known = schema.paths.iter().filter(|(_, tally)| tally.first().is_some_and(|first| first <= at));
    let field = |(path, tally): (&String, &Tally)| {
        let is_optional = optional_since(schema, path, tally).is_some_and(|since| since <= at);
        (path.clone(), Field { types: types(tally, |first| first <= at), is_optional })
    };
    known.map(field).collect()
}

/// What leads from one schema to another.
pub(super) fn difference(from: &Shape, to: &Shape) -> Vec<Change> {
    let mut changes: Vec<_> =
        from.keys().filter(|path| !to.contains_key(*path)).cloned().map(Change::Removed).collect();
    for (path, field) in to {
        let Some(before) = from.get(path) else {
            changes.push(Change::Added(
                path.clone(),
                field.types.iter().copied().collect(),
                field.is_optional,
            ));
            continue;
        };
        changes.extend(field.types.difference(&before.types).map(|name| Change::Typed(path.clone(), name)));
        if field.is_optional && !before.is_optional {
            changes.push(Change::Optional(path.clone()));
        }
    }
    changes
}

/// Since when a path may be missing. Where only the counts tell, it always might.
fn optional_since(schema: &Contribution, path: &str, tally: &Tally) -> Option<ClusterTime> {
    tally.optional().or_else(|| tally.first().filter(|_| schema.is_optional(path, tally)))
}

fn types(tally: &Tally, is_meant: impl Fn(ClusterTime) -> bool) -> BTreeSet<&'static str> {
    tally.seen.iter().filter(|seen| is_meant(seen.first)).map(|seen| kind::name(seen.kind)).collect()
}

#[cfg(test)]
mod tests {
    use common::raw::Kind;

    use super::*;

    fn tally(seen: &[(Kind, u64)], lacking: Option<u64>) -> Tally {
        let mut tally = Tally { lacking: lacking.map(ClusterTime), ..Tally::default() };
        seen.iter().for_each(|(kind, at)| tally.note(*kind, ClusterTime(*at), false));
        tally
    }

    fn users() -> Contribution {
        let paths = [
            ("_id", tally(&[(Kind::Int32, 1), (Kind::Int32, 5)], None)),
            ("age", tally(&[(Kind::Int32, 1), (Kind::Int64, 7)], None)),
            ("name", tally(&[(Kind::String, 1)], Some(7))),
            ("sex", tally(&[(Kind::String, 5)], Some(5))),
        ];
        let paths = paths.into_iter().map(|(path, tally)| (path.to_owned(), tally)).collect();
        Contribution { documents: 2, paths, ..Contribution::default() }
    }

    #[test]
    fn a_version_is_a_time_at_which_something_changed() {
        let added =
            |path: &str, of: &'static str, is_optional| Change::Added(path.to_owned(), vec![of], is_optional);
        let found = versions(&users());
        let seen: Vec<_> = found.iter().map(|version| (version.number, version.at.0)).collect();
        assert_eq!(seen, [(1, 1), (2, 5), (3, 7)]);
        assert_eq!(
            found[0].changes,
            [added("_id", "int", false), added("age", "int", false), added("name", "string", false)]
        );
        assert_eq!(found[1].changes, [added("sex", "string", true)]);
        assert_eq!(
            found[2].changes,
            [Change::Typed("age".to_owned(), "long"), Change::Optional("name".to_owned())]
        );
    }

    #[test]
    fn what_changed_between_two_versions_is_what_the_versions_between_changed() {
        let users = users();
        let at = |time| shape(&users, ClusterTime(time));
        assert_eq!(at(1).len(), 3);
        assert!(!at(6)["name"].is_optional && at(7)["name"].is_optional && at(6)["sex"].is_optional);
        let mut between: Vec<_> =
            versions(&users).into_iter().skip(1).flat_map(|version| version.changes).collect();
        let mut found = difference(&at(1), &at(7));
        between.sort();
        found.sort();
        assert_eq!(found, between);
        assert_eq!(difference(&at(5), &at(1)), [Change::Removed("sex".to_owned())]);
    }
}
