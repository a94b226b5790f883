//! Moving documents at barriers: each statement from where the document has to stand, and for its owner alone.
//!
//! Outside of transactions, one document at a time, acknowledged by a majority. `false` says that the document stands elsewhere or is another
//! worker's, and that nothing was written.

use bson::{Bson, Document, doc};
use common::error::Result;

use super::{
    Advance, Intent, Origin, Store, at,
    at::AT,
    document::{id, moved},
};
use crate::{consume::intake::Partition, sink::target::Target};

/// A document that is held up by a barrier, as it has to stand.
#[derive(Debug, Clone, Copy)]
pub struct Held<'b> {
    /// Whose.
    pub partition: &'b Partition,
    /// The offset that it must hold.
    pub offset: i64,
    /// The barrier.
    pub barrier: &'b Origin,
}

impl<T: Target> Store<T> {
    /// The partition has come to the barrier.
    ///
    /// # Errors
    /// Whatever the target says.
    pub async fn stand(&self, held: Held<'_>) -> Result<bool> {
        let mut filter = self.filter(held.partition, held.offset);
        filter.insert(AT, Bson::Null);
        self.set(filter, doc! {"$set": {AT: at::fields("", held.barrier)}}).await
    }

    /// These collections of the target will be touched, unless something else is about to be done already.
    ///
    /// # Errors
    /// Whatever the target says.
    pub async fn intend(&self, held: Held<'_>, intent: Intent) -> Result<bool> {
        let mut filter = self.standing(held);
        filter.insert("at.intent", Bson::Null);
        self.set(filter, doc! {"$set": {"at.intent": at::intent(intent)}}).await
    }

    /// What the barrier asks for is done.
    ///
    /// # Errors
    /// Whatever the target says.
    pub async fn finish(&self, held: Held<'_>) -> Result<bool> {
        self.set(self.standing(held), doc! {"$set": {"at.done": true}}).await
    }

    /// The partition goes on behind the barrier, whether it stood there or passes it over.
    ///
    /// # Errors
    /// Whatever the target says.
    pub async fn pass(&self, advance: &Advance) -> Result<bool> {
        let filter = self.filter(&advance.partition, advance.from);
        self.set(filter, doc! {"$set": moved(advance)?, "$unset": {AT: ""}}).await
    }

    fn filter(&self, partition: &Partition, offset: i64) -> Document {
        let mut filter = doc! {"_id": id(partition), "offset": offset};
        // One of its sessions stands for all.
        filter.extend(self.owner().first().map(|session| ("owner".to_owned(), session.clone())));
        filter
    }

    /// A document that stands at a barrier, as a filter.
    pub(crate) fn standing(&self, held: Held<'_>) -> Document {
        let mut filter = self.filter(held.partition, held.offset);
        filter.extend(at::fields("at.", held.barrier));
        filter
    }

    async fn set(&self, filter: Document, update: Document) -> Result<bool> {
        Ok(self.update(vec![doc! {"q": filter, "u": update}]).await? > 0)
    }
}
