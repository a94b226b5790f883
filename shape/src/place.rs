//! Where a field is after shaping, by its path alone: for what names paths without a document, like an index.
//!
//! Only a value that passes whole and unchanged has a place. One that rules lead into, or mask, may be another one than the source's.

use crate::{
    Shaper,
    machine::{Machine, Verdict, Walk},
    path,
};

/// Where a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// As it was, under this path.
    At(String),
    /// Nowhere.
    Gone,
    /// Somewhere, but it or something in it may have changed.
    Changed,
}

impl Shaper {
    /// The place of the field with this path; every dot separates two names.
    #[must_use]
    pub fn place(&self, path: &str) -> Place {
        let mut text = Vec::new();
        let mut walk = Walk::new(&self.machine, Machine::ROOT, &mut text);
        path::components(path.as_bytes()).for_each(|component| walk.step(component));
        match walk.verdict {
            Verdict::Pass => String::from_utf8(text).map_or(Place::Changed, Place::At),
            Verdict::Drop => Place::Gone,
            _ => Place::Changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use common::config::types::{FieldRules, Mask};

    use super::*;
    use crate::testing::{compiled, passing};

    fn places(rules: FieldRules, paths: &[&str]) -> Vec<Place> {
        let shaper = compiled(rules).unwrap();
        paths.iter().map(|path| shaper.place(path)).collect()
    }

    fn at(path: &str) -> Place {
        Place::At(path.to_owned())
    }

    #[test]
    fn what_passes_whole_has_a_place_and_what_rules_lead_into_has_none() {
        let mask = [("m".to_owned(), Mask::Hash)].into_iter().collect();
        let rules = FieldRules { mask, ..passing(&[], &["a.b", "gone"]) };
        let found = places(rules, &["_id", "a", "a.b", "a.b.c", "a.c", "gone.x", "m", "m.x", "other.y.0.z"]);
        let (gone, changed) = (Place::Gone, Place::Changed);
        let wanted = [
            at("_id"),
            changed.clone(),
            gone.clone(),
            gone.clone(),
            at("a.c"),
            gone,
            changed.clone(),
            changed,
            at("other.y.0.z"),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn an_allowed_path_is_reached_through_arrays_and_by_its_new_name() {
        let named = |(path, name): (&str, &str)| (path.to_owned(), name.to_owned());
        let rename = [("items.price", "cost"), ("name", "called")].into_iter().map(named).collect();
        let rules = FieldRules { rename, ..passing(&["items.price", "name"], &[]) };
        let found = places(
            rules,
            &["items", "items.price", "items.0.price", "items.price.net", "name", "price", "called"],
        );
        let gone = Place::Gone;
        let wanted = [
            Place::Changed,
            at("items.cost"),
            at("items.0.cost"),
            at("items.cost.net"),
            at("called"),
            gone.clone(),
            gone,
        ];
        assert_eq!(found, wanted);
    }
}
