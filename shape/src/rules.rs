//! Which rules hold for which namespace: the most specific pattern that matches.

use common::{
    config::{
        secret::Secret,
        types::{FieldRules, Place},
    },
    namespace::{ByPattern, Namespace, Pattern, Tie},
};

use super::{Predicate, Problem, Shaper, compile, mask::Key};

/// All field rules of a pipeline.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    entries: ByPattern<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    at: usize,
    rule: Rule,
}

/// What holds for a namespace.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// What becomes of fields; `None` when all pass as they are.
    pub shaper: Option<Shaper>,
    /// Which documents are carried; `None` when all are.
    pub predicate: Option<Predicate>,
    /// Who applies it.
    pub at: Place,
}

impl Rule {
    fn compile(at: &str, rules: &FieldRules, key: Option<&Key>) -> Result<Self, Vec<Problem>> {
        let shaper = compile::shaper(at, rules, key);
        let filter = rules.filter.as_deref();
        let predicate = filter.map(|filter| Predicate::compile(&format!("{at}.filter"), filter)).transpose();
        match (shaper, predicate) {
            (Ok(shaper), Ok(predicate)) => Ok(Self { shaper, predicate, at: rules.at }),
            (shaper, predicate) => {
                Err([shaper.err(), predicate.err()].into_iter().flatten().flatten().collect())
            }
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.shaper.is_none() && self.predicate.is_none()
    }
}

/// Two equally specific patterns match one namespace. Names are compared when rules are compiled; that two regular
/// expressions meet shows only with a namespace that both match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "rules[{first}] (`{first_pattern}`) and rules[{second}] (`{second_pattern}`) both match `{namespace}` and neither is more specific"
)]
pub struct Conflict {
    /// The namespace.
    pub namespace: Namespace,
    /// Place of the first among the rules.
    pub first: usize,
    /// Its pattern.
    pub first_pattern: String,
    /// Place of the second.
    pub second: usize,
    /// Its pattern.
    pub second_pattern: String,
}

impl Rules {
    /// Compiles all rules; `key` is for those that mask with digests.
    ///
    /// # Errors
    /// Every [`Problem`] of all of them.
    pub fn compile(rules: &[FieldRules], key: Option<&Secret>) -> Result<Self, Vec<Problem>> {
        let key = key.map(Key::new);
        let mut problems = Vec::new();
        let mut entries = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let pattern = rule.namespace.parse::<Pattern>();
            let pattern = pattern
                .map_err(|e| problems.push(Problem::new(format!("rules[{at}].namespace"), e.to_string())));
            let rule = Rule::compile(&format!("rules[{at}]"), rule, key.as_ref())
                .map_err(|found| problems.extend(found));
            if let (Ok(pattern), Ok(rule)) = (pattern, rule) {
                entries.push((pattern, Entry { at, rule }));
            }
        }
        problems.extend(conflicts(&entries));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { entries: ByPattern::new(entries) })
    }

    /// Compiles the rules that the producer applies; a namespace whose most specific rule is the worker's has none.
    ///
    /// # Errors
    /// Every [`Problem`] of all of them.
    pub fn of_producer(rules: &[FieldRules], key: Option<&Secret>) -> Result<Self, Vec<Problem>> {
        let own = |rule: &FieldRules| match rule.at {
            Place::Producer => rule.clone(),
            Place::Worker => FieldRules { namespace: rule.namespace.clone(), ..FieldRules::default() },
        };
        Self::compile(&rules.iter().map(own).collect::<Vec<_>>(), key)
    }

    /// The shaper for a namespace; `None` when every field passes. The caller keeps the answer.
    ///
    /// # Errors
    /// [`Conflict`] when two regular expressions match.
    pub fn for_namespace(&self, namespace: &Namespace) -> Result<Option<&Shaper>, Conflict> {
        Ok(self.rule(namespace)?.and_then(|rule| rule.shaper.as_ref()))
    }

    /// What holds for a namespace; `None` when nothing changes it. The caller keeps the answer.
    ///
    /// # Errors
    /// [`Conflict`] when two regular expressions match.
    pub fn rule(&self, namespace: &Namespace) -> Result<Option<&Rule>, Conflict> {
        let found = self.entries.of(namespace).map_err(|Tie { first, second }| Conflict {
            namespace: namespace.clone(),
            first: first.1.at,
            first_pattern: first.0.to_string(),
            second: second.1.at,
            second_pattern: second.0.to_string(),
        })?;
        Ok(found.map(|entry| &entry.rule).filter(|rule| !rule.is_idle()))
    }
}

/// Pairs of equally specific patterns that meet in a namespace for which nothing more specific is said.
fn conflicts(entries: &[(Pattern, Entry)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (place, (second, Entry { at, .. })) in entries.iter().enumerate() {
        for (first, Entry { at: before, .. }) in &entries[..place] {
            let Some(meeting) = meeting(first, second) else { continue };
            let settled = entries.iter().any(|(pattern, _)| {
                pattern.specificity() > second.specificity() && pattern.matches(&meeting)
            });
            if !settled {
                let reason = format!(
                    "`{second}` and `{first}` (rules[{before}]) both match `{meeting}` and neither is more specific"
                );
                problems.push(Problem::new(format!("rules[{at}].namespace"), reason));
            }
        }
    }
    problems
}

/// A namespace that both of two equally specific patterns match, as far as their texts tell; for `db.*` twice it is that text.
fn meeting(first: &Pattern, second: &Pattern) -> Option<Namespace> {
    if first.specificity() != second.specificity() {
        return None;
    }
    let (first, second) = (first.to_string(), second.to_string());
    if first == second {
        return Some(first.parse().unwrap_or_else(|_| Namespace::new("", first)));
    }
    let (first, second): (Namespace, Namespace) = (first.parse().ok()?, second.parse().ok()?);
    let unite = |a: String, b: String| match (a.as_str(), b.as_str()) {
        (_, "*") => Some(a),
        ("*", _) => Some(b),
        _ => (a == b).then_some(a),
    };
    Some(Namespace::new(unite(first.db, second.db)?, unite(first.coll, second.coll)?))
}

#[cfg(test)]
mod tests {
    use common::raw::{Document, Writer};

    use super::*;

    fn rule(namespace: &str, allow: &[&str]) -> FieldRules {
        let allow = allow.iter().map(|text| (*text).to_owned()).collect();
        FieldRules { namespace: namespace.to_owned(), allow, ..FieldRules::default() }
    }

    fn ns(text: &str) -> Namespace {
        text.parse().unwrap()
    }

    /// The fields of `{_id, a, b}` that pass.
    fn passes(rules: &Rules, namespace: &str) -> Vec<String> {
        let document = bson::doc! {"_id": 1, "a": 1, "b": 1}.to_vec().unwrap();
        let mut out = Writer::new();
        match rules.for_namespace(&ns(namespace)).unwrap() {
            Some(shaper) => shaper.document(Document::new(&document).unwrap(), &mut out).unwrap(),
            None => return vec!["*".to_owned()],
        }
        let shaped = Document::new(out.as_bytes()).unwrap();
        shaped.elements().map(|e| e.unwrap().name_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_most_specific_pattern_wins() {
        let rules =
            [rule("*.*", &["_id"]), rule("shop.*", &["a"]), rule("shop.free", &[]), rule("/x.*/", &["b"])];
        let rules = Rules::compile(&rules, None).unwrap();
        assert_eq!(passes(&rules, "shop.orders"), ["_id", "a"]);
        assert_eq!(passes(&rules, "shop.free"), ["*"]);
        assert_eq!(passes(&rules, "x.y"), ["_id", "b"]);
        assert_eq!(passes(&rules, "other.y"), ["_id"]);
        assert!(Rules::compile(&[], None).unwrap().for_namespace(&ns("a.b")).unwrap().is_none());
    }

    #[test]
    fn equally_specific_patterns_that_meet_are_refused_by_name() {
        for (patterns, refused) in [
            (vec!["a.b", "a.b"], true),
            (vec!["a.b", "a.c"], false),
            (vec!["a.*", "*.b"], true),
            (vec!["a.*", "*.b", "a.b"], false),
            (vec!["a.*", "b.*"], false),
            (vec!["a.*", "a.*"], true),
            (vec!["/x/", "/x/"], true),
            (vec!["/x.y/", "/x.*/"], false),
        ] {
            let rules: Vec<_> = patterns.iter().map(|pattern| rule(pattern, &["a"])).collect();
            let compiled = Rules::compile(&rules, None);
            assert_eq!(compiled.is_err(), refused, "{patterns:?}");
            if let Err(problems) = compiled {
                assert_eq!(problems[0].path, "rules[1].namespace");
                assert!(problems[0].reason.contains(patterns[0]), "{problems:?}");
            }
        }
    }

    #[test]
    fn regular_expressions_that_meet_are_refused_where_they_meet() {
        let rules = Rules::compile(&[rule("/x\\.y.*/", &["a"]), rule("/x\\..*z/", &["b"])], None).unwrap();
        assert!(rules.for_namespace(&ns("x.y")).is_ok());
        let conflict = rules.for_namespace(&ns("x.yz")).unwrap_err();
        assert_eq!((conflict.first, conflict.second), (0, 1));
    }

    #[test]
    fn a_bad_pattern_and_bad_paths_are_reported_together() {
        let problems = Rules::compile(&[rule("users", &[""]), rule("/(/", &["a"])], None).unwrap_err();
        let places: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(places, ["rules[0].namespace", "rules[0].allow[0]", "rules[1].namespace"]);
    }
}
