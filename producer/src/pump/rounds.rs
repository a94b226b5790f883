//! Rounds: what is read at one cluster time that the stream has not passed.
//!
//! A round takes one cluster time Tc, reads chunks and single documents at it, and ends when the stream passes Tc: then what
//! was read enters the log, in front of everything later. Reading goes on beside the stream; only when the stream arrives
//! first does it wait. What could not be read is asked for again in a later round, at a later Tc: nothing of it has been
//! published.
//!
//! Four parties ask: the first snapshot (`copying`), workers that miss a document (`repairs`), operators (`requests`), workers that
//! look through the target (`sweeps`). They share the round, and so its bytes: as many reads as `producer.snapshot.parallel`
//! allows, one more for the snapshot and one for a sweep. The lookout for definitions (`lookout`) has read already, and wants a place.

use common::{
    cluster_time::ClusterTime,
    config::types::Snapshot,
    error::{Error, Kind, Result},
    mongo::Version,
    namespace::Namespace,
    retry::Backoff,
};
use tokio::{task::JoinSet, time::Instant};

use super::{
    Pump,
    reads::{self, Answer, Asker, Wanted, reread},
    settled::Names,
};
use crate::{
    snapshot::{Outcome, keys::Looked, presence::Presence},
    source::Source,
};

/// The rounds of one pump: at most one is under way.
pub(super) struct Rounds {
    open: Option<Round>,
    /// Reads of one round.
    pub(super) parallel: usize,
    /// Bytes of one read.
    pub(super) chunk_bytes: usize,
    /// Whether the server takes a cluster time only inside transactions.
    is_transactional: bool,
    /// Whether the role allows writing a note to the oplog.
    can_nudge: bool,
    /// Waits after rounds whose reads failed.
    backoff: Backoff,
    not_before: Option<Instant>,
}

/// Reads at one cluster time.
struct Round {
    time: ClusterTime,
    reads: JoinSet<(Asker, Result<Answer>)>,
    /// What is known of names that were looked up before.
    names: Names,
}

/// What was read at `time`, as far as it can be used.
pub(super) struct At<'a> {
    /// Cluster time of the round.
    pub(super) time: ClusterTime,
    names: &'a Names,
}

impl At<'_> {
    /// Whether `ns` has named the same collection since before the round's reads.
    pub(super) fn is_settled(&self, ns: &Namespace) -> bool {
        self.names.is_settled(ns)
    }
}

impl Rounds {
    pub(super) fn new(source: &Source, settings: &Snapshot, chunk_bytes: usize) -> Self {
        Self {
            open: None,
            parallel: usize::from(settings.parallel),
            chunk_bytes,
            is_transactional: source.server.version < Version::new(5, 0, 0),
            can_nudge: true,
            backoff: Backoff::default(),
            not_before: None,
        }
    }

    /// The cluster time of the round under way.
    pub(super) fn time(&self) -> Option<ClusterTime> {
        Some(self.open.as_ref()?.time)
    }

    /// Notes that `ns` was dropped or renamed.
    pub(super) fn touch(&mut self, ns: Namespace) {
        if let Some(round) = &mut self.open {
            round.names.touch(ns);
        }
    }

    /// Notes an event about a namespace.
    pub(super) fn saw(&mut self, db: &str, coll: &str) {
        if let Some(round) = &mut self.open {
            round.names.saw(db, coll);
        }
    }

    fn may_begin(&self) -> bool {
        self.open.is_none() && self.not_before.is_none_or(|time| time <= Instant::now())
    }

    fn begin(&mut self, time: ClusterTime, wanted: Vec<(Asker, Wanted)>) {
        let (mut reads, mut absent) = (JoinSet::new(), Vec::new());
        let is_transactional = self.is_transactional;
        for (asker, wanted) in wanted {
            if let Wanted::Nothing(ns, _) = &wanted {
                absent.push(ns.clone());
            }
            reads.spawn(async move { (asker, reads::read(wanted, time, is_transactional).await) });
        }
        self.open = Some(Round { time, reads, names: Names::without(absent) });
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
    /// Begins a round, unless one is under way, the last one failed just now, or nobody asks for anything.
    pub(super) async fn begin_round(&mut self) -> Result<()> {
        if !self.rounds.may_begin() {
            return Ok(());
        }
        let wanted = self.wanted().await?;
        self.set_pace();
        if wanted.is_empty() {
            return Ok(());
        }
        // Only now: names were looked up before this time, and everything encoded so far is at or before it.
        let time = self.source.cluster_time().await?;
        self.rounds.begin(time, wanted);
        if self.rounds.can_nudge
            && let Err(error) = self.source.nudge().await
        {
            self.rounds.can_nudge = error.kind != Kind::Misconfigured;
            tracing::info!(
                "the role does not allow appendOplogNote; on an idle source each round takes up to 10 s"
            );
        }
        Ok(())
    }

    async fn wanted(&mut self) -> Result<Vec<(Asker, Wanted)>> {
        let mut wanted = self.wanted_repairs().await?;
        wanted.extend(self.wanted_requests(self.rounds.parallel.saturating_sub(wanted.len())).await?);
        wanted.extend(self.wanted_sweep().await?);
        wanted.extend(self.wanted_look()?);
        wanted.extend(self.wanted_copies(self.rounds.parallel.saturating_sub(wanted.len()).max(1))?);
        Ok(wanted)
    }

    /// The stream is asked for news more often while something waits for it to advance.
    pub(super) fn set_pace(&mut self) {
        let is_waiting = self.copying.is_some()
            || !self.repairs.is_empty()
            || !self.requests.is_empty()
            || self.sweeps.are_waiting();
        self.ends
            .is_copying
            .send_if_modified(|is_copying| std::mem::replace(is_copying, is_waiting) != is_waiting);
    }

    /// Puts what the round has read into the log, here, and ends the round.
    pub(super) async fn weave_in(&mut self) -> Result<()> {
        let Some(Round { time, mut reads, names }) = self.rounds.open.take() else { return Ok(()) };
        let at = At { time, names: &names };
        let mut failure = None;
        while let Some(read) = reads.join_next().await {
            let (asker, answer) =
                read.map_err(|error| Error::caused(Kind::Invariant, "reading a chunk panicked", error))?;
            match answer {
                Ok(
                    Answer::Chunk(Outcome::TooOld)
                    | Answer::Keys(Looked::TooOld)
                    | Answer::Missing(Presence::TooOld),
                ) => reread("too old"),
                Ok(answer) => self.answered(asker, answer, &at).await?,
                Err(error) if error.kind == Kind::Transient => {
                    reread("transient");
                    failure = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        self.rounds.rest_after(failure.as_ref());
        self.end_snapshot().await?;
        self.set_pace();
        Ok(())
    }

    async fn answered(&mut self, asker: Asker, answer: Answer, at: &At<'_>) -> Result<()> {
        match asker {
            Asker::Copy(index) => self.copy_read(index, answer, at).await,
            Asker::Repairs(ns, requests) => self.repairs_read(ns, requests, answer, at).await,
            Asker::Request(key) => self.request_read(key, answer, at).await,
            Asker::Sweep(key) => self.sweep_read(key, answer, at).await,
            Asker::Look => self.looked(answer, at.time).await,
        }
    }
}
