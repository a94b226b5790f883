//! Records to plan, for tests.

use bson::doc;
use common::raw::Document;

use super::{Change, NamespaceId, Record};

/// A document that stays.
pub(super) fn keep(document: &bson::Document) -> Document<'static> {
    Document::new(document.to_vec().unwrap().leak()).unwrap()
}

/// A change of the document with this `_id`.
pub(super) fn record(id: i32, change: Change<'static>) -> Record<'static> {
    let id = keep(&doc! {"_id": id}).get("_id").unwrap().unwrap();
    Record { namespace: NamespaceId(0), key: id.value.to_vec().leak(), id, change }
}
