//! What is to be done about indexes, as commands. Pure.
//!
//! Indexes are made and dropped at a barrier, so the documents that one is made over are those that the source had then: what the source's build
//! has accepted is accepted here. Two things are put off, because documents may be there twice, or again, while changes are on their way:
//!
//! | the source's index | here |
//! |---|---|
//! | unique | not unique |
//! | `expireAfterSeconds` | the largest there is, before 6.0 none: what expires is deleted by the source's deletes |

use bson::{Document, doc};

use super::collation::unversioned;

/// The largest `expireAfterSeconds` that the server takes.
const NEVER: i32 = i32::MAX;

/// One command about indexes, but for the collection.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Work {
    pub(super) name: &'static str,
    pub(super) arguments: Document,
}

impl Eq for Work {}

impl Work {
    /// One for each index.
    pub(super) fn create(indexes: &[Document]) -> Vec<Self> {
        let one =
            |index: &Document| Self { name: "createIndexes", arguments: doc! {"indexes": [put_off(index)]} };
        indexes.iter().map(one).collect()
    }

    /// The name of the index that is made.
    pub(super) fn index_name(&self) -> Option<String> {
        let index = self.arguments.get_array("indexes").ok()?.first()?.as_document()?;
        index.get_str("name").ok().map(str::to_owned)
    }

    /// What is told to servers before 6.0, which do not take an expiry that never comes.
    pub(super) fn without_expiry(&self) -> Document {
        let mut arguments = self.arguments.clone();
        for index in arguments.get_array_mut("indexes").into_iter().flatten() {
            if let Some(index) = index.as_document_mut() {
                index.remove("expireAfterSeconds");
            }
        }
        arguments
    }

    pub(super) fn drop(names: &[String]) -> Vec<Self> {
        let one = |name: &String| Self { name: "dropIndexes", arguments: doc! {"index": name} };
        names.iter().map(one).collect()
    }

    /// Only whether it is hidden; the rest is what is put off.
    pub(super) fn modify(index: &Document) -> Vec<Self> {
        let Some(hidden) = index.get("hidden") else { return Vec::new() };
        let which = ["name", "keyPattern"]
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), index.get(key)?.clone())));
        let mut index: Document = which.collect();
        index.insert("hidden", hidden.clone());
        vec![Self { name: "collMod", arguments: doc! {"index": index} }]
    }
}

/// The index as it is made here.
fn put_off(index: &Document) -> Document {
    let mut index = index.clone();
    for option in ["unique", "prepareUnique", "background", "ns"] {
        index.remove(option);
    }
    if index.contains_key("expireAfterSeconds") {
        index.insert("expireAfterSeconds", NEVER);
    }
    // One without is simple whatever its collection's collation is, which a command without would take.
    let collation = index.get_document("collation").map(unversioned);
    index.insert("collation", collation.unwrap_or_else(|_| doc! {"locale": "simple"}));
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_refuse_or_remove_documents_is_put_off() {
        let index = doc! {"v": 2, "unique": true, "key": {"a": 1}, "name": "a", "expireAfterSeconds": 60, "sparse": true};
        let wanted = doc! {"v": 2, "key": {"a": 1}, "name": "a", "expireAfterSeconds": i32::MAX, "sparse": true, "collation": {"locale": "simple"}};
        assert_eq!(put_off(&index), wanted);
        let without = doc! {"indexes": [{"v": 2, "key": {"a": 1}, "name": "a", "sparse": true, "collation": {"locale": "simple"}}]};
        assert_eq!(Work::create(std::slice::from_ref(&index))[0].without_expiry(), without);
        assert_eq!(Work::create(&[index, doc! {"key": {"b": 1}, "name": "b"}]).len(), 2);
    }

    #[test]
    fn of_a_changed_index_only_its_hiding_is_taken() {
        assert!(Work::modify(&doc! {"name": "a", "expireAfterSeconds": 5}).is_empty());
        let hidden = Work::modify(&doc! {"keyPattern": {"a": 1}, "hidden": true, "prepareUnique": true});
        assert_eq!(hidden[0].arguments, doc! {"index": {"keyPattern": {"a": 1}, "hidden": true}});
    }
}
