//! The copy of a capped collection: in one go, in its own order, while the stream waits.
//!
//! ```text
//!   stream   … i8  d1 │ (Tc)                                        i9  u7  d2 …        i: insert, u: update, d: delete
//!                left out ──▸ scan: 2 3 4 5 6 7'  8  9  ──▸ copied ──▸ i9 u7 d2
//!                (but d)
//! ```
//!
//! A scan sees each document at Tc or later, so what the stream tells from Tc on may be about a state that the scan has shown already: an insert of what is
//! there, values that are set again, a delete of what the scan did not meet. All of it ends where the source does. What the stream tells *before*
//! Tc is in the scan, and would only put young documents in front of the old ones; so it is left out. Deletes are not: an
//! earlier scan that did not come to its end may have published what they take.
//!
//! Guards: the log holds the documents of a capped collection in the order in which they came. Nothing of the collection stands in front of its scan but
//! what an earlier one has published.

use common::{
    cluster_time::ClusterTime,
    error::Result,
    event::{ChangeEvent, Operation},
    namespace::Namespace,
    position::CollectionCopy,
    telemetry::names,
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

use super::{Pump, copying::parse_uuid, reads::reread};
use crate::{
    route::Route,
    snapshot::{
        Chunk, Query, Range, Scan, Scanned,
        catalog::{self, Collection, Sort},
    },
};

/// How often it is said how far a scan is.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// How a scan has ended.
enum Ended {
    Whole(CollectionCopy),
    Overtaken,
    Gone,
}

impl Pump {
    /// A read of a collection that was looked up.
    pub(super) fn query_of(&self, ns: &Namespace, found: &Collection, range: Range) -> Query {
        Query { is_capped: found.kind == Sort::Capped, ..self.query(ns, found.uuid, range) }
    }

    /// Whether a collection that is about to be copied is capped.
    pub(super) async fn is_capped(&self, ns: &Namespace, uuid: [u8; 16]) -> Result<bool> {
        let found = catalog::by_uuid(&self.source.client, &ns.db, uuid).await?;
        Ok(found.is_some_and(|found| found.kind == Sort::Capped))
    }

    /// Whether the copy of a capped collection, which is still to come, has what an event tells.
    pub(super) fn comes_with_its_copy(&self, event: &ChangeEvent<'_>, db: &str, coll: &str) -> bool {
        let Some(copying) = self.copying.as_ref().filter(|copying| !copying.capped.is_empty()) else {
            return false;
        };
        let is_it = |copy: &CollectionCopy| {
            let named = !copy.done && (copy.ns.db.as_str(), copy.ns.coll.as_str()) == (db, coll);
            let is_of_it = |uuid: [u8; 16]| catalog::uuid_text(uuid) == copy.uuid;
            named && copying.capped.contains(&copy.uuid) && event.collection_uuid.is_none_or(is_of_it)
        };
        let is_left_out =
            matches!(event.operation, Operation::Insert | Operation::Update | Operation::Replace);
        is_left_out && copying.progress.copies().iter().any(is_it)
    }

    /// From here on the name means another collection, of which no copy has anything.
    pub(super) fn unscanned(&mut self, ns: &Namespace) {
        let Some(copying) = &mut self.copying else { return };
        let of_it = copying.progress.copies().iter().filter(|copy| copy.ns == *ns);
        for uuid in of_it.map(|copy| copy.uuid.clone()).collect::<Vec<_>>() {
            copying.capped.remove(&uuid);
        }
    }

    /// Copies a capped collection, here; nothing else happens meanwhile.
    pub(super) async fn scan(&mut self, index: usize, time: ClusterTime) -> Result<()> {
        let Some(mut copy) = self.open_copy(index) else { return Ok(()) };
        let Some(route) = self.route(&copy.ns.db, &copy.ns.coll, None).await? else {
            copy.done = true;
            return self.keep(index, copy);
        };
        let (ns, began) = (copy.ns.clone(), Instant::now());
        let estimated = catalog::estimate(&self.source.client, &ns).await?;
        tracing::info!(%ns, documents = estimated, "a capped collection is copied in one go; the stream waits meanwhile");
        // What an earlier scan has published is published again.
        copy.documents = 0;
        match self.scan_whole(copy, time, &route).await? {
            Ended::Whole(copy) => {
                tracing::info!(%ns, documents = copy.documents, took = ?began.elapsed(), "the capped collection is copied; the stream goes on");
                metrics::counter!(names::PRODUCER_SNAPSHOT_CHUNKS).increment(1);
                self.keep(index, copy)
            }
            Ended::Overtaken => {
                tracing::warn!(%ns, "the collection has dropped documents faster than they were copied: its copy begins anew");
                reread("overtaken");
                Ok(())
            }
            Ended::Gone => self.find_again(index).await,
        }
    }

    async fn scan_whole(
        &mut self,
        mut copy: CollectionCopy,
        time: ClusterTime,
        route: &Arc<Route>,
    ) -> Result<Ended> {
        let query = self.query(&copy.ns, parse_uuid(&copy.uuid)?, Range::Behind(None));
        let mut scan = match Scan::begin(&query, time).await? {
            Ok(scan) => scan,
            Err(Scanned::Overtaken) => return Ok(Ended::Overtaken),
            Err(_) => return Ok(Ended::Gone),
        };
        self.copy_options(&copy, time, route, false).await?;
        self.copy_indexes(&copy, time, route).await?;
        let mut told = Instant::now();
        loop {
            match scan.next().await? {
                Scanned::Some(chunk) => self.scanned(&chunk, &mut copy, time, route).await?,
                Scanned::Ended => break,
                Scanned::Overtaken => return Ok(Ended::Overtaken),
                Scanned::Gone => return Ok(Ended::Gone),
            }
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tracing::info!(ns = %copy.ns, documents = copy.documents, "the stream waits for the copy of a capped collection");
            }
        }
        copy.done = true;
        Ok(Ended::Whole(copy))
    }

    /// Publishes what was read so far; the copy's progress is none until all of it is.
    async fn scanned(
        &mut self,
        chunk: &Chunk,
        copy: &mut CollectionCopy,
        time: ClusterTime,
        route: &Arc<Route>,
    ) -> Result<()> {
        for document in chunk.documents()? {
            self.encoder.snapshot(document, time, route)?;
            copy.documents += 1;
            if self.encoder.bytes() >= self.most_bytes {
                self.flush().await?;
            }
        }
        Ok(())
    }
}
