//! Unique indexes that exist at the target while changes come: the topic is applied in the source's order.

use std::collections::BTreeMap;

use bson::{Document, doc};

use crate::support::{Events, Pipe, Worker, event::*, until};

const DOCUMENTS: i32 = 12;
/// Few more than documents, so that values change hands at once.
const SEATS: i32 = 14;

fn sits(id: i32, seat: i32) -> Document {
    doc! {"_id": id, "seat": seat}
}

/// A source whose documents never share a seat.
struct Source {
    random: u64,
    seats: BTreeMap<i32, i32>,
}

impl Source {
    fn new() -> Self {
        let seed = std::env::var("OPLOGUE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
        eprintln!("OPLOGUE_SEED={seed}");
        Self { random: seed, seats: BTreeMap::new() }
    }

    /// Steele and Vigna's SplitMix64.
    fn below(&mut self, limit: i32) -> i32 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i32::try_from((mixed ^ (mixed >> 31)) % u64::from(limit.unsigned_abs())).unwrap()
    }

    /// What happens next: somebody comes, goes, or takes a seat that is free.
    fn next(&mut self) -> Document {
        let id = self.below(DOCUMENTS);
        let free: Vec<_> =
            (0..SEATS).filter(|seat| !self.seats.values().any(|taken| taken == seat)).collect();
        let pick = self.below(i32::try_from(free.len()).unwrap());
        let seat = free[usize::try_from(pick).unwrap()];
        match (self.seats.contains_key(&id), self.below(5)) {
            (false, _) => {
                self.seats.insert(id, seat);
                insert(sits(id, seat))
            }
            (true, 0) => {
                self.seats.remove(&id);
                delete(id)
            }
            (true, 1) => {
                self.seats.insert(id, seat);
                replace(sits(id, seat))
            }
            (true, _) => {
                self.seats.insert(id, seat);
                update(id, doc! {"updatedFields": {"seat": seat}})
            }
        }
    }

    async fn is_at(&self, pipe: &Pipe, events: &Events) {
        let coll = pipe.coll(events);
        until("the target sits as the source", async || {
            let mut seats = BTreeMap::new();
            let mut cursor = coll.find(doc! {}).await.unwrap();
            while cursor.advance().await.unwrap() {
                let document: Document = cursor.deserialize_current().unwrap();
                seats.insert(document.get_i32("_id").unwrap(), document.get_i32("seat").unwrap());
            }
            seats == self.seats
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_change_hands_between_partitions_while_workers_come_and_go() {
    let pipe = Pipe::new("seats").await;
    let people = pipe.events("people", 4).await;
    pipe.unique(&people, "seat").await;
    let mut source = Source::new();
    let backlog: Vec<_> = (0..2500).map(|_| source.next()).collect();
    pipe.publish(&people, backlog).await;
    let mut workers: Vec<_> = (0..3).map(|_| pipe.worker("")).collect();
    source.is_at(&pipe, &people).await;
    for round in 0..4 {
        // One after the other: the source's order is what a partition's end tells about.
        for _ in 0..150 {
            pipe.publish(&people, [source.next()]).await;
        }
        let leaves = workers.remove(0);
        if round % 2 == 0 {
            leaves.kill();
        } else {
            let (status, log) = leaves.stop();
            assert!(status.success(), "{log}");
        }
        for _ in 0..50 {
            pipe.publish(&people, [source.next()]).await;
        }
        workers.push(pipe.worker(""));
        source.is_at(&pipe, &people).await;
    }
    for worker in &workers {
        assert_eq!(worker.metric("oplogue_worker_dead_letters_total"), 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_reads_the_topic_and_commits_for_all_of_its_partitions() {
    let pipe = Pipe::new("leads").await;
    let people = pipe.events("people", 4).await;
    pipe.unique(&people, "seat").await;
    let (first, second) = (pipe.worker(""), pipe.worker(""));
    pipe.publish(&people, [insert(sits(1, 1))]).await;
    pipe.until_count(&people, 1).await;
    for id in 2..10 {
        pipe.publish(&people, [insert(sits(id, id))]).await;
    }
    pipe.until_count(&people, 9).await;
    // Of a partition without records nothing is committed.
    let committed = || pipe.committed(&people).into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>();
    until("Kafka knows", async || committed() == pipe.ends(&people)).await;
    let read = |worker: &Worker| worker.metric("oplogue_worker_assigned_partitions");
    until("one reads all and the other none", async || {
        let mut read = [read(&first), read(&second)];
        read.sort_by(f64::total_cmp);
        read == [0.0, 4.0]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn index_that_comes_and_goes_is_followed() {
    let pipe = Pipe::new("comes").await;
    let people = pipe.events("people", 4).await;
    let mut source = Source::new();
    let worker = pipe.worker("");
    for round in 0..2 {
        for _ in 0..100 {
            pipe.publish(&people, [source.next()]).await;
        }
        source.is_at(&pipe, &people).await;
        if round == 0 {
            pipe.unique(&people, "seat").await;
        }
    }
    // Nothing may have collided yet; a new life looks at the indexes before its first write.
    assert!(worker.stop().0.success());
    let worker = pipe.worker("");
    for _ in 0..100 {
        pipe.publish(&people, [source.next()]).await;
    }
    source.is_at(&pipe, &people).await;
    worker.until_log("in the source's order");
    pipe.coll(&people).drop_index("seat_1").await.unwrap();
    assert!(worker.stop().0.success());
    let worker = pipe.worker("");
    worker.until_log("side by side again");
    for _ in 0..100 {
        pipe.publish(&people, [source.next()]).await;
    }
    source.is_at(&pipe, &people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_values_that_are_replayed_end_in_the_right_state() {
    let pipe = Pipe::new("again").await;
    let people = pipe.events("people", 4).await;
    pipe.unique(&people, "seat").await;
    let mut source = Source::new();
    let history: Vec<_> = (0..400).map(|_| source.next()).collect();
    pipe.publish(&people, history).await;
    let worker = pipe.worker("");
    source.is_at(&pipe, &people).await;
    assert!(worker.stop().0.success());
    // One partition alone, and then all of them.
    for partition in [&["--partition", "1"][..], &[]] {
        let seek = [&["seek", "--topic", &people.topic, "--beginning"], partition].concat();
        let (status, said) = pipe.command(&seek);
        assert!(status.success(), "{said}");
        let worker = pipe.worker("");
        until("read again", async || pipe.offsets(&people).await == pipe.ends(&people)).await;
        source.is_at(&pipe, &people).await;
        assert!(worker.stop().0.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn value_that_nobody_will_free_stops_the_worker_behind_what_comes_before() {
    let pipe = Pipe::new("taken").await;
    let people = pipe.events("people", 4).await;
    pipe.unique(&people, "seat").await;
    pipe.coll(&people).insert_one(sits(-1, 3)).await.unwrap();
    pipe.publish(&people, (0..40).map(|id| insert(sits(id, id)))).await;
    let (status, log) = pipe.worker("").ended();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("unique index") && log.contains("offset"), "{log}");
    for id in 0..40 {
        let there = pipe.coll(&people).count_documents(doc! {"_id": id}).await.unwrap() == 1;
        assert_eq!(there, id < 3, "{id}");
    }
    pipe.coll(&people).delete_one(doc! {"_id": -1}).await.unwrap();
    let _worker = pipe.worker("");
    pipe.until_count(&people, 40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn value_that_a_document_with_a_dead_letter_kept_makes_another_dead_letter() {
    let pipe = Pipe::new("kept").await;
    let people = pipe.events("people", 4).await;
    pipe.target
        .create_collection(&people.ns.coll)
        .validator(doc! {"age": {"$not": {"$gt": 30}}})
        .await
        .unwrap();
    pipe.unique(&people, "seat").await;
    let moves = update(1, doc! {"updatedFields": {"seat": 2, "age": 99}});
    pipe.publish(&people, [insert(sits(1, 1)), moves, insert(sits(2, 1)), insert(sits(3, 3))]).await;
    let worker = pipe.worker("");
    let reasons: Vec<_> =
        pipe.dead_letters(2).into_iter().map(|letter| letter.headers["dead.kind"].clone()).collect();
    assert_eq!(reasons, ["validation", "unique_index"]);
    pipe.until_is(&people, 3, &sits(3, 3)).await;
    pipe.until_is(&people, 1, &sits(1, 1)).await;
    assert!(worker.stop().0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn partition_that_was_held_is_read_once_its_topic_is_no_longer_ordered() {
    let pipe = Pipe::new("held").await;
    let people = pipe.events("people", 2).await;
    pipe.unique(&people, "seat").await;
    let options = "[kafka.options]\n\"session.timeout.ms\" = \"6000\"\n";
    let first = pipe.worker(options);
    pipe.publish(&people, (0..20).map(|id| insert(sits(id, id)))).await;
    pipe.until_count(&people, 20).await;
    let second = pipe.worker(options);
    second.until_log("partitions assigned partitions=1");
    let read = |worker: &Worker| worker.metric("oplogue_worker_assigned_partitions");
    until("one reads both and the other holds one", async || read(&first) + read(&second) == 2.0).await;
    let (leader, holder) = if read(&first) > 0.0 { (first, second) } else { (second, first) };
    // What the holder held goes to the leader; the holder's client stays the same.
    holder.signal("STOP");
    until("the leader is alone", async || pipe.members() == 1).await;
    pipe.coll(&people).drop_index("seat_1").await.unwrap();
    holder.signal("CONT");
    until("they share, side by side", async || read(&leader) == 1.0 && read(&holder) == 1.0).await;
    assert!(leader.stop().0.success());
    until("the holder has both", async || read(&holder) == 2.0).await;
    pipe.publish(&people, (20..40).map(|id| insert(sits(id, id)))).await;
    pipe.until_count(&people, 40).await;
}
