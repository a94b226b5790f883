//! Namespace patterns: readable, about namespaces that can be carried, and not contradicting each other.

use crate::{
    config::{Problem, types::Namespaces},
    namespace::{Namespace, Pattern},
};

/// Characters that no database's name can hold (MongoDB manual, "Naming Restrictions"), on any platform.
const NOT_IN_DATABASES: [char; 5] = ['/', '\\', ' ', '"', '$'];

/// Checks both lists, and one against the other.
pub(super) fn check(namespaces: &Namespaces, problems: &mut Vec<Problem>) {
    let include = list("namespaces.include", &namespaces.include, problems);
    let exclude = list("namespaces.exclude", &namespaces.exclude, problems);
    for (path, pattern) in &include {
        if let Some(reason) = never_carried(pattern) {
            problems.push(Problem::new(path, reason));
        } else if let Some((by, covering)) = exclude.iter().find(|(_, exclude)| exclude.covers(pattern)) {
            let reason = format!("`{pattern}` is excluded whole by {by} (`{covering}`)");
            problems.push(Problem::new(path, reason));
        }
    }
    let everything = exclude.iter().find(|(_, pattern)| pattern.to_string() == "*.*");
    if let (Some((path, _)), []) = (everything, include.as_slice()) {
        problems.push(Problem::new(path, "`*.*` excludes everything"));
    }
}

/// The readable patterns of a list with their paths; the others, and repeated ones, are problems.
fn list(path: &str, texts: &[String], problems: &mut Vec<Problem>) -> Vec<(String, Pattern)> {
    let mut patterns = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let at = format!("{path}[{i}]");
        if let Some(first) = texts[..i].iter().position(|earlier| earlier == text) {
            problems.push(Problem::new(at, format!("`{text}` stands at [{first}] already")));
            continue;
        }
        match read(text) {
            Ok(pattern) => patterns.push((at, pattern)),
            Err(reason) => problems.push(Problem::new(at, reason)),
        }
    }
    patterns
}

/// A pattern that can be meant: a star inside a longer name is almost surely a mistake, for it would stand for itself.
pub(super) fn read(text: &str) -> Result<Pattern, String> {
    let pattern: Pattern =
        text.parse().map_err(|e: crate::namespace::PatternError| one_line(&e.to_string()))?;
    if text.starts_with('/') && text.ends_with('/') {
        return Ok(pattern);
    }
    let (db, coll) = text.split_once('.').unwrap_or((text, ""));
    if db.contains(NOT_IN_DATABASES) {
        return Err(format!(
            "`{db}` cannot be the name of a database; a regular expression stands between two slashes"
        ));
    }
    if [db, coll].iter().any(|name| *name != "*" && name.contains('*')) {
        let regex = regex::escape(text).replace(r"\*", ".*");
        return Err(format!("in `{text}` a star stands for a whole name only; write /{regex}/"));
    }
    Ok(pattern)
}

/// A regular expression's error is drawn over several lines; the last says what is wrong.
fn one_line(error: &str) -> String {
    let first = error.lines().next().unwrap_or_default();
    let last = error.lines().last().unwrap_or_default();
    if first == last {
        first.to_owned()
    } else {
        format!("{} {}", first.trim(), last.trim().trim_start_matches("error: "))
    }
}

pub(super) fn never_carried(pattern: &Pattern) -> Option<String> {
    let db = pattern.database()?;
    let ns = pattern.exact().unwrap_or_else(|| Namespace::new(db, "any"));
    ns.is_internal()
        .then(|| format!("`{pattern}` belongs to the server or to Oplogue itself and is never carried"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(include: &[&str], exclude: &[&str]) -> Vec<String> {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let namespaces = Namespaces { include: owned(include), exclude: owned(exclude) };
        let mut problems = Vec::new();
        check(&namespaces, &mut problems);
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn sensible_filters_pass() {
        let cases: [(&[&str], &[&str]); 5] = [
            (&[], &["a.*"]),
            (&["a.*", "b.x"], &["a.y", "*.z"]),
            (&["/a\\..*/"], &["a.x"]),
            (&["a.sys tem.$x"], &[]),
            (&["*.*"], &["a.*"]),
        ];
        for (include, exclude) in cases {
            assert_eq!(problems(include, exclude), Vec::<String>::new());
        }
    }

    #[test]
    fn unreadable_and_mistaken_patterns_are_told() {
        assert_eq!(
            problems(&["users", "shop.ord*", "/shop.(/", "/shop.x", "admin.*", "a.system.views"], &[]),
            [
                "namespaces.include[0]: `users` is not a namespace pattern; write db.coll, db.*, *.coll or /regex/",
                "namespaces.include[1]: in `shop.ord*` a star stands for a whole name only; write /shop\\.ord.*/",
                "namespaces.include[2]: `/shop.(/`: regex parse error: unclosed group",
                "namespaces.include[3]: `/shop` cannot be the name of a database; a regular expression stands between two slashes",
                "namespaces.include[4]: `admin.*` belongs to the server or to Oplogue itself and is never carried",
                "namespaces.include[5]: `a.system.views` belongs to the server or to Oplogue itself and is never carried",
            ]
        );
    }

    #[test]
    fn contradictions_are_told() {
        assert_eq!(
            problems(&["a.b", "c.*", "a.b", "d.e"], &["a.*", "c.*", "/d\\..*/"]),
            [
                "namespaces.include[2]: `a.b` stands at [0] already",
                "namespaces.include[0]: `a.b` is excluded whole by namespaces.exclude[0] (`a.*`)",
                "namespaces.include[1]: `c.*` is excluded whole by namespaces.exclude[1] (`c.*`)",
                "namespaces.include[3]: `d.e` is excluded whole by namespaces.exclude[2] (`/d\\..*/`)",
            ]
        );
        assert_eq!(problems(&[], &["*.*"]), ["namespaces.exclude[0]: `*.*` excludes everything"]);
    }
}
