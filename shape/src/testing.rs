//! Rules for tests: short to write, compiled for every namespace.

use common::config::{secret::Secret, types::FieldRules};

use crate::{Rules, Shaper};

/// Rules that only let fields through or not.
#[must_use]
pub fn passing(allow: &[&str], deny: &[&str]) -> FieldRules {
    let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    FieldRules { allow: own(allow), deny: own(deny), ..FieldRules::default() }
}

/// What the rules do; `None` where they contradict each other or do nothing.
#[must_use]
pub fn compiled(rules: FieldRules) -> Option<Shaper> {
    let rules = FieldRules { namespace: "*.*".to_owned(), ..rules };
    let rules = Rules::compile(&[rules], Some(&Secret::new("a key for the law"))).ok()?;
    rules.for_namespace(&"a.b".parse().ok()?).ok()?.cloned()
}
