//! A snapshot document, worded as the change event that would have inserted it.
//!
//! The `_id` takes the form the MongoDB Kafka Connector gives to copied documents, `{_id: …, copyingData: true}`, so
//! that consumers made for it take ours too.

use common::{
    cluster_time::ClusterTime,
    namespace::Namespace,
    raw::{Document, Element, Writer},
};

/// Writes the event for `document` as read at `time`.
pub(super) fn write(
    document: Document<'_>,
    id: &Element<'_>,
    ns: &Namespace,
    time: ClusterTime,
    out: &mut Writer,
) {
    out.clear();
    out.begin();
    out.begin_document(b"_id");
    out.element(id);
    out.bool(b"copyingData", true);
    out.end();
    out.str(b"operationType", "insert");
    out.timestamp(b"clusterTime", time.0);
    out.document(b"fullDocument", document);
    out.begin_document(b"ns");
    out.str(b"db", &ns.db);
    out.str(b"coll", &ns.coll);
    out.end();
    out.begin_document(b"documentKey");
    out.element(id);
    out.end();
    out.end();
}
