//! Definition changes that stand in every partition, as a producer publishes them.

use std::{ops::Range, sync::atomic::Ordering};

use bson::{Bson, Document, doc};
use common::headers::{Barrier, SNAPSHOT};
use futures_util::TryStreamExt as _;
use rdkafka::message::Header;

use super::{Events, Pipe, event, until};

/// A barrier of which some records may not be published yet.
pub(crate) struct Marker {
    event: Document,
    topics: Vec<(String, u16)>,
    /// The first record's sequence number.
    pub(crate) first: u64,
    /// Whether it was looked up, not streamed.
    pub(crate) is_read: bool,
}

impl Pipe {
    /// A barrier in every partition of these topics; nothing is published yet.
    pub(crate) fn marker(&self, topics: &[&Events], change: Document) -> Marker {
        let event = event::complete(&topics[0].ns, change);
        let topics: Vec<_> = topics.iter().map(|events| (events.topic.clone(), events.partitions)).collect();
        let of: u64 = topics.iter().map(|(_, partitions)| u64::from(*partitions)).sum();
        let first = self.sequence.fetch_add(of, Ordering::Relaxed) + 1;
        Marker { event, topics, first, is_read: false }
    }

    /// Publishes these of a barrier's records.
    pub(crate) async fn publish_some(&self, marker: &Marker, which: Range<usize>) {
        let topics = marker.topics.iter().map(|(topic, partitions)| (topic.as_str(), *partitions)).collect();
        let barrier = Barrier { number: 1, topics };
        let places: Vec<_> = barrier.places().enumerate().collect();
        for (number, (topic, partition)) in places[which].iter() {
            let place =
                Barrier { number: u32::try_from(*number).unwrap() + 1, ..barrier.clone() }.to_string();
            let header = Header { key: "barrier", value: Some(place.as_str()) };
            let mut headers = event::headers(&marker.event, marker.first + *number as u64).insert(header);
            if marker.is_read {
                headers = headers.insert(Header { key: SNAPSHOT, value: Some("true") });
            }
            self.send(topic, *partition, None, Some(&event::text(&marker.event)), headers).await;
        }
    }

    /// Publishes a barrier.
    pub(crate) async fn barrier(&self, topics: &[&Events], change: Document) {
        let marker = self.marker(topics, change);
        self.publish_some(&marker, 0..marker.of()).await;
    }

    /// Publishes a rename between the collections of two topics.
    pub(crate) async fn rename(&self, from: &Events, to: &Events) {
        let change = doc! {"operationType": "rename", "to": {"db": &to.ns.db, "coll": &to.ns.coll}};
        self.barrier(&[from, to], change).await;
    }

    /// Waits until these partitions stand at a barrier.
    pub(crate) async fn until_stands(&self, events: &Events, partitions: impl IntoIterator<Item = i32>) {
        for partition in partitions {
            until(&format!("{}[{partition}] stands at a barrier", events.topic), async || {
                self.position(events, partition).await.is_some_and(|position| position.contains_key("at"))
            })
            .await;
        }
    }

    /// The UUID of the target's collection.
    pub(crate) async fn uuid(&self, events: &Events) -> Option<Bson> {
        let found = self.target.list_collections().filter(doc! {"name": &events.ns.coll}).await.unwrap();
        let found: Vec<_> = found.try_collect().await.unwrap();
        Some(Bson::Binary(found.into_iter().next()?.info.uuid?))
    }

    /// Writes down, as a worker would have, that a partition stands at a barrier, and what else is known of that there.
    pub(crate) async fn stand(&self, events: &Events, partition: i32, marker: &Marker, more: Document) {
        let first = i64::try_from(marker.first).unwrap();
        let mut at = doc! {"slice": "rs0", "epoch": 1_i64, "sequence": first};
        at.extend(more);
        let id = doc! {"_id": {"topic": &events.topic, "partition": partition}};
        let updated = self.positions().update_one(id, doc! {"$set": {"at": at}}).await.unwrap();
        assert_eq!(updated.matched_count, 1);
    }
}

impl Marker {
    /// How many records it has.
    pub(crate) fn of(&self) -> usize {
        self.topics.iter().map(|(_, partitions)| usize::from(*partitions)).sum()
    }
}
