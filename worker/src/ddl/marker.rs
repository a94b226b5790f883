//! A barrier as one of its records shows it. Pure.

use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    event::{ChangeEvent, Names, Operation},
    headers::{BARRIER, Barrier},
    namespace::Namespace,
    raw::{self, Document},
};

use crate::{
    checkpoint::{Origin, sequence_of},
    consume::{intake::Partition, record::Record},
    decode,
};

/// One record of a barrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    /// The barrier: its first record's place.
    pub(super) barrier: Origin,
    /// Which of its records this is, from 0.
    pub(super) number: usize,
    /// The partitions of its records, in order.
    pub(super) places: Vec<Partition>,
    /// This record's offset.
    pub(super) offset: i64,
    /// This record's sequence, as its header has it.
    pub(super) sequence: String,
    pub(super) change: Change,
    /// Whether it was looked up at the source, not streamed, and so may stand a little late.
    pub(super) is_read: bool,
    pub(super) cluster_time: Option<ClusterTime>,
}

/// What happened at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Drop(Namespace),
    Rename {
        from: Namespace,
        to: Namespace,
        /// Whether it has replaced a collection, where the server says so (6.0+).
        replaces: Option<bool>,
    },
    CreateIndexes(Namespace, Vec<bson::Document>),
    /// By their names.
    DropIndexes(Namespace, Vec<String>),
    Create {
        ns: Namespace,
        options: bson::Document,
        /// Whether they are known to be this collection's. Before 6.0 they are looked up by a name that may be another's by then.
        is_certain: bool,
    },
    /// What `collMod` takes, of an index or of options.
    Modify(Namespace, bson::Document),
}

impl Marker {
    /// Reads a record that says to be one of a barrier.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when it is damaged; misconfigured when this worker is too old for it.
    pub(super) fn read(record: &Record) -> Result<Self> {
        read(record).map_err(|error| {
            let context = format!("offset {}: {}", record.offset, error.context);
            Error { context, ..error }
        })
    }

    /// The place of one of the barrier's records in the source's history.
    pub(super) fn place(&self, number: usize) -> (u32, u64) {
        (self.barrier.epoch, self.barrier.number + number as u64)
    }

    /// The server's word for what happened.
    pub(super) const fn operation(&self) -> &'static str {
        match self.change {
            Change::Drop(_) => "drop",
            Change::Rename { .. } => "rename",
            Change::CreateIndexes(..) => "createIndexes",
            Change::DropIndexes(..) => "dropIndexes",
            Change::Create { .. } => "create",
            Change::Modify(..) => "modify",
        }
    }

    /// Where the barrier is carried out from.
    pub(super) fn first(&self) -> &Partition {
        &self.places[0]
    }
}

fn read(record: &Record) -> Result<Marker> {
    let damaged = || Error::new(Kind::Invariant, "a barrier's record is damaged");
    let poisoned = |poison| {
        decode::too_new(&poison)
            .unwrap_or_else(|| Error::caused(Kind::Invariant, "a barrier's record is damaged", poison))
    };
    let text = record.headers().find(|(name, _)| *name == BARRIER).and_then(|(_, text)| text);
    let place = text.and_then(Barrier::parse).ok_or_else(damaged)?;
    let headers = decode::headers(record).map_err(poisoned)?;
    let number = u64::from(place.number - 1);
    let own = headers.sequence.filter(|own| own.number > number).ok_or_else(damaged)?;
    let barrier = Origin { slice: own.slice.to_owned(), epoch: own.epoch, number: own.number - number };
    let mut arena = Vec::new();
    let value = decode::value(std::slice::from_ref(record), &headers, &mut arena).map_err(poisoned)?;
    let value = value.ok_or_else(damaged)?;
    let event = decode::event(&arena[value], &headers).map_err(poisoned)?;
    let partition = |(topic, number): (&str, i32)| Partition { topic: topic.into(), number };
    Ok(Marker {
        barrier,
        number: place.number as usize - 1,
        places: place.places().map(partition).collect(),
        offset: record.offset,
        sequence: sequence_of(record).ok_or_else(damaged)?.to_owned(),
        change: Change::of(&event)?,
        is_read: headers.is_snapshot,
        cluster_time: event.cluster_time,
    })
}

impl Change {
    fn of(event: &ChangeEvent<'_>) -> Result<Self> {
        let name = |names: Names<'_>| Some(Namespace::new(names.db, names.coll?));
        match (event.operation, event.ns.and_then(name), event.to.and_then(name)) {
            (Operation::Drop, Some(ns), _) => Ok(Self::Drop(ns)),
            (Operation::Rename, Some(from), Some(to)) => {
                let replaces = replaces(event.bytes).map_err(|error| {
                    Error::caused(Kind::Invariant, "a barrier's record is damaged", error)
                })?;
                Ok(Self::Rename { from, to, replaces })
            }
            (Operation::CreateIndexes, Some(ns), _) => Ok(Self::CreateIndexes(ns, indexes(event.bytes)?)),
            (Operation::DropIndexes, Some(ns), _) => {
                let name = |index: bson::Document| Ok(index.get_str("name").map_err(damaged)?.to_owned());
                let names = indexes(event.bytes)?.into_iter().map(name).collect::<Result<_>>()?;
                Ok(Self::DropIndexes(ns, names))
            }
            (Operation::Create, Some(ns), _) => {
                let (options, is_certain) = (description(event.bytes)?, event.collection_uuid.is_some());
                Ok(Self::Create { ns, options, is_certain })
            }
            (Operation::Modify, Some(ns), _) => Ok(Self::Modify(ns, description(event.bytes)?)),
            (operation, ..) => {
                let context = format!("this version knows no barrier for `{}`", operation.name());
                Err(Error::new(Kind::Misconfigured, context))
            }
        }
    }
}

fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::caused(Kind::Invariant, "a barrier's record is damaged", error)
}

/// `operationDescription`, as values: definition changes are few and small.
fn description(event: Document<'_>) -> Result<bson::Document> {
    let description = event.get("operationDescription").map_err(damaged)?.and_then(|e| e.as_document());
    let description = description.unwrap_or(Document::EMPTY);
    bson::Document::from_reader(description.as_bytes()).map_err(damaged)
}

fn indexes(event: Document<'_>) -> Result<Vec<bson::Document>> {
    let description = description(event)?;
    let indexes = description.get_array("indexes").map_err(damaged)?.iter();
    Ok(indexes.filter_map(bson::Bson::as_document).cloned().collect())
}

/// Whether a rename has replaced a collection (`operationDescription.dropTarget`); `None` before 6.0.
fn replaces(event: Document<'_>) -> Result<Option<bool>, raw::Error> {
    let Some(description) = event.get("operationDescription")?.and_then(|e| e.as_document()) else {
        return Ok(None);
    };
    Ok(Some(description.get("dropTarget")?.is_some()))
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    fn record(barrier: &str, sequence: &str, event: &bson::Document) -> Record {
        let headers = [("v", "1"), ("format", "bson"), ("seq", sequence), ("barrier", barrier)];
        let headers = headers.iter().map(|(name, value)| (*name, Some(value.as_bytes())));
        Record::new(12, None, None, Some(&event.to_vec().unwrap()), headers)
    }

    fn rename() -> bson::Document {
        doc! {"_id": {}, "operationType": "rename", "ns": {"db": "d", "coll": "a"}, "to": {"db": "d", "coll": "b"}}
    }

    #[test]
    fn each_of_its_records_names_the_barrier_and_all_of_its_places() {
        let first = Marker::read(&record("1/3 d.a/2 d.b/1", "rs0/4/90", &rename())).unwrap();
        let last = Marker::read(&record("3/3 d.a/2 d.b/1", "rs0/4/92", &rename())).unwrap();
        assert_eq!((&first.barrier, &first.places), (&last.barrier, &last.places));
        assert_eq!((first.number, last.number, last.place(2)), (0, 2, (4, 92)));
        assert_eq!(last.places[2], Partition { topic: "d.b".into(), number: 0 });
        let (from, to) = (Namespace::new("d", "a"), Namespace::new("d", "b"));
        assert_eq!(first.change, Change::Rename { from, to, replaces: None });
    }

    #[test]
    fn what_is_damaged_or_of_a_later_version_is_refused() {
        for (barrier, sequence) in [("1/4 d.a/3", "rs0/0/9"), ("3/3 d.a/3", "rs0/0/2"), ("1/3 d.a/3", "9")] {
            let error = Marker::read(&record(barrier, sequence, &rename())).unwrap_err();
            assert_eq!(error.kind, Kind::Invariant, "{error}");
        }
        let other = doc! {"_id": {}, "operationType": "shardCollection", "ns": {"db": "d", "coll": "a"}};
        let error = Marker::read(&record("1/1 d.a/1", "rs0/0/9", &other)).unwrap_err();
        assert!(error.kind == Kind::Misconfigured && error.context.contains("shardCollection"), "{error}");
    }
}
