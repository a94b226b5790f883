//! Barriers: drops, renames, and what makes or changes a collection or its indexes, which every partition of a collection's topic has to stop at.
//!
//! Partitions are applied at speeds of their own. A drop that stood in one of them would take away what another one has still to write, or leave
//! what it has written already. So the event stands in every partition that the position counts, of both topics where a collection goes
//! from one carried name to another, and workers carry it out once all of them have come to it
//! (`docs/adr/0009-barriers-stand-in-every-partition.md`).
//!
//! An index refuses documents, so it has to come and go at the same place of all documents' histories; and a collection is made with its options
//! before the first of them, behind the end of the one that had its name.
//!
//! Guards: a barrier is whole or not there, for one batch is one Kafka transaction.

use std::sync::Arc;

use common::{
    error::Result,
    event::{ChangeEvent, Operation},
    mongo::Version,
};

use super::{Pump, naming::Sight};
use crate::route::Route;

/// From this version on the server says which collection an event is about.
const NAMES_COLLECTIONS: Version = Version::new(6, 0, 0);

/// Whether workers have to stop at an event.
pub(super) const fn is_one(event: &ChangeEvent<'_>) -> bool {
    matches!(
        event.operation,
        Operation::Drop
            | Operation::Rename
            | Operation::Create
            | Operation::CreateIndexes
            | Operation::DropIndexes
            | Operation::Modify
    )
}

impl Pump {
    /// Adds a drop, or a rename of what is carried under `route`. One whose new name is not carried stands in the first topic alone: for the
    /// target it is a drop.
    pub(super) async fn barrier(
        &mut self,
        event: &ChangeEvent<'_>,
        route: Arc<Route>,
        sight: Option<Sight>,
    ) -> Result<()> {
        if !self.is_alone {
            // Another slice may be amid changes of the same namespace: nobody knows where in them this one stands. Workers refuse it.
            return self.encoder.event(event, &route);
        }
        let mut routes = vec![route];
        if let Some((db, coll)) = event.to.and_then(|to| Some((to.db, to.coll?))) {
            routes.extend(self.route(db, coll, sight).await?);
        }
        self.encoder.barrier(event, &routes, false)
    }

    /// Views are dropped by events without a collection's UUID; they are not carried.
    pub(super) fn is_drop_of_a_view(&self, event: &ChangeEvent<'_>) -> bool {
        event.operation == Operation::Drop
            && event.collection_uuid.is_none()
            && self.source.server.version >= NAMES_COLLECTIONS
    }
}
