//! Which of a collection's options it is made with here, and what is put off. Pure.
//!
//! | the source's option | here |
//! |---|---|
//! | `collation`, `clusteredIndex` | as it is; a collation's version is the server's own |
//! | `validator`, `validationAction` | as they are, with `validationLevel: "off"`: the source may hold what its validator would refuse |
//! | `capped` | as it is, with the largest `size` and without `max`: what it drops the source's deletes take, and both are put off |
//! | `validationLevel`, `expireAfterSeconds`, `changeStreamPreAndPostImages` | put off, and noted ([`notes`](super::notes)) |
//! | anything else (`storageEngine`, …) | left out, and said |

use std::fmt;

use bson::{Bson, Document, doc};

use super::{collation::unversioned, definition::Definition, notes::Notes};
use crate::sink::LARGEST;

const LEVEL: &str = "validationLevel";
/// What `collMod` calls the size of a capped collection and the number of its documents.
const SIZE: &str = "cappedSize";
const MAX: &str = "cappedMax";
const PUT_OFF: [&str; 5] = [LEVEL, "expireAfterSeconds", "changeStreamPreAndPostImages", SIZE, MAX];
const VALIDATION: [&str; 2] = ["validator", "validationAction"];
/// What a server tells of a collection that nobody has asked for.
/// What `create` calls them.
const OF_CAPPED: [&str; 3] = [CAPPED, "size", "max"];
const CAPPED: &str = "capped";
const OWN: [&str; 5] = ["uuid", "idIndex", "autoIndexId", "flags", "temp"];

/// What a collection with these options asks for.
pub(super) fn create(options: &Document, is_shaped: bool) -> Definition {
    let mut definition = modify(options, is_shaped);
    let mut make = kept(options);
    make.extend(definition.validation.clone());
    if is_capped(options) {
        make.extend(doc! {CAPPED: true, "size": LARGEST});
        let put_off = [("size", SIZE), ("max", MAX)];
        let put_off = put_off
            .iter()
            .filter_map(|(here, there)| Some(((*there).to_owned(), options.get(here)?.clone())));
        definition.notes.options.extend(put_off);
    }
    definition.left_out.retain(|name| !make.contains_key(name));
    Definition { make: Some(make), ..definition }
}

/// What a change of options asks for.
pub(super) fn modify(options: &Document, is_shaped: bool) -> Definition {
    let mut definition = Definition::default();
    for (name, value) in options {
        let is_validation = VALIDATION.contains(&name.as_str()) || name == LEVEL;
        if OWN.contains(&name.as_str()) || OF_CAPPED.contains(&name.as_str()) {
            continue;
        }
        if is_validation && is_shaped {
            definition.left_out.push(name.clone());
        } else if VALIDATION.contains(&name.as_str()) {
            definition.validation.insert(name, value.clone());
        } else if PUT_OFF.contains(&name.as_str()) {
            definition.notes.options.insert(name, value.clone());
        } else {
            definition.left_out.push(name.clone());
        }
    }
    definition.notes.validates =
        definition.validation.get_document("validator").is_ok_and(|validator| !validator.is_empty());
    if !definition.validation.is_empty() {
        definition.validation.insert(LEVEL, "off");
    }
    definition
}

/// What a collection keeps from its making to its end.
fn kept(options: &Document) -> Document {
    let mut kept = Document::new();
    if let Ok(collation) = options.get_document("collation") {
        kept.insert("collation", unversioned(collation));
    }
    if let Some(index) = options.get("clusteredIndex") {
        kept.insert("clusteredIndex", index.clone());
    }
    kept
}

/// An option that a collection which is there already has otherwise, for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Differing {
    option: &'static str,
    here: String,
    there: String,
    /// Whether the two collections may come to hold other documents for it.
    pub(super) is_grave: bool,
}

impl fmt::Display for Differing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {} there and {} at the source", self.option, self.here, self.there)
    }
}

/// What the target's collection has otherwise than the source's.
pub(super) fn differing(here: &Document, there: &Document) -> Vec<Differing> {
    let options = ["collation", CAPPED, "clusteredIndex"].into_iter().filter(|name| match *name {
        CAPPED => is_capped(here) != is_capped(there),
        "collation" => !compares_alike(here.get(name), there.get(name)),
        _ => here.get(name).map(bare) != there.get(name).map(bare),
    });
    let text = |option: Option<&Bson>| option.map_or_else(|| "none".to_owned(), ToString::to_string);
    let differing = |option| Differing {
        option,
        here: text(here.get(option)),
        there: text(there.get(option)),
        is_grave: option != "clusteredIndex",
    };
    options.map(differing).collect()
}

/// Whether two collations are one, as far as both say; servers fill in what was left to them, and each has a version of its own.
fn compares_alike(here: Option<&Bson>, there: Option<&Bson>) -> bool {
    let collation = |option: Option<&Bson>| option.and_then(Bson::as_document).map(unversioned);
    match (collation(here), collation(there)) {
        (Some(here), Some(there)) => {
            here.iter().all(|(name, value)| there.get(name).is_none_or(|other| other == value))
        }
        (here, there) => here.is_none() && there.is_none(),
    }
}

/// An option without what servers of other versions word otherwise.
fn bare(option: &Bson) -> Document {
    let option = option.as_document().cloned().unwrap_or_else(|| doc! {"is": option.clone()});
    option.into_iter().filter(|(name, _)| name != "v").collect()
}

/// Whether these are options of a capped collection.
pub(super) fn is_capped(options: &Document) -> bool {
    options.get_bool(CAPPED).unwrap_or(false)
}

/// Whether a collection of the target refuses documents by itself.
pub(super) fn is_validated(options: &Document) -> bool {
    let has_one = options.get_document("validator").is_ok_and(|validator| !validator.is_empty());
    has_one && options.get_str(LEVEL).unwrap_or("strict") != "off"
}

/// The notes of a collection whose validator is the target's own.
pub(super) fn without_validation(notes: &Notes) -> Notes {
    let mut notes = notes.clone();
    notes.options.remove(LEVEL);
    notes.validates = false;
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Document {
        doc! {
            "validator": {"a": {"$type": "string"}}, "validationLevel": "moderate", "validationAction": "warn",
            "collation": {"locale": "fr", "strength": 2, "version": "57.1"}, "storageEngine": {"wiredTiger": {}},
            "changeStreamPreAndPostImages": {"enabled": true}, "idIndex": {"v": 2}, "uuid": 1,
        }
    }

    #[test]
    fn a_validator_is_made_asleep_and_what_it_was_is_noted() {
        let made = create(&options(), false);
        let wanted = doc! {
            "collation": {"locale": "fr", "strength": 2}, "validator": {"a": {"$type": "string"}}, "validationAction": "warn",
            "validationLevel": "off",
        };
        assert_eq!(made.make, Some(wanted));
        let noted = doc! {"validationLevel": "moderate", "changeStreamPreAndPostImages": {"enabled": true}};
        assert_eq!((made.notes.options, made.left_out), (noted, vec!["storageEngine".to_owned()]));
    }

    #[test]
    fn a_capped_collection_is_made_as_large_as_can_be_and_its_bounds_are_noted() {
        let made = create(&doc! {"capped": true, "size": 4096, "max": 5_i64}, true);
        assert_eq!(made.make, Some(doc! {"capped": true, "size": LARGEST}));
        assert_eq!(made.notes.options, doc! {"cappedSize": 4096, "cappedMax": 5_i64});
        assert!(made.left_out.is_empty());
        assert_eq!(create(&doc! {"capped": false}, false).make, Some(doc! {}));
        let changed = modify(&doc! {"cappedMax": 7}, false);
        assert_eq!(changed.notes.options, doc! {"cappedMax": 7});
        assert!(changed.left_out.is_empty() && changed.make.is_none());
        assert_eq!(differing(&doc! {}, &doc! {"capped": true})[0].option, "capped");
        let ours = doc! {"capped": true, "size": LARGEST};
        assert!(differing(&ours, &doc! {"capped": true, "size": 4096}).is_empty());
    }

    #[test]
    fn documents_that_are_shaped_have_no_validator() {
        let made = create(&options(), true);
        assert_eq!(made.make, Some(doc! {"collation": {"locale": "fr", "strength": 2}}));
        assert!(made.left_out.contains(&"validator".to_owned()) && made.validation.is_empty());
        assert!(!made.notes.options.contains_key(LEVEL));
    }

    #[test]
    fn a_change_of_the_level_alone_is_only_noted() {
        let changed = modify(&doc! {"validationLevel": "strict"}, false);
        assert!(changed.make.is_none() && changed.validation.is_empty());
        assert_eq!(changed.notes.options, doc! {"validationLevel": "strict"});
        let changed = modify(&doc! {"validator": {}}, false);
        assert_eq!(changed.validation, doc! {"validator": {}, "validationLevel": "off"});
    }

    #[test]
    fn a_collection_of_the_targets_own_is_told_by_what_stays() {
        let names = |here: &Document, there: &Document| {
            let differing = differing(here, there).into_iter();
            differing.map(|differing| (differing.option, differing.is_grave)).collect::<Vec<_>>()
        };
        let clustered = doc! {"clusteredIndex": {"v": 2, "key": {"_id": 1}, "name": "k", "unique": true}};
        let capped = doc! {"capped": true, "size": 4096};
        assert_eq!(names(&doc! {}, &clustered), [("clusteredIndex", false)]);
        assert_eq!(names(&options(), &clustered), [("collation", true), ("clusteredIndex", false)]);
        assert_eq!(names(&capped, &doc! {}), [("capped", true)]);
        for (here, there) in [
            (&clustered, &clustered),
            (&doc! {"validator": {}}, &doc! {}),
            (&capped, &doc! {"capped": true}),
            (&options(), &doc! {"collation": {"locale": "fr", "version": "153.1"}}),
        ] {
            assert_eq!(names(here, there), [], "{here} {there}");
        }
        assert_eq!(
            names(&options(), &doc! {"collation": {"locale": "fr", "strength": 3}}),
            [("collation", true)]
        );
        assert_eq!(
            differing(&capped, &doc! {})[0].to_string(),
            "`capped` is true there and none at the source"
        );
        assert!(is_validated(&doc! {"validator": {"a": 1}}) && !is_validated(&doc! {"validator": {}}));
        assert!(!is_validated(&doc! {"validator": {"a": 1}, "validationLevel": "off"}));
    }
}
