//! Random field rules over the names that random documents have.

use common::config::types::FieldRules;
use worker::shape::{Rules, Shaper};

use super::{
    documents::{self, Names},
    rng::Rng,
};

/// Rules that do not contradict each other.
pub(crate) fn shaper(rng: &mut Rng, names: Names) -> Shaper {
    loop {
        let rules =
            FieldRules { namespace: "*.*".to_owned(), allow: paths(rng, names), deny: paths(rng, names) };
        let Ok(rules) = Rules::compile(&[rules]) else { continue };
        if let Some(shaper) = rules.for_namespace(&"a.b".parse().unwrap()).unwrap() {
            return shaper.clone();
        }
    }
}

fn paths(rng: &mut Rng, names: Names) -> Vec<String> {
    let path = |rng: &mut Rng| {
        let components: Vec<String> = (0..1 + rng.below(3)).map(|_| component(rng, names)).collect();
        components.join(".")
    };
    (0..rng.below(5)).map(|_| path(rng)).collect()
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
