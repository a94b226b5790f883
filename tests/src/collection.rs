//! A collection of the source as a test writes to it: a write that fails, fails the test.

use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::UpdateModifications;

/// What the source says when it refuses a write.
const WRITABLE: &str = "the source takes writes";

/// A collection of the source.
#[derive(Debug, Clone)]
pub struct Collection(pub mongodb::Collection<Document>);

impl Collection {
    /// Inserts documents.
    pub async fn insert(&self, documents: impl IntoIterator<Item = Document>) {
        self.0.insert_many(documents).await.expect(WRITABLE);
    }

    /// Inserts a document byte by byte.
    pub async fn insert_raw(&self, document: &RawDocumentBuf) {
        self.0.clone_with_type::<RawDocumentBuf>().insert_one(document).await.expect(WRITABLE);
    }

    /// Updates the document with this `_id`, which must be there.
    pub async fn update(&self, id: impl Into<Bson>, change: impl Into<UpdateModifications>) {
        let updated = self.0.update_one(with(id), change).await.expect(WRITABLE);
        assert_eq!(updated.matched_count, 1, "there is no document to update");
    }

    /// Updates every document that `filter` finds.
    pub async fn update_many(&self, filter: Document, change: Document) {
        self.0.update_many(filter, change).await.expect(WRITABLE);
    }

    /// Replaces the document with this `_id`, which must be there.
    pub async fn replace(&self, id: impl Into<Bson>, document: Document) {
        let replaced = self.0.replace_one(with(id), document).await.expect(WRITABLE);
        assert_eq!(replaced.matched_count, 1, "there is no document to replace");
    }

    /// Deletes the document with this `_id`, which must be there.
    pub async fn delete(&self, id: impl Into<Bson>) {
        let deleted = self.0.delete_one(with(id)).await.expect(WRITABLE);
        assert_eq!(deleted.deleted_count, 1, "there is no document to delete");
    }

    /// The whole numbers that are `_id`s, in order.
    pub async fn ids(&self) -> Vec<i32> {
        let found = self.0.distinct("_id", doc! {}).await.expect("the server answers");
        let mut ids: Vec<i32> = found.iter().filter_map(Bson::as_i32).collect();
        ids.sort_unstable();
        ids
    }

    /// How many documents there are.
    pub async fn count(&self) -> u64 {
        self.0.count_documents(doc! {}).await.expect("the server answers")
    }
}

/// `$eq`, for an `_id` may be anything, even what reads as an operator.
fn with(id: impl Into<Bson>) -> Document {
    doc! {"_id": {"$eq": id.into()}}
}
