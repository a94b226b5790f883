//! Namespaces and which of them a pipeline carries.

mod by_pattern;

use std::{fmt, str::FromStr};

use regex::Regex;
use serde::{Deserialize, Serialize};

pub use self::by_pattern::{ByPattern, Tie};

/// A collection by its database and name. The name may hold dots, the database may not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace {
    /// Database.
    pub db: String,
    /// Collection.
    pub coll: String,
}

impl Namespace {
    /// A namespace from its two names.
    pub fn new(db: impl Into<String>, coll: impl Into<String>) -> Self {
        Self { db: db.into(), coll: coll.into() }
    }

    /// Whether the server or Oplogue keeps its own business here, so that no filter can ask for it: the databases
    /// `admin`, `config` and `local`, `system.*` collections, and the temporaries through which `$out` and renames
    /// across databases stream.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        is_internal(&self.db) || self.coll.starts_with("system.") || self.is_temporary()
    }

    /// Whether this is a server temporary (`tmp.agg_out.*`, `tmp*.renameCollection`, `tmp*.convertToCapped.*`).
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        let rest = self.coll.strip_prefix("tmp").unwrap_or_default();
        rest.starts_with(".agg_out.")
            || rest.ends_with(".renameCollection")
            || rest.split_once('.').is_some_and(|(_, rest)| rest.starts_with("convertToCapped."))
    }
}

fn is_internal(db: &str) -> bool {
    matches!(db, "admin" | "config" | "local" | "oplogue")
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.db, self.coll)
    }
}

/// A text that is not `database.collection`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a namespace; write it as database.collection")]
pub struct ParseError(String);

impl FromStr for Namespace {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('.') {
            Some((db, coll)) if !db.is_empty() && !coll.is_empty() => Ok(Self::new(db, coll)),
            _ => Err(ParseError(text.to_owned())),
        }
    }
}

impl Serialize for Namespace {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Namespace {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One line of a filter: `db.coll`, `db.*`, `*.coll`, `*.*`, or `/regex/` over the whole `db.coll`.
///
/// `*` alone stands for any database or any collection; elsewhere in a name it is an ordinary character.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    Names { db: Option<String>, coll: Option<String> },
    Regex(Regex),
}

/// A pattern that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Neither `database.collection` nor `/regex/`.
    #[error("`{0}` is not a namespace pattern; write db.coll, db.*, *.coll or /regex/")]
    Shape(String),
    /// The regular expression does not compile.
    #[error("`{pattern}`: {reason}")]
    Regex {
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Pattern {
    /// Whether the namespace matches.
    #[must_use]
    pub fn matches(&self, ns: &Namespace) -> bool {
        match &self.matcher {
            Matcher::Names { db, coll } => {
                db.as_ref().is_none_or(|db| *db == ns.db) && coll.as_ref().is_none_or(|coll| *coll == ns.coll)
            }
            Matcher::Regex(regex) => regex.is_match(&ns.to_string()),
        }
    }

    /// What the stars, or the groups of the regular expression, stand for in this namespace; `None` when it does not match.
    #[must_use]
    pub fn captures(&self, ns: &Namespace) -> Option<Vec<String>> {
        match &self.matcher {
            Matcher::Names { db, coll } => self.matches(ns).then(|| {
                let stars = [(db, &ns.db), (coll, &ns.coll)];
                stars.into_iter().filter(|(name, _)| name.is_none()).map(|(_, is)| is.clone()).collect()
            }),
            Matcher::Regex(regex) => {
                let text = ns.to_string();
                let groups = regex.captures(&text)?;
                let text = |group: Option<regex::Match<'_>>| {
                    group.map_or_else(String::new, |m| m.as_str().to_owned())
                };
                Some(groups.iter().skip(1).map(text).collect())
            }
        }
    }

    /// The names of what [`Self::captures`] tells, in that order; stars have none, and not every group has.
    #[must_use]
    pub fn capture_names(&self) -> Vec<Option<&str>> {
        match &self.matcher {
            Matcher::Names { db, coll } => {
                [db, coll].iter().filter(|name| name.is_none()).map(|_| None).collect()
            }
            Matcher::Regex(regex) => regex.capture_names().skip(1).collect(),
        }
    }

    /// Whether this is a regular expression.
    #[must_use]
    pub const fn is_regex(&self) -> bool {
        matches!(self.matcher, Matcher::Regex(_))
    }

    /// The database every matching namespace lies in, when the pattern says so by name.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        match &self.matcher {
            Matcher::Names { db, .. } => db.as_deref(),
            Matcher::Regex(_) => None,
        }
    }

    /// The one namespace that the pattern names, when it is a full name.
    #[must_use]
    pub fn exact(&self) -> Option<Namespace> {
        match &self.matcher {
            Matcher::Names { db: Some(db), coll: Some(coll) } => Some(Namespace::new(db, coll)),
            _ => None,
        }
    }

    /// Whether every namespace that `other` matches is matched here too, as far as that can be told: of a regular expression it
    /// is known for single names and for the same expression only.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (&self.matcher, &other.matcher) {
            (Matcher::Names { db: None, coll: None }, _) => true,
            (Matcher::Names { db, coll }, Matcher::Names { db: other_db, coll: other_coll }) => {
                (db.is_none() || db == other_db) && (coll.is_none() || coll == other_coll)
            }
            (Matcher::Regex(_), _) => {
                self.text == other.text || other.exact().is_some_and(|ns| self.matches(&ns))
            }
            (Matcher::Names { .. }, Matcher::Regex(_)) => false,
        }
    }

    /// The one namespace where `db.*` and `*.coll` cross.
    #[must_use]
    pub fn crossing(&self, other: &Self) -> Option<Namespace> {
        match (&self.matcher, &other.matcher) {
            (Matcher::Names { db: Some(db), coll: None }, Matcher::Names { db: None, coll: Some(coll) })
            | (Matcher::Names { db: None, coll: Some(coll) }, Matcher::Names { db: Some(db), coll: None }) => {
                Some(Namespace::new(db, coll))
            }
            _ => None,
        }
    }

    /// How specific the pattern is; of two that match, the higher wins: a full name 3, one name 2, a regex 1, `*.*` 0.
    #[must_use]
    pub const fn specificity(&self) -> u8 {
        match &self.matcher {
            Matcher::Names { db: Some(_), coll: Some(_) } => 3,
            Matcher::Names { db: None, coll: None } => 0,
            Matcher::Names { .. } => 2,
            Matcher::Regex(_) => 1,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let matcher = if let Some(inner) = text.strip_prefix('/').and_then(|t| t.strip_suffix('/')) {
            let whole = Regex::new(&format!("^(?:{inner})$"));
            Matcher::Regex(
                whole.map_err(|e| PatternError::Regex { pattern: text.into(), reason: e.to_string() })?,
            )
        } else {
            let ns: Namespace = text.parse().map_err(|_| PatternError::Shape(text.to_owned()))?;
            let named = |name: String| (name != "*").then_some(name);
            Matcher::Names { db: named(ns.db), coll: named(ns.coll) }
        };
        Ok(Self { text: text.to_owned(), matcher })
    }
}

/// Which namespaces are carried: every one that some `include` matches (all, when there is none) and no `exclude` does,
/// never an internal one.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Filter {
    /// A filter from its patterns.
    #[must_use]
    pub const fn new(include: Vec<Pattern>, exclude: Vec<Pattern>) -> Self {
        Self { include, exclude }
    }

    /// Whether the namespace is carried.
    #[must_use]
    pub fn carries(&self, ns: &Namespace) -> bool {
        !ns.is_internal()
            && (self.include.is_empty() || self.include.iter().any(|p| p.matches(ns)))
            && !self.exclude.iter().any(|p| p.matches(ns))
    }

    /// Whether the database can hold a carried namespace; a role may forbid to look into another.
    #[must_use]
    pub fn reaches(&self, db: &str) -> bool {
        !is_internal(db) && self.databases().is_none_or(|databases| databases.contains(&db))
    }

    /// The databases that can hold a carried namespace, sorted, when all includes name theirs.
    #[must_use]
    pub fn databases(&self) -> Option<Vec<&str>> {
        let mut databases = self.include.iter().map(Pattern::database).collect::<Option<Vec<_>>>()?;
        databases.sort_unstable();
        databases.dedup();
        (!databases.is_empty()).then_some(databases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let parse = |list: &[&str]| list.iter().map(|p| p.parse().unwrap()).collect();
        Filter::new(parse(include), parse(exclude))
    }

    fn ns(text: &str) -> Namespace {
        text.parse().unwrap()
    }

    #[test]
    fn collection_names_keep_their_dots() {
        assert_eq!(ns("db.a.b c.$d"), Namespace::new("db", "a.b c.$d"));
        assert!("nodot".parse::<Namespace>().is_err());
        assert!(".coll".parse::<Namespace>().is_err());
        assert!("db.".parse::<Namespace>().is_err());
    }

    #[test]
    fn include_names_exclude_wins_and_internals_never_pass() {
        let cases: [(&[&str], &[&str], &str, bool); 11] = [
            (&[], &[], "shop.orders", true),
            (&[], &[], "admin.users", false),
            (&[], &[], "shop.system.views", false),
            (&[], &[], "shop.tmp.agg_out.1", false),
            (&[], &[], "shop.tmpXy12.renameCollection", false),
            (&["shop.*"], &[], "shop.orders", true),
            (&["shop.*"], &[], "crm.orders", false),
            (&["shop.*"], &["shop.secret"], "shop.secret", false),
            (&["*.orders"], &[], "crm.orders", true),
            (&["/shop\\.(orders|users)/"], &[], "shop.users", true),
            (&["/shop\\.users/"], &[], "shop.users2", false),
        ];
        for (include, exclude, name, carried) in cases {
            assert_eq!(
                filter(include, exclude).carries(&ns(name)),
                carried,
                "{include:?} {exclude:?} {name}"
            );
        }
    }

    #[test]
    fn databases_are_known_only_when_every_include_names_its_own() {
        assert_eq!(filter(&["b.x", "a.*", "b.y"], &[]).databases(), Some(vec!["a", "b"]));
        assert_eq!(filter(&["b.x", "*.y"], &[]).databases(), None);
        assert_eq!(filter(&[], &["b.x"]).databases(), None);
    }

    #[test]
    fn a_pattern_covers_what_it_matches_whole() {
        let covers = |a: &str, b: &str| a.parse::<Pattern>().unwrap().covers(&b.parse().unwrap());
        for (a, b) in
            [("*.*", "/x/"), ("a.*", "a.b"), ("*.b", "a.b"), ("a.*", "a.*"), ("/a.*/", "a.b"), ("/x/", "/x/")]
        {
            assert!(covers(a, b), "{a} {b}");
        }
        for (a, b) in [("a.*", "*.*"), ("a.b", "a.*"), ("a.*", "*.b"), ("/a.*/", "a.*"), ("a.*", "/a.*/")] {
            assert!(!covers(a, b), "{a} {b}");
        }
    }

    #[test]
    fn only_databases_that_can_hold_something_are_reached() {
        assert!(filter(&["b.x"], &[]).reaches("b") && !filter(&["b.x"], &[]).reaches("a"));
        assert!(filter(&["/b.x/"], &[]).reaches("a") && !filter(&["/b.x/"], &[]).reaches("admin"));
    }

    #[test]
    fn a_bad_pattern_says_what_is_wrong_with_it() {
        assert_eq!("users".parse::<Pattern>().unwrap_err(), PatternError::Shape("users".into()));
        assert!(matches!("/shop.(/".parse::<Pattern>(), Err(PatternError::Regex { .. })));
    }
}
