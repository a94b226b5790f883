//! Collations, as any server takes them. Pure.

use bson::Document;

/// Without its version, which is the server's own.
pub(super) fn unversioned(collation: &Document) -> Document {
    let mut collation = collation.clone();
    collation.remove("version");
    collation
}
