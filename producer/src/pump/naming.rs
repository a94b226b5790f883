//! Which collection a name means, as the stream tells it: renames and drops.
//!
//! A copy belongs to a collection, not to a name, and a chunk read at Tc enters the log where the stream passes Tc. So the name
//! it is published under is the one that the stream's renames up to there have given it, whatever the collection is called
//! by now. Guards: nothing that a rename brings into the carried namespaces is lost; it is copied from there on.

use common::{
    cluster_time::ClusterTime,
    error::Result,
    event::{ChangeEvent, Names, Operation},
    namespace::Namespace,
    position::{CollectionCopy, SnapshotState},
    raw::{Document, Writer},
};

use super::{
    Pump,
    copying::{Copying, parse_uuid},
    options::Meant,
    unreadable,
};
use crate::{route::Decision, snapshot::catalog};

/// Where in the stream a namespace was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    /// Cluster time of the event.
    pub(super) time: ClusterTime,
    /// Whether the event was the collection's making.
    pub(super) is_create: bool,
}

impl Pump {
    /// Follows what an event says about names; before the event itself is carried.
    pub(super) async fn follow_names(&mut self, event: &ChangeEvent<'_>) -> Result<()> {
        if !matches!(event.operation, Operation::Rename | Operation::Drop) {
            return Ok(());
        }
        let Some(from) = event.ns.and_then(name) else { return Ok(()) };
        match (event.operation, event.to.and_then(name)) {
            (Operation::Rename, Some(to)) => self.renamed(event, &from, &to).await,
            (Operation::Drop, _) => {
                self.unscanned(&from);
                self.sights.forget(&from);
                self.undefine(&from);
                self.rounds.touch(from);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn renamed(&mut self, event: &ChangeEvent<'_>, from: &Namespace, to: &Namespace) -> Result<()> {
        for ns in [from, to] {
            self.rounds.touch(ns.clone());
            self.sights.forget(ns);
        }
        self.redefine(from, to)?;
        self.unscanned(to);
        let copies = self.copying.as_ref().map_or(&[][..], |copying| copying.progress.copies());
        let open = copies.iter().enumerate().filter(|(_, copy)| !copy.done);
        let open: Vec<(usize, CollectionCopy)> = open.map(|(i, copy)| (i, copy.clone())).collect();
        for (index, copy) in open {
            if let Some(name) = self.name_after(&copy, event.collection_uuid, to).await? {
                self.rename_copy(index, copy, name)?;
            }
        }
        let filter = self.routes.filter();
        if !filter.carries(from) && filter.carries(to) { self.adopt(event, from, to).await } else { Ok(()) }
    }

    /// The name that a copy has got by a rename to `to`; `None` when it was not meant. Before 6.0 the event does not say which
    /// collection was renamed: the catalog does.
    async fn name_after(
        &self,
        copy: &CollectionCopy,
        renamed: Option<[u8; 16]>,
        to: &Namespace,
    ) -> Result<Option<Namespace>> {
        let uuid = parse_uuid(&copy.uuid)?;
        let name = match renamed {
            Some(renamed) => (renamed == uuid).then(|| to.clone()),
            None => catalog::by_uuid(&self.source.client, &copy.ns.db, uuid).await?.map(|found| found.ns),
        };
        Ok(name.filter(|name| *name != copy.ns))
    }

    fn rename_copy(&mut self, index: usize, mut copy: CollectionCopy, to: Namespace) -> Result<()> {
        tracing::info!(from = %copy.ns, %to, "a collection was renamed while it is copied");
        copy.done = !self.routes.filter().carries(&to);
        self.uncopied(&to);
        copy.ns = to;
        self.keep(index, copy)
    }

    /// What was said of `ns` before no longer holds: another collection, not yet copied, has taken the name.
    fn uncopied(&mut self, ns: &Namespace) {
        self.encoder.withdraw(common::control::Copied::key(&self.slice, ns));
    }

    /// Copies a collection that comes into the carried namespaces by a rename, as `$out` and renames across databases do.
    async fn adopt(&mut self, event: &ChangeEvent<'_>, from: &Namespace, to: &Namespace) -> Result<()> {
        let found = catalog::by_name(&self.source.client, to).await?;
        if let Some(found) = &found {
            found.kind.check(to, self.source.server.version)?;
        }
        let Some(uuid) = event.collection_uuid.or(found.map(|found| found.uuid)) else { return Ok(()) };
        tracing::info!(%from, %to, "a collection that was not carried got a carried name; it is copied");
        self.drop_replaced(event, to).await?;
        if let (Some(route), Some(time), true) =
            (self.route(&to.db, &to.coll, None).await?, event.cluster_time, self.is_alone)
        {
            let meant = Meant { uuid, is_certain: event.collection_uuid.is_some() };
            self.options(&to.db, meant, time, &route, false).await?;
        }
        let copy = catalog::copy(to.clone(), uuid);
        let is_capped = self.is_capped(to, uuid).await?;
        self.uncopied(to);
        self.encoder.copy(&copy)?;
        self.encoder.position_mut().snapshot = SnapshotState::Copying;
        let copying = self.copying.get_or_insert_with(|| Copying::new(Vec::new()));
        if is_capped {
            copying.capped.insert(copy.uuid.clone());
        }
        copying.progress.add(copy);
        self.set_pace();
        Ok(())
    }

    /// A rename onto a carried collection drops that one without an event of its own. Before 6.0 the rename does not tell
    /// whether there was one; where the namespace is known, there was.
    async fn drop_replaced(&mut self, event: &ChangeEvent<'_>, to: &Namespace) -> Result<()> {
        let replaced = replaced(event)?;
        let is_known = matches!(self.routes.get(&to.db, &to.coll), Some(Decision::Carried(_)));
        if replaced.is_none() && !(is_known && event.collection_uuid.is_none()) {
            return Ok(());
        }
        let Some(route) = self.route(&to.db, &to.coll, None).await? else { return Ok(()) };
        let mut drop = Writer::new();
        write_drop(event, to, replaced, &mut drop);
        let drop = ChangeEvent::parse(Document::new(drop.as_bytes()).map_err(unreadable)?);
        self.barrier(&drop.map_err(unreadable)?, route, None).await
    }

    /// Whether a namespace that the stream shows for the first time is complete from here on: it was made in the stream, or
    /// after the collections were listed.
    pub(super) fn is_complete_from(&self, ns: &Namespace, sight: Sight) -> bool {
        let is_new = || self.encoder.position().listed.is_some_and(|listed| sight.time > listed);
        !self.is_being_copied(ns) && (sight.is_create || is_new())
    }
}

/// UUID of the collection that a rename has replaced (`operationDescription.dropTarget`, 6.0+).
fn replaced(event: &ChangeEvent<'_>) -> Result<Option<[u8; 16]>> {
    let description = event.bytes.get("operationDescription").map_err(unreadable)?;
    let description = description.and_then(|e| e.as_document());
    let target = description.map(|d| d.get("dropTarget")).transpose().map_err(unreadable)?.flatten();
    Ok(target.and_then(|target| target.as_uuid()))
}

/// The drop that a rename implies, worded as the server words one.
fn write_drop(event: &ChangeEvent<'_>, ns: &Namespace, uuid: Option<[u8; 16]>, out: &mut Writer) {
    out.begin();
    out.document(b"_id", event.id);
    out.str(b"operationType", Operation::Drop.name());
    out.timestamp(b"clusterTime", event.cluster_time.unwrap_or_default().0);
    if let Some(uuid) = uuid {
        out.uuid(b"collectionUUID", &uuid);
    }
    out.begin_document(b"ns");
    out.str(b"db", &ns.db);
    out.str(b"coll", &ns.coll);
    out.end();
    out.end();
}

fn name(names: Names<'_>) -> Option<Namespace> {
    Some(Namespace::new(names.db, names.coll?))
}
