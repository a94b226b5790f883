//! From field rules as configured to a shaper, with every problem found on the way.

use common::config::types::FieldRules;

use super::{Component, Path, Shaper, machine::Machine};
use crate::path;

/// Something in the configuration that cannot be, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The configuration path, as in `rules[0].allow[2]`.
    pub path: String,
    /// What is wrong there.
    pub reason: String,
}

impl Problem {
    pub(super) fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

/// Compiles the rules that stand at `at`; `Ok(None)` when they let everything pass.
pub(super) fn shaper(at: &str, rules: &FieldRules) -> Result<Option<Shaper>, Vec<Problem>> {
    let mut problems = Vec::new();
    let allow = paths(&format!("{at}.allow"), &rules.allow, &mut problems);
    let deny = paths(&format!("{at}.deny"), &rules.deny, &mut problems);
    for (place, path) in allow.iter().filter(|(_, path)| path.components().len() > 1) {
        if names_id(path) {
            problems.push(Problem::new(place, "`_id` is always kept whole"));
        }
    }
    for (place, _) in deny.iter().filter(|(_, path)| names_id(path)) {
        problems.push(Problem::new(place, "`_id` is always kept whole; it cannot be denied"));
    }
    contradictions(&allow, &deny, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    if allow.is_empty() && deny.is_empty() {
        return Ok(None);
    }
    let bare = |paths: Vec<(String, Path)>| paths.into_iter().map(|(_, path)| path).collect::<Vec<_>>();
    match Machine::compile(&bare(allow), &bare(deny)) {
        Ok(machine) => Ok(Some(Shaper { machine })),
        Err(_) => Err(vec![Problem::new(at, "the numeric parts of these paths combine in too many ways")]),
    }
}

/// The paths that can be read, each with its place.
fn paths(at: &str, texts: &[String], problems: &mut Vec<Problem>) -> Vec<(String, Path)> {
    let mut paths = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let place = format!("{at}[{index}]");
        match Path::parse(text) {
            Ok(path) => paths.push((place, path)),
            Err(error) => problems.push(Problem::new(place, error.to_string())),
        }
    }
    paths
}

fn names_id(path: &Path) -> bool {
    path.components()[0].name() == "_id"
}

/// Allowed paths that some denied path takes back whole.
fn contradictions(allow: &[(String, Path)], deny: &[(String, Path)], problems: &mut Vec<Problem>) {
    for (place, allowed) in allow {
        for (deny_place, denied) in deny {
            if covers(denied.components(), allowed.components(), true) {
                let reason = format!("`{allowed}` can never pass: `{denied}` is denied at {deny_place}");
                problems.push(Problem::new(place, reason));
            }
        }
    }
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

    fn rules(allow: &[&str], deny: &[&str]) -> FieldRules {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        FieldRules { namespace: "db.coll".to_owned(), allow: own(allow), deny: own(deny) }
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        let problems = shaper("rules[3]", &rules(&["a", "", "b.c", "_id.x"], &["_id", "a..b", "b", "q\\"]));
        let problems = problems.unwrap_err();
        let places: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            places,
            [
                "rules[3].allow[1]",
                "rules[3].deny[1]",
                "rules[3].deny[3]",
                "rules[3].allow[3]",
                "rules[3].deny[0]",
                "rules[3].allow[2]",
                "rules[3].allow[3]",
            ]
        );
        assert!(problems[5].reason.contains("`b`") && problems[5].reason.contains("deny[2]"), "{problems:?}");
    }

    #[test]
    fn a_denied_path_contradicts_what_it_covers_and_nothing_else() {
        for (allow, deny, contradicts) in [
            ("a", "a", true),
            ("a.b", "a", true),
            ("a", "a.b", false),
            ("a.b", "a.c", false),
            ("items.0.price", "items.price", true),
            ("items.price", "items.0.price", false),
            ("0.price", "price", false),
            ("a\\.b", "a", false),
            ("a.b", "a\\.b", false),
        ] {
            let found = shaper("rules[0]", &rules(&[allow], &[deny])).is_err();
            assert_eq!(found, contradicts, "allow {allow}, deny {deny}");
        }
    }

    #[test]
    fn rules_that_say_nothing_shape_nothing() {
        assert!(shaper("rules[0]", &rules(&[], &[])).unwrap().is_none());
        assert!(shaper("rules[0]", &rules(&["_id"], &[])).unwrap().is_some());
    }
}
