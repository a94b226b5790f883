//! Which field rule holds for which namespace: readable patterns, and never two that are equally specific and differ.
//!
//! What a rule says inside (paths against paths) is checked where rules are compiled, in the worker.

use super::namespaces::read;
use crate::{
    config::{
        Config, Problem, Role,
        types::{FieldRules, Images, Namespaces, Place},
    },
    namespace::{Namespace, Pattern},
};

/// A key that is shorter could be found by trying.
const SHORTEST_KEY: usize = 16;

struct Rule<'a> {
    path: String,
    pattern: Pattern,
    says: Says<'a>,
}

/// What is said of a namespace.
#[derive(Clone, Copy)]
enum Says<'a> {
    Rules(&'a FieldRules),
    Images(&'a Images),
}

impl Rule<'_> {
    fn says_the_same(&self, other: &Self) -> bool {
        let (a, b) = match (self.says, other.says) {
            (Says::Rules(a), Says::Rules(b)) => (a, b),
            (Says::Images(a), Says::Images(b)) => return a.post == b.post && a.pre == b.pre,
            _ => return false,
        };
        let fields = a.allow == b.allow && a.deny == b.deny && a.rename == b.rename && a.mask == b.mask;
        fields && a.filter == b.filter && a.at == b.at
    }
}

/// Checks every rule's pattern, and the rules against each other.
pub(super) fn check(rules: &[FieldRules], namespaces: &Namespaces, problems: &mut Vec<Problem>) {
    let rules = rules.iter().map(|rules| (rules.namespace.as_str(), Says::Rules(rules)));
    check_all("rules", rules, namespaces, problems);
}

/// The same for images.
pub(super) fn images(images: &[Images], namespaces: &Namespaces, problems: &mut Vec<Problem>) {
    let images = images.iter().map(|images| (images.namespace.as_str(), Says::Images(images)));
    check_all("images", images, namespaces, problems);
}

fn check_all<'a>(
    list: &str,
    said: impl Iterator<Item = (&'a str, Says<'a>)>,
    namespaces: &Namespaces,
    problems: &mut Vec<Problem>,
) {
    let mut readable: Vec<Rule<'_>> = Vec::new();
    for (i, (namespace, says)) in said.enumerate() {
        let path = format!("{list}[{i}].namespace");
        match read(namespace) {
            Ok(pattern) => readable.push(Rule { path, pattern, says }),
            Err(reason) => problems.push(Problem::new(path, reason)),
        }
    }
    for (i, rule) in readable.iter().enumerate() {
        let clash = readable[..i].iter().find_map(|earlier| clash(earlier, rule, &readable, namespaces));
        problems.extend(clash.map(|reason| Problem::new(&rule.path, reason)));
    }
}

/// Whether there is a key for the rules that ask for digests. The producer need have it only where it masks; the worker always, for
/// records may lie in Kafka from before the producer did.
pub(super) fn mask_key(role: Role, config: &Config, problems: &mut Vec<Problem>) {
    let path = "worker.mask_key";
    let is_own = |rule: &FieldRules| role == Role::Worker || rule.at == Place::Producer;
    let asks = config.rules.iter().position(|rule| rule.hashes() && is_own(rule));
    match (&config.worker.mask_key, asks) {
        (Some(key), _) if key.expose().chars().count() < SHORTEST_KEY => {
            problems.push(Problem::new(path, format!("is shorter than {SHORTEST_KEY} characters")));
        }
        (None, Some(asks)) if config.worker.mask_key_file.is_none() => {
            let reason = format!("missing, and rules[{asks}].mask says `hash`; set it or `mask_key_file`");
            problems.push(Problem::new(path, reason));
        }
        _ => {}
    }
}

/// Why two rules cannot both stand.
fn clash(a: &Rule<'_>, b: &Rule<'_>, all: &[Rule<'_>], namespaces: &Namespaces) -> Option<String> {
    if a.pattern.to_string() == b.pattern.to_string() {
        return Some(format!("`{}` has a rule at {} already", b.pattern, a.path));
    }
    if a.pattern.specificity() != b.pattern.specificity() || a.says_the_same(b) {
        return None;
    }
    let ns = meeting(a, b, namespaces)
        .into_iter()
        .find(|ns| !all.iter().any(|rule| rule.pattern.exact().as_ref() == Some(ns)))?;
    Some(format!(
        "`{}` and `{}` ({}) both hold for {ns}, are equally specific and differ; give {ns} a rule of its own",
        b.pattern, a.pattern, a.path
    ))
}

/// Namespaces that both patterns match, as far as they are named: where `db.*` and `*.coll` cross, or an included name.
fn meeting(a: &Rule<'_>, b: &Rule<'_>, namespaces: &Namespaces) -> Vec<Namespace> {
    let included = namespaces.include.iter().filter_map(|text| text.parse::<Pattern>().ok()?.exact());
    let crossing = a.pattern.crossing(&b.pattern);
    crossing.into_iter().chain(included).filter(|ns| a.pattern.matches(ns) && b.pattern.matches(ns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(rules: &[(&str, &[&str])], include: &[&str]) -> Vec<String> {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let rules: Vec<_> = rules
            .iter()
            .map(|(ns, deny)| FieldRules {
                namespace: (*ns).to_owned(),
                deny: owned(deny),
                ..FieldRules::default()
            })
            .collect();
        let namespaces = Namespaces { include: owned(include), exclude: vec![] };
        let mut problems = Vec::new();
        check(&rules, &namespaces, &mut problems);
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn more_specific_rules_and_equal_ones_may_overlap() {
        assert_eq!(problems(&[("*.*", &["x"]), ("a.*", &["y"]), ("a.b", &["z"])], &[]), Vec::<String>::new());
        assert_eq!(problems(&[("a.*", &["x"]), ("*.b", &["x"])], &[]), Vec::<String>::new());
        assert_eq!(problems(&[("a.*", &["x"]), ("b.*", &["y"])], &[]), Vec::<String>::new());
        assert_eq!(problems(&[("a.*", &["x"]), ("*.b", &["y"]), ("a.b", &[])], &[]), Vec::<String>::new());
    }

    #[test]
    fn rules_that_contradict_are_told_with_the_namespace() {
        assert_eq!(
            problems(&[("a.b", &["x"]), ("a.b", &["y"])], &[]),
            ["rules[1].namespace: `a.b` has a rule at rules[0].namespace already"]
        );
        assert_eq!(
            problems(&[("a.*", &["x"]), ("*.b", &["y"])], &[]),
            [
                "rules[1].namespace: `*.b` and `a.*` (rules[0].namespace) both hold for a.b, are equally specific and differ; \
             give a.b a rule of its own"
            ]
        );
        let regexes: [(&str, &[&str]); 2] = [("/a\\..*/", &["x"]), ("/.*b/", &["y"])];
        assert_eq!(problems(&regexes, &[]), Vec::<String>::new());
        assert!(problems(&regexes, &["a.ab"])[0].contains("both hold for a.ab"));
    }

    #[test]
    fn unreadable_patterns_are_told() {
        assert!(
            problems(&[("a", &[])], &[])[0].starts_with("rules[0].namespace: `a` is not a namespace pattern")
        );
    }
}
