//! The pump: moves batches from the stream through weave and encoder to the publisher.
//!
//! A shell: it owns the order of calls and the waiting, the decisions are `weave`'s, `encode`'s and `snapshot`'s. It is
//! one task, so that events and chunks have one order. Cancelling it anywhere is safe: what was not handed to the
//! publisher is not published, and the position says so.

mod barriers;
mod capped;
mod copying;
mod differences;
mod indexes;
mod lookout;
mod made;
mod naming;
mod options;
mod reads;
mod repairs;
mod report;
mod requests;
mod rounds;
mod settled;
mod sweeps;

use std::{sync::Arc, time::Duration};

use common::{
    cluster_time::ClusterTime,
    config::Config,
    error::{Error, Kind, Result},
    event::{ChangeEvent, Names, Operation},
    namespace::Namespace,
    position::{CollectionCopy, CollectionDefinition, SnapshotState},
    raw::{self, Document},
    telemetry::names,
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use self::{
    copying::Copying, lookout::Lookout, naming::Sight, options::Sights, repairs::Repairs, report::Report,
    requests::Requests, rounds::Rounds, sweeps::Sweeps,
};
use crate::{
    capture::{Batch, Fragments, Place},
    control::{Asked, Entry},
    encode::Encoder,
    memory::Budget,
    publish::Outlet,
    route::{Decision, Route, Routes},
    sabotage,
    source::Source,
    weave,
};

/// How often an idle stream's token is written to Kafka, so that it never ages out of the source's oplog.
const IDLE_POSITION_INTERVAL: Duration = Duration::from_secs(10);

/// The ends the pump is connected to.
pub struct Ends {
    /// Batches of the stream.
    pub batches: mpsc::Receiver<Batch>,
    /// What workers and operators ask for.
    pub requests: mpsc::Receiver<Entry>,
    /// Where encoded batches go.
    pub publisher: Outlet,
    /// Tells the stream whether chunks wait for it to advance.
    pub is_copying: watch::Sender<bool>,
}

/// An event that has been worked on.
struct Behind<'a> {
    token: Document<'a>,
    time: ClusterTime,
}

/// The pump of one slice.
pub struct Pump {
    source: Source,
    encoder: Encoder,
    routes: Routes,
    /// Name of the slice.
    slice: String,
    /// Whether no other slice of the pipeline can have events of the same namespaces.
    is_alone: bool,
    copying: Option<Copying>,
    repairs: Repairs,
    requests: Requests,
    sweeps: Sweeps,
    rounds: Rounds,
    sights: Sights,
    lookout: Lookout,
    /// A split event that is not whole yet.
    fragments: Fragments,
    ends: Ends,
    /// Bytes of records after which a transaction is full.
    most_bytes: usize,
    /// Events after which a batch is full, so that the stream is not at its head.
    full_batch: u32,
    flushed: Instant,
    report: Report,
}

impl Pump {
    /// A pump that goes on from the encoder's position, from the snapshot's progress where one is under way, and from what has been
    /// published of definitions.
    #[must_use]
    pub fn new(
        slice: &str,
        source: Source,
        encoder: Encoder,
        routes: Routes,
        (copies, definitions): (Vec<CollectionCopy>, Vec<CollectionDefinition>),
        ends: Ends,
        config: &Config,
    ) -> Self {
        let settings = &config.producer;
        let budget = Budget::of(settings);
        let is_copying = encoder.position().snapshot != SnapshotState::Ended;
        let is_alone = config.source.slices.len() <= 1;
        Self {
            rounds: Rounds::new(&source, &settings.snapshot, budget.chunk),
            sights: Sights::new(source.server.version),
            lookout: Lookout::new(&source, is_alone, &definitions),
            source,
            encoder,
            routes,
            slice: slice.to_owned(),
            is_alone,
            copying: is_copying.then(|| Copying::new(copies)),
            repairs: Repairs::default(),
            requests: Requests::default(),
            sweeps: Sweeps::default(),
            fragments: Fragments::default(),
            ends,
            most_bytes: budget.transaction,
            full_batch: settings.batch_events,
            flushed: Instant::now(),
            report: Report::default(),
        }
    }

    /// Pumps until the stream's end is closed.
    ///
    /// # Errors
    /// Transient when source or brokers do not answer; other kinds as the stages give them.
    pub async fn run(mut self, is_first: bool) -> Result<()> {
        if is_first {
            self.flush().await?;
        }
        self.list_collections().await?;
        loop {
            tokio::select! {
                batch = self.ends.batches.recv() => match batch {
                    Some(batch) => self.step(&batch).await?,
                    None => return Ok(()),
                },
                Some(entry) = self.ends.requests.recv() => self.asked(entry),
            }
        }
    }

    /// Works on one batch, and begins a round where the stream is near its head.
    async fn step(&mut self, batch: &Batch) -> Result<()> {
        let events = self.batch(batch).await?;
        while let Ok(entry) = self.ends.requests.try_recv() {
            self.asked(entry);
        }
        if events < self.full_batch { self.begin_round().await } else { Ok(()) }
    }

    /// Takes up what the control topic says.
    fn asked(&mut self, Entry { key, value }: Entry) {
        match (Asked::of(&key, &self.slice), value) {
            (Some(Asked::Repair), Some(value)) => self.repair_asked(key, &value),
            (Some(Asked::Repair), None) => self.repairs.remove(&key),
            (Some(Asked::Snapshot), value) => self.snapshot_asked(key, value.as_deref()),
            (Some(Asked::Sweep), Some(value)) => self.sweep_listed(key, &value),
            (Some(Asked::Sweep), None) => {}
            (None, _) => {}
        }
        self.set_pace();
    }

    /// Works on one batch of the stream; tells how many events it held.
    async fn batch(&mut self, batch: &Batch) -> Result<u32> {
        let view = batch.view()?;
        let mut events = 0;
        let mut behind = None;
        for element in view.events.elements() {
            let event = element.ok().and_then(|e| e.as_document()).ok_or_else(|| malformed("no document"))?;
            self.event_or_fragment(event, view.may_split, &mut behind).await?;
            events += 1;
        }
        if self.rounds.time().is_some_and(|tc| weave::is_passed(tc, view.reached)) {
            self.stand_behind(&behind)?;
            self.weave_in().await?;
        }
        if self.fragments.is_open() {
            self.stand_behind(&behind)?;
        } else {
            self.encoder.advance(view.token, view.reached)?;
        }
        self.report.batch(events, view.source_time, self.encoder.position().cluster_time);
        if !self.encoder.is_empty() || self.flushed.elapsed() >= IDLE_POSITION_INTERVAL {
            self.hand_on(events >= self.full_batch).await?;
        }
        Ok(events)
    }

    /// Works on one event, or keeps a fragment of one until it is whole; `behind` is the whole event before it, and then this
    /// one.
    async fn event_or_fragment<'a>(
        &mut self,
        document: Document<'a>,
        may_be_fragment: bool,
        behind: &mut Option<Behind<'a>>,
    ) -> Result<()> {
        let token = document.get("_id").map_err(unreadable)?.and_then(|e| e.as_document());
        let token = token.ok_or_else(|| malformed("no token"))?;
        let place = if may_be_fragment { Place::of(document)? } else { None };
        let Some(place) = place else { return self.event(document, token, behind).await };
        match self.fragments.add(document, place)? {
            Some(whole) => self.event(Document::new(&whole).map_err(unreadable)?, token, behind).await,
            None => Ok(()),
        }
    }

    async fn event<'a>(
        &mut self,
        document: Document<'_>,
        token: Document<'a>,
        behind: &mut Option<Behind<'a>>,
    ) -> Result<()> {
        let event = ChangeEvent::parse(document).map_err(unreadable)?;
        let time = event.cluster_time.ok_or_else(|| malformed("no clusterTime"))?;
        if self.rounds.time().is_some_and(|tc| weave::is_past(tc, time)) {
            self.stand_behind(behind)?;
            self.weave_in().await?;
        }
        if !sabotage::skips() {
            self.carry(&event).await?;
        }
        *behind = Some(Behind { token, time });
        if self.encoder.bytes() >= self.most_bytes {
            self.stand_behind(behind)?;
            self.flush().await?;
        }
        Ok(())
    }

    async fn carry(&mut self, event: &ChangeEvent<'_>) -> Result<()> {
        let Some(Names { db, coll: Some(coll) }) = event.ns else {
            // `dropDatabase` and `invalidate` change nothing by themselves: the drops came before them.
            tracing::info!(
                operation = event.operation.name(),
                "an event without a collection is not carried"
            );
            return Ok(());
        };
        self.rounds.saw(db, coll);
        self.follow_names(event).await?;
        let is_create = event.operation == Operation::Create;
        if (is_create && !self.may_be_made(event, db, coll)?)
            || self.is_drop_of_a_view(event)
            || self.comes_with_its_copy(event, db, coll)
        {
            return Ok(());
        }
        let sight = event.cluster_time.map(|time| Sight { time, is_create });
        match self.route(db, coll, sight).await? {
            Some(route) => {
                self.options_on_sight(event, &route).await?;
                match barriers::is_one(event) {
                    true => self.barrier(event, route, sight).await,
                    false => self.encoder.event(event, &route),
                }
            }
            None => Ok(()),
        }
    }

    /// Moves the position behind an event, when there was one.
    fn stand_behind(&mut self, behind: &Option<Behind<'_>>) -> Result<()> {
        match behind {
            Some(behind) => self.encoder.advance(behind.token, Some(behind.time)),
            None => Ok(()),
        }
    }

    /// The route of a namespace, or `None` when the filter leaves it out; `sight` is where the stream shows it, if that does.
    async fn route(&mut self, db: &str, coll: &str, sight: Option<Sight>) -> Result<Option<Arc<Route>>> {
        loop {
            match self.routes.get(db, coll) {
                Some(Decision::Foreign) => return Ok(None),
                Some(Decision::Carried(route)) => return Ok(Some(Arc::clone(route))),
                None => {}
            }
            if let Some(topic) = self.routes.decide(&Namespace::new(db, coll)).await? {
                self.encoder.topic(&topic)?;
                if sight.is_some_and(|sight| self.is_complete_from(&topic.ns, sight)) {
                    self.encoder.copied(&self.slice, &topic.ns)?;
                }
                self.sights.saw(&topic.ns);
                metrics::counter!(names::PRODUCER_TOPICS_CREATED).increment(1);
            }
        }
    }

    async fn flush(&mut self) -> Result<()> {
        self.hand_on(false).await
    }

    /// Hands on what was encoded, and whether the source has more at once.
    async fn hand_on(&mut self, is_followed: bool) -> Result<()> {
        let encoded = self.encoder.take()?;
        self.flushed = Instant::now();
        self.ends.publisher.send(encoded, is_followed).await
    }
}

fn unreadable(error: raw::Error) -> Error {
    Error::caused(Kind::Invariant, "the source sent a malformed change event", error)
}

fn malformed(what: &str) -> Error {
    Error::new(Kind::Invariant, format!("the source sent a change event with {what}"))
}
