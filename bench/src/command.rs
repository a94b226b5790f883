//! Write commands as raw BSON: what the driver would build, without a copy through its types.

use anyhow::{Result, ensure};
use bson::{
    Document, RawArrayBuf, RawDocumentBuf,
    raw::{CStr, cstr},
    rawdoc,
};
use mongodb::Database;

/// Statements of one command.
pub(crate) const MOST: usize = 1000;

/// `{insert: coll, documents: […]}`.
pub(crate) fn insert(coll: &str, documents: impl IntoIterator<Item = RawDocumentBuf>) -> RawDocumentBuf {
    write(rawdoc! {"insert": coll}, cstr!("documents"), documents)
}

/// `{update: coll, updates: […]}`.
pub(crate) fn update(coll: &str, updates: impl IntoIterator<Item = RawDocumentBuf>) -> RawDocumentBuf {
    write(rawdoc! {"update": coll}, cstr!("updates"), updates)
}

/// `{delete: coll, deletes: […]}`.
pub(crate) fn delete(coll: &str, deletes: impl IntoIterator<Item = RawDocumentBuf>) -> RawDocumentBuf {
    write(rawdoc! {"delete": coll}, cstr!("deletes"), deletes)
}

/// `{delete: coll, deletes: [{q: {_id: {$in: […]}}, limit: 0}]}` of document keys: one statement costs less than one for each.
pub(crate) fn delete_keys(coll: &str, keys: impl IntoIterator<Item = RawDocumentBuf>) -> RawDocumentBuf {
    let mut ids = RawArrayBuf::new();
    for key in keys {
        if let Ok(Some(id)) = key.get(cstr!("_id")) {
            ids.push(id);
        }
    }
    delete(coll, [rawdoc! {"q": {"_id": {"$in": ids}}, "limit": 0}])
}

fn write(
    mut command: RawDocumentBuf,
    list: &CStr,
    statements: impl IntoIterator<Item = RawDocumentBuf>,
) -> RawDocumentBuf {
    let mut array = RawArrayBuf::new();
    statements.into_iter().for_each(|statement| array.push(statement));
    command.append(cstr!("ordered"), false);
    command.append(list, array);
    command.append(cstr!("writeConcern"), rawdoc! {"w": "majority"});
    command
}

/// Sends it and sees to it that every statement was carried out.
pub(crate) async fn send(database: &Database, command: RawDocumentBuf) -> Result<()> {
    let reply: Document = database.run_raw_command(command).await?;
    ensure!(!reply.contains_key("writeErrors"), "a write was refused: {reply}");
    Ok(())
}
