//! Rules that cannot hold beside each other: what is denied and asked for, masked twice, or `_id`.

use super::{
    Component, Path, Problem,
    machine::{Machine, Verdict, Walk},
    tree::{Masked, RuleSet},
};
use crate::path;

/// `_id` is the document's identity.
pub(super) fn ids(set: &RuleSet, problems: &mut Vec<Problem>) {
    let parts = set
        .allow
        .iter()
        .filter(|rule| rule.path.components().len() > 1)
        .map(|rule| (rule, "`_id` is always kept whole"));
    let denied = set.deny.iter().map(|rule| (rule, "`_id` is always kept whole; it cannot be denied"));
    for (rule, reason) in parts.chain(denied).filter(|(rule, _)| names_id(&rule.path)) {
        problems.push(Problem::new(&rule.place, reason));
    }
    for rule in set.rename.iter().filter(|rule| names_id(&rule.path)) {
        problems
            .push(Problem::new(&rule.place, "`_id` is always kept as it is; nothing of it can be renamed"));
    }
    for rule in set.mask.iter().filter(|rule| names_id(&rule.path)) {
        problems
            .push(Problem::new(&rule.place, "`_id` is always kept as it is; nothing of it can be masked"));
    }
}

pub(super) fn names_id(path: &Path) -> bool {
    path.components()[0].name() == "_id"
}

/// Paths that some denied path takes back whole, and masks within masks.
pub(super) fn contradictions(set: &RuleSet, problems: &mut Vec<Problem>) {
    let allow = set.allow.iter().map(|rule| (&rule.place, &rule.path));
    let rename = set.rename.iter().map(|rule| (&rule.place, &rule.path));
    let mask = set.mask.iter().map(|rule| (&rule.place, &rule.path));
    for (place, path) in allow.chain(rename).chain(mask) {
        for denied in
            set.deny.iter().filter(|denied| covers(denied.path.components(), path.components(), true))
        {
            let reason = format!("`{path}` can never pass: `{}` is denied at {}", denied.path, denied.place);
            problems.push(Problem::new(place, reason));
        }
    }
    for inner in &set.mask {
        let holds = |outer: &&Masked| {
            outer.place != inner.place && covers(outer.path.components(), inner.path.components(), true)
        };
        for outer in set.mask.iter().filter(holds) {
            let reason = format!("`{}` is masked by `{}` already ({})", inner.path, outer.path, outer.place);
            problems.push(Problem::new(&inner.place, reason));
        }
    }
}

/// The renames and masks to whose end nothing ever comes.
pub(super) fn unreached(machine: &Machine, set: &RuleSet) -> Vec<Problem> {
    let rename = set.rename.iter().map(|rule| (&rule.place, &rule.path));
    let mask = set.mask.iter().map(|rule| (&rule.place, &rule.path));
    rename.chain(mask).filter_map(|(place, path)| unreached_at(machine, place, path)).collect()
}

/// Why nothing ever comes to the end of a path.
fn unreached_at(machine: &Machine, place: &str, path: &Path) -> Option<Problem> {
    let mut text = Vec::new();
    let mut walk = Walk::new(machine, Machine::ROOT, &mut text);
    path.components().iter().for_each(|component| walk.step(component.name().as_bytes()));
    let reason = match (walk.redacted, walk.verdict) {
        (Some(_), _) => "what it lies in is redacted whole",
        (None, Verdict::Drop | Verdict::Null) => "it is not among what is allowed",
        (None, Verdict::Taken) => "what it lies in has the new name of another field",
        (None, _) => return None,
    };
    Some(Problem::new(place, format!("`{path}` can never pass: {reason}")))
}

/// Whether everything under `path` is under `above` too: their names agree as far as `above` goes, where numbers of
/// `path` may be passed over as they are in arrays.
fn covers(above: &[Component], path: &[Component], at_root: bool) -> bool {
    let ([first, above_rest @ ..], [name, path_rest @ ..]) = (above, path) else {
        return above.is_empty();
    };
    (first == name && covers(above_rest, path_rest, false))
        || (!at_root && path::is_numeric(name.name().as_bytes()) && covers(above, path_rest, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_covers_what_lies_below_it_and_nothing_else() {
        for (above, path, expected) in [
            ("a", "a", true),
            ("a", "a.b", true),
            ("a.b", "a", false),
            ("a.c", "a.b", false),
            ("items.price", "items.0.price", true),
            ("items.0.price", "items.price", false),
            ("price", "0.price", false),
            ("a", "a\\.b", false),
            ("a\\.b", "a.b", false),
        ] {
            let [above, path] = [above, path].map(|text| Path::parse(text).unwrap());
            assert_eq!(covers(above.components(), path.components(), true), expected, "{above} {path}");
        }
    }
}
