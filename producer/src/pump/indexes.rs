//! Indexes that a collection has when its copy begins.
//!
//! They are published as one `createIndexes`, worded as the server words it, before the copy's first document. They are looked up when that document
//! enters the log, not at the time it was read at: what happens to indexes behind that time comes by the stream, and making one that is
//! there, or dropping one that is not, changes nothing.

use std::sync::Arc;

use bson::{Document, doc};
use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    event::{ChangeEvent, Operation},
    namespace::Namespace,
    position::CollectionCopy,
    raw,
};

use super::{Pump, copying::parse_uuid, unreadable};
use crate::{route::Route, snapshot::catalog};

impl Pump {
    /// Adds the indexes of a collection, if it has any besides that of `_id`.
    pub(super) async fn copy_indexes(
        &mut self,
        copy: &CollectionCopy,
        time: ClusterTime,
        route: &Arc<Route>,
    ) -> Result<()> {
        if !self.is_alone {
            return Ok(());
        }
        let (client, uuid) = (&self.source.client, parse_uuid(&copy.uuid)?);
        let Some(found) = catalog::by_uuid(client, &copy.ns.db, uuid).await? else { return Ok(()) };
        let indexes = catalog::indexes(client, &found.ns).await?;
        self.published_indexes(&route.topic.ns, uuid, indexes.clone())?;
        if indexes.is_empty() {
            return Ok(());
        }
        self.read_definition((Operation::CreateIndexes, None), doc! {"indexes": indexes}, time, route)
    }

    /// Adds a definition that was read, not streamed, worded as the server words its making; with its collection's UUID, where that is certain.
    pub(super) fn read_definition(
        &mut self,
        (operation, uuid): (Operation<'_>, Option<[u8; 16]>),
        description: Document,
        time: ClusterTime,
        route: &Arc<Route>,
    ) -> Result<()> {
        let mut event = event(operation, &route.topic.ns, description, time);
        if let Some(uuid) = uuid {
            event.insert("collectionUUID", catalog::binary(uuid));
        }
        let event = event.to_vec();
        let event =
            event.map_err(|error| Error::caused(Kind::Invariant, "a definition does not encode", error))?;
        let event = raw::Document::new(&event).and_then(ChangeEvent::parse).map_err(unreadable)?;
        self.encoder.barrier(&event, std::slice::from_ref(route), true)
    }
}

fn event(operation: Operation<'_>, ns: &Namespace, description: Document, time: ClusterTime) -> Document {
    let time = bson::Timestamp { time: time.seconds(), increment: time.increment() };
    doc! {
        "_id": {"copyingData": true},
        "operationType": operation.name(),
        "clusterTime": time,
        "ns": {"db": &ns.db, "coll": &ns.coll},
        "operationDescription": description,
    }
}
