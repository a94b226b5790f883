//! Options that a collection has when its copy begins, or when the stream shows it without its making.
//!
//! They are published as a `create`, worded as the server words it, before the first document. One that has none is made by its first document; it gets a
//! `create` only where there is no document. Like indexes they are looked up now, not as they were: what changes them since comes by the stream, and
//! what would refuse or remove documents is put off by the workers.
//!
//! | the stream tells of a making | a `create` is added |
//! |---|---|
//! | 6.0+ | for what it shows without: a pipeline that began without a snapshot |
//! | before 6.0: never | for what it shows first in the life of this process, and first behind a drop or a rename; later the `lookout` tells |
//!
//! Changes of a collection may stand in front of its copy, so both do it; a second `create` of what is there changes nothing.
//!
//! Guards: no document of a collection enters the log in front of its options.

use std::{collections::HashSet, sync::Arc};

use common::{
    cluster_time::ClusterTime,
    error::Result,
    event::{ChangeEvent, Operation},
    mongo::Version,
    namespace::Namespace,
    position::CollectionCopy,
};

use super::{Pump, copying::parse_uuid};
use crate::{route::Route, snapshot::catalog};

/// From this version on the stream tells when a collection is made.
const TELLS_MAKING: Version = Version::new(6, 0, 0);

/// A collection whose options are wanted.
#[derive(Clone, Copy)]
pub(super) struct Meant {
    pub(super) uuid: [u8; 16],
    /// Whether it is certainly the one of that name at this place; else the name was looked up now and may be another's.
    pub(super) is_certain: bool,
}

/// Which namespaces' options have been looked at.
pub(super) struct Sights {
    tells: bool,
    /// The stream has just shown this one for the first time.
    new: Option<Namespace>,
    /// Those that were looked at, where the stream does not tell.
    seen: HashSet<Namespace>,
}

impl Sights {
    pub(super) fn new(version: Version) -> Self {
        Self { tells: version >= TELLS_MAKING, new: None, seen: HashSet::new() }
    }

    /// A namespace has its topic since now.
    pub(super) fn saw(&mut self, ns: &Namespace) {
        self.new = Some(ns.clone());
    }

    /// The options of what has this name were looked at.
    pub(super) fn looked_at(&mut self, ns: &Namespace) {
        self.seen.insert(ns.clone());
    }

    /// The name means another collection from here on.
    pub(super) fn forget(&mut self, ns: &Namespace) {
        self.seen.remove(ns);
    }

    /// Whether the options are to be looked at before this event.
    fn is_due(&mut self, event: &ChangeEvent<'_>, ns: &Namespace) -> bool {
        let is_new = self.new.take().is_some_and(|new| new == *ns);
        if !self.tells {
            return event.operation.is_document_change() && !self.seen.contains(ns);
        }
        is_new && !matches!(event.operation, Operation::Create | Operation::Drop)
    }
}

impl Pump {
    /// Adds the options of a collection before its copy.
    pub(super) async fn copy_options(
        &mut self,
        copy: &CollectionCopy,
        time: ClusterTime,
        route: &Arc<Route>,
        is_empty: bool,
    ) -> Result<()> {
        if !self.is_alone {
            return Ok(());
        }
        self.sights.looked_at(&copy.ns);
        let meant = Meant { uuid: parse_uuid(&copy.uuid)?, is_certain: true };
        self.options(&copy.ns.db, meant, time, route, is_empty).await
    }

    /// Adds the options of a collection that an event shows, where nothing has told of them.
    pub(super) async fn options_on_sight(
        &mut self,
        event: &ChangeEvent<'_>,
        route: &Arc<Route>,
    ) -> Result<()> {
        let ns = &route.topic.ns;
        if !self.is_alone || !self.sights.is_due(event, ns) {
            return Ok(());
        }
        if !self.sights.tells {
            self.sights.looked_at(ns);
        }
        let uuid = match event.collection_uuid {
            Some(uuid) => Some(uuid),
            None => catalog::by_name(&self.source.client, ns).await?.map(|found| found.uuid),
        };
        let (Some(uuid), Some(time)) = (uuid, event.cluster_time) else { return Ok(()) };
        let meant = Meant { uuid, is_certain: event.collection_uuid.is_some() };
        self.options(&ns.db, meant, time, route, false).await
    }

    /// Adds the options of a collection, if it has any or no document makes it.
    pub(super) async fn options(
        &mut self,
        db: &str,
        meant: Meant,
        time: ClusterTime,
        route: &Arc<Route>,
        is_empty: bool,
    ) -> Result<()> {
        let found = catalog::options(&self.source.client, db, meant.uuid).await?;
        let Some(options) = found else { return Ok(()) };
        self.published_options(&route.topic.ns, meant.uuid, options.clone())?;
        if options.is_empty() && !is_empty {
            return Ok(());
        }
        let uuid = meant.is_certain.then_some(meant.uuid);
        self.read_definition((Operation::Create, uuid), options, time, route)
    }
}
