//! Snapshots that operators ask for: a namespace, or some of its documents.
//!
//! The request and its progress are one record of the control topic. Progress is written in the transaction of the documents
//! that made it, so a crash repeats at most what was in flight. Guards: a request is of one collection; when that is dropped
//! or renamed meanwhile, the request is refused and says so.

use std::collections::{BTreeMap, BTreeSet};

use common::{
    codec,
    control::{Request, RequestState, Sweep},
    error::{Error, Kind, Result},
    key_text,
};

use super::{
    Pump,
    reads::{Answer, Asker, Wanted, reread},
    repairs::GONE,
    rounds::At,
    sweeps::COLLATED,
};
use crate::snapshot::{
    Chunk, Outcome, Query, Range, catalog,
    keys::{Found, Looked},
};

/// Single documents that a round reads at most.
const KEYS_PER_ROUND: usize = 500;

/// The requests of the control topic, by their keys.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: BTreeMap<String, Request>,
    /// Those that ended in this life: what was written of them on the way may still come back from the control topic.
    ended: BTreeSet<String>,
}

impl Requests {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.open.remove(key);
    }
}

impl Pump {
    /// Takes up a request as the control topic has it, or drops one that was withdrawn.
    pub(super) fn snapshot_asked(&mut self, key: String, value: Option<&[u8]>) {
        let Some(value) = value else { return self.withdrawn(&key) };
        let Requests { open, ended } = &self.requests;
        if open.contains_key(&key) || ended.contains(&key) || self.sweeps.has(&key) {
            return;
        }
        match serde_json::from_slice::<Request>(value) {
            Ok(request) if request.has_ended() => {}
            Ok(request) if request.state == RequestState::Sweeping => self.sweeps.add(key, request),
            Ok(request) => {
                tracing::info!(key, ns = %request.ns, documents = request.documents, "a snapshot was asked for");
                self.requests.open.insert(key, request);
            }
            Err(error) => tracing::warn!(key, %error, "a request for a snapshot cannot be understood"),
        }
    }

    fn withdrawn(&mut self, key: &str) {
        let was_copying = self.requests.open.remove(key).is_some();
        if self.sweeps.remove(key) {
            self.encoder.withdraw(Sweep::key(key));
        } else if !was_copying {
            return;
        }
        tracing::info!(key, "a snapshot was withdrawn");
    }

    /// One read each for the first requests.
    pub(super) async fn wanted_requests(&mut self, most: usize) -> Result<Vec<(Asker, Wanted)>> {
        let mut wanted = Vec::new();
        let open: Vec<_> =
            self.requests.open.iter().take(most).map(|(k, r)| (k.clone(), r.clone())).collect();
        for (key, request) in open {
            match self.next_of(&request).await? {
                Ok((uuid, read)) => {
                    self.requests.open.entry(key.clone()).and_modify(|request| request.uuid = Some(uuid));
                    wanted.push((Asker::Request(key), read));
                }
                Err(GONE) if request.reconcile && self.routes.knows(&request.ns) => {
                    self.begin_sweep(key, request)?;
                }
                Err(why) => self.refuse(key, request, why)?,
            }
        }
        Ok(wanted)
    }

    /// The next read of a request, with the UUID of its collection; or why there is none.
    async fn next_of(
        &self,
        request: &Request,
    ) -> Result<std::result::Result<(String, Wanted), &'static str>> {
        if let Some(why) = self.contradiction(request) {
            return Ok(Err(why));
        }
        let found = match self.collection_to_read(&request.ns).await? {
            Ok(found) if request.reconcile && !found.has_simple_collation => return Ok(Err(COLLATED)),
            Ok(found) => found,
            Err(why) => return Ok(Err(why)),
        };
        let text = catalog::uuid_text(found.uuid);
        if request.uuid.as_ref().is_some_and(|before| *before != text) {
            return Ok(Err("the collection was dropped or renamed meanwhile"));
        }
        let after = request.after.as_ref().map(|after| key_text::parse(after.get())).transpose();
        let keys = request.keys.iter().take(KEYS_PER_ROUND).map(|key| key_text::parse(key.get()));
        let (Ok(after), Ok(keys)) = (after, keys.collect::<Result<Vec<_>>>()) else {
            return Ok(Err("a key cannot be understood"));
        };
        let Ok(filter) = request.filter.as_ref().map(|filter| filter_of(filter.get())).transpose() else {
            return Ok(Err("the filter is no document of Extended JSON"));
        };
        let query = Query { filter, ..self.query_of(&request.ns, &found, Range::Behind(after)) };
        Ok(Ok((text, if keys.is_empty() { Wanted::Chunk(query) } else { Wanted::Keys(query, keys) })))
    }

    /// Why nobody can do what is asked for.
    fn contradiction(&self, request: &Request) -> Option<&'static str> {
        match (!request.keys.is_empty(), request.filter.is_some(), request.reconcile) {
            (true, true, _) => Some("it names documents and has a filter: only one of the two can be"),
            (true, _, true) | (_, true, true) => {
                Some("it reconciles only some documents, which does not say what is gone")
            }
            (_, _, true) if !self.is_alone => {
                Some("it reconciles while other slices may carry the same namespace")
            }
            _ => None,
        }
    }

    pub(super) async fn request_read(&mut self, key: String, answer: Answer, at: &At<'_>) -> Result<()> {
        let Some(request) = self.requests.open.get(&key).cloned() else { return Ok(()) };
        match answer {
            Answer::Chunk(Outcome::Read(chunk)) if at.is_settled(&request.ns) => {
                self.request_chunk(key, request, &chunk, at).await
            }
            Answer::Chunk(Outcome::Refused(why)) => self.refuse(key, request, &why),
            Answer::Keys(Looked::Read(found)) if at.is_settled(&request.ns) => {
                self.request_keys(key, request, &found, at).await
            }
            _ => {
                reread("gone");
                Ok(())
            }
        }
    }

    async fn request_chunk(
        &mut self,
        key: String,
        mut request: Request,
        chunk: &Chunk,
        at: &At<'_>,
    ) -> Result<()> {
        let Some(route) = self.route(&request.ns.db, &request.ns.coll, None).await? else { return Ok(()) };
        let documents = chunk.documents()?;
        for document in &documents {
            self.encoder.snapshot(*document, at.time, &route)?;
            request.documents += 1;
            if self.encoder.bytes() >= self.most_bytes {
                request.after = Some(key_text::text(*document)?);
                self.progress(&key, &mut request)?;
                self.flush().await?;
            }
        }
        request.after = chunk.after()?.or(request.after);
        if !chunk.is_last {
            return self.progress(&key, &mut request);
        }
        if request.filter.is_none() {
            self.complete(&request.ns)?;
        }
        if request.reconcile {
            return self.begin_sweep(key, request);
        }
        self.end_request(key, request, RequestState::Done)
    }

    async fn request_keys(
        &mut self,
        key: String,
        mut request: Request,
        found: &[Found],
        at: &At<'_>,
    ) -> Result<()> {
        for found in found {
            self.put(&request.ns, found, at).await?;
            request.keys.remove(0);
            request.documents += 1;
            if self.encoder.bytes() >= self.most_bytes && !request.keys.is_empty() {
                self.progress(&key, &mut request)?;
                self.flush().await?;
            }
        }
        if request.keys.is_empty() {
            return self.end_request(key, request, RequestState::Done);
        }
        self.progress(&key, &mut request)
    }

    fn progress(&mut self, key: &str, request: &mut Request) -> Result<()> {
        request.state = RequestState::Copying;
        self.encoder.announce(key.to_owned(), request)?;
        self.requests.open.insert(key.to_owned(), request.clone());
        Ok(())
    }

    fn refuse(&mut self, key: String, mut request: Request, why: &str) -> Result<()> {
        tracing::warn!(key, ns = %request.ns, "a snapshot is refused: {why}");
        request.reason = Some(why.to_owned());
        self.end_request(key, request, RequestState::Refused)
    }

    pub(super) fn end_request(
        &mut self,
        key: String,
        mut request: Request,
        state: RequestState,
    ) -> Result<()> {
        request.state = state;
        if state == RequestState::Done {
            tracing::info!(key, ns = %request.ns, documents = request.documents, "the snapshot that was asked for is complete");
        }
        self.encoder.announce(key.clone(), &request)?;
        self.requests.open.remove(&key);
        self.requests.ended.insert(key);
        Ok(())
    }
}

/// A filter as the source takes it.
fn filter_of(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    codec::decode::document(text.as_bytes(), &mut bytes)
        .map_err(|error| Error::caused(Kind::Misconfigured, "a filter cannot be understood", error))?;
    Ok(bytes)
}
