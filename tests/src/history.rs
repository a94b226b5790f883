//! Whether the records in Kafka are the source's history: complete, each once, in order.

use std::collections::BTreeMap;

use bson::{Document, RawDocumentBuf};

use crate::{
    log::{Partition, Record},
    waiting::ensure,
};

type Checked = Result<(), String>;

/// What holds for the records of a slice whatever the source did.
///
/// # Errors
/// The first thing that does not hold.
pub fn is_sound(records: &[Record]) -> Checked {
    is_contiguous(records)?;
    is_ordered_within_partitions(records)?;
    keeps_each_key_in_one_partition(records)?;
    counts_transactions(records)?;
    records.iter().try_for_each(agrees_with_itself)
}

/// The sequence counts every record over all topics, without a gap and without a repetition.
fn is_contiguous(records: &[Record]) -> Checked {
    let mut numbers: Vec<u64> = records.iter().map(Record::sequence).collect();
    numbers.sort_unstable();
    let wrong = (1..).zip(&numbers).find(|(expected, number)| expected != *number);
    ensure(wrong.is_none(), || {
        let (count, last) = (numbers.len(), numbers.last());
        let ends = ends(records);
        format!(
            "the sequence is not contiguous (expected, found): {wrong:?}; {count} records up to {last:?}: {ends:?}"
        )
    })
}

/// Of each partition how many records were found, and the offsets of the first and the last.
fn ends(records: &[Record]) -> BTreeMap<&Partition, (usize, i64, i64)> {
    let mut ends = BTreeMap::new();
    for record in records {
        let (count, _, last) = ends.entry(&record.partition).or_insert((0, record.offset, record.offset));
        (*count, *last) = (*count + 1, record.offset);
    }
    ends
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

/// The records of each of the source's transactions say which place they have in it: 0, 1, 2, … in the order of the sequence,
/// one behind the other. All others, and what is about no document, say nothing of the kind.
fn counts_transactions(records: &[Record]) -> Checked {
    let is_counted = |record: &&Record| !record.is_snapshot() && record.header("barrier").is_empty();
    let mut streamed: Vec<&Record> = records.iter().filter(is_counted).collect();
    streamed.sort_by_key(|record| record.sequence());
    let (mut open, mut index) = (None, 0);
    for record in streamed {
        let transaction = transaction_of(&record.event());
        index = if transaction.is_some() && transaction == open { index + 1 } else { 0 };
        let expected = transaction.as_ref().map_or(String::new(), |id| format!("{id}/{index}"));
        let found = record.header("txn");
        ensure(found == expected, || format!("`txn` is `{found}`, not `{expected}`"))?;
        open = transaction;
    }
    Ok(())
}

/// `lsid.id` in hex and `txnNumber`.
fn transaction_of(event: &Document) -> Option<String> {
    let number = event.get_i64("txnNumber").ok()?;
    let bson::Bson::Binary(session) = event.get_document("lsid").ok()?.get("id")? else { return None };
    let hex: String = session.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{hex}/{number}"))
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
    let mut streamed: Vec<&Record> =
        records.iter().filter(|record| !record.is_snapshot() && !record.is_repeated()).collect();
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

#[cfg(test)]
mod tests {
    use bson::{Bson, Timestamp, doc};

    use super::*;

    fn event(id: i32, second: u32) -> Document {
        let time = Timestamp { time: second, increment: 1 };
        doc! {"operationType": "delete", "clusterTime": time, "ns": {"db": "d", "coll": "c"}, "documentKey": {"_id": id}}
    }

    fn record(sequence: u64, partition: i32, id: i32, second: u32) -> Record {
        let json =
            |document: Document| Bson::from(document).into_canonical_extjson().to_string().into_bytes();
        let headers = [
            ("ns", "d.c"),
            ("op", "delete"),
            ("ct", &format!("{second}.1")),
            ("v", "1"),
            ("seq", &format!("rs0/0/{sequence}")),
        ];
        Record {
            parts: 1,
            partition: ("t".to_owned(), partition),
            offset: i64::try_from(sequence).unwrap(),
            key: Some(json(doc! {"_id": id})),
            value: Some(json(event(id, second))),
            headers: headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into(),
        }
    }

    fn whole() -> Vec<Record> {
        vec![record(1, 0, 1, 5), record(3, 0, 1, 6), record(2, 1, 2, 5), record(4, 1, 2, 6)]
    }

    fn events() -> Vec<RawDocumentBuf> {
        let events = [event(1, 5), event(2, 5), event(1, 6), event(2, 6)];
        events.map(|event| RawDocumentBuf::try_from(&event).unwrap()).into()
    }

    #[test]
    fn a_whole_history_is_accepted() {
        is_sound(&whole()).unwrap();
        is_that_of(&whole(), &events()).unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_history_is_found() {
        type Harm = (&'static str, fn(&mut Vec<Record>));
        let harms: [Harm; 7] = [
            ("a record is missing", |records| drop(records.remove(1))),
            ("a record comes twice", |records| records.push(records[3].clone())),
            ("two records are swapped", |records| records.swap(0, 1)),
            ("time goes back", |records| records[1] = record(3, 0, 1, 4)),
            ("a key is in two partitions", |records| records[1].partition.1 = 2),
            ("a header contradicts", |records| records[0].headers[1].1 = b"insert".to_vec()),
            ("a key contradicts", |records| records[0].key = records[2].key.clone()),
        ];
        for (what, harm) in harms {
            let mut records = whole();
            harm(&mut records);
            assert!(is_sound(&records).is_err(), "{what}");
        }
    }

    #[test]
    fn what_differs_from_the_source_is_found() {
        let less = |number: usize| events().into_iter().take(number).collect::<Vec<_>>();
        assert!(is_that_of(&whole(), &less(3)).is_err());
        assert!(is_that_of(&whole()[..3], &events()).is_err());
        let mut others = events();
        others.swap(0, 2);
        assert!(is_that_of(&whole(), &others).is_err());
    }
}
