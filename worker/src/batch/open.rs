//! Opening a batch: from records to the change events that are to be applied.
//!
//! Pure. Decides for each record of a batch: apply, dead letter, duplicate, passed over, or stop here. A record at which the
//! worker has to stop cuts its lane: what stands before it is still applied, nothing from it on is touched.

use std::{collections::BTreeMap, ops::Range};

use common::{
    cluster_time::ClusterTime,
    config::types::{Ddl, DdlPolicy, OtherDdl},
    error::{Error, Kind},
    event::{ChangeEvent, Operation},
    headers::{Headers, Ruled},
    namespace::{Filter, Namespace},
};

use crate::{
    consume::{intake::Taken, record::Record},
    dead_letter::Reason,
    decode::{self, Poison},
    sequence::Delivered,
};

/// A record's place in the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    /// Which of the lanes taken.
    pub(super) lane: usize,
    /// Which of its records.
    pub(super) record: usize,
}

/// A record that was decoded.
#[derive(Debug)]
struct Decoded<'r> {
    place: Place,
    headers: Headers<'r>,
    bytes: Range<usize>,
}

/// The decoded records of a batch.
#[derive(Debug)]
pub(super) struct Opened<'r> {
    arena: Vec<u8>,
    decoded: Vec<Decoded<'r>>,
}

/// What is found while a batch is opened.
#[derive(Debug)]
pub(super) struct Notes {
    /// How many of each lane's records are dealt with; fewer than all where the lane was cut.
    pub(super) ends: Vec<usize>,
    /// What each lane has delivered, behind its last record.
    pub(super) delivered: Vec<Delivered>,
    /// Records that cannot be understood or may not be applied.
    pub(super) refused: Vec<(Place, Reason)>,
    /// Records that had been delivered before.
    pub(super) duplicates: u64,
    /// Cluster time of the latest event.
    pub(super) latest: Option<ClusterTime>,
    /// Why the worker has to stop after this batch.
    pub(super) stop: Option<Error>,
}

/// An event to be applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event<'a> {
    pub(super) place: Place,
    pub(super) change: ChangeEvent<'a>,
    /// What rules have made of it at the producer.
    pub(super) ruled: Option<Ruled>,
}

/// What a batch holds.
#[derive(Debug, Default)]
pub(super) struct Events<'a> {
    /// In order, lane by lane.
    pub(super) events: Vec<Event<'a>>,
    /// Records received, by operation.
    pub(super) operations: BTreeMap<&'a str, u64>,
    /// Definition changes that were passed over.
    pub(super) ignored: Vec<(&'a str, String)>,
}

/// What the opening depends on.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) ddl: Ddl,
    pub(super) filter: Filter,
}

/// Decodes what was taken.
pub(super) fn open(taken: &[Taken]) -> (Opened<'_>, Notes) {
    let records = taken.iter().flat_map(|taken| &taken.records);
    let bytes: usize = records.clone().map(Record::size).sum();
    let mut opened = Opened {
        // As BSON about half of what it is as text.
        arena: Vec::with_capacity(bytes / 2),
        decoded: Vec::with_capacity(records.count()),
    };
    let mut notes = Notes {
        ends: taken.iter().map(|taken| taken.records.len()).collect(),
        delivered: taken.iter().map(|taken| taken.known.delivered.clone()).collect(),
        refused: Vec::new(),
        duplicates: 0,
        latest: None,
        stop: None,
    };
    for (lane, taken) in taken.iter().enumerate() {
        opened.lane(lane, taken, &mut notes);
    }
    (opened, notes)
}

/// What was delivered behind these records, where `delivered` was before them.
pub(super) fn delivered(mut delivered: Delivered, records: &[Record]) -> Delivered {
    let headers = records.iter().filter_map(|record| decode::headers(record).ok());
    for sequence in headers.filter_map(|headers| headers.sequence) {
        delivered.admit(&sequence);
    }
    delivered
}

impl Notes {
    /// The lane is cut before this record.
    fn cut(&mut self, place: Place, error: Error, taken: &Taken) {
        self.ends[place.lane] = place.record;
        let offset = taken.records[place.record].offset;
        let context = format!("{}, offset {offset}: {}", taken.partition, error.context);
        self.stop.get_or_insert(Error { context, ..error });
    }

    /// The lane is cut before this record, which stands before where it may have been cut already.
    pub(super) fn cut_earlier(&mut self, place: Place, error: Error, taken: &[Taken]) {
        if self.ends[place.lane] < taken[place.lane].records.len() {
            self.stop = None;
        }
        self.cut(place, error, &taken[place.lane]);
    }

    fn refuse(&mut self, place: Place, poison: &Poison) {
        self.refused.push((place, Reason { kind: "poison", text: poison.to_string() }));
    }
}

impl<'r> Opened<'r> {
    fn lane(&mut self, lane: usize, taken: &'r Taken, notes: &mut Notes) {
        let mut record = 0;
        while record < taken.records.len() {
            let (place, rest) = (Place { lane, record }, &taken.records[record..]);
            let span = decode::span(rest);
            record += span.as_ref().map_or(1, |span| *span);
            let opened = span.and_then(|span| self.record(place, &rest[..span], notes));
            if let Err(poison) = opened {
                if let Some(error) = decode::too_new(&poison) {
                    return notes.cut(place, error, taken);
                }
                notes.refuse(place, &poison);
            }
        }
    }

    /// One value, which may stand in several records.
    fn record(&mut self, place: Place, source: &'r [Record], notes: &mut Notes) -> Result<(), Poison> {
        let headers = decode::headers(&source[0])?;
        if headers.sequence.is_some_and(|sequence| !notes.delivered[place.lane].admit(&sequence)) {
            notes.duplicates += 1;
            return Ok(());
        }
        let Some(bytes) = decode::value(source, &headers, &mut self.arena)? else { return Ok(()) };
        self.decoded.push(Decoded { place, headers, bytes });
        Ok(())
    }

    /// The events of the batch, up to the cuts; what is refused or cut is noted.
    pub(super) fn events<'a>(&'a self, taken: &[Taken], policy: &Policy, notes: &mut Notes) -> Events<'a> {
        let mut events = Events::default();
        let mut carried = Carried::default();
        for Decoded { place, headers, bytes } in &self.decoded {
            if place.record >= notes.ends[place.lane] {
                continue;
            }
            match decode::event(&self.arena[bytes.clone()], headers) {
                Err(poison) => notes.refuse(*place, &poison),
                Ok(change) => {
                    *events.operations.entry(change.operation.name()).or_default() += 1;
                    match policy.judge(&change, &mut carried) {
                        Judgement::Apply => {
                            events.events.push(Event { place: *place, change, ruled: headers.rules });
                        }
                        Judgement::PassOver => {}
                        Judgement::Ignore(ns) => events.ignored.push((change.operation.name(), ns)),
                        Judgement::Refuse(reason) => notes.refused.push((*place, reason)),
                        Judgement::Stop(error) => notes.cut(*place, error, &taken[place.lane]),
                    }
                }
            }
        }
        events
    }
}

/// What becomes of an event.
enum Judgement {
    Apply,
    /// It asks for nothing.
    PassOver,
    /// A definition change that policy passes over, of this namespace.
    Ignore(String),
    Refuse(Reason),
    Stop(Error),
}

/// The last namespace that was asked for: a lane holds hardly ever more than one.
#[derive(Default)]
struct Carried<'a> {
    last: Option<((&'a str, &'a str), bool)>,
}

impl Policy {
    fn judge<'a>(&self, change: &ChangeEvent<'a>, carried: &mut Carried<'a>) -> Judgement {
        let Some(names) = change.ns else { return Judgement::PassOver };
        if !change.operation.is_document_change() {
            let ns = names.coll.map(|coll| Namespace::new(names.db, coll).to_string());
            return self.definition(change.operation, ns.unwrap_or_else(|| names.db.to_owned()));
        }
        let both = (names.db, names.coll.unwrap_or_default());
        match carried.last {
            Some((last, is_carried)) if last == both && is_carried => return Judgement::Apply,
            _ => {}
        }
        let ns = Namespace::new(both.0, both.1);
        let is_carried = self.filter.carries(&ns);
        carried.last = Some((both, is_carried));
        if is_carried {
            Judgement::Apply
        } else if ns.is_internal() {
            let text = format!("{ns} is a namespace of the server's own or of Oplogue's");
            Judgement::Refuse(Reason { kind: "internal", text })
        } else {
            Judgement::PassOver
        }
    }

    /// Barriers never come here where the target has transactions.
    fn definition(&self, operation: Operation<'_>, ns: String) -> Judgement {
        let (setting, what_to_do) = match operation {
            // What they did came before them, collection by collection.
            Operation::DropDatabase | Operation::Invalidate => return Judgement::PassOver,
            Operation::Drop => ("drop", self.ddl.drop),
            Operation::Rename => ("rename", self.ddl.rename),
            Operation::CreateIndexes | Operation::DropIndexes => match self.ddl.indexes {
                // They lose no document.
                DdlPolicy::Apply | DdlPolicy::Ignore => return Judgement::Ignore(ns),
                DdlPolicy::Fail => ("indexes", DdlPolicy::Fail),
            },
            _ if self.ddl.other == OtherDdl::Ignore => return Judgement::Ignore(ns),
            _ => ("other", DdlPolicy::Fail),
        };
        let why = match what_to_do {
            DdlPolicy::Ignore => return Judgement::Ignore(ns),
            DdlPolicy::Fail => "is not applied: its policy is `fail`",
            DdlPolicy::Apply => {
                "cannot be applied: that takes a target with transactions, and a record in every partition, which neither other systems nor \
                 producers of several sources write"
            }
        };
        Judgement::Stop(Error::new(
            Kind::Misconfigured,
            format!(
                "`{}` of {ns} {why}. Carry it out on the target, then set worker.ddl.{setting} to `ignore`",
                operation.name()
            ),
        ))
    }
}
