//! Opening and settling; what the sink does is tested there, the whole against a real target.

use std::sync::Arc;

use bson::{Document, doc};
use common::{
    config::types::{Ddl, DdlPolicy, OtherDdl},
    namespace::Filter,
};

use super::*;
use crate::{
    consume::{
        intake::{Limit, Partition, Room, Start},
        record::Record,
        shared::Shared,
    },
    sequence::Delivered,
};

fn policy() -> Policy {
    let ddl = Ddl {
        drop: DdlPolicy::Fail,
        rename: DdlPolicy::Ignore,
        indexes: DdlPolicy::Ignore,
        create: DdlPolicy::Ignore,
        differing: OtherDdl::Fail,
        modify: DdlPolicy::Ignore,
        other: OtherDdl::Ignore,
    };
    Policy { ddl, filter: Filter::new(vec!["db.*".parse().unwrap()], vec!["db.secret".parse().unwrap()]) }
}

fn event(operation: &str, coll: &str) -> Document {
    doc! {
        "_id": {}, "operationType": operation, "ns": {"db": "db", "coll": coll}, "documentKey": {"_id": 1},
        "fullDocument": {"_id": 1},
    }
}

/// Records at offsets 10, 11, … of one lane, as raw BSON; the sequence is the offset, or what is given.
fn taken(events: &[(Document, Option<u64>)]) -> Vec<Taken> {
    let shared = Arc::new(Shared::new(Room { of_lane: 1 << 20, of_all: 1 << 30, of_batches: 1 << 30 }));
    let partition = Partition { topic: "t".into(), number: 0 };
    let start = Start {
        partition,
        at: 10,
        committed: None,
        anchor: None,
        known: Known::default(),
        is_ordered: false,
    };
    let lane = shared.intake().assign(start);
    let records = (10_i64..).zip(events).map(|(offset, (event, sequence))| {
        let sequence = format!("rs0/1/{}", sequence.unwrap_or(offset.unsigned_abs()));
        let headers = [("v", "1"), ("format", "bson"), ("seq", &*sequence)];
        let headers = headers.iter().map(|(name, value)| (*name, Some(value.as_bytes())));
        Record::new(offset, None, None, Some(&event.to_vec().unwrap()), headers)
    });
    shared.intake().push(lane, &mut records.collect()).unwrap();
    let limit = Limit { records: 100, bytes: 1 << 20 };
    shared.take(limit)
}

fn plain(events: &[Document]) -> Vec<Taken> {
    taken(&events.iter().map(|event| (event.clone(), None)).collect::<Vec<_>>())
}

/// Offsets of the events to be applied, and what else was found.
fn opened(taken: &[Taken]) -> (Vec<i64>, Notes) {
    let (opened, mut notes) = open::open(taken);
    let events = opened.events(taken, &policy(), &mut notes).events;
    let offsets = events.iter().map(|event| taken[0].records[event.place.record].offset).collect();
    (offsets, notes)
}

fn settled(taken: Vec<Taken>, notes: Notes) -> Outcome {
    let applied =
        Applied { lanes: stands(&taken, &notes), latest: notes.latest, stop: notes.stop, wants_more: false };
    settle(taken, applied)
}

#[test]
fn record_at_which_the_worker_stops_cuts_its_lane_there() {
    let taken =
        plain(&[event("insert", "a"), event("drop", "a"), event("insert", "a"), doc! {"no": "event"}]);
    let (offsets, notes) = opened(&taken);
    assert_eq!(offsets, [10]);
    assert_eq!(notes.ends, [1]);
    let stop = notes.stop.as_ref().unwrap().context.clone();
    assert!(
        stop.contains("t[0], offset 11") && stop.contains("db.a") && stop.contains("worker.ddl.drop"),
        "{stop}"
    );

    let mut up_to_here = Delivered::default();
    up_to_here.admit(&common::headers::Sequence { slice: "rs0", epoch: 1, number: 10 });
    let outcome = settled(taken, notes);
    let settled = &outcome.settled[0];
    assert_eq!((settled.head, settled.rest.len()), (Some(11), 3));
    assert_eq!(settled.known.delivered, up_to_here, "what comes again is no duplicate");
    assert_eq!(outcome.failure.unwrap().kind, Kind::Misconfigured);
}

#[test]
fn duplicates_of_a_sequence_and_what_is_not_carried_are_passed_over() {
    let taken = taken(&[
        (event("insert", "a"), Some(5)),
        (event("insert", "a"), Some(5)),
        (event("insert", "secret"), Some(6)),
        (event("rename", "a"), Some(7)),
        (event("dropDatabase", "a"), Some(8)),
    ]);
    let (offsets, notes) = opened(&taken);
    assert_eq!((offsets, notes.duplicates), (vec![10], 1));
    assert_eq!(settled(taken, notes).settled[0].head, Some(15));
}

#[test]
fn namespaces_of_the_servers_own_are_refused() {
    let (offsets, notes) = opened(&plain(&[event("insert", "system.users")]));
    assert!(offsets.is_empty());
    assert_eq!(notes.refused[0].1.kind, "internal");
}

#[test]
fn batch_that_was_dropped_gives_its_records_back() {
    let taken = plain(&[event("insert", "a"), event("insert", "a")]);
    let outcome = give_back(taken, Error::cancelled());
    assert!(outcome.failure.is_none());
    assert_eq!((outcome.settled[0].head, outcome.settled[0].rest.len()), (None, 2));
}
