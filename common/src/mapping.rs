//! What namespaces are called at the target.
//!
//! Pure. Owns the meaning of `[[map]]`: which entry holds for a namespace and what it makes of the name. Two namespaces of one name at
//! the target would mix their documents, so what cannot be a name, or belongs to the server, is an error and never a
//! guess; that two namespaces meet is seen by whoever knows both.

use crate::namespace::{Namespace, Pattern};

/// Characters that no database's name can hold (MongoDB manual, "Naming Restrictions"), on any platform.
const NOT_IN_DATABASES: [char; 7] = ['/', '\\', '.', ' ', '"', '$', '\0'];

/// The entries of a pipeline, most specific first.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    at: usize,
    from: Pattern,
    to: Template,
}

/// A namespace that has no name at the target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmapped {
    /// Two entries hold for it.
    #[error("map[{0}] and map[{1}] both hold for {2} and neither is more specific")]
    Twice(usize, usize, Namespace),
    /// Its name at the target would be none, or one of the server's own or of Oplogue's.
    #[error("map[{at}] makes `{to}` of {from}: {reason}")]
    Refused {
        /// The entry.
        at: usize,
        /// The namespace.
        from: Namespace,
        /// What it would be called.
        to: String,
        /// Why it cannot be.
        reason: &'static str,
    },
}

impl Mapping {
    /// Reads the entries, each a pattern and what it becomes.
    ///
    /// # Errors
    /// Which entry cannot be read, whether it is its `to`, and why.
    pub fn new<'a>(
        entries: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, (usize, &'static str, String)> {
        let mut read = Vec::new();
        for (at, (from, to)) in entries.enumerate() {
            let from: Pattern =
                from.parse().map_err(|e: crate::namespace::PatternError| (at, "from", e.to_string()))?;
            let to = Template::parse(to, &from).map_err(|reason| (at, "to", reason))?;
            read.push(Entry { at, from, to });
        }
        read.sort_by_key(|entry| std::cmp::Reverse(entry.from.specificity()));
        Ok(Self { entries: read })
    }

    /// Whether every namespace keeps its name.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The namespace's name at the target, and which entry gives it; `None` when it keeps its own.
    ///
    /// # Errors
    /// [`Unmapped`].
    pub fn target(&self, ns: &Namespace) -> Result<Option<(usize, Namespace)>, Unmapped> {
        let mut matching = self.entries.iter().filter(|entry| entry.from.matches(ns));
        let Some(first) = matching.next() else { return Ok(None) };
        if let Some(second) = matching.next().filter(|e| e.from.specificity() == first.from.specificity()) {
            return Err(Unmapped::Twice(first.at, second.at, ns.clone()));
        }
        let captures = first.from.captures(ns).unwrap_or_default();
        let to = first.to.fill(&captures);
        match refused(&to) {
            None => Ok(Some((first.at, to))),
            Some(reason) => {
                Err(Unmapped::Refused { at: first.at, from: ns.clone(), to: to.to_string(), reason })
            }
        }
    }
}

/// Why a name cannot be a namespace's at the target.
fn refused(ns: &Namespace) -> Option<&'static str> {
    if ns.db.is_empty() || ns.coll.is_empty() {
        return Some("a name is empty");
    }
    if ns.db.contains(NOT_IN_DATABASES) {
        return Some("no database can have that name");
    }
    ns.is_internal().then_some("it belongs to the server or to Oplogue itself")
}

/// A namespace with places in it that captures fill.
#[derive(Debug, Clone)]
struct Template {
    db: Vec<Part>,
    coll: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Capture(usize),
}

impl Template {
    /// Reads what stands at `to`, for what `from` captures.
    fn parse(text: &str, from: &Pattern) -> Result<Self, String> {
        let (db, coll) = text.split_once('.').ok_or_else(|| format!("`{text}` is not written db.coll"))?;
        let mut used = 0;
        let mut parts = |text: &str| {
            if from.is_regex() { groups(text, from) } else { Ok(stars(text, &mut used)) }
        };
        let template = Self { db: parts(db)?, coll: parts(coll)? };
        let there_are = from.capture_names().len();
        if !from.is_regex() && used != there_are {
            return Err(format!(
                "`{from}` has {there_are} and `{text}` has {used} of `*`: each stands for one, so that no two namespaces \
                 get the same name"
            ));
        }
        match template.literal().as_ref().and_then(refused) {
            Some(reason) => Err(format!("`{text}`: {reason}")),
            None => Ok(template),
        }
    }

    fn fill(&self, captures: &[String]) -> Namespace {
        let text = |parts: &[Part]| -> String {
            let part = |part: &Part| match part {
                Part::Text(text) => text.clone(),
                Part::Capture(at) => captures.get(*at).cloned().unwrap_or_default(),
            };
            parts.iter().map(part).collect()
        };
        Namespace::new(text(&self.db), text(&self.coll))
    }

    /// What of it is known without a namespace: something stands in for a half that has captures.
    fn literal(&self) -> Option<Namespace> {
        let text = |parts: &[Part]| match parts {
            [] => Some(String::new()),
            [Part::Text(text)] => Some(text.clone()),
            _ => None,
        };
        let (db, coll) = (text(&self.db), text(&self.coll));
        (db.is_some() || coll.is_some()).then(|| {
            Namespace::new(db.unwrap_or_else(|| "any".to_owned()), coll.unwrap_or_else(|| "any".to_owned()))
        })
    }
}

/// Text in which each star is the next capture.
fn stars(text: &str, used: &mut usize) -> Vec<Part> {
    let mut parts = Vec::new();
    for (place, between) in text.split('*').enumerate() {
        if place > 0 {
            parts.push(Part::Capture(*used));
            *used += 1;
        }
        if !between.is_empty() {
            parts.push(Part::Text(between.to_owned()));
        }
    }
    parts
}

/// Text in which `$1` and `${name}` are groups of the regular expression and `$$` a dollar.
fn groups(text: &str, from: &Pattern) -> Result<Vec<Part>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    let mut literal = String::new();
    while let Some(at) = rest.find('$') {
        literal.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            literal.push('$');
            rest = after;
            continue;
        }
        let (name, after) =
            reference(rest).ok_or("`$` stands before a group, as in `$1` or `${name}`, or another `$`")?;
        let names = from.capture_names();
        let group = match name.parse::<usize>() {
            Ok(number) => number.checked_sub(1).filter(|group| *group < names.len()),
            Err(_) => names.iter().position(|known| *known == Some(name)),
        };
        let group = group.ok_or_else(|| format!("`{from}` has no group `{name}`"))?;
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(Part::Capture(group));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

/// The name of a group and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        return braced.split_once('}');
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(entries: &[(&str, &str)]) -> Result<Mapping, (usize, &'static str, String)> {
        Mapping::new(entries.iter().copied())
    }

    /// What the one entry makes of the namespace; itself where it does not hold.
    fn mapped(from: &str, to: &str, ns: &str) -> Result<String, String> {
        let mapping = mapping(&[(from, to)]).map_err(|(_, place, reason)| format!("{place}: {reason}"))?;
        let target = mapping.target(&ns.parse().unwrap()).map_err(|error| error.to_string())?;
        Ok(target.map_or_else(|| ns.to_owned(), |(_, to)| to.to_string()))
    }

    #[test]
    fn names_become_what_the_entry_says() {
        for (from, to, ns, expected) in [
            ("shop.users", "crm.people", "shop.users", "crm.people"),
            ("shop.users", "crm.people", "shop.orders", "shop.orders"),
            ("shop.*", "crm.*", "shop.a.b", "crm.a.b"),
            ("*.users", "*.people", "shop.users", "shop.people"),
            ("*.users", "all.users_*", "shop.users", "all.users_shop"),
            ("*.*", "all.*_*", "shop.users", "all.shop_users"),
            ("*.*", "copy_*.*", "shop.a.b", "copy_shop.a.b"),
            (r"/shop_(\d+)\.(.*)/", "shop.${2}_$1", "shop_7.users", "shop.users_7"),
            (r"/(?<db>\w+)\.a/", "x.${db}$$", "shop.a", "x.shop$"),
            (r"/a\.b(c)?/", "a.x$1y", "a.b", "a.xy"),
        ] {
            assert_eq!(mapped(from, to, ns), Ok(expected.to_owned()), "{from} {to} {ns}");
        }
    }

    #[test]
    fn what_can_be_no_name_is_refused_when_it_is_read_or_when_it_is_seen() {
        for (from, to, ns, reason) in [
            ("a.b", "crm", "a.b", "to: `crm` is not written db.coll"),
            ("a.*", "crm.all", "a.b", "has 1 and `crm.all` has 0 of `*`"),
            ("a.b", "crm.*", "a.b", "has 0 and `crm.*` has 1 of `*`"),
            ("a.b", "admin.users", "a.b", "belongs to the server"),
            ("a.*", "oplogue.*", "a.b", "belongs to the server"),
            ("*.b", "*.system.x", "a.b", "belongs to the server"),
            ("a.b", "c d.e", "a.b", "no database can have that name"),
            ("a.b", "c.", "a.b", "a name is empty"),
            ("a", "b.c", "a.b", "from: `a` is not a namespace pattern"),
            ("/a.(b)/", "x.$2", "a.b", "has no group `2`"),
            ("/a.(b)/", "x.$y", "a.b", "`$` stands before a group"),
            ("/a.(?<n>b)/", "x.${m}", "a.b", "has no group `m`"),
            ("*.a", "*.b", "admin.a", "map[0] makes `admin.b` of admin.a: it belongs to the server"),
            ("a.*", "*.b", "a.x.y", "no database can have that name"),
            ("/a.b(c)?/", "a.$1", "a.b", "a name is empty"),
        ] {
            let found = mapped(from, to, ns).unwrap_err();
            assert!(found.contains(reason), "{from} {to}: {found}");
        }
    }

    #[test]
    fn the_most_specific_entry_holds() {
        let mapping = mapping(&[("*.*", "*.z_*"), ("a.*", "x.*"), ("a.b", "y.c"), ("/q.*/", "r.s")]).unwrap();
        let target = |ns: &str| mapping.target(&ns.parse().unwrap()).unwrap().unwrap().1.to_string();
        assert_eq!(["a.b", "a.c", "q.c", "k.c"].map(target), ["y.c", "x.c", "r.s", "k.z_c"]);
        let twice = super::tests::mapping(&[("a.*", "x.*"), ("*.b", "*.c")]).unwrap();
        assert!(matches!(twice.target(&"a.b".parse().unwrap()), Err(Unmapped::Twice(0, 1, _))));
    }
}
