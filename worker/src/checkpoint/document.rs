//! The partition's document, and the statement that moves it. Pure.

use bson::{Bson, Document, RawDocumentBuf, Timestamp, doc};
use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    headers::Sequence,
};

use super::{Anchor, Marks, at, number::integer, stored::Stored};
use crate::{consume::intake::Partition, sequence::Delivered};

/// The field that says that the topic is applied in the source's order, and because of which collection of the target.
pub(super) const ORDERED: &str = "ordered";

/// How a batch moves a partition's document.
#[derive(Debug, Clone, PartialEq)]
pub struct Advance {
    /// Whose.
    pub partition: Partition,
    /// The offset that it must hold.
    pub from: i64,
    /// The offset behind the batch's last record of the partition.
    pub to: i64,
    /// What was delivered up to there.
    pub delivered: Delivered,
    /// The last event's.
    pub cluster_time: Option<ClusterTime>,
    /// The last record's sequence, as its header has it.
    pub anchor: Option<String>,
}

/// One command that moves all of them, each only from where it has to stand and for its owner alone: a statement that finds nothing
/// holds nothing, so a worker that was replaced without knowing cannot get in its successor's way. Those of an ordered topic are moved
/// only by whoever keeps the order. For a transaction: it states no write concern.
pub(crate) fn compare_and_set(
    collection: &str,
    owner: &[Bson],
    advances: &[Advance],
    is_ordered: bool,
) -> Result<RawDocumentBuf> {
    let updates = advances.iter().map(|advance| {
        let set = moved(advance)?;
        let mut filter = doc! {"_id": id(&advance.partition), "offset": advance.from};
        // One of its sessions stands for all.
        filter.extend(owner.first().map(|session| ("owner".to_owned(), session.clone())));
        if !is_ordered {
            filter.insert(ORDERED, Bson::Null);
        }
        Ok(doc! {"q": filter, "u": {"$set": set}})
    });
    let updates = updates.collect::<Result<Vec<_>>>()?;
    raw(&doc! {"update": collection, "updates": updates, "ordered": false})
}

/// The fields of a document that was moved.
pub(super) fn moved(advance: &Advance) -> Result<Document> {
    let mut set = doc! {"offset": advance.to, "sequences": sequences(&advance.delivered)?};
    set.extend(advance.cluster_time.map(|time| ("clusterTime".to_owned(), Bson::Timestamp(stamp(time)))));
    set.insert("anchor", advance.anchor.clone());
    Ok(set)
}

pub(super) fn id(partition: &Partition) -> Document {
    doc! {"topic": &*partition.topic, "partition": partition.number}
}

fn sequences(delivered: &Delivered) -> Result<Document> {
    let mut sequences = Document::new();
    for Sequence { slice, epoch, number } in delivered.iter() {
        let large = |error| Error::caused(Kind::Invariant, "a sequence is beyond what MongoDB counts", error);
        let epoch = i32::try_from(epoch).map_err(large)?;
        let number = i64::try_from(number).map_err(large)?;
        sequences.insert(slice, doc! {"epoch": epoch, "sequence": number});
    }
    Ok(sequences)
}

const fn stamp(time: ClusterTime) -> Timestamp {
    Timestamp { time: time.seconds(), increment: time.increment() }
}

/// Reads a partition's document.
pub(super) fn parse(document: &Document) -> Result<(Partition, Stored)> {
    let read = || {
        let id = document.get_document("_id").ok()?;
        let number = i32::try_from(integer(id.get("partition"))?).ok()?;
        let partition = Partition { topic: id.get_str("topic").ok()?.into(), number };
        let offset = integer(document.get("offset"))?;
        let mut delivered = Delivered::default();
        for (slice, place) in document.get_document("sequences").into_iter().flatten() {
            let place = place.as_document()?;
            let epoch = u32::try_from(integer(place.get("epoch"))?).ok()?;
            let number = u64::try_from(integer(place.get("sequence"))?).ok()?;
            delivered.admit(&Sequence { slice, epoch, number });
        }
        let sequence = |text: &Bson| text.as_str().map(str::to_owned);
        let anchor =
            document.get("anchor").map(|text| Anchor { offset: offset - 1, sequence: sequence(text) });
        let owner = document.get_array("owner").cloned().unwrap_or_default();
        let ordered = match document.get(ORDERED) {
            None | Some(Bson::Null) => None,
            Some(name) => Some(name.as_str()?.parse().ok()?),
        };
        let barrier = match document.get(at::AT) {
            None | Some(Bson::Null) => None,
            Some(at) => Some(at::parse(at.as_document()?)?),
        };
        let (marks, repairs) = (Marks::default(), Vec::new());
        Some((partition, Stored { offset, delivered, anchor, marks, repairs, owner, ordered, barrier }))
    };
    read().ok_or_else(|| {
        Error::new(Kind::Invariant, "a partition's document in the target's database `oplogue` is damaged")
    })
}

pub(super) fn raw(document: &Document) -> Result<RawDocumentBuf> {
    RawDocumentBuf::try_from(document)
        .map_err(|error| Error::caused(Kind::Invariant, "a command does not encode", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered() -> Delivered {
        let mut delivered = Delivered::default();
        delivered.admit(&Sequence { slice: "rs0", epoch: 2, number: 77 });
        delivered
    }

    #[test]
    fn what_is_written_is_read() {
        let partition = Partition { topic: "db.users".into(), number: 3 };
        let advance = Advance {
            partition: partition.clone(),
            from: 5,
            to: 9,
            delivered: delivered(),
            cluster_time: Some(ClusterTime::new(7, 1)),
            anchor: Some("rs0/2/77".to_owned()),
        };
        let command = compare_and_set("shop", &["a session".into()], &[advance], false).unwrap();
        let command = Document::try_from(command).unwrap();
        let statement = command.get_array("updates").unwrap()[0].as_document().unwrap().clone();
        assert_eq!(
            statement.get_document("q").unwrap(),
            &doc! {"_id": id(&partition), "offset": 5_i64, "owner": "a session", "ordered": null}
        );
        let mut document = statement.get_document("u").unwrap().get_document("$set").unwrap().clone();
        document.insert("_id", id(&partition));
        assert_eq!(document.get_timestamp("clusterTime").unwrap(), Timestamp { time: 7, increment: 1 });
        let (whose, stored) = parse(&document).unwrap();
        assert_eq!((whose, stored.offset, stored.delivered), (partition, 9, delivered()));
        assert_eq!(stored.anchor, Some(Anchor { offset: 8, sequence: Some("rs0/2/77".to_owned()) }));
    }

    #[test]
    fn new_document_has_no_anchor_and_a_damaged_one_is_refused() {
        let fresh = doc! {"_id": {"topic": "t", "partition": 0}, "offset": 4.0, "sequences": {}};
        assert_eq!(parse(&fresh).unwrap().1.anchor, None);
        assert!(parse(&doc! {"_id": {"topic": "t", "partition": 0}, "sequences": {}}).is_err());
    }
}
