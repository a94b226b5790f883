//! Indexes of collections with field rules, by the names that fields have at the target. Pure.
//!
//! An index refuses documents for what stands at its paths. Where each of them passes whole and unchanged ([`Place::At`]), the target's documents have at
//! the new path what the source's have at the old one, and what was accepted there is accepted here. Where one does not, the index is passed over.

use bson::{Bson, Document};
use shape::{Place, Shaper};

/// Fields of an index that hold names of fields or what is said of them; there, an index that has them is passed over.
const UNTRANSLATED: [&str; 2] = ["wildcardProjection", "columnstoreProjection"];
/// What text indexes have for keys.
const OF_TEXT: [&str; 2] = ["_fts", "_ftsx"];
const EVERYTHING: &str = "$**";
const LANGUAGE: &str = "language_override";

/// The index as it is to be made; `None` where it cannot be.
pub(super) fn index(index: &Document, shaper: &Shaper) -> Option<Document> {
    if UNTRANSLATED.iter().any(|name| index.contains_key(name)) {
        return None;
    }
    let mut translated = index.clone();
    for part in ["key", "weights"] {
        if let Ok(paths) = index.get_document(part) {
            translated.insert(part, renamed(paths, shaper)?);
        }
    }
    if let Ok(filter) = index.get_document("partialFilterExpression") {
        translated.insert("partialFilterExpression", condition(filter, shaper)?);
    }
    if let Ok(name) = index.get_str(LANGUAGE) {
        match shaper.place(name) {
            Place::At(name) => drop(translated.insert(LANGUAGE, name)),
            // Documents without it have the index's own.
            Place::Gone => {}
            Place::Changed => return None,
        }
    }
    Some(translated)
}

fn renamed(paths: &Document, shaper: &Shaper) -> Option<Document> {
    let path = |(path, value): (&String, &Bson)| {
        let path = if OF_TEXT.contains(&path.as_str()) { path.clone() } else { translated(path, shaper)? };
        Some((path, value.clone()))
    };
    paths.iter().map(path).collect()
}

fn translated(path: &str, shaper: &Shaper) -> Option<String> {
    let (path, suffix) = match path.strip_suffix(EVERYTHING) {
        Some(path) => (path.strip_suffix('.')?, ".$**"),
        None => (path, ""),
    };
    match shaper.place(path) {
        Place::At(path) => Some(path + suffix),
        Place::Gone | Place::Changed => None,
    }
}

/// `{path: …, $and: [{…}, …]}`; below a path there are no others.
fn condition(filter: &Document, shaper: &Shaper) -> Option<Document> {
    let part = |(name, value): (&String, &Bson)| match value {
        Bson::Array(parts) if name.starts_with('$') => {
            let parts = parts.iter().map(|part| condition(part.as_document()?, shaper).map(Bson::Document));
            Some((name.clone(), Bson::Array(parts.collect::<Option<_>>()?)))
        }
        _ if name.starts_with('$') => None,
        _ => Some((translated(name, shaper)?, value.clone())),
    };
    filter.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use common::namespace::Namespace;
    use serde_json::json;
    use shape::Rules;

    use super::*;

    fn shaped(given: &Document) -> Option<Document> {
        let rule = json!({"namespace": "d.c", "deny": ["secret", "a.b"], "rename": {"name": "called", "a.c": "see"}, "mask": {"m": "redact"}});
        let rules = Rules::compile(&[serde_json::from_value(rule).unwrap()], None).unwrap();
        index(given, rules.for_namespace(&Namespace::new("d", "c")).unwrap().unwrap())
    }

    #[test]
    fn paths_get_their_new_names_wherever_they_stand() {
        let given = doc! {
            "key": {"name.first": 1, "a.c": -1, "free": "hashed"}, "name": "i", "unique": true,
            "partialFilterExpression": {"free": {"$gt": 1}, "$or": [{"name": "x"}, {"$and": [{"a.c": {"$exists": true}}]}]},
        };
        let wanted = doc! {
            "key": {"called.first": 1, "a.see": -1, "free": "hashed"}, "name": "i", "unique": true,
            "partialFilterExpression": {"free": {"$gt": 1}, "$or": [{"called": "x"}, {"$and": [{"a.see": {"$exists": true}}]}]},
        };
        assert_eq!(shaped(&given), Some(wanted));
        let text =
            doc! {"key": {"_fts": "text", "_ftsx": 1}, "weights": {"name": 2}, "language_override": "secret"};
        let wanted = doc! {"key": {"_fts": "text", "_ftsx": 1}, "weights": {"called": 2}, "language_override": "secret"};
        assert_eq!(shaped(&text), Some(wanted));
        assert_eq!(shaped(&doc! {"key": {"free.$**": 1}}), Some(doc! {"key": {"free.$**": 1}}));
    }

    #[test]
    fn an_index_on_what_does_not_pass_whole_is_passed_over() {
        for given in [
            doc! {"key": {"free": 1, "secret": 1}},
            doc! {"key": {"a": 1}},
            doc! {"key": {"m": 1}},
            doc! {"key": {"$**": 1}},
            doc! {"key": {"a.$**": 1}},
            doc! {"key": {"free.$**": 1}, "wildcardProjection": {"x": 1}},
            doc! {"key": {"free": 1}, "partialFilterExpression": {"secret": {"$gt": 1}}},
            doc! {"key": {"free": 1}, "partialFilterExpression": {"$or": [{"free": 1}, {"m": 1}]}},
            doc! {"key": {"_fts": "text", "_ftsx": 1}, "weights": {"$**": 1}},
            doc! {"key": {"_fts": "text", "_ftsx": 1}, "weights": {"free": 1}, "language_override": "m"},
        ] {
            assert_eq!(shaped(&given), None, "{given}");
        }
    }
}
