//! The snapshot's rounds, woven into the stream.
//!
//! A round takes one cluster time Tc that the stream has not passed, reads one chunk each of some collections at it, and
//! ends when the stream passes Tc: then the chunks enter the log, in front of everything later. Reading goes on beside the
//! stream; only when the stream arrives first does it wait. A chunk that could not be read is asked for again in a later
//! round, at a later Tc: nothing of it has been published.

use common::{
    cluster_time::ClusterTime,
    config::types::Snapshot,
    error::{Error, Kind, Result},
    mongo::Version,
    position::{CollectionCopy, SnapshotState},
    retry::Backoff,
    telemetry::names,
};
use tokio::{task::JoinSet, time::Instant};

use super::{MIB, Pump};
use crate::snapshot::{Chunk, Outcome, Progress, Reader, catalog, resume_key};

/// A snapshot under way.
pub(super) struct Copying {
    progress: Progress,
    round: Option<Round>,
    parallel: usize,
    chunk_bytes: usize,
    /// Whether the role allows writing a note to the oplog.
    can_nudge: bool,
    /// Documents the collections are estimated to hold.
    estimated: u64,
    /// Waits after rounds whose reads failed.
    backoff: Backoff,
    not_before: Option<Instant>,
}

/// Chunks that are being read at one cluster time.
struct Round {
    time: ClusterTime,
    reads: JoinSet<(usize, Result<Outcome>)>,
}

impl Copying {
    pub(super) fn new(copies: Vec<CollectionCopy>, settings: &Snapshot) -> Self {
        Self {
            progress: Progress::new(copies),
            round: None,
            parallel: usize::from(settings.parallel),
            chunk_bytes: settings.chunk_mib as usize * MIB,
            can_nudge: true,
            estimated: 0,
            backoff: Backoff::default(),
            not_before: None,
        }
    }

    fn may_begin(&self) -> bool {
        self.round.is_none() && self.not_before.is_none_or(|time| time <= Instant::now())
    }

    /// Puts the next round off after a failure, longer each time.
    fn rest_after(&mut self, failure: Option<&Error>) {
        let Some(error) = failure else {
            self.backoff.reset();
            self.not_before = None;
            return;
        };
        let wait = self.backoff.next().unwrap_or_default();
        tracing::warn!(reason = error.chain(), ?wait, "a chunk could not be read and is read again");
        self.not_before = Some(Instant::now() + wait);
    }
}

impl Pump {
    /// The cluster time of the round under way.
    pub(super) fn round(&self) -> Option<ClusterTime> {
        Some(self.copying.as_ref()?.round.as_ref()?.time)
    }

    /// Lists what is to be copied, once, and makes that durable: a crash never lists anew.
    pub(super) async fn list_collections(&mut self) -> Result<()> {
        if self.encoder.position().snapshot == SnapshotState::Wanted {
            let collections = catalog::list(&self.source.client, self.routes.filter()).await?;
            let copies: Vec<_> = collections.into_iter().map(catalog::Collection::into_copy).collect();
            for copy in &copies {
                self.encoder.copy(copy)?;
            }
            self.encoder.position_mut().snapshot = SnapshotState::Copying;
            self.flush().await?;
            if let Some(copying) = &mut self.copying {
                copying.progress = Progress::new(copies);
            }
        }
        self.estimate().await?;
        self.end_snapshot().await
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

    /// Begins a round, unless one is under way or the last one failed just now.
    pub(super) async fn begin_round(&mut self) -> Result<()> {
        let Some(copying) = self.copying.as_mut().filter(|copying| copying.may_begin()) else {
            return Ok(());
        };
        let time = self.source.cluster_time().await?;
        let mut reads = JoinSet::new();
        for index in copying.progress.next(copying.parallel) {
            let copy = copying.progress.copy(index);
            let reader = Reader {
                client: self.source.client.clone(),
                db: copy.ns.db.clone(),
                uuid: parse_uuid(&copy.uuid)?,
                after: copy.after.as_ref().map(|after| resume_key::parse(after.get())).transpose()?,
                most_bytes: copying.chunk_bytes,
                is_transactional: self.source.server.version < Version::new(5, 0, 0),
            };
            reads.spawn(async move { (index, reader.read(time).await) });
        }
        copying.round = Some(Round { time, reads });
        if copying.can_nudge
            && let Err(error) = self.source.nudge().await
        {
            copying.can_nudge = error.kind != Kind::Misconfigured;
            tracing::info!(
                "the role does not allow appendOplogNote; on an idle source each round takes up to 10 s"
            );
        }
        Ok(())
    }

    /// Puts the round's chunks into the log, here, and ends the round.
    pub(super) async fn weave_in(&mut self) -> Result<()> {
        let Some(mut round) = self.copying.as_mut().and_then(|copying| copying.round.take()) else {
            return Ok(());
        };
        let mut failure = None;
        while let Some(read) = round.reads.join_next().await {
            let (index, outcome) =
                read.map_err(|error| Error::caused(Kind::Invariant, "reading a chunk panicked", error))?;
            match outcome {
                Ok(Outcome::Read(chunk)) => self.chunk(index, &chunk, round.time).await?,
                Ok(Outcome::Gone) => self.find_again(index).await?,
                Ok(Outcome::TooOld) => reread("too old"),
                Err(error) if error.kind == Kind::Transient => {
                    reread("transient");
                    failure = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(copying) = &mut self.copying {
            copying.rest_after(failure.as_ref());
        }
        self.end_snapshot().await
    }

    async fn chunk(&mut self, index: usize, chunk: &Chunk, time: ClusterTime) -> Result<()> {
        let Some(mut copy) = self.copying.as_ref().map(|copying| copying.progress.copy(index).clone()) else {
            return Ok(());
        };
        if let Some(route) = self.route(&copy.ns.db, &copy.ns.coll).await? {
            for document in chunk.documents()? {
                self.encoder.snapshot(document, time, &route)?;
                copy.documents += 1;
                if self.encoder.bytes() >= self.most_bytes {
                    copy.after = Some(resume_key::text(document)?);
                    self.encoder.copy(&copy)?;
                    self.flush().await?;
                }
            }
        }
        if let Some(last) = chunk.documents()?.last() {
            copy.after = Some(resume_key::text(*last)?);
        }
        copy.done = chunk.is_last;
        metrics::counter!(names::PRODUCER_SNAPSHOT_CHUNKS).increment(1);
        self.keep(index, copy)
    }

    /// A collection that is not there under its name was renamed or dropped; its UUID tells.
    async fn find_again(&mut self, index: usize) -> Result<()> {
        let Some(mut copy) = self.copying.as_ref().map(|copying| copying.progress.copy(index).clone()) else {
            return Ok(());
        };
        match catalog::by_uuid(&self.source.client, &copy.ns.db, parse_uuid(&copy.uuid)?).await? {
            Some(found) if self.routes.filter().carries(&found.ns) => copy.ns = found.ns,
            _ => {
                tracing::info!(ns = %copy.ns, "the collection is gone; its copy ends here");
                copy.done = true;
            }
        }
        reread("gone");
        self.keep(index, copy)
    }

    fn keep(&mut self, index: usize, copy: CollectionCopy) -> Result<()> {
        self.encoder.copy(&copy)?;
        if let Some(copying) = &mut self.copying {
            *copying.progress.copy_mut(index) = copy;
            self.report.snapshot(copying.progress.documents(), copying.estimated);
        }
        Ok(())
    }

    /// Ends the snapshot once every collection is copied.
    async fn end_snapshot(&mut self) -> Result<()> {
        let Some(copying) = &self.copying else { return Ok(()) };
        if copying.progress.state() != SnapshotState::Ended {
            return Ok(());
        }
        tracing::info!(documents = copying.progress.documents(), "the snapshot is complete");
        self.encoder.position_mut().snapshot = SnapshotState::Ended;
        self.copying = None;
        self.ends.is_copying.send_replace(false);
        self.flush().await
    }
}

fn reread(reason: &'static str) {
    metrics::counter!(names::PRODUCER_SNAPSHOT_REREADS, "reason" => reason).increment(1);
}

fn parse_uuid(text: &str) -> Result<[u8; 16]> {
    u128::from_str_radix(text, 16)
        .map(u128::to_be_bytes)
        .map_err(|error| Error::caused(Kind::PositionLost, "the snapshot's progress names no UUID", error))
}
