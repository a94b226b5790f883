//! Whether the records in Kafka are the source's history: complete, each once, in order.

use std::collections::BTreeMap;

use bson::{Document, RawDocumentBuf};

use crate::{log::Record, waiting::ensure};

type Checked = Result<(), String>;

/// What holds for the records of a slice whatever the source did.
///
/// # Errors
/// The first thing that does not hold.
pub fn is_sound(records: &[Record]) -> Checked {
    is_contiguous(records)?;
    is_ordered_within_partitions(records)?;
    keeps_each_key_in_one_partition(records)?;
    records.iter().try_for_each(agrees_with_itself)
}

/// The sequence counts every record over all topics, without a gap and without a repetition.
fn is_contiguous(records: &[Record]) -> Checked {
    let mut numbers: Vec<u64> = records.iter().map(Record::sequence).collect();
    numbers.sort_unstable();
    let wrong = (1..).zip(&numbers).find(|(expected, number)| expected != *number);
    ensure(wrong.is_none(), || format!("the sequence is not contiguous (expected, found): {wrong:?}"))
}

fn is_ordered_within_partitions(records: &[Record]) -> Checked {
    let mut last = BTreeMap::new();
    for record in records {
        let here = (record.sequence(), record.cluster_time());
        if let Some((sequence, time)) = last.insert(&record.partition, here) {
            let rises = here.0 > sequence && here.1 >= time;
            let at = (&record.partition, record.offset);
            ensure(rises, || format!("history goes back at {at:?}: {here:?} after {:?}", (sequence, time)))?;
        }
    }
    Ok(())
}

fn keeps_each_key_in_one_partition(records: &[Record]) -> Checked {
    let mut homes = BTreeMap::new();
    for record in records {
        let (topic, number) = &record.partition;
        let Some(key) = &record.key else { continue };
        let home = homes.entry((topic, key)).or_insert(number);
        ensure(*home == number, || format!("{topic}: one key in partitions {home} and {number}"))?;
    }
    Ok(())
}

/// Key and headers say what the value says.
fn agrees_with_itself(record: &Record) -> Checked {
    let event = record.event();
    let ns = event.get_document("ns").map_err(|e| e.to_string())?;
    let name = |field| ns.get_str(field).unwrap_or_default();
    let time = event.get_timestamp("clusterTime").map_err(|e| e.to_string())?;
    let said = [record.header("ns"), record.header("op"), record.header("ct"), record.header("v")];
    let held = [
        &format!("{}.{}", name("db"), name("coll")),
        event.get_str("operationType").unwrap_or_default(),
        &format!("{}.{}", time.time, time.increment),
        "1",
    ];
    ensure(said == held, || format!("headers {said:?}, value {held:?}"))?;
    let key = event.get_document("documentKey").ok().and_then(|key| key.get("_id"));
    let key = key.map(|id| bytes(&bson::doc! {"_id": id.clone()}));
    ensure(key == record.decoded_key().map(|key| bytes(&key)), || format!("the key is not that of {event}"))
}

/// The records that are no snapshot's are exactly `events`, in their order.
///
/// # Errors
/// The first difference.
pub fn is_that_of(records: &[Record], events: &[RawDocumentBuf]) -> Checked {
    let mut streamed: Vec<&Record> = records.iter().filter(|record| !record.is_snapshot()).collect();
    streamed.sort_by_key(|record| record.sequence());
    for (record, event) in streamed.iter().zip(events) {
        let found = record.event();
        let at = (&record.partition, record.offset);
        let same = bytes(&found) == event.as_bytes();
        ensure(same, || format!("the record at {at:?} is\n{found}\nbut the source's event was\n{event:?}"))?;
    }
    let (found, expected) = (streamed.len(), events.len());
    ensure(found == expected, || format!("{found} streamed records, but the source had {expected} events"))
}

fn bytes(document: &Document) -> Vec<u8> {
    document.to_vec().expect("a document has bytes")
}
