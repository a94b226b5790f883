//! Topic names: of events, by namespace, and of the pipeline's own business.
//!
//! Guards: two namespaces never share a topic. Names are written, never parsed back: the event says its namespace.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::{codec::hex, namespace::Namespace};

/// Longest topic name Kafka takes (`Topic.MAX_NAME_LENGTH`).
const MAX_LEN: usize = 249;
/// Hex digits of the digest that stands for what was cut off.
const DIGEST_LEN: usize = 32;

/// Names of the topics of one pipeline.
#[derive(Debug, Clone)]
pub struct Topics {
    prefix: String,
    pipeline: String,
}

impl Topics {
    /// The names for a pipeline whose event topics begin with `prefix` (empty for none).
    pub fn new(prefix: impl Into<String>, pipeline: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), pipeline: pipeline.into() }
    }

    /// The event topic of a namespace, `[prefix.]db.coll`.
    ///
    /// A byte that Kafka does not allow becomes `_x` and two hex digits; a `_x` that would read as such has its underscore
    /// escaped in turn. A name too long for Kafka is cut and ends in `-` and 128 bits of its SHA-256.
    #[must_use]
    pub fn events(&self, ns: &Namespace) -> String {
        fit(self.escaped(ns))
    }

    /// A name for the same namespace that also differs from every other one in more than `.` against `_`.
    ///
    /// Kafka refuses a topic whose name equals another's but for dots and underscores (they collide in its metrics), so
    /// of `a.b_c` and `a.b.c` the second to be created takes this name.
    #[must_use]
    pub fn events_apart(&self, ns: &Namespace) -> String {
        with_digest(&self.escaped(ns))
    }

    /// The positions topic.
    #[must_use]
    pub fn positions(&self) -> String {
        self.internal("positions")
    }

    /// The control topic.
    #[must_use]
    pub fn control(&self) -> String {
        self.internal("control")
    }

    /// The dead-letter topic.
    #[must_use]
    pub fn dead_letters(&self) -> String {
        self.internal("dead-letters")
    }

    /// The topic of what documents look like.
    #[must_use]
    pub fn schemas(&self) -> String {
        self.internal("schemas")
    }

    fn internal(&self, what: &str) -> String {
        format!("oplogue.{}.{what}", self.pipeline)
    }

    fn escaped(&self, ns: &Namespace) -> String {
        let mut name = String::with_capacity(self.prefix.len() + ns.db.len() + ns.coll.len() + 2);
        if !self.prefix.is_empty() {
            name.push_str(&self.prefix);
            name.push('.');
        }
        escape(&ns.db, &mut name);
        name.push('.');
        escape(&ns.coll, &mut name);
        name
    }
}

fn escape(text: &str, out: &mut String) {
    let bytes = text.as_bytes();
    for (i, byte) in bytes.iter().enumerate() {
        let allowed = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if allowed && !reads_as_escape(&bytes[i..]) {
            out.push(char::from(*byte));
        } else {
            write!(out, "_x{byte:02X}").expect("writing to a String does not fail");
        }
    }
}

fn reads_as_escape(bytes: &[u8]) -> bool {
    let hex = |b: &u8| b.is_ascii_digit() || (b'A'..=b'F').contains(b);
    matches!(bytes, [b'_', b'x', high, low, ..] if hex(high) && hex(low))
}

fn fit(name: String) -> String {
    if name.len() <= MAX_LEN { name } else { with_digest(&name) }
}

fn with_digest(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let kept = &name[..name.len().min(MAX_LEN - DIGEST_LEN - 1)];
    format!("{kept}-{}", hex::text(&digest[..DIGEST_LEN / 2]))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn name(coll: &str) -> String {
        Topics::new("", "p").events(&Namespace::new("test", coll))
    }

    #[test]
    fn plain_names_stay_as_they_are() {
        assert_eq!(name("users"), "test.users");
        assert_eq!(name("user_events-2.x"), "test.user_events-2.x");
        assert_eq!(Topics::new("eu", "p").events(&Namespace::new("a", "b")), "eu.a.b");
    }

    #[test]
    fn odd_names_are_escaped_and_long_ones_cut() {
        assert_eq!(name("a b$"), "test.a_x20b_x24");
        assert_eq!(name("ü"), "test._xC3_xBC");
        assert_eq!(name("a_x20b"), "test.a_x5Fx20b");
        let long = name(&"n".repeat(250));
        assert_eq!(long.len(), MAX_LEN);
        assert_ne!(long, name(&"n".repeat(251)));
    }

    #[test]
    fn names_that_differ_in_dots_and_underscores_can_be_told_apart() {
        let topics = Topics::new("", "p");
        let (a, b) = (Namespace::new("a", "b_c"), Namespace::new("a", "b.c"));
        assert_ne!(topics.events(&a).replace('.', "_"), topics.events_apart(&b).replace('.', "_"));
    }

    proptest! {
        #[test]
        fn no_two_collections_share_a_topic(names in prop::collection::hash_set("[a-z_x0-9A-F .$ü]{1,12}", 2..20)) {
            let topics: HashSet<_> = names.iter().map(|n| name(n)).collect();
            prop_assert_eq!(topics.len(), names.len());
        }

        #[test]
        fn kafka_takes_every_name(coll in "\\PC{1,250}") {
            let topic = name(&coll);
            prop_assert!(topic.len() <= MAX_LEN);
            prop_assert!(topic.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
        }
    }
}
