//! What has changed of a collection between two looks at it, worded as the server words it (pure).
//!
//! | between the looks | is told as |
//! |---|---|
//! | options are other ones | `modify`; a validator that is gone is an empty one |
//! | an index is gone, or is another one of the same name | `dropIndexes` |
//! | an index is new, or is another one of the same name | `createIndexes` |
//! | an index is hidden or shown, or expires at another time | `modify` |
//!
//! What happened in between and was undone again is not seen; no document is missing for it.

use bson::{Bson, Document, doc};
use common::event::Operation;

use crate::snapshot::catalog::Definition;

/// A definition change: the operation and its `operationDescription`.
pub(super) type Change = (Operation<'static>, Document);

/// What `collMod` can change of an index.
const HIDDEN: &str = "hidden";
const EXPIRY: &str = "expireAfterSeconds";

/// What tells of a collection that nothing was told of.
pub(super) fn made(now: &Definition) -> Vec<Change> {
    let create = (Operation::Create, now.options.clone());
    std::iter::once(create).chain(some(Operation::CreateIndexes, now.indexes.clone())).collect()
}

/// What leads from `before` to `now`.
pub(super) fn changes(before: &Definition, now: &Definition) -> Vec<Change> {
    let (mut gone, mut new, mut modified) = (Vec::new(), Vec::new(), Vec::new());
    for index in &before.indexes {
        match same_name(index, &now.indexes) {
            Some(other) if other == index => {}
            Some(other) if can_become(index, other) => modified.push(modification(index, other)),
            _ => gone.push(index.clone()),
        }
    }
    for index in &now.indexes {
        if same_name(index, &before.indexes).is_none_or(|other| other != index && !can_become(other, index)) {
            new.push(index.clone());
        }
    }
    let options = modified_options(&before.options, &now.options);
    let options = (!options.is_empty()).then_some((Operation::Modify, options));
    let changes = options.into_iter().chain(some(Operation::DropIndexes, gone));
    let changes = changes.chain(some(Operation::CreateIndexes, new));
    changes.chain(modified.into_iter().map(|index| (Operation::Modify, doc! {"index": index}))).collect()
}

fn some(operation: Operation<'static>, indexes: Vec<Document>) -> Option<Change> {
    (!indexes.is_empty()).then(|| (operation, doc! {"indexes": indexes}))
}

fn same_name<'i>(index: &Document, indexes: &'i [Document]) -> Option<&'i Document> {
    indexes.iter().find(|other| other.get("name") == index.get("name"))
}

/// Whether `collMod` makes one of the other.
fn can_become(index: &Document, other: &Document) -> bool {
    let bare = |index: &Document| {
        let mut bare = index.clone();
        [HIDDEN, EXPIRY].iter().for_each(|name| drop(bare.remove(name)));
        bare
    };
    bare(index) == bare(other) && index.contains_key(EXPIRY) == other.contains_key(EXPIRY)
}

fn modification(index: &Document, other: &Document) -> Document {
    let mut modification = Document::new();
    modification.extend(other.get("name").map(|name| ("name".to_owned(), name.clone())));
    if index.get(HIDDEN) != other.get(HIDDEN) {
        modification.insert(HIDDEN, other.get_bool(HIDDEN).unwrap_or(false));
    }
    if index.get(EXPIRY) != other.get(EXPIRY) {
        modification.extend(other.get(EXPIRY).map(|expiry| (EXPIRY.to_owned(), expiry.clone())));
    }
    modification
}

fn modified_options(before: &Document, now: &Document) -> Document {
    let mut modified: Document = now
        .iter()
        .filter(|(name, value)| before.get(name) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if before.contains_key("validator") && !now.contains_key("validator") {
        modified.insert("validator", Bson::Document(Document::new()));
    }
    modified
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defined(options: Document, indexes: impl IntoIterator<Item = Document>) -> Definition {
        Definition { options, indexes: indexes.into_iter().collect() }
    }

    fn index(name: &str, more: Document) -> Document {
        let mut index = doc! {"v": 2, "key": {"a": 1}, "name": name};
        index.extend(more);
        index
    }

    #[test]
    fn the_same_has_no_changes_whatever_the_order_of_indexes() {
        let [a, b] = ["a", "b"].map(|name| index(name, doc! {"sparse": true}));
        let before = defined(doc! {"collation": {"locale": "en"}}, [a.clone(), b.clone()]);
        assert_eq!(changes(&before, &defined(before.options.clone(), [b, a])), []);
    }

    #[test]
    fn what_nothing_was_told_of_is_made() {
        let empty = Definition::default();
        assert_eq!(made(&empty), [(Operation::Create, doc! {})]);
        let a = index("a", doc! {});
        let options = doc! {"collation": {"locale": "en"}};
        let indexes = doc! {"indexes": [a.clone()]};
        let wanted = [(Operation::Create, options.clone()), (Operation::CreateIndexes, indexes)];
        assert_eq!(made(&defined(options, [a])), wanted);
    }

    #[test]
    fn another_index_of_the_same_name_goes_before_it_comes() {
        let (sparse, unique) = (index("a", doc! {"sparse": true}), index("a", doc! {"unique": true}));
        let (gone, new) = (index("gone", doc! {}), index("new", doc! {}));
        let before = defined(doc! {}, [sparse.clone(), gone.clone()]);
        let now = defined(doc! {}, [new.clone(), unique.clone()]);
        let wanted = [
            (Operation::DropIndexes, doc! {"indexes": [sparse, gone]}),
            (Operation::CreateIndexes, doc! {"indexes": [new, unique]}),
        ];
        assert_eq!(changes(&before, &now), wanted);
    }

    #[test]
    fn what_coll_mod_can_change_of_an_index_is_modified() {
        let modified = |before: Document, now: Document| {
            changes(&defined(doc! {}, [index("a", before)]), &defined(doc! {}, [index("a", now)]))
        };
        let modify = |more: Document| {
            let mut index = doc! {"name": "a"};
            index.extend(more);
            vec![(Operation::Modify, doc! {"index": index})]
        };
        assert_eq!(modified(doc! {}, doc! {"hidden": true}), modify(doc! {"hidden": true}));
        assert_eq!(modified(doc! {"hidden": true}, doc! {}), modify(doc! {"hidden": false}));
        let [five, nine] = [5, 9].map(|seconds| doc! {"expireAfterSeconds": seconds});
        assert_eq!(modified(five.clone(), nine.clone()), modify(nine));
        assert_eq!(modified(doc! {}, five).len(), 2, "collMod gives no expiry to an index that has none");
    }

    #[test]
    fn options_are_modified_and_a_validator_that_is_gone_is_an_empty_one() {
        let before = doc! {"validator": {"a": 1}, "validationLevel": "strict"};
        let now = doc! {"validator": {"b": 1}, "validationLevel": "strict", "validationAction": "warn"};
        let modified = |now: Document| changes(&defined(before.clone(), []), &defined(now, []));
        let wanted = doc! {"validator": {"b": 1}, "validationAction": "warn"};
        assert_eq!(modified(now), [(Operation::Modify, wanted)]);
        let wanted = doc! {"validator": {}};
        assert_eq!(modified(doc! {"validationLevel": "strict"}), [(Operation::Modify, wanted)]);
    }
}
