//! What a read showed under an `_id`, worded as the change event that would have led there: an insert, or a delete.
//!
//! The `_id` takes the form the MongoDB Kafka Connector gives to copied documents, `{_id: …, copyingData: true}`, so
//! that consumers made for it take ours too.

use common::{
    cluster_time::ClusterTime,
    namespace::Namespace,
    raw::{Document, Element, Writer},
};

/// `operationType`: a document that is there was inserted, one that is not was deleted.
pub(super) const fn operation(is_there: bool) -> &'static str {
    if is_there { "insert" } else { "delete" }
}

/// Writes the event for `document`, or for its absence, as read at `time`.
pub(super) fn write(
    document: Option<Document<'_>>,
    id: &Element<'_>,
    ns: &Namespace,
    time: ClusterTime,
    out: &mut Writer,
) {
    out.clear();
    out.begin();
    out.begin_document(b"_id");
    out.value(id.kind, b"_id", id.value);
    out.bool(b"copyingData", true);
    out.end();
    out.str(b"operationType", operation(document.is_some()));
    out.timestamp(b"clusterTime", time.0);
    if let Some(document) = document {
        out.document(b"fullDocument", document);
    }
    out.begin_document(b"ns");
    out.str(b"db", &ns.db);
    out.str(b"coll", &ns.coll);
    out.end();
    out.begin_document(b"documentKey");
    out.element(id);
    out.end();
    out.end();
}
