//! What one partition's owner has seen of a namespace: a record of the schemas topic. Pure.
//!
//! ```text
//!   key    <topic>/<partition>/<ns>
//!   value  {"documents": 1000, "updates": 20, "paths": {"age": {"types": {"int": {"count": 1000, "set": 3,
//!           "first": "1700000000.1", "last": "1700000900.7"}}, "lacking": "…", "removed": "…"}}, "full": true}
//! ```
//!
//! The schema of a namespace is the sum of these records. A partition has one owner at a time, who adds to what the one before has written;
//! [`Contribution::merge`] does not care about the order.

use std::collections::BTreeMap;

use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    namespace::Namespace,
};
use serde::{Deserialize, Serialize};

use super::{
    kind, path,
    tally::{Seen, Tally, earliest},
};
use crate::consume::intake::Partition;

/// What was seen, by one or by all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contribution {
    /// Whole documents.
    pub documents: u64,
    /// Deltas.
    pub updates: u64,
    /// Whether there was no room for all paths.
    pub is_full: bool,
    /// By path.
    pub paths: BTreeMap<String, Tally>,
}

/// What was counted, by namespace and partition.
pub(super) type Told = Vec<(Namespace, Partition, Contribution)>;

#[derive(Serialize, Deserialize)]
struct Value {
    documents: u64,
    updates: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    full: bool,
    paths: BTreeMap<String, PathValue>,
}

#[derive(Serialize, Deserialize)]
struct PathValue {
    types: BTreeMap<String, TypeValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lacking: Option<ClusterTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removed: Option<ClusterTime>,
}

#[derive(Serialize, Deserialize)]
struct TypeValue {
    #[serde(default)]
    count: u64,
    #[serde(default)]
    set: u64,
    first: ClusterTime,
    last: ClusterTime,
}

/// Key of the record.
#[must_use]
pub(super) fn key(partition: &Partition, ns: &Namespace) -> String {
    format!("{}/{}/{ns}", partition.topic, partition.number)
}

/// The namespace of a key; `None` for one that is none of these.
#[must_use]
pub(super) fn namespace(key: &str) -> Option<Namespace> {
    key.splitn(3, '/').nth(2)?.parse().ok()
}

impl Contribution {
    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.documents += other.documents;
        self.updates += other.updates;
        self.is_full |= other.is_full;
        for (path, tally) in &other.paths {
            self.paths.entry(path.clone()).or_default().merge(tally);
        }
    }

    /// When the first event was seen.
    #[must_use]
    pub fn since(&self) -> Option<ClusterTime> {
        self.paths.values().fold(None, |since, tally| earliest(since, tally.first()))
    }

    /// Whether a document may be without this path: one was, or fewer had it than there were.
    #[must_use]
    pub fn is_optional(&self, path: &str, tally: &Tally) -> bool {
        if tally.optional().is_some() {
            return true;
        }
        let documents = match parent(path) {
            Parent::Document => self.documents,
            Parent::Field(parent) => self.paths.get(parent).map_or(0, Tally::documents),
            Parent::Array => return false,
        };
        tally.count() < documents || tally.count() == 0
    }

    /// The record's value.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when it has no JSON.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let types = |tally: &Tally| {
            let types = tally.seen.iter().map(|seen| {
                let Seen { kind, count, set, first, last } = *seen;
                (kind::name(kind).to_owned(), TypeValue { count, set, first, last })
            });
            types.collect()
        };
        let paths = self.paths.iter().map(|(path, tally)| {
            let value = PathValue { types: types(tally), lacking: tally.lacking, removed: tally.removed };
            (path.clone(), value)
        });
        let (documents, updates, full) = (self.documents, self.updates, self.is_full);
        serde_json::to_vec(&Value { documents, updates, full, paths: paths.collect() })
            .map_err(|error| Error::caused(Kind::Invariant, "a schema has no JSON", error))
    }

    /// Reads a record's value; types that this version does not know are left out.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when it cannot be understood.
    pub fn decode(value: &[u8]) -> Result<Self> {
        let value: Value = serde_json::from_slice(value).map_err(|error| {
            Error::caused(Kind::Invariant, "a record of the schemas topic cannot be read", error)
        })?;
        let seen = |(name, seen): (String, TypeValue)| {
            let TypeValue { count, set, first, last } = seen;
            Some(Seen { kind: kind::of(&name)?, count, set, first, last })
        };
        let paths = value.paths.into_iter().map(|(path, value)| {
            let seen = value.types.into_iter().filter_map(seen).collect();
            (path, Tally { seen, lacking: value.lacking, removed: value.removed })
        });
        let paths = paths.collect();
        Ok(Self { documents: value.documents, updates: value.updates, is_full: value.full, paths })
    }
}

/// What a path hangs on.
enum Parent<'p> {
    Document,
    Field(&'p str),
    Array,
}

fn parent(text: &str) -> Parent<'_> {
    let mut steps = path::steps(text);
    if steps.pop() == Some(path::Step::Element) {
        return Parent::Array;
    }
    if steps.is_empty() {
        return Parent::Document;
    }
    // What is behind the last dot that parts names; one before which a backslash stands does not.
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut last = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'.' => last = at,
            _ => {}
        }
        at += 1;
    }
    Parent::Field(&text[..last])
}

#[cfg(test)]
mod tests {
    use common::raw;

    use super::*;

    fn tally(count: usize) -> Tally {
        let mut tally = Tally::default();
        (0..count).for_each(|at| tally.note(raw::Kind::Document, ClusterTime::new(7, at as u32), false));
        tally
    }

    fn contribution() -> Contribution {
        let paths = [
            ("a", tally(3)),
            ("a.b", tally(3)),
            ("a.c", tally(2)),
            (r"a.x\.y", tally(3)),
            ("a.[]", tally(1)),
        ];
        let paths = paths.into_iter().map(|(path, tally)| (path.to_owned(), tally)).collect();
        Contribution { documents: 3, updates: 2, is_full: true, paths }
    }

    #[test]
    fn what_is_written_is_read() {
        let wanted = contribution();
        let text = String::from_utf8(wanted.encode().unwrap()).unwrap();
        assert!(
            text.contains(r#""a":{"types":{"object":{"count":3,"set":0,"first":"7.0","last":"7.2"}}}"#),
            "{text}"
        );
        assert_eq!(Contribution::decode(text.as_bytes()).unwrap(), wanted);
        assert!(Contribution::decode(b"{}").is_err());
    }

    #[test]
    fn a_path_is_required_where_every_document_had_it() {
        let seen = contribution();
        let optional: Vec<_> =
            seen.paths.iter().filter(|(path, tally)| seen.is_optional(path, tally)).collect();
        assert_eq!(optional.into_iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["a.c"]);
        let lacking = Tally { lacking: Some(ClusterTime(1)), ..tally(3) };
        assert!(seen.is_optional("a", &lacking) && seen.is_optional("b", &Tally::default()));
    }

    #[test]
    fn a_key_tells_its_namespace() {
        let partition = Partition { topic: "t.x".into(), number: 3 };
        let key = key(&partition, &Namespace::new("db", "a/b.c"));
        assert_eq!((key.as_str(), namespace(&key)), ("t.x/3/db.a/b.c", Some(Namespace::new("db", "a/b.c"))));
        assert_eq!(namespace("x"), None);
    }
}
