//! Repairs: documents that workers ask for anew, because a change did not fit what the target holds.
//!
//! A request is a record of the control topic. Its document is read at a round's cluster time, which is later than everything
//! published when the request was seen, and enters the log like a chunk: as the document's image, or as a delete when it is
//! gone. The request is withdrawn in the same transaction. A request for the same document that comes meanwhile was made for
//! a record before the repair, which heals that one, too.

use std::collections::BTreeMap;

use common::{
    control::Repair,
    error::{Error, Kind, Result},
    key_text,
    namespace::Namespace,
    raw::Document,
    telemetry::names,
};

use super::{
    Pump,
    reads::{Answer, Asker, Wanted, reread},
    rounds::At,
};
use crate::snapshot::{
    Range, catalog,
    catalog::{Collection, Sort},
    keys::{Found, Looked},
};

/// Documents of one namespace that a round reads at most.
const KEYS_PER_ROUND: usize = 500;

/// Why nothing can be read of a namespace that names no collection.
pub(super) const GONE: &str = "the collection is gone";

/// Requests of one namespace, each with its key.
type Asked = Vec<(String, Vec<u8>)>;

/// Requests that are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    /// By namespace, the keys (raw BSON `{_id: …}`) by their requests.
    open: BTreeMap<Namespace, BTreeMap<String, Vec<u8>>>,
}

impl Repairs {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn add(&mut self, request: String, ns: Namespace, key: Vec<u8>) {
        self.open.entry(ns).or_default().insert(request, key);
    }

    /// Forgets a request.
    pub(super) fn remove(&mut self, request: &str) {
        self.open.retain(|_, requests| {
            requests.remove(request);
            !requests.is_empty()
        });
    }

    /// The first requests of each namespace.
    fn next(&self, namespaces: usize) -> Vec<(Namespace, Asked)> {
        let first = |requests: &BTreeMap<String, Vec<u8>>| {
            requests.iter().take(KEYS_PER_ROUND).map(|(r, key)| (r.clone(), key.clone())).collect()
        };
        self.open.iter().take(namespaces).map(|(ns, requests)| (ns.clone(), first(requests))).collect()
    }
}

impl Pump {
    /// Takes up a request as the control topic has it.
    pub(super) fn repair_asked(&mut self, request: String, value: &[u8]) {
        let repair = serde_json::from_slice::<Repair>(value).map_err(|error| error.to_string());
        let key = repair.and_then(|repair| {
            let key = key_text::parse(repair.key.get()).map_err(|error| error.to_string())?;
            Ok((repair.ns, key))
        });
        match key {
            Ok((ns, key)) => self.repairs.add(request, ns, key),
            Err(_) => self.turn_down(request, "it cannot be understood"),
        }
    }

    /// The reads that answer the first requests; requests for what is not carried or not there are turned down.
    pub(super) async fn wanted_repairs(&mut self) -> Result<Vec<(Asker, Wanted)>> {
        let mut wanted = Vec::new();
        for (ns, requests) in self.repairs.next(self.rounds.parallel) {
            let found = match self.collection_to_read(&ns).await? {
                Ok(collection) => collection,
                Err(why) => {
                    requests.into_iter().for_each(|(request, _)| self.turn_down(request, why));
                    continue;
                }
            };
            let (requests, keys): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
            let query = self.query_of(&ns, &found, Range::Behind(None));
            wanted.push((Asker::Repairs(ns, requests), Wanted::Keys(query, keys)));
        }
        Ok(wanted)
    }

    /// The collection that a namespace names now, or why nothing of it can be read.
    pub(super) async fn collection_to_read(
        &self,
        ns: &Namespace,
    ) -> Result<std::result::Result<Collection, &'static str>> {
        if !self.routes.filter().carries(ns) {
            return Ok(Err("the namespace is not carried"));
        }
        let found = catalog::by_name(&self.source.client, ns).await?;
        Ok(match found {
            Some(found) if matches!(found.kind, Sort::Plain | Sort::Capped) => Ok(found),
            Some(_) => Err("the namespace is no plain collection"),
            None => Err(GONE),
        })
    }

    fn turn_down(&mut self, request: String, why: &str) {
        tracing::warn!(request, "a repair is turned down: {why}");
        metrics::counter!(names::PRODUCER_REPAIRS, "outcome" => "refused").increment(1);
        self.repairs.remove(&request);
        self.encoder.withdraw(request);
    }

    pub(super) async fn repairs_read(
        &mut self,
        ns: Namespace,
        requests: Vec<String>,
        answer: Answer,
        at: &At<'_>,
    ) -> Result<()> {
        let found = match answer {
            Answer::Keys(Looked::Read(found)) if at.is_settled(&ns) => found,
            _ => {
                reread("gone");
                return Ok(());
            }
        };
        for (request, found) in requests.into_iter().zip(&found) {
            let is_there = self.put(&ns, found, at).await?;
            let outcome = if is_there { "found" } else { "gone" };
            metrics::counter!(names::PRODUCER_REPAIRS, "outcome" => outcome).increment(1);
            self.repairs.remove(&request);
            self.encoder.withdraw(request);
            if self.encoder.bytes() >= self.most_bytes {
                self.flush().await?;
            }
        }
        tracing::info!(%ns, documents = found.len(), "repaired");
        Ok(())
    }

    /// Puts what was found under a key into the log; tells whether it was there.
    pub(super) async fn put(&mut self, ns: &Namespace, found: &Found, at: &At<'_>) -> Result<bool> {
        let Some(route) = self.route(&ns.db, &ns.coll, None).await? else { return Ok(false) };
        if let Some(document) = found.document()? {
            self.encoder.snapshot(document, at.time, &route)?;
            return Ok(true);
        }
        let key = Document::new(&found.key)
            .map_err(|error| Error::caused(Kind::Invariant, "a key that was read is malformed", error))?;
        self.encoder.absence(key, at.time, &route)?;
        Ok(false)
    }
}
