//! Options and indexes of sources that do not tell of them (before 6.0): looked at now and then.
//!
//! ```text
//!   stream    …  p │ e1  e2 ────────────── Tc │ e3 …
//!   look           └──▸ listed, at some time before Tc
//!   log       …  p   e1  e2   [what differs]    e3 …
//! ```
//!
//! A look lists what there is, beside the stream. Then a round's cluster time Tc is taken, so what was seen is no later than
//! that; what differs from what has been published enters the log where the stream passes Tc. An index comes late this way, never
//! early: every document up to Tc stands in front of it, as it did at the source when it was built, or was accepted by it since. A name
//! that the stream drops or renames between the beginning of the look and Tc may mean another collection by then, and has to
//! wait for the next look.
//!
//! What has been published is part of the position, so that a change while no producer runs is seen by the next one.
//!
//! Guards: nothing is told of a collection that its name does not mean at that place of the stream.

use std::{collections::BTreeMap, time::Duration};

use bson::{Bson, Document, doc};
use common::{
    cluster_time::ClusterTime,
    codec,
    error::{Error, Kind, Result},
    mongo::Version,
    namespace::{Filter, Namespace},
    position::CollectionDefinition,
    raw,
};
use tokio::{task::JoinSet, time::Instant};

use super::{
    Pump,
    copying::parse_uuid,
    differences,
    naming::Sight,
    reads::{Answer, Asker, Wanted},
    settled::Names,
};
use crate::{
    encode::text_of,
    snapshot::catalog::{self, Collection, Defined, Definition},
    source::Source,
};

/// How often is looked, at most.
const EVERY: Duration = Duration::from_secs(10);
/// One look takes no more than this part of the time: with many collections they are rarer.
const SHARE: u32 = 20;
/// From this version on the stream tells.
const TELLS: Version = Version::new(6, 0, 0);

/// What is known of definitions.
pub(super) struct Lookout {
    /// Whether the stream does not tell, and nobody else works on the same namespaces.
    is_on: bool,
    /// What has been published, by the name that the stream gives the collection here.
    known: BTreeMap<Namespace, ([u8; 16], Definition)>,
    look: JoinSet<(Duration, Result<Vec<Defined>>)>,
    not_before: Instant,
    /// Of which names the stream or we have told something since the look began.
    names: Names,
}

impl Lookout {
    /// Goes on from what the position says has been published.
    pub(super) fn new(source: &Source, is_alone: bool, known: &[CollectionDefinition]) -> Self {
        Self {
            is_on: is_alone && source.server.version < TELLS,
            known: known.iter().filter_map(read).collect(),
            look: JoinSet::new(),
            not_before: Instant::now(),
            names: Names::default(),
        }
    }

    /// Begins a look when it is time; what one has found that has ended.
    fn found(&mut self, source: &Source, filter: &Filter) -> Result<Option<Vec<Defined>>> {
        if !self.is_on {
            return Ok(None);
        }
        if let Some(ended) = self.look.try_join_next() {
            let (took, found) =
                ended.map_err(|error| Error::caused(Kind::Invariant, "a look panicked", error))?;
            self.not_before = Instant::now() + EVERY.max(took * SHARE);
            return match found {
                Ok(found) => Ok(Some(found)),
                Err(error) if error.kind == Kind::Transient => {
                    tracing::debug!(reason = error.chain(), "a look at the definitions is taken again");
                    Ok(None)
                }
                Err(error) => Err(error),
            };
        }
        if self.look.is_empty() && self.not_before <= Instant::now() {
            self.names = Names::default();
            let (client, version, filter) = (source.client.clone(), source.server.version, filter.clone());
            self.look.spawn(async move {
                let begun = Instant::now();
                let found = catalog::definitions(&client, &filter, version).await;
                (begun.elapsed(), found)
            });
        }
        Ok(None)
    }

    /// What has been published of this collection under the name that it has here.
    fn published(&self, ns: &Namespace, uuid: [u8; 16]) -> Option<&Definition> {
        self.known.get(ns).filter(|(known, _)| *known == uuid).map(|(_, defined)| defined)
    }
}

impl Pump {
    /// What a look has found that was not published.
    pub(super) fn wanted_look(&mut self) -> Result<Option<(Asker, Wanted)>> {
        let Some(mut found) = self.lookout.found(&self.source, self.routes.filter())? else {
            return Ok(None);
        };
        found.retain(|(collection, now)| self.is_news(collection, now));
        for (collection, _) in &found {
            collection.kind.check(&collection.ns, self.source.server.version)?;
        }
        Ok((!found.is_empty()).then_some((Asker::Look, Wanted::Look(found))))
    }

    /// Whether something is to be told of a collection. One that waits for its copy is told of there; of one that has had no
    /// event a pipeline without snapshot does not know since when it is there.
    fn is_news(&self, Collection { ns, uuid, .. }: &Collection, now: &Definition) -> bool {
        if !self.lookout.names.is_settled(ns) || self.is_being_copied(ns) {
            return false;
        }
        match self.lookout.published(ns, *uuid) {
            Some(published) => published != now,
            None => self.routes.knows(ns) || self.encoder.position().listed.is_some(),
        }
    }

    /// Tells what differs, here.
    pub(super) async fn looked(&mut self, answer: Answer, time: ClusterTime) -> Result<()> {
        let Answer::Look(found) = answer else { return Ok(()) };
        for (collection, now) in found {
            if self.is_news(&collection, &now) {
                self.tell_differences(&collection, now, time).await?;
            }
        }
        Ok(())
    }

    async fn tell_differences(
        &mut self,
        &Collection { ref ns, uuid, .. }: &Collection,
        now: Definition,
        time: ClusterTime,
    ) -> Result<()> {
        let sight = Sight { time, is_create: false };
        let Some(route) = self.route(&ns.db, &ns.coll, Some(sight)).await? else { return Ok(()) };
        let changes = match self.lookout.published(ns, uuid) {
            Some(published) => differences::changes(published, &now),
            None => differences::made(&now),
        };
        for (operation, description) in changes {
            tracing::info!(%ns, operation = operation.name(), "a definition change that the source does not tell of was seen");
            self.read_definition((operation, Some(uuid)), description, time, &route)?;
        }
        self.sights.looked_at(ns);
        self.published(ns, uuid, now)
    }

    /// Notes that the options of a collection have been published.
    pub(super) fn published_options(
        &mut self,
        ns: &Namespace,
        uuid: [u8; 16],
        options: Document,
    ) -> Result<()> {
        let definition =
            Definition { options, ..self.lookout.published(ns, uuid).cloned().unwrap_or_default() };
        self.published(ns, uuid, definition)
    }

    /// Notes that the indexes of a collection have been published.
    pub(super) fn published_indexes(
        &mut self,
        ns: &Namespace,
        uuid: [u8; 16],
        indexes: Vec<Document>,
    ) -> Result<()> {
        let definition =
            Definition { indexes, ..self.lookout.published(ns, uuid).cloned().unwrap_or_default() };
        self.published(ns, uuid, definition)
    }

    fn published(&mut self, ns: &Namespace, uuid: [u8; 16], defined: Definition) -> Result<()> {
        if !self.lookout.is_on {
            return Ok(());
        }
        if let Some(record) = record(ns, uuid, &defined) {
            self.encoder.defined(&record)?;
        }
        self.lookout.names.touch(ns.clone());
        self.lookout.known.insert(ns.clone(), (uuid, defined));
        Ok(())
    }

    /// The name means no collection from here on.
    pub(super) fn undefine(&mut self, ns: &Namespace) {
        // Nobody would ever ask for the names otherwise, and they would be kept for good.
        if self.lookout.is_on {
            self.lookout.names.touch(ns.clone());
        }
        if self.lookout.known.remove(ns).is_some() {
            self.encoder.undefined(ns);
        }
    }

    /// The collection has another name from here on.
    pub(super) fn redefine(&mut self, from: &Namespace, to: &Namespace) -> Result<()> {
        let known = self.lookout.known.get(from).cloned();
        self.undefine(from);
        self.undefine(to);
        match known {
            Some((uuid, defined)) if self.routes.filter().carries(to) => self.published(to, uuid, defined),
            _ => Ok(()),
        }
    }

    /// Everything is copied anew, and told anew.
    pub(super) fn undefine_all(&mut self) {
        let known: Vec<_> = self.lookout.known.keys().cloned().collect();
        known.iter().for_each(|ns| self.undefine(ns));
    }
}

/// The record of what has been published; none where it has no faithful text, and after a restart all of it is told again.
fn record(ns: &Namespace, uuid: [u8; 16], defined: &Definition) -> Option<CollectionDefinition> {
    let bytes = doc! {"options": &defined.options, "indexes": &defined.indexes}.to_vec().ok()?;
    let definition = text_of(raw::Document::new(&bytes).ok()?).ok()?;
    Some(CollectionDefinition { ns: ns.clone(), uuid: catalog::uuid_text(uuid), definition })
}

fn read(record: &CollectionDefinition) -> Option<(Namespace, ([u8; 16], Definition))> {
    let mut bytes = Vec::new();
    codec::decode::document(record.definition.get().as_bytes(), &mut bytes).ok()?;
    let definition = Document::from_reader(bytes.as_slice()).ok()?;
    let options = definition.get_document("options").ok()?.clone();
    let indexes = definition.get_array("indexes").ok()?.iter().filter_map(Bson::as_document).cloned();
    Some((
        record.ns.clone(),
        (parse_uuid(&record.uuid).ok()?, Definition { options, indexes: indexes.collect() }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_is_the_same_when_it_is_read_again() {
        let (ns, uuid) = (Namespace::new("db", "coll.part"), [7; 16]);
        let options = doc! {"validator": {"a": {"$type": "string"}}, "size": 4096_i64, "x": 1.0};
        let index = doc! {"v": 2, "key": {"b": 1, "a": -1}, "name": "b_1_a_-1", "weights": {"b": 1_i64}};
        let definition = Definition { options, indexes: vec![index] };
        let record = record(&ns, uuid, &definition).unwrap();
        assert_eq!(read(&record), Some((ns, (uuid, definition))));
    }
}
