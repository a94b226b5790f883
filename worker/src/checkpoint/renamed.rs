//! Marks when a collection changes its name or is gone.
//!
//! A mark belongs to a document of a namespace in a partition. A rename takes the documents along, to a topic that may have other partitions, so their
//! marks have to come along, too: a document that is missing would otherwise be missed by nobody under its new name, and changes of one
//! with a dead letter would be applied to what they were not made from. Both functions may be repeated.

use bson::{Document, doc};
use common::{
    error::{Error, Kind, Result},
    key,
    namespace::Namespace,
};

use super::{
    Change, Mark, Origin, Repair, Store, marks,
    marks::{key_document, key_of, set},
};
use crate::{consume::intake::Partition, sink::target::Target};

/// Marks written at one time.
const MOST: usize = 1000;

/// A name's topic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home<'h> {
    pub(crate) ns: &'h Namespace,
    pub(crate) topic: &'h str,
    pub(crate) partitions: u16,
}

impl<T: Target> Store<T> {
    /// Takes all marks of a collection off that is gone.
    ///
    /// # Errors
    /// Whatever the target says.
    pub(crate) async fn forget_marks(&self, home: Home<'_>) -> Result<()> {
        let coll = &self.keys().coll;
        let filter = doc! {"_id.topic": home.topic, "_id.ns": home.ns.to_string()};
        let command =
            doc! {"delete": coll, "deletes": [{"q": filter, "limit": 0}], "writeConcern": {"w": "majority"}};
        self.send(self.keys(), command).await.map(drop)
    }

    /// Gives the marks of a collection to the name that it has now; gives the repairs that have to be asked for again, as of the barrier.
    ///
    /// # Errors
    /// Whatever the target says.
    pub(crate) async fn carry_marks(
        &self,
        from: Home<'_>,
        to: Home<'_>,
        barrier: &Origin,
    ) -> Result<Vec<Repair>> {
        let filter = doc! {"_id.topic": from.topic, "_id.ns": from.ns.to_string()};
        let found = self.find(self.keys(), &filter).await?;
        let mut repairs = Vec::new();
        for some in found.chunks(MOST) {
            let mut carried = Vec::with_capacity(some.len());
            for document in some {
                let read = marks::parse(document.as_bytes())?;
                let number = partition(&read.id, to)?;
                let mark = match read.mark {
                    Mark::Dead => Mark::Dead,
                    Mark::Missing(_) => {
                        let (ns, key, origin) = (to.ns.clone(), key_document(&read.id), barrier.clone());
                        repairs.push(Repair { ns, key, origin });
                        Mark::Missing(barrier.clone())
                    }
                };
                carried.push((
                    Partition { topic: to.topic.into(), number },
                    read.id,
                    key_of(&read.id)?,
                    mark,
                ));
            }
            let changes: Vec<_> = carried
                .iter()
                .map(|(partition, id, key, mark)| Change {
                    partition,
                    ns: to.ns,
                    id: *id,
                    key,
                    mark: Some(mark.clone()),
                })
                .collect();
            let Some(body) = set(&self.keys().coll, &changes) else { continue };
            let mut command = Document::from_reader(&*body)
                .map_err(|error| Error::caused(Kind::Invariant, "a command's body is no BSON", error))?;
            command.insert("writeConcern", doc! {"w": "majority"});
            self.send(self.keys(), command).await?;
        }
        Ok(repairs)
    }
}

fn partition(id: &common::raw::Element<'_>, home: Home<'_>) -> Result<i32> {
    key::partition(id, home.partitions, &mut Vec::new())
        .map_err(|error| Error::caused(Kind::Invariant, "a mark's key is damaged", error))
}
