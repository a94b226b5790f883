//! Which names meant the same all through a round, or a look at the definitions (pure).
//!
//! A name is looked up before a round begins, and what is read enters the log where the stream passes the round's time. What the stream
//! tells in between says whether the name still meant that then. Guards: nothing is taken for gone of a collection that came to
//! be up to there.

use std::collections::BTreeSet;

use common::namespace::Namespace;

/// Names of one round.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Named no collection when they were looked up.
    absent: Vec<Namespace>,
    /// Dropped or renamed since, or no longer absent.
    touched: BTreeSet<Namespace>,
}

impl Names {
    /// Names that mean something, and these, which name no collection.
    pub(super) const fn without(absent: Vec<Namespace>) -> Self {
        Self { absent, touched: BTreeSet::new() }
    }

    /// Notes that `ns` was dropped or renamed, or that something was renamed to it.
    pub(super) fn touch(&mut self, ns: Namespace) {
        self.touched.insert(ns);
    }

    /// Notes an event about a namespace: there is a collection, whether or not the server told of its making (before 6.0 none
    /// does).
    pub(super) fn saw(&mut self, db: &str, coll: &str) {
        if let Some(at) = self.absent.iter().position(|ns| ns.db == db && ns.coll == coll) {
            let ns = self.absent.swap_remove(at);
            self.touched.insert(ns);
        }
    }

    /// Whether `ns` has meant the same since before it began.
    pub(super) fn is_settled(&self, ns: &Namespace) -> bool {
        !self.touched.contains(ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_absent_is_settled_until_an_event_shows_a_collection() {
        let [gone, there] = ["gone", "there"].map(|coll| Namespace::new("db", coll));
        let mut names = Names::without(vec![gone.clone()]);
        names.saw("db", "there");
        names.saw("other", "gone");
        assert!(names.is_settled(&gone) && names.is_settled(&there));
        names.saw("db", "gone");
        names.saw("db", "gone");
        assert!(!names.is_settled(&gone) && names.is_settled(&there));
        names.touch(there.clone());
        assert!(!names.is_settled(&there));
    }
}
