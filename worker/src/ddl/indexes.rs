//! Making, dropping and hiding indexes at the target.
//!
//! They are made and dropped at a barrier, so the documents that an index is made over are those that the source had then: what the source's build
//! has accepted is accepted here. Two things are put off, because documents may be there twice, or again, while changes are on their way:
//!
//! | the source's index | here |
//! |---|---|
//! | unique | not unique |
//! | `expireAfterSeconds` | the largest there is: what expires is deleted by the source's deletes |
//!
//! What is there already, or gone already, is done. An index of the target's own that has the name or the keys stays.

use std::time::Duration;

use bson::{Document, doc};
use common::{
    error::{Error, Kind, Result},
    mongo::{self, Reason},
    namespace::Namespace,
};
use tokio::time::timeout;

use super::deed::{Collections, binary};
use crate::checkpoint::Uuid;

/// The largest `expireAfterSeconds` that the server takes.
const NEVER: i32 = i32::MAX;
/// How long a build is waited for at one time; asked again, the server goes on waiting for the same one.
const PATIENCE: Duration = Duration::from_secs(600);

/// `NamespaceNotFound`, `IndexNotFound`, `CollectionUUIDMismatch`: nothing to be done any more.
const GONE: [i32; 3] = [26, 27, 361];
/// `IndexOptionsConflict` and `IndexKeySpecsConflict`.
const CONFLICTS: [i32; 2] = [85, 86];
/// `BadValue`, `FailedToParse`, `TypeMismatch`, `CannotCreateIndex`, `InvalidOptions`, `InvalidIndexSpecificationOption`: not with this server.
const INEXPRESSIBLE: [i32; 6] = [2, 9, 14, 67, 72, 197];

/// One command about indexes, but for the collection.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Work {
    name: &'static str,
    arguments: Document,
}

impl Eq for Work {}

impl Work {
    /// One for each index.
    pub(super) fn create(indexes: &[Document]) -> Vec<Self> {
        let one =
            |index: &Document| Self { name: "createIndexes", arguments: doc! {"indexes": [put_off(index)]} };
        indexes.iter().map(one).collect()
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
    index
}

impl Collections {
    /// Does all of it, on the collection that was meant.
    ///
    /// # Errors
    /// Transient when the target does not answer; misconfigured for an index that it cannot have.
    pub(super) async fn work(&self, ns: &Namespace, uuid: Option<Uuid>, work: &[Work]) -> Result<()> {
        for one in work {
            let mut command = doc! {one.name: &ns.coll};
            command.extend(one.arguments.clone());
            command.extend(
                uuid.filter(|_| self.takes_uuid).map(|uuid| ("collectionUUID".to_owned(), binary(uuid))),
            );
            command.insert("writeConcern", doc! {"w": "majority"});
            let sent = timeout(PATIENCE, self.client.database(&ns.db).run_command(command)).await;
            let silent =
                || Error::new(Kind::Transient, format!("no answer about an index of {ns} in {PATIENCE:?}"));
            let Err(error) = sent.map_err(|_| silent())? else { continue };
            judged(ns, one, &error)?;
        }
        Ok(())
    }
}

fn judged(ns: &Namespace, work: &Work, error: &mongodb::error::Error) -> Result<()> {
    let context = format!("`{}` of {ns} at the target", work.name);
    match mongo::code(error) {
        Some(code) if GONE.contains(&code) => Ok(()),
        Some(code) if CONFLICTS.contains(&code) => {
            tracing::warn!(%ns, code, "an index of the target's own has this one's name or keys and stays");
            Ok(())
        }
        Some(code) if INEXPRESSIBLE.contains(&code) => Err(Error::caused(
            Kind::Misconfigured,
            format!("{context}: it cannot have it"),
            Reason::of(error),
        )),
        _ => Err(Error::caused(mongo::classify(error), context, Reason::of(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_refuse_or_remove_documents_is_put_off() {
        let index = doc! {"v": 2, "unique": true, "key": {"a": 1}, "name": "a", "expireAfterSeconds": 60, "sparse": true};
        let wanted =
            doc! {"v": 2, "key": {"a": 1}, "name": "a", "expireAfterSeconds": i32::MAX, "sparse": true};
        assert_eq!(put_off(&index), wanted);
        assert_eq!(Work::create(&[index, doc! {"key": {"b": 1}, "name": "b"}]).len(), 2);
    }

    #[test]
    fn of_a_changed_index_only_its_hiding_is_taken() {
        assert!(Work::modify(&doc! {"name": "a", "expireAfterSeconds": 5}).is_empty());
        let hidden = Work::modify(&doc! {"keyPattern": {"a": 1}, "hidden": true, "prepareUnique": true});
        assert_eq!(hidden[0].arguments, doc! {"index": {"keyPattern": {"a": 1}, "hidden": true}});
    }
}
