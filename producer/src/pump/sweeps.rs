//! Sweeps: the second half of a snapshot that reconciles, in which what is gone at the source goes from the target.
//!
//! A worker lists the target's `_id`s, a batch at a time, and asks which of them are gone (`docs/adr/0007-*`). A batch is answered as
//! a repair is: its keys are looked for at a round's cluster time, and each that names no document enters the log there as a
//! delete. An insert of the same `_id` that comes later stands behind it in its partition.
//!
//! The request's `swept` says how far the answers go. It is written, and the batch withdrawn, in the transaction of the deletes; a
//! batch that was listed at any other place is an old one and is passed over.

use std::{collections::BTreeMap, time::Duration};

use common::{
    control::{Request, RequestState, Sweep},
    error::{Error, Kind, Result},
    key_text,
    namespace::Namespace,
    raw::Document,
    telemetry::names,
};
use tokio::time::Instant;

use super::{
    Pump,
    reads::{Answer, Asker, Wanted, reread},
    repairs::GONE,
    rounds::At,
};
use crate::snapshot::{Range, catalog, catalog::Collection, presence::Presence};

/// How soon a worker follows an answer with its next batch, as long as it is well.
const NEXT_WITHIN: Duration = Duration::from_secs(5);

/// Why a collection cannot be reconciled whose `_id`s are compared by other rules than the target's.
pub(super) const COLLATED: &str =
    "the collection compares strings by a collation of its own: what is gone from it cannot be told by bytes";

/// The requests whose copy has ended, by their keys.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    open: BTreeMap<String, Open>,
    /// When the last batch came.
    listed: Option<Instant>,
}

/// One of them, and the batch that waits for an answer.
#[derive(Debug)]
struct Open {
    request: Request,
    batch: Option<Sweep>,
}

impl Sweeps {
    /// Whether a batch waits for an answer, or the next one is about to come.
    pub(super) fn are_waiting(&self) -> bool {
        let is_under_way = self.listed.is_some_and(|listed| listed.elapsed() < NEXT_WITHIN);
        self.open.values().any(|open| open.batch.is_some() || is_under_way)
    }

    pub(super) fn has(&self, request: &str) -> bool {
        self.open.contains_key(request)
    }

    /// Takes up a request whose copy has ended.
    pub(super) fn add(&mut self, key: String, request: Request) {
        self.open.insert(key, Open { request, batch: None });
    }

    /// Forgets a request; tells whether there was one.
    pub(super) fn remove(&mut self, request: &str) -> bool {
        self.open.remove(request).is_some()
    }
}

impl Pump {
    /// Goes over from copying a namespace to looking for what is gone.
    pub(super) fn begin_sweep(&mut self, key: String, mut request: Request) -> Result<()> {
        tracing::info!(key, ns = %request.ns, documents = request.documents, "what is gone from the source is looked for at the target");
        request.state = RequestState::Sweeping;
        self.encoder.announce(key.clone(), &request)?;
        self.requests.remove(&key);
        self.sweeps.add(key, request);
        Ok(())
    }

    /// Looks for what is gone in every namespace that has had events: after lost history nobody else tells of deletes.
    pub(super) fn sweep_all(&mut self) -> Result<()> {
        let epoch = self.encoder.position().epoch;
        for ns in self.routes.known() {
            let id = format!("resnapshot-{epoch}-{ns}");
            let request = Request { reconcile: true, ..Request::of(ns) };
            self.begin_sweep(Request::key(&self.slice, &id), request)?;
        }
        Ok(())
    }

    /// Takes up what a worker has found at the target.
    pub(super) fn sweep_listed(&mut self, key: String, value: &[u8]) {
        let Ok(batch) = serde_json::from_slice::<Sweep>(value) else {
            tracing::warn!(key, "what a worker found at the target cannot be understood");
            return;
        };
        match self.sweeps.open.get_mut(&Sweep::request(&key)) {
            Some(open) if batch.is_for(&open.request) => {
                open.batch = Some(batch);
                self.sweeps.listed = Some(Instant::now());
            }
            Some(_) => tracing::debug!(key, "passed over: the request stands elsewhere"),
            None => self.encoder.withdraw(key),
        }
    }

    /// The read that answers the first batch.
    pub(super) async fn wanted_sweep(&mut self) -> Result<Option<(Asker, Wanted)>> {
        let waiting = self
            .sweeps
            .open
            .iter()
            .find_map(|(key, open)| Some((key.clone(), open.request.clone(), open.batch.clone()?)));
        let Some((key, request, batch)) = waiting else { return Ok(None) };
        match self.question(&request.ns, &batch).await? {
            Ok(Some(wanted)) => Ok(Some((Asker::Sweep(key), wanted))),
            Ok(None) => self.end_sweep(key, request, RequestState::Done).map(|()| None),
            Err(why) => {
                tracing::warn!(key, ns = %request.ns, "a sweep is given up: {why}");
                let request = Request { reason: Some(why), ..request };
                self.end_sweep(key, request, RequestState::Refused).map(|()| None)
            }
        }
    }

    /// What to read for a batch; nothing for the last one. Or why it cannot be answered.
    async fn question(
        &self,
        ns: &Namespace,
        batch: &Sweep,
    ) -> Result<std::result::Result<Option<Wanted>, String>> {
        if let Some(why) = &batch.reason {
            return Ok(Err(why.clone()));
        }
        let keys = batch.keys.iter().map(|key| key_text::parse(key.get())).collect::<Result<Vec<_>>>();
        let Ok(keys) = keys else { return Ok(Err("a key cannot be understood".to_owned())) };
        if keys.is_empty() {
            return Ok(Ok(None));
        }
        Ok(match self.collection_to_read(ns).await? {
            Ok(Collection { has_simple_collation: false, .. }) => Err(COLLATED.to_owned()),
            Ok(found) => Ok(Some(Wanted::Missing(self.query_of(ns, &found, Range::Behind(None)), keys))),
            Err(GONE) => Ok(Some(Wanted::Nothing(ns.clone(), keys))),
            Err(why) => Err(why.to_owned()),
        })
    }

    /// Writes deletes for what is missing and moves on.
    pub(super) async fn sweep_read(&mut self, key: String, answer: Answer, at: &At<'_>) -> Result<()> {
        let Some(Open { request, batch: Some(batch) }) = self.sweeps.open.get(&key) else { return Ok(()) };
        let (mut request, batch) = (request.clone(), batch.clone());
        let Some(missing) = self.missing(&request.ns, answer, at).await? else {
            reread("gone");
            return Ok(());
        };
        let Some(route) = self.route(&request.ns.db, &request.ns.coll, None).await? else { return Ok(()) };
        for key in &missing {
            let key = Document::new(key)
                .map_err(|error| Error::caused(Kind::Invariant, "a key that was read is malformed", error))?;
            self.encoder.absence(key, at.time, &route)?;
        }
        count(batch.keys.len(), missing.len());
        request.removed += missing.len() as u64;
        request.swept = batch.keys.last().cloned();
        self.encoder.withdraw(Sweep::key(&key));
        self.encoder.announce(key.clone(), &request)?;
        self.sweeps.add(key, request);
        if self.encoder.bytes() >= self.most_bytes { self.flush().await } else { Ok(()) }
    }

    /// The keys that name no document at the round's time, where that is certain.
    ///
    /// A namespace without a collection is looked up once more: that there was none may have been undone by an election since,
    /// which the stream does not tell.
    async fn missing(&self, ns: &Namespace, answer: Answer, at: &At<'_>) -> Result<Option<Vec<Vec<u8>>>> {
        Ok(match answer {
            _ if !at.is_settled(ns) => None,
            Answer::Missing(Presence::Missing(keys)) => Some(keys),
            Answer::Nothing(keys) if catalog::by_name(&self.source.client, ns).await?.is_none() => Some(keys),
            _ => None,
        })
    }

    fn end_sweep(&mut self, key: String, request: Request, state: RequestState) -> Result<()> {
        tracing::info!(key, ns = %request.ns, removed = request.removed, "the sweep has ended");
        self.encoder.withdraw(Sweep::key(&key));
        self.sweeps.remove(&key);
        self.end_request(key, request, state)
    }
}

fn count(asked: usize, missing: usize) {
    metrics::counter!(names::PRODUCER_SWEPT, "outcome" => "gone").increment(missing as u64);
    metrics::counter!(names::PRODUCER_SWEPT, "outcome" => "there").increment((asked - missing) as u64);
}
