//! What is put off at the target, as it is remembered there: exactly what the source said. Pure.
//!
//! ```text
//!   oplogue.<pipeline>.definitions   {_id: <UUID of the target's collection>, ns,
//!                                     options: {validationLevel, expireAfterSeconds, changeStreamPreAndPostImages},
//!                                     indexes: [{name, key, unique, prepareUnique, expireAfterSeconds}, …]}
//! ```
//!
//! The UUID goes with a collection through its renames, and never comes back. Notes are taken before a barrier is done, so whoever repeats it takes
//! the same notes again.

use bson::{Bson, Document, doc};

/// What an index has that is put off.
const OF_INDEX: [&str; 3] = ["unique", "prepareUnique", "expireAfterSeconds"];

/// What one definition change adds to the notes of its collection.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Notes {
    /// By their names, as the source has them.
    pub(super) options: Document,
    /// Indexes that are new, with what is put off of them.
    pub(super) made: Vec<Document>,
    /// Indexes that are changed.
    pub(super) modified: Vec<Document>,
    /// Names of indexes that are gone.
    pub(super) dropped: Vec<String>,
    /// Whether there is a validator, whose level is `strict` where nothing is said.
    pub(super) validates: bool,
}

impl Notes {
    pub(super) fn of_indexes(indexes: &[Document]) -> Self {
        Self { made: indexes.iter().filter_map(Self::part_of).collect(), ..Self::default() }
    }

    /// Name and keys of an index with what is put off of it, if anything is.
    pub(super) fn part_of(index: &Document) -> Option<Document> {
        let part = |names: &[&str]| -> Document {
            let named = names.iter().filter_map(|name| Some(((*name).to_owned(), index.get(name)?.clone())));
            named.collect()
        };
        let put_off = part(&OF_INDEX);
        if put_off.is_empty() {
            return None;
        }
        let mut noted = part(&["name", "key"]);
        if let Some(keys) = index.get("keyPattern") {
            noted.insert("key", keys.clone());
        }
        noted.extend(put_off);
        Some(noted)
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Without the indexes of these names, which are the target's own.
    pub(super) fn without(&self, names: &[String]) -> Self {
        let mut notes = self.clone();
        notes.made.retain(|index| !is_of(index, names));
        notes
    }

    /// The notes of a collection with these added.
    pub(super) fn added_to(&self, before: &Document) -> Document {
        let mut options = before.get_document("options").cloned().unwrap_or_default();
        options.extend(self.options.clone());
        if self.validates && !options.contains_key("validationLevel") {
            options.insert("validationLevel", "strict");
        }
        let indexes = before.get_array("indexes").into_iter().flatten();
        let mut indexes: Vec<Document> = indexes.filter_map(Bson::as_document).cloned().collect();
        indexes.retain(|index| !is_of(index, &self.dropped));
        for made in &self.made {
            indexes.retain(|index| index.get("name") != made.get("name"));
            indexes.push(made.clone());
        }
        for modified in &self.modified {
            match indexes.iter_mut().find(|index| is_same(index, modified)) {
                Some(index) => index.extend(modified.clone()),
                None => indexes.push(modified.clone()),
            }
        }
        doc! {"options": options, "indexes": indexes}
    }
}

fn is_of(index: &Document, names: &[String]) -> bool {
    index.get_str("name").is_ok_and(|name| names.iter().any(|one| one == name))
}

fn is_same(index: &Document, other: &Document) -> bool {
    ["name", "key"].into_iter().any(|name| index.contains_key(name) && index.get(name) == other.get(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_follow_the_sources_definitions() {
        let indexes = [
            doc! {"key": {"a": 1}, "name": "a", "unique": true},
            doc! {"key": {"b": 1}, "name": "b", "expireAfterSeconds": 5},
            doc! {"key": {"c": 1}, "name": "c"},
        ];
        let first = Notes { options: doc! {"validationLevel": "strict"}, ..Notes::of_indexes(&indexes) };
        let noted = first.added_to(&doc! {});
        let wanted = doc! {"options": {"validationLevel": "strict"}, "indexes": [
        {"name": "a", "key": {"a": 1}, "unique": true}, {"name": "b", "key": {"b": 1}, "expireAfterSeconds": 5}]};
        assert_eq!(noted, wanted);
        assert_eq!(first.added_to(&noted), wanted, "taken again they are the same");
        let changed = doc! {"keyPattern": {"b": 1}, "expireAfterSeconds": 9, "hidden": true};
        let later = Notes {
            options: doc! {"expireAfterSeconds": 7},
            modified: Notes::part_of(&changed).into_iter().collect(),
            dropped: vec!["a".to_owned()],
            ..Notes::default()
        };
        let wanted = doc! {"options": {"validationLevel": "strict", "expireAfterSeconds": 7},
        "indexes": [{"name": "b", "key": {"b": 1}, "expireAfterSeconds": 9}]};
        assert_eq!(later.added_to(&noted), wanted);
        assert!(first.without(&["a".to_owned(), "b".to_owned()]).made.is_empty());
    }
}
