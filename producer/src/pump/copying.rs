//! The first snapshot: every collection that was there when the slice began.

use std::collections::BTreeSet;

use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    key_text,
    namespace::Namespace,
    position::{CollectionCopy, SnapshotState},
    telemetry::names,
};

use super::{
    Pump,
    reads::{Answer, Asker, Wanted, reread},
    rounds::At,
};
use crate::snapshot::{
    Chunk, Outcome, Progress, Query, Range,
    catalog::{self, Sort},
};

/// A snapshot under way.
pub(super) struct Copying {
    pub(super) progress: Progress,
    /// UUIDs of those that are capped, as the position has them.
    pub(super) capped: BTreeSet<String>,
    /// Documents the collections are estimated to hold.
    estimated: u64,
}

impl Copying {
    pub(super) const fn new(copies: Vec<CollectionCopy>) -> Self {
        Self { progress: Progress::new(copies), capped: BTreeSet::new(), estimated: 0 }
    }
}

impl Pump {
    /// Lists what is to be copied, once, and makes that durable: a crash never lists anew. At every start the collections are
    /// looked through for kinds that cannot be carried.
    pub(super) async fn list_collections(&mut self) -> Result<()> {
        let version = self.source.server.version;
        let collections = catalog::list(&self.source.client, self.routes.filter(), version).await?;
        let capped = collections.iter().filter(|found| found.kind == Sort::Capped);
        let capped = capped.map(|found| catalog::uuid_text(found.uuid)).collect();
        if self.encoder.position().snapshot == SnapshotState::Wanted {
            let copies: Vec<_> = collections.into_iter().map(|c| catalog::copy(c.ns, c.uuid)).collect();
            self.forget_others(&copies);
            self.undefine_all();
            for copy in &copies {
                self.encoder.copy(copy)?;
            }
            if self.encoder.position().epoch > 0 {
                self.sweep_all()?;
            }
            let listed = self.source.cluster_time().await?;
            let position = self.encoder.position_mut();
            (position.snapshot, position.listed) = (SnapshotState::Copying, Some(listed));
            self.flush().await?;
            if let Some(copying) = &mut self.copying {
                copying.progress = Progress::new(copies);
            }
        }
        if let Some(copying) = &mut self.copying {
            copying.capped = capped;
        }
        self.estimate().await?;
        self.end_snapshot().await
    }

    /// Copies of an earlier epoch whose collections are gone.
    fn forget_others(&mut self, listed: &[CollectionCopy]) {
        let before = self.copying.as_ref().map_or(&[][..], |copying| copying.progress.copies());
        for copy in before.iter().filter(|copy| listed.iter().all(|found| found.uuid != copy.uuid)) {
            self.encoder.forget(copy);
        }
    }

    async fn estimate(&mut self) -> Result<()> {
        let Some(copying) = &mut self.copying else { return Ok(()) };
        let (collections, mut estimated) = (copying.progress.copies().len(), 0);
        for copy in copying.progress.copies() {
            estimated += catalog::estimate(&self.source.client, &copy.ns).await?;
        }
        copying.estimated = estimated;
        tracing::info!(collections, documents = estimated, "copying what exists while the stream runs");
        Ok(())
    }

    /// One chunk each of the first collections that are not done.
    pub(super) fn wanted_copies(&self, most: usize) -> Result<Vec<(Asker, Wanted)>> {
        let Some(copying) = &self.copying else { return Ok(Vec::new()) };
        let chunk = |index| {
            let copy = copying.progress.copy(index);
            if copying.capped.contains(&copy.uuid) {
                return Ok((Asker::Copy(index), Wanted::Scan));
            }
            let after = copy.after.as_ref().map(|after| key_text::parse(after.get())).transpose()?;
            let query = self.query(&copy.ns, parse_uuid(&copy.uuid)?, Range::Behind(after));
            Ok((Asker::Copy(index), Wanted::Chunk(query)))
        };
        copying.progress.next(most).into_iter().map(chunk).collect()
    }

    /// A read of one collection, of a round's usual size.
    pub(super) fn query(&self, ns: &Namespace, uuid: [u8; 16], range: Range) -> Query {
        let (client, most_bytes) = (self.source.client.clone(), self.rounds.chunk_bytes);
        Query { client, db: ns.db.clone(), uuid, range, is_capped: false, filter: None, most_bytes }
    }

    pub(super) async fn copy_read(&mut self, index: usize, answer: Answer, at: &At<'_>) -> Result<()> {
        match answer {
            Answer::Chunk(Outcome::Read(chunk)) => self.chunk(index, &chunk, at.time).await,
            Answer::Scan => self.scan(index, at.time).await,
            _ => self.find_again(index).await,
        }
    }

    async fn chunk(&mut self, index: usize, chunk: &Chunk, time: ClusterTime) -> Result<()> {
        // The stream has told of every rename up to the chunk's time, so the copy has the name that it had then.
        let Some(mut copy) = self.open_copy(index) else { return Ok(()) };
        if let Some(route) = self.route(&copy.ns.db, &copy.ns.coll, None).await? {
            if copy.after.is_none() {
                let is_empty = chunk.documents()?.is_empty();
                self.copy_options(&copy, time, &route, is_empty).await?;
                self.copy_indexes(&copy, time, &route).await?;
            }
            for document in chunk.documents()? {
                self.encoder.snapshot(document, time, &route)?;
                copy.documents += 1;
                if self.encoder.bytes() >= self.most_bytes {
                    copy.after = Some(key_text::text(document)?);
                    self.encoder.copy(&copy)?;
                    self.flush().await?;
                }
            }
        }
        copy.after = chunk.after()?.or(copy.after);
        copy.done = chunk.is_last;
        metrics::counter!(names::PRODUCER_SNAPSHOT_CHUNKS).increment(1);
        self.keep(index, copy)
    }

    /// A copy that goes on.
    pub(super) fn open_copy(&self, index: usize) -> Option<CollectionCopy> {
        let copy = self.copying.as_ref()?.progress.copy(index);
        (!copy.done).then(|| copy.clone())
    }

    /// A collection that cannot be read under its UUID was dropped, or renamed a moment ago, which the stream will tell.
    pub(super) async fn find_again(&mut self, index: usize) -> Result<()> {
        reread("gone");
        let Some(mut copy) = self.open_copy(index) else { return Ok(()) };
        if catalog::by_uuid(&self.source.client, &copy.ns.db, parse_uuid(&copy.uuid)?).await?.is_some() {
            return Ok(());
        }
        tracing::info!(ns = %copy.ns, "the collection is gone; its copy ends here");
        copy.done = true;
        self.keep(index, copy)
    }

    /// Keeps the progress of a copy, in the position and here; one that is done completes its namespace.
    pub(super) fn keep(&mut self, index: usize, copy: CollectionCopy) -> Result<()> {
        self.encoder.copy(&copy)?;
        let Some(copying) = &mut self.copying else { return Ok(()) };
        let (ns, is_done) = (copy.ns.clone(), copy.done);
        *copying.progress.copy_mut(index) = copy;
        self.report.snapshot(copying.progress.documents(), copying.estimated);
        if is_done { self.complete(&ns) } else { Ok(()) }
    }

    /// Says that every document of `ns` has been published, unless a collection of this name is still being copied.
    pub(super) fn complete(&mut self, ns: &Namespace) -> Result<()> {
        if self.is_being_copied(ns) || !self.routes.filter().carries(ns) {
            return Ok(());
        }
        self.encoder.copied(&self.slice, ns)
    }

    /// Whether the first snapshot has still to finish a collection of this name.
    pub(super) fn is_being_copied(&self, ns: &Namespace) -> bool {
        let copies = self.copying.as_ref().map_or(&[][..], |copying| copying.progress.copies());
        copies.iter().any(|copy| !copy.done && copy.ns == *ns)
    }

    /// Ends the snapshot once every collection is copied.
    pub(super) async fn end_snapshot(&mut self) -> Result<()> {
        let Some(copying) = &self.copying else { return Ok(()) };
        if copying.progress.state() != SnapshotState::Ended {
            return Ok(());
        }
        tracing::info!(documents = copying.progress.documents(), "the snapshot is complete");
        self.encoder.position_mut().snapshot = SnapshotState::Ended;
        self.copying = None;
        self.set_pace();
        self.flush().await
    }
}

pub(super) fn parse_uuid(text: &str) -> Result<[u8; 16]> {
    u128::from_str_radix(text, 16)
        .map(u128::to_be_bytes)
        .map_err(|error| Error::caused(Kind::PositionLost, "the snapshot's progress names no UUID", error))
}
