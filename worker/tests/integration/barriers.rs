//! Drops and renames, carried out once all partitions have come to them, whoever dies on the way.

use std::{collections::BTreeMap, time::Duration};

use bson::{Bson, Document, doc, spec::BinarySubtype};

use crate::support::{Events, Pipe, Worker, event::*, partition, until};

fn drops() -> Document {
    doc! {"operationType": "drop"}
}

/// `_id`s from `from` on whose documents are in one of these partitions.
fn ids_in(events: &Events, from: i32, wanted: &[i32], count: usize) -> Vec<i32> {
    let is_wanted = |id: &i32| wanted.contains(&partition(&doc! {"_id": *id}, events.partitions));
    (from..).filter(is_wanted).take(count).collect()
}

async fn put(pipe: &Pipe, events: &Events, ids: impl IntoIterator<Item = i32>) {
    pipe.publish(events, ids.into_iter().map(|id| insert(user(id)))).await;
}

/// Waits until every partition is applied to its end; every step on the way has the whole deadline.
async fn until_all(pipe: &Pipe, events: &Events) {
    let offsets =
        async || pipe.offsets(events).await.iter().map(|offset| (*offset).max(0)).collect::<Vec<_>>();
    let mut at = offsets().await;
    while at != pipe.ends(events) {
        until(&format!("{} goes on from {at:?}", events.topic), async || offsets().await != at).await;
        at = offsets().await;
    }
}

async fn there(pipe: &Pipe, events: &Events) -> Vec<i32> {
    let ids = pipe.coll(events).distinct("_id", doc! {}).await.unwrap();
    ids.iter().map(|id| id.as_i32().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_dropped_and_nobody_goes_on_before_all_partitions_have_come() {
    let pipe = Pipe::new("waits").await;
    let users = pipe.events("users", 4).await;
    let workers = [pipe.worker(""), pipe.worker("")];
    put(&pipe, &users, 0..40).await;
    let marker = pipe.marker(&[&users], drops());
    pipe.publish_some(&marker, 0..3).await;
    let behind = ids_in(&users, 100, &[0, 1, 2], 30);
    put(&pipe, &users, behind.iter().copied()).await;
    pipe.until_stands(&users, 0..3).await;
    pipe.until_count(&users, 40).await;
    let before = pipe.uuid(&users).await;
    // One more life of each, which finds the others standing.
    let [one, other] = workers;
    one.kill();
    let (status, log) = other.stop();
    assert!(status.success(), "{log}");
    let _workers = [pipe.worker(""), pipe.worker("")];
    pipe.until_stands(&users, 0..3).await;
    assert_eq!((pipe.uuid(&users).await, pipe.count(&users).await), (before.clone(), 40));
    pipe.publish_some(&marker, 3..4).await;
    until_all(&pipe, &users).await;
    assert_eq!(there(&pipe, &users).await, behind);
    assert_ne!(pipe.uuid(&users).await, before);
    for number in 0..4 {
        assert!(!pipe.position(&users, number).await.unwrap().contains_key("at"));
    }
}

/// What a worker may leave behind between coming to a barrier and the last partition's going on.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_dead_worker_has_left_undone_is_done_by_the_next_one() {
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Left {
        Standing,
        Intent,
        Dropped,
        Done,
    }
    for left in [Left::Standing, Left::Intent, Left::Dropped, Left::Done] {
        let pipe = Pipe::new("left").await;
        let users = pipe.events("users", 2).await;
        let worker = pipe.worker("");
        put(&pipe, &users, 0..20).await;
        pipe.until_count(&users, 20).await;
        assert!(worker.stop().0.success());
        let marker = pipe.marker(&[&users], drops());
        pipe.publish_some(&marker, 0..2).await;
        put(&pipe, &users, 10..30).await;
        let uuid = pipe.uuid(&users).await;
        let more = match left {
            Left::Standing => doc! {},
            Left::Intent | Left::Dropped => doc! {"intent": {"uuid": uuid, "onto": null}},
            Left::Done => doc! {"intent": {"uuid": uuid, "onto": null}, "done": true},
        };
        pipe.stand(&users, 0, &marker, more).await;
        pipe.stand(&users, 1, &marker, doc! {}).await;
        if matches!(left, Left::Dropped | Left::Done) {
            pipe.coll(&users).drop().await.unwrap();
        }
        let _worker = pipe.worker("");
        until_all(&pipe, &users).await;
        assert_eq!(there(&pipe, &users).await, (10..30).collect::<Vec<_>>(), "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_was_not_meant_is_left_alone() {
    let pipe = Pipe::new("fence").await;
    let users = pipe.events("users", 1).await;
    let worker = pipe.worker("");
    put(&pipe, &users, 0..5).await;
    pipe.until_count(&users, 5).await;
    assert!(worker.stop().0.success());
    let marker = pipe.marker(&[&users], drops());
    pipe.publish_some(&marker, 0..1).await;
    // As if the one that was meant were gone, and the name were another's.
    let gone = Bson::Binary(bson::Binary { subtype: BinarySubtype::Uuid, bytes: vec![7; 16] });
    pipe.stand(&users, 0, &marker, doc! {"intent": {"uuid": gone, "onto": null}}).await;
    put(&pipe, &users, 5..10).await;
    let _worker = pipe.worker("");
    pipe.until_count(&users, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_waits_for_both_topics_and_takes_marks_along() {
    let pipe = Pipe::new("renamed").await;
    let (old, new) = (pipe.events("old", 4).await, pipe.events("new", 2).await);
    let worker = pipe.worker("");
    put(&pipe, &old, 0..40).await;
    put(&pipe, &new, 100..120).await;
    pipe.until_count(&old, 40).await;
    pipe.until_count(&new, 20).await;
    assert!(worker.stop().0.success());
    // One is missing, of one a change is a dead letter; what is marked under the other name goes with what it was about.
    let mark = |events: &Events, id: i32, mark: Document| {
        let number = partition(&doc! {"_id": id}, events.partitions);
        let mut whole = doc! {"_id": {"topic": &events.topic, "partition": number, "ns": events.ns.to_string(), "key": id}};
        whole.extend(mark);
        whole
    };
    let missing = doc! {"why": "missing", "slice": "rs0", "epoch": 1_i64, "sequence": 3_i64};
    let marks =
        [mark(&old, 7, missing), mark(&old, 8, doc! {"why": "dead"}), mark(&new, 9, doc! {"why": "dead"})];
    pipe.marks().insert_many(marks).await.unwrap();
    pipe.coll(&old).delete_one(doc! {"_id": 7}).await.unwrap();
    let uuid = pipe.uuid(&old).await;
    pipe.rename(&old, &new).await;
    let changed = |id: i32| update(id, doc! {"updatedFields": {"age": 1}});
    pipe.publish(&new, [changed(7), changed(8), changed(9)]).await;
    put(&pipe, &old, 0..3).await;
    let worker = pipe.worker("");
    until_all(&pipe, &old).await;
    until_all(&pipe, &new).await;
    assert_eq!(pipe.uuid(&new).await, uuid);
    assert_eq!(pipe.count(&old).await, 3);
    let wanted: Vec<_> = (0..40).filter(|id| *id != 7).collect();
    assert_eq!(there(&pipe, &new).await, wanted);
    let mut wanted = user(9);
    wanted.insert("age", 1);
    pipe.until_is(&new, 9, &wanted).await;
    pipe.until_is(&new, 8, &user(8)).await;
    let reasons: Vec<_> =
        pipe.dead_letters(1).into_iter().map(|letter| letter.headers["dead.kind"].clone()).collect();
    assert_eq!(reasons, ["follows"]);
    assert_eq!(worker.metric("oplogue_worker_misses_total"), 0.0);
    // By its old name, asked for when the worker came, and by its new one.
    let asked = pipe.said("repair/", 2);
    let asked = asked.into_iter().map(|found| String::from_utf8(found.value.unwrap()).unwrap());
    let wanted = format!("\"ns\":\"{}\",\"key\":{{\"_id\":{{\"$numberInt\":\"7\"}}}}", new.ns);
    assert!(asked.into_iter().any(|value| value.contains(&wanted)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_renamed_away_from_a_unique_index_is_applied_in_order_under_its_new_name() {
    let pipe = Pipe::new("seats").await;
    let (people, crowd) = (pipe.events("people", 4).await, pipe.events("crowd", 3).await);
    pipe.unique(&people, "seat").await;
    let sits = |id: i32, seat: i32| doc! {"_id": id, "seat": seat};
    let _workers = [pipe.worker(""), pipe.worker("")];
    // A seat that passes from hand to hand, over partitions.
    let mut holder = BTreeMap::new();
    let mut pass_on = async |events: &Events, rounds: std::ops::Range<i32>| {
        for round in rounds {
            let (seat, id) = (round % 3, round % 11);
            if let Some(before) = holder.insert(seat, id) {
                pipe.publish(events, [delete(before)]).await;
            }
            holder.retain(|other, held| *other == seat || *held != id);
            pipe.publish(events, [replace(sits(id, seat))]).await;
        }
        holder.clone()
    };
    pass_on(&people, 0..60).await;
    pipe.rename(&people, &crowd).await;
    let holder = pass_on(&crowd, 60..160).await;
    pipe.publish(&people, [insert(sits(1, 1)), insert(sits(2, 1))]).await;
    until_all(&pipe, &crowd).await;
    until_all(&pipe, &people).await;
    let mut wanted: Vec<_> = holder.into_values().collect();
    wanted.sort_unstable();
    assert_eq!(there(&pipe, &crowd).await, wanted);
    // The index went along.
    assert_eq!(pipe.count(&people).await, 2);
    let position = pipe.position(&crowd, 0).await.unwrap();
    assert!(position.contains_key("ordered"), "{position}");
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_may_pass_over_or_stop() {
    let pipe = Pipe::new("policy").await;
    let users = pipe.events("users", 2).await;
    put(&pipe, &users, 0..20).await;
    let marker = pipe.marker(&[&users], drops());
    pipe.publish_some(&marker, 0..2).await;
    put(&pipe, &users, 20..40).await;
    let (status, log) = pipe.worker("[worker.ddl]\ndrop = \"fail\"\n").ended();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("worker.ddl.drop") && log.contains(&users.ns.to_string()), "{log}");
    let (status, log) = pipe.worker("[worker]\ndelivery = \"at_least_once\"\n").ended();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("a target with transactions"), "{log}");
    assert!(pipe.count(&users).await <= 20);
    let worker = pipe.worker("[worker.ddl]\ndrop = \"ignore\"\n");
    pipe.until_count(&users, 40).await;
    worker.until_log("worker.ddl says `ignore`");
    until("counted once", async || worker.metric("oplogue_worker_ddl_ignored_total") == 1.0).await;
}

/// A source before 6.0 is looked at now and then: by the time it is told, the source may have dropped the index again and taken documents that
/// it would have refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_was_looked_up_and_does_not_fit_is_left_out() {
    let pipe = Pipe::new("late").await;
    let users = pipe.events("users", 2).await;
    put(&pipe, &users, 0..20).await;
    let worker = pipe.worker("");
    pipe.until_count(&users, 20).await;
    let index = |key: Document, name: &str| doc! {"v": 2, "key": key, "name": name, "unique": true};
    pipe.coll(&users)
        .update_many(doc! {}, doc! {"$set": {"tags": [1, 2], "place": "nowhere"}})
        .await
        .unwrap();
    let indexes = vec![
        index(doc! {"tags": "hashed"}, "hashed"),
        index(doc! {"place": "2dsphere"}, "place"),
        index(doc! {"name": 1}, "fits"),
    ];
    let change = doc! {"operationType": "createIndexes", "operationDescription": {"indexes": indexes}};
    let mut marker = pipe.marker(&[&users], change);
    marker.is_read = true;
    pipe.publish_some(&marker, 0..2).await;
    put(&pipe, &users, 20..30).await;
    pipe.until_count(&users, 30).await;
    let mut names = pipe.coll(&users).list_index_names().await.unwrap();
    names.sort();
    assert_eq!(names, ["_id_", "fits"]);
    worker.until_log("an index is not made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_set_back_alone_stops_and_all_of_them_replay() {
    let pipe = Pipe::new("back").await;
    let users = pipe.events("users", 2).await;
    put(&pipe, &users, 0..20).await;
    pipe.barrier(&[&users], drops()).await;
    put(&pipe, &users, 10..30).await;
    let worker = pipe.worker("");
    until_all(&pipe, &users).await;
    let wanted: Vec<_> = (10..30).collect();
    assert_eq!(there(&pipe, &users).await, wanted);
    assert!(worker.stop().0.success());
    for partition in ["0", "1"] {
        let seek = ["seek", "--topic", &users.topic, "--beginning", "--partition", partition];
        let (status, said) = pipe.command(&seek);
        assert!(status.success(), "{said}");
        let (status, log) = pipe.worker("").ended();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("worker seek") && log.contains(&users.ns.to_string()), "{log}");
        let (status, said) = pipe.command(&["seek", "--topic", &users.topic, "--beginning"]);
        assert!(status.success(), "{said}");
        let worker = pipe.worker("");
        until_all(&pipe, &users).await;
        assert_eq!(there(&pipe, &users).await, wanted);
        assert!(worker.stop().0.success());
    }
}

/// Lanes at a barrier are full of what comes behind it, and those that they wait for have much to do before it.
#[tokio::test(flavor = "multi_thread")]
async fn full_lanes_at_a_barrier_leave_room_for_those_they_wait_for() {
    let pipe = Pipe::new("room").await;
    let (old, new) = (pipe.events("old", 8).await, pipe.events("new", 8).await);
    let large = |id: i32| insert(doc! {"_id": id, "pad": "x".repeat(200_000)});
    pipe.publish(&old, (0..150).map(large)).await;
    pipe.rename(&old, &new).await;
    pipe.publish(&new, (1000..1150).map(large)).await;
    pipe.publish(&old, (0..100).map(large)).await;
    let _worker = pipe.worker("[worker]\nmemory_mib = 64\n");
    pipe.until_count(&new, 300).await;
    pipe.until_count(&old, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_killed_at_any_moment_carry_every_barrier_out_once() {
    let pipe = Pipe::new("killed").await;
    let (one, two) = (pipe.events("one", 3).await, pipe.events("two", 2).await);
    let mut wanted = Vec::new();
    // Back and forth: what is in `one` in the end has been renamed twice a round.
    for round in 0..60 {
        put(&pipe, &one, [round, 1000 + round]).await;
        pipe.rename(&one, &two).await;
        put(&pipe, &one, [2000 + round]).await;
        pipe.publish(&two, [delete(1000 + round)]).await;
        pipe.rename(&two, &one).await;
        wanted.push(round);
        if round % 20 == 10 {
            pipe.barrier(&[&one], drops()).await;
            wanted.clear();
        }
    }
    let running = |pipe: &Pipe| -> Vec<Worker> { (0..2).map(|_| pipe.worker("")).collect() };
    for kill in 0..5_u64 {
        let workers = running(&pipe);
        let before: i64 = pipe.offsets(&one).await.iter().sum();
        let end: i64 = pipe.ends(&one).iter().sum();
        until("it goes on", async || {
            pipe.offsets(&one).await.iter().sum::<i64>() > (before + 20).min(end - 1)
        })
        .await;
        tokio::time::sleep(Duration::from_millis(kill * 37 % 100)).await;
        workers.into_iter().for_each(Worker::kill);
    }
    let _workers = running(&pipe);
    until_all(&pipe, &one).await;
    until_all(&pipe, &two).await;
    assert_eq!(there(&pipe, &one).await, wanted);
    assert_eq!(pipe.uuid(&two).await, None);
}
