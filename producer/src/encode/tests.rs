//! What the encoder promises, on events as the server words them.

use std::sync::Arc;

use bson::{Timestamp, doc};
use common::{
    cluster_time::ClusterTime,
    codec,
    event::ChangeEvent,
    headers::Format,
    position::{CollectionCopy, Position, SnapshotState, TOKEN_KEY, Topic},
    raw::Document,
};

use super::Encoder;
use crate::route::Route;

pub(crate) fn route(coll: &str) -> Arc<Route> {
    let ns = common::namespace::Namespace::new("test", coll);
    let topic = Topic { topic: ns.to_string(), ns, partitions: 8 };
    Arc::new(Route { name: topic.ns.to_string(), topic, rule: None, beside: None, limit: 1 << 20 })
}

pub(crate) fn encoder(sequence: u64) -> Encoder {
    let position = Position::before_the_first(ClusterTime::default(), SnapshotState::Ended);
    Encoder::new(Position { epoch: 3, sequence, ..position })
}

pub(crate) fn event(id: impl Into<bson::Bson>, extra: bson::Document) -> Vec<u8> {
    let mut event = doc! {
        "_id": {"_data": "82"}, "operationType": "insert", "clusterTime": Timestamp { time: 9, increment: 4 },
        "ns": {"db": "test", "coll": "users"}, "documentKey": {"_id": id.into()},
    };
    event.extend(extra);
    event.to_vec().unwrap()
}

pub(crate) fn add(encoder: &mut Encoder, event: &[u8], route: &Arc<Route>) {
    let event = ChangeEvent::parse(Document::new(event).unwrap()).unwrap();
    encoder.event(&event, route).unwrap();
}

#[test]
fn sequence_is_contiguous_over_topics_and_batches() {
    let mut encoder = encoder(41);
    let (users, orders) = (route("users"), route("orders"));
    let mut numbers = Vec::new();
    for round in 0..3 {
        for (i, route) in [&users, &orders, &users].into_iter().enumerate() {
            add(&mut encoder, &event(round * 10 + i32::try_from(i).unwrap(), doc! {}), route);
        }
        let batch = encoder.take().unwrap();
        assert_eq!(batch.position.sequence, batch.records.last().unwrap().sequence);
        numbers.extend(batch.records.iter().map(|record| record.sequence));
    }
    assert_eq!(numbers, (42..=50).collect::<Vec<_>>());
}

#[test]
fn equal_ids_share_a_partition_and_the_key_is_the_document_key() {
    let mut encoder = encoder(0);
    for id in [bson::Bson::Int32(7), bson::Bson::Int64(7), bson::Bson::Double(7.0)] {
        add(&mut encoder, &event(id, doc! {}), &route("users"));
    }
    let batch = encoder.take().unwrap();
    let partitions: Vec<_> = batch.records.iter().map(|record| record.partition).collect();
    assert_eq!(partitions, vec![partitions[0]; 3]);
    assert_eq!(batch.key(&batch.records[1]), Some(br#"{"_id":{"$numberLong":"7"}}"#.as_slice()));
}

#[test]
fn values_decode_to_the_event_that_went_in() {
    let mut encoder = encoder(0);
    let event = event(1, doc! {"fullDocument": {"_id": 1, "x": [1.5, f64::NAN, -0.0]}});
    add(&mut encoder, &event, &route("users"));
    let batch = encoder.take().unwrap();
    let mut decoded = Vec::new();
    codec::decode::document(batch.value(&batch.records[0]), &mut decoded).unwrap();
    assert_eq!(decoded, event);
    assert_eq!(batch.records[0].format, Format::ExtJson);
}

#[test]
fn what_has_no_faithful_text_travels_as_bson() {
    let mut encoder = encoder(0);
    let event = event(1, doc! {"fullDocument": {"_id": 1, "x": {"$numberInt": "5"}}});
    add(&mut encoder, &event, &route("users"));
    let batch = encoder.take().unwrap();
    assert_eq!(batch.records[0].format, Format::Bson);
    assert_eq!(batch.value(&batch.records[0]), event);
}

#[test]
fn snapshot_documents_become_insert_events_at_the_time_they_were_read() {
    let mut encoder = encoder(0);
    let document = doc! {"_id": "a", "x": 1}.to_vec().unwrap();
    encoder.snapshot(Document::new(&document).unwrap(), ClusterTime::new(5, 6), &route("users")).unwrap();
    let batch = encoder.take().unwrap();
    let record = &batch.records[0];
    assert!(record.is_snapshot);
    let mut decoded = Vec::new();
    codec::decode::document(batch.value(record), &mut decoded).unwrap();
    let event = ChangeEvent::parse(Document::new(&decoded).unwrap()).unwrap();
    assert_eq!(event.operation.name(), "insert");
    assert_eq!(event.cluster_time, Some(ClusterTime::new(5, 6)));
    assert_eq!(event.full_document.unwrap().as_bytes(), document);
    assert_eq!(event.id.get("copyingData").unwrap().unwrap().as_bool(), Some(true));
}

#[test]
fn every_batch_ends_with_the_position_behind_it() {
    let mut encoder = encoder(0);
    add(&mut encoder, &event(1, doc! {}), &route("users"));
    let token = doc! {"_data": "8200000009000000042B"}.to_vec().unwrap();
    encoder.advance(Document::new(&token).unwrap(), Some(ClusterTime::new(9, 4))).unwrap();
    let ns = common::namespace::Namespace::new("test", "users");
    let mut copy = CollectionCopy { ns, uuid: "0".repeat(32), after: None, documents: 1, done: false };
    encoder.copy(&copy).unwrap();
    copy.documents = 2;
    encoder.copy(&copy).unwrap();
    let batch = encoder.take().unwrap();
    let keys: Vec<_> = batch.positions.iter().map(|entry| entry.key.clone()).collect();
    assert_eq!(keys, [copy.key(), TOKEN_KEY.to_owned()], "of one key only the newest, the position last");
    let position: Position = serde_json::from_slice(batch.positions[1].value.as_ref().unwrap()).unwrap();
    assert_eq!((position.epoch, position.sequence), (3, 1));
    assert_eq!(position.token.unwrap().get(), r#"{"_data":"8200000009000000042B"}"#);
    assert!(encoder.is_empty());
}

#[test]
fn a_change_without_a_document_key_is_refused() {
    let mut encoder = encoder(0);
    let bytes =
        doc! {"_id": {}, "operationType": "delete", "clusterTime": Timestamp { time: 1, increment: 1 }}
            .to_vec();
    let bytes = bytes.unwrap();
    let event = ChangeEvent::parse(Document::new(&bytes).unwrap()).unwrap();
    assert!(encoder.event(&event, &route("users")).is_err());
}

#[test]
fn an_absent_document_becomes_a_delete_at_the_time_it_was_looked_for() {
    let mut encoder = encoder(0);
    let key = doc! {"_id": "a"}.to_vec().unwrap();
    encoder.absence(Document::new(&key).unwrap(), ClusterTime::new(5, 6), &route("users")).unwrap();
    let batch = encoder.take().unwrap();
    let record = &batch.records[0];
    assert!(record.is_snapshot && record.operation == "delete");
    assert_eq!(batch.key(record), Some(br#"{"_id":"a"}"#.as_slice()));
    let mut decoded = Vec::new();
    codec::decode::document(batch.value(record), &mut decoded).unwrap();
    let event = ChangeEvent::parse(Document::new(&decoded).unwrap()).unwrap();
    assert_eq!((event.operation.name(), event.full_document), ("delete", None));
    assert_eq!(event.document_key.unwrap().as_bytes(), key);
}

fn in_transaction(id: i32, session: u8, number: i64) -> Vec<u8> {
    let lsid = bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: vec![session; 16] };
    event(id, doc! {"lsid": {"id": lsid}, "txnNumber": number})
}

#[test]
fn a_transaction_counts_its_events_over_batches_and_restarts() {
    let mut encoder = encoder(0);
    let (users, orders) = (route("users"), route("orders"));
    add(&mut encoder, &in_transaction(1, 0xAB, 7), &users);
    add(&mut encoder, &in_transaction(2, 0xAB, 7), &orders);
    let first = encoder.take().unwrap();
    let mut encoder = Encoder::new(first.position.clone());
    add(&mut encoder, &in_transaction(3, 0xAB, 7), &users);
    add(&mut encoder, &in_transaction(4, 0xAB, 8), &users);
    add(&mut encoder, &event(5, doc! {}), &users);
    add(&mut encoder, &in_transaction(6, 0xAB, 8), &users);
    let second = encoder.take().unwrap();
    let places = first.records.iter().chain(&second.records).map(|record| record.transaction.clone());
    let session = "ab".repeat(16);
    let place = |number: i64, index: u32| Some(format!("{session}/{number}/{index}"));
    assert_eq!(
        places.collect::<Vec<_>>(),
        [place(7, 0), place(7, 1), place(7, 2), place(8, 0), None, place(8, 0)]
    );
}

#[test]
fn the_end_of_a_copy_names_the_last_record_before_it() {
    let mut encoder = encoder(41);
    add(&mut encoder, &event(1, doc! {}), &route("users"));
    encoder.copied("rs0", &common::namespace::Namespace::new("test", "users")).unwrap();
    encoder.withdraw("repair/rs0/ab".into());
    let batch = encoder.take().unwrap();
    assert_eq!(batch.announcements[0].key, "copied/rs0/test.users");
    let value = String::from_utf8(batch.announcements[0].value.clone().unwrap()).unwrap();
    assert_eq!(value, r#"{"ns":"test.users","epoch":3,"sequence":42,"clusterTime":"0.0"}"#);
    assert_eq!(batch.announcements[1].value, None);
}
