//! Random field rules over the names that random documents have.

use common::config::{
    secret::Secret,
    types::{FieldRules, Mask},
};
use shape::{Rules, Shaper};

use super::{
    documents::{self, Names},
    rng::Rng,
};

/// Rules that do not contradict each other.
pub(crate) fn shaper(rng: &mut Rng, names: Names) -> Shaper {
    let key = Secret::new("a key for the oracle");
    let changes = rng.once_in(2);
    loop {
        let rules = if changes { changing(rng, names) } else { passing(rng, names) };
        let Ok(rules) = Rules::compile(&[rules], Some(&key)) else { continue };
        if let Some(shaper) = rules.for_namespace(&"a.b".parse().unwrap()).unwrap() {
            return shaper.clone();
        }
    }
}

fn passing(rng: &mut Rng, names: Names) -> FieldRules {
    let (allow, deny) = (paths(rng, names, 5), paths(rng, names, 5));
    FieldRules { namespace: "*.*".to_owned(), allow, deny, ..FieldRules::default() }
}

/// Rules with new names and masks.
fn changing(rng: &mut Rng, names: Names) -> FieldRules {
    let rename = paths(rng, names, 5).into_iter().map(|path| (path, new_name(rng, names))).collect();
    let mask = paths(rng, names, 4).into_iter().map(|path| (path, mask(rng))).collect();
    let allow = if rng.once_in(3) { paths(rng, names, 4) } else { Vec::new() };
    FieldRules {
        namespace: "*.*".to_owned(),
        allow,
        deny: paths(rng, names, 3),
        rename,
        mask,
        ..FieldRules::default()
    }
}

/// One that documents do not have, or one that they may have.
fn new_name(rng: &mut Rng, names: Names) -> String {
    if rng.once_in(3) { component(rng, names) } else { format!("new{}", rng.below(3)) }
}

fn mask(rng: &mut Rng) -> Mask {
    match rng.below(3) {
        0 => Mask::Hash,
        1 => Mask::Redact,
        _ => Mask::Truncate(2),
    }
}

fn paths(rng: &mut Rng, names: Names, most: usize) -> Vec<String> {
    let path = |rng: &mut Rng| {
        let components: Vec<String> = (0..1 + rng.below(3)).map(|_| component(rng, names)).collect();
        components.join(".")
    };
    (0..rng.below(most)).map(|_| path(rng)).collect()
}

fn component(rng: &mut Rng, names: Names) -> String {
    loop {
        let name = documents::name(rng, names);
        if !name.is_empty() {
            // The meaning of an escaped name is decided before 6.1 by nobody: it has its own tests.
            return name.split('.').find(|part| !part.is_empty()).unwrap_or("a").to_owned();
        }
    }
}
