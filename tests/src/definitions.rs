//! What collections are defined as: their options and indexes.

use std::collections::BTreeMap;

use bson::{Document, doc};
use futures_util::TryStreamExt as _;
use mongodb::Client;

/// Options that the target has otherwise on purpose, or does not have.
const PUT_OFF: [&str; 4] =
    ["validationLevel", "expireAfterSeconds", "changeStreamPreAndPostImages", "storageEngine"];

/// What `listCollections` says of a database.
///
/// # Panics
/// When the server does not answer.
pub async fn listed(client: &Client, db: &str) -> Vec<Document> {
    let cursor = client.database(db).run_cursor_command(doc! {"listCollections": 1}).await;
    cursor.expect("the server answers").try_collect().await.expect("the server answers")
}

/// The options of every collection, without what is put off.
///
/// # Panics
/// When the server does not answer.
pub async fn options(client: &Client, db: &str) -> BTreeMap<String, Document> {
    let named = listed(client, db).await.into_iter().filter_map(|found| {
        let name = found.get_str("name").expect("it has a name").to_owned();
        let mut options = found.get_document("options").expect("it has options").clone();
        PUT_OFF.iter().for_each(|name| drop(options.remove(name)));
        (!name.starts_with("system.")).then_some((name, options))
    });
    named.collect()
}

/// The indexes of a collection by their names; none when it is gone.
///
/// # Panics
/// When the server does not answer.
pub async fn indexes_of(client: &Client, db: &str, coll: &str) -> BTreeMap<String, Document> {
    let cursor = client.database(db).run_cursor_command(doc! {"listIndexes": coll}).await;
    let Ok(cursor) = cursor else { return BTreeMap::new() };
    let found: Vec<Document> = cursor.try_collect().await.expect("the server answers");
    let named = found.into_iter().map(|index| (index.get_str("name").expect("a name").to_owned(), index));
    named.collect()
}

/// The indexes of every collection that has some besides that of `_id`, without what is put off.
///
/// # Panics
/// When the server does not answer.
pub async fn indexes(client: &Client, db: &str) -> BTreeMap<String, BTreeMap<String, Document>> {
    let mut all = BTreeMap::new();
    for name in options(client, db).await.into_keys() {
        let mut found = indexes_of(client, db, &name).await;
        found.remove("_id_");
        for index in found.values_mut() {
            index.remove("unique");
            if index.contains_key("expireAfterSeconds") {
                index.insert("expireAfterSeconds", i32::MAX);
            }
        }
        all.insert(name, found);
    }
    all.retain(|_, indexes| !indexes.is_empty());
    all
}
