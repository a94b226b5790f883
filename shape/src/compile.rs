//! From field rules as configured to a shaper, with every problem found on the way.

use common::config::types::{FieldRules, Mask};

use super::{
    Path, Shaper,
    contradictions::{contradictions, ids, names_id, unreached},
    machine::Machine,
    mask::Key,
    names,
    tree::{Masked, Placed, Rename, RuleSet},
};

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

/// Compiles the rules that stand at `at`; `Ok(None)` when they let everything pass as it is.
pub(super) fn shaper(
    at: &str,
    rules: &FieldRules,
    key: Option<&Key>,
) -> Result<Option<Shaper>, Vec<Problem>> {
    let mut problems = Vec::new();
    let set = read(at, rules, &mut problems);
    ids(&set, &mut problems);
    contradictions(&set, &mut problems);
    let hashes = set.mask.iter().find(|rule| rule.mask == Mask::Hash && key.is_none());
    problems.extend(
        hashes.map(|rule| Problem::new("worker.mask_key", format!("missing, and {} needs it", rule.place))),
    );
    if !problems.is_empty() {
        return Err(problems);
    }
    if set.allow.is_empty() && set.deny.is_empty() && set.rename.is_empty() && set.mask.is_empty() {
        return Ok(None);
    }
    let machine = Machine::compile(at, &set)?;
    let unreached = unreached(&machine, &set);
    if unreached.is_empty() { Ok(Some(Shaper { machine, key: key.cloned() })) } else { Err(unreached) }
}

/// The rules whose paths can be read, each with its place.
fn read(at: &str, rules: &FieldRules, problems: &mut Vec<Problem>) -> RuleSet {
    let mut path = |place: &str, text: &str| match Path::parse(text) {
        Ok(path) => Some(path),
        Err(error) => {
            problems.push(Problem::new(place, error.to_string()));
            None
        }
    };
    let mut list = |name: &str, texts: &[String]| -> Vec<Placed> {
        let places = texts.iter().enumerate().map(|(index, text)| (format!("{at}.{name}[{index}]"), text));
        places.filter_map(|(place, text)| Some(Placed { path: path(&place, text)?, place })).collect()
    };
    let mut set =
        RuleSet { allow: list("allow", &rules.allow), deny: list("deny", &rules.deny), ..RuleSet::default() };
    for (text, to) in &rules.rename {
        let place = format!("{at}.rename.{text}");
        set.rename.extend(path(&place, text).map(|path| Rename { place, path, to: to.clone() }));
    }
    for (text, mask) in &rules.mask {
        let place = format!("{at}.mask.{text}");
        set.mask.extend(path(&place, text).map(|path| Masked { place, path, mask: *mask }));
    }
    problems.extend(
        set.rename
            .iter()
            .filter(|rule| !names_id(&rule.path))
            .filter_map(|rule| Some(Problem::new(&rule.place, names::refused(rule)?))),
    );
    set
}

#[cfg(test)]
mod tests {
    use common::config::secret::Secret;

    use super::*;
    use crate::testing::passing;

    fn rules(allow: &[&str], deny: &[&str]) -> FieldRules {
        FieldRules { namespace: "db.coll".to_owned(), ..passing(allow, deny) }
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        let problems =
            shaper("rules[3]", &rules(&["a", "", "b.c", "_id.x"], &["_id", "a..b", "b", "q\\"]), None);
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

    /// What is wrong with these renames and masks beside these paths.
    fn problems(
        allow: &[&str],
        deny: &[&str],
        rename: &[(&str, &str)],
        mask: &[(&str, Mask)],
    ) -> Vec<String> {
        let rename = rename.iter().map(|(path, to)| ((*path).to_owned(), (*to).to_owned())).collect();
        let mask = mask.iter().map(|(path, mask)| ((*path).to_owned(), *mask)).collect();
        let key = Key::new(&Secret::new("key"));
        let rules = FieldRules { rename, mask, ..rules(allow, deny) };
        let found = shaper("rules[0]", &rules, Some(&key)).err().unwrap_or_default();
        found.iter().map(|problem| format!("{}: {}", problem.path, problem.reason)).collect()
    }

    #[test]
    fn renames_and_masks_that_can_stand() {
        use Mask::{Hash, Redact, Truncate};
        for (allow, deny, rename, mask) in [
            (&[][..], &[][..], &[("a", "b"), ("b", "a")][..], &[("a", Hash)][..]),
            (&[], &["b"], &[("a", "b")], &[]),
            (&["a"], &[], &[("a", "b")], &[("a.c", Redact)]),
            (&["a.x"], &[], &[("a", "b")], &[("a", Hash)]),
            (&[], &["a.c"], &[("a.b", "c"), ("x.b", "d"), ("a", "z")], &[("a.b", Truncate(3))]),
            (&[], &[], &[("i.p", "q"), ("i.0.p", "q")], &[("i.0", Hash), ("i.1", Redact)]),
            (&[], &[], &[("a\\.b", "ab"), ("\\e", "nameless"), ("$x", "x")], &[("a\\.b", Hash)]),
            (&[], &["a.b"], &[], &[("a", Redact)]),
        ] {
            assert_eq!(problems(allow, deny, rename, mask), Vec::<String>::new());
        }
    }

    #[test]
    fn renames_that_cannot_stand_say_why() {
        for (allow, deny, path, to, reason) in [
            (&[][..], &[][..], "_id", "id", "`_id` is always kept"),
            (&[], &[], "_id.a", "b", "`_id` is always kept"),
            (&[], &[], "a", "_id", "the document's own"),
            (&[], &[], "a", "", "empty"),
            (&[], &[], "a", "a", "has that name already"),
            (&[], &[], "a.b", "c.d", "write the new name alone, `d`"),
            (&[], &[], "a", "$b", "begins with `$`"),
            (&[], &[], "a.0", "b", "a number"),
            (&[], &[], "a.b", "0", "a number"),
            (&[], &["a"], "a", "b", "`a` is denied at rules[0].deny[0]"),
            (&[], &["a"], "a.c", "b", "`a` is denied at rules[0].deny[0]"),
            (&["x"], &[], "a", "b", "not among what is allowed"),
            (&["a", "b"], &[], "a", "b", "another rule names `b` itself"),
            (&["a", "b.c"], &[], "a", "b", "another rule names `b` itself"),
            (&[], &["b.c"], "a", "b", "another rule names `b` itself"),
            (&[], &["b\\.c"], "a", "b", "the beginning of `b.c`"),
        ] {
            let found = problems(allow, deny, &[(path, to)], &[]);
            assert!(found.len() == 1 && found[0].contains(reason), "{path} = {to}: {found:?}");
            assert!(found[0].starts_with(&format!("rules[0].rename.{path}: ")), "{found:?}");
        }
        let twice = problems(&[], &[], &[("a", "z"), ("b", "z")], &[]);
        assert_eq!(twice, ["rules[0].rename.b: `b` gets the same name as `a`"]);
        let unlike = problems(&[], &[], &[("i.0.p", "q"), ("i.p", "r")], &[]);
        assert!(unlike[0].contains("may be one field, and get two names"), "{unlike:?}");
    }

    #[test]
    fn masks_that_cannot_stand_say_why() {
        use Mask::{Hash, Redact};
        for (allow, deny, mask, reason) in [
            (&[][..], &[][..], &[("_id", Hash)][..], "rules[0].mask._id: `_id` is always kept"),
            (
                &[],
                &["a"],
                &[("a", Hash)],
                "rules[0].mask.a: `a` can never pass: `a` is denied at rules[0].deny[0]",
            ),
            (
                &["b"],
                &[],
                &[("a", Hash)],
                "rules[0].mask.a: `a` can never pass: it is not among what is allowed",
            ),
            (&[], &[], &[("a", Hash), ("a.b", Redact)], "rules[0].mask.a.b: `a.b` is masked by `a` already"),
            (
                &[],
                &[],
                &[("a.0.b", Hash), ("a.b", Redact)],
                "rules[0].mask.a.0.b: `a.0.b` is masked by `a.b`",
            ),
            (&[], &[], &[("a..b", Hash)], "rules[0].mask.a..b: the path has an empty part"),
        ] {
            let found = problems(allow, deny, &[], mask);
            assert!(found.len() == 1 && found[0].starts_with(reason), "{mask:?}: {found:?}");
        }
        let below = problems(&[], &[], &[("a.b", "c")], &[("a", Redact)]);
        assert_eq!(below, ["rules[0].rename.a.b: `a.b` can never pass: what it lies in is redacted whole"]);
        let keyless = FieldRules { mask: [("a".to_owned(), Hash)].into(), ..FieldRules::default() };
        assert_eq!(shaper("rules[0]", &keyless, None).unwrap_err()[0].path, "worker.mask_key");
    }

    #[test]
    fn rules_that_say_nothing_shape_nothing() {
        assert!(shaper("rules[0]", &rules(&[], &[]), None).unwrap().is_none());
        assert!(shaper("rules[0]", &rules(&["_id"], &[]), None).unwrap().is_some());
    }
}
