//! Whether the target is the source, shaped: every namespace, every document, every byte.

use std::collections::{BTreeMap, BTreeSet};

use bson::{RawDocumentBuf, doc};
use futures_util::TryStreamExt as _;
use mongodb::{Client, Database, error::Result, results::CollectionType};

use crate::shaping::Rules;

/// Differences that are shown; the rest is counted.
const SHOWN: usize = 5;
/// Characters of a document that are shown.
const SHOWN_LEN: usize = 600;

/// Documents of a collection by the bytes of their `_id`, its type included.
pub type Documents = BTreeMap<Vec<u8>, RawDocumentBuf>;
/// Collections that hold documents, by namespace.
pub type Contents = BTreeMap<String, Documents>;

/// Every document of some databases. Views and the server's own collections are passed over.
///
/// # Errors
/// When the server does not answer.
pub async fn contents(client: &Client, databases: &[String]) -> Result<Contents> {
    let mut contents = Contents::new();
    for name in databases {
        let database = client.database(name);
        let mut collections = database.list_collections().await?;
        while let Some(found) = collections.try_next().await? {
            if found.collection_type == CollectionType::Collection && !found.name.starts_with("system.") {
                let documents = documents(&database, &found.name).await?;
                contents.insert(format!("{name}.{}", found.name), documents);
            }
        }
    }
    contents.retain(|_, documents| !documents.is_empty());
    Ok(contents)
}

async fn documents(database: &Database, collection: &str) -> Result<Documents> {
    let all: Vec<RawDocumentBuf> = database.collection(collection).find(doc! {}).await?.try_collect().await?;
    Ok(all.into_iter().map(|document| (id(&document), document)).collect())
}

fn id(document: &RawDocumentBuf) -> Vec<u8> {
    let id =
        document.get("_id").expect("the server hands out valid BSON").expect("a stored document has an _id");
    let mut key = RawDocumentBuf::new();
    key.append(bson::raw::cstr!("_id"), id);
    key.into_bytes()
}

/// Leaves what the source itself finds by the rules' filters.
///
/// # Errors
/// When the server does not answer.
pub async fn filtered(
    client: &Client,
    contents: &mut Contents,
    rules: &BTreeMap<String, Rules>,
) -> Result<()> {
    for (ns, documents) in contents.iter_mut() {
        let Some(filter) = rules.get(ns).and_then(|rules| rules.filter.clone()) else { continue };
        let (db, coll) = ns.split_once('.').expect("a namespace has a dot");
        let found = client.database(db).collection::<RawDocumentBuf>(coll).find(filter).await?;
        let found: Vec<RawDocumentBuf> = found.try_collect().await?;
        let found: BTreeSet<_> = found.iter().map(id).collect();
        documents.retain(|id, _| found.contains(id));
    }
    contents.retain(|_, documents| !documents.is_empty());
    Ok(())
}

/// The source as it should have arrived.
#[must_use]
pub fn shaped(mut contents: Contents, rules: &BTreeMap<String, Rules>) -> Contents {
    for (ns, documents) in &mut contents {
        if let Some(rules) = rules.get(ns) {
            documents.values_mut().for_each(|document| *document = rules.shape(document));
        }
    }
    contents
}

/// Nothing when both hold the same; otherwise what differs, for people.
#[must_use]
pub fn differences(expected: &Contents, found: &Contents) -> Option<String> {
    let empty = Documents::new();
    let mut told = Vec::new();
    let mut count = 0;
    let namespaces: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for ns in namespaces {
        let (expected, found) = (expected.get(ns).unwrap_or(&empty), found.get(ns).unwrap_or(&empty));
        let ids: BTreeSet<&Vec<u8>> = expected.keys().chain(found.keys()).collect();
        for id in ids.into_iter().filter(|id| bytes(expected, id) != bytes(found, id)) {
            count += 1;
            if told.len() < SHOWN {
                let (expected, found) = (show(expected.get(id)), show(found.get(id)));
                told.push(format!("{ns}\n  expected {expected}\n  found    {found}"));
            }
        }
    }
    (count > 0).then(|| format!("{count} documents differ, the first:\n{}", told.join("\n")))
}

fn bytes<'a>(documents: &'a Documents, id: &[u8]) -> Option<&'a [u8]> {
    documents.get(id).map(|document| document.as_bytes())
}

fn show(document: Option<&RawDocumentBuf>) -> String {
    let Some(document) = document else { return "nothing".to_owned() };
    let text = bson::Document::try_from(document.clone()).map_or_else(|e| e.to_string(), |d| d.to_string());
    text.chars().take(SHOWN_LEN).collect()
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    fn holding(documents: &[RawDocumentBuf]) -> Contents {
        let documents = documents.iter().map(|d| (id(d), d.clone())).collect();
        [("db.c".to_owned(), documents)].into()
    }

    #[test]
    fn differences_in_type_order_and_number_are_found() {
        let one = holding(&[rawdoc! {"_id": 1, "a": 1, "b": 2}]);
        assert_eq!(differences(&one, &one.clone()), None);
        for other in [
            vec![],
            vec![rawdoc! {"_id": 1, "a": 1_i64, "b": 2}],
            vec![rawdoc! {"_id": 1, "b": 2, "a": 1}],
            vec![rawdoc! {"_id": 1, "a": 1, "b": 2}, rawdoc! {"_id": 1.0, "a": 1, "b": 2}],
        ] {
            assert!(differences(&one, &holding(&other)).is_some(), "{other:?}");
        }
    }
}
