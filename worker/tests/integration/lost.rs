//! Positions that the log no longer fits: refused loudly, never skipped.

use bson::doc;

use crate::support::{Events, Pipe, event::*, process::Worker, until};

/// A pipeline that has applied `records` in one partition and has no worker.
async fn applied(test: &str, records: i32) -> (Pipe, Events) {
    let pipe = Pipe::new(test).await;
    let users = pipe.events("users", 1).await;
    pipe.publish(&users, (0..records).map(|id| insert(user(id)))).await;
    let worker = pipe.worker("");
    pipe.until_count(&users, u64::try_from(records).unwrap()).await;
    let (status, log) = worker.stop();
    assert!(status.success(), "{log}");
    assert_eq!(pipe.offsets(&users).await, [i64::from(records)]);
    (pipe, users)
}

fn is_refused(worker: Worker, users: &Events, offset: &str) {
    let (status, log) = worker.ended();
    assert_eq!(status.code(), Some(1), "{log}");
    let says = |text: &str| log.contains(text);
    assert!(says(&format!("{}[0]", users.topic)) && says(offset) && says("recreated"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_recreated_under_the_position_is_refused_however_long_it_is() {
    let (pipe, users) = applied("recreated", 5).await;
    for records in [2, 5, 9] {
        pipe.delete(&users).await;
        pipe.create(&users.topic, 1).await;
        pipe.publish(&users, (100..100 + records).map(|id| insert(user(id)))).await;
        is_refused(pipe.worker(""), &users, "offset ");
        assert_eq!(pipe.count(&users).await, 5, "nothing of it is applied");
        assert_eq!(pipe.offsets(&users).await, [5]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_with_fewer_partitions_than_the_target_knows_is_refused() {
    let pipe = Pipe::new("fewer").await;
    let users = pipe.events("users", 3).await;
    pipe.publish(&users, (0..30).map(|id| insert(user(id)))).await;
    let worker = pipe.worker("");
    pipe.until_count(&users, 30).await;
    assert!(worker.stop().0.success());
    pipe.delete(&users).await;
    pipe.create(&users.topic, 2).await;
    let (status, log) = pipe.worker("").ended();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("2 partitions") && log.contains(&format!("{}[2]", users.topic)), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_up_to_the_position_is_fine_and_beyond_it_is_not() {
    let (pipe, users) = applied("retention", 5).await;
    pipe.publish(&users, (5..8).map(|id| insert(user(id)))).await;
    pipe.delete_records(&users, 5).await;
    let worker = pipe.worker("");
    pipe.until_count(&users, 8).await;
    assert!(worker.stop().0.success());
    pipe.publish(&users, (8..12).map(|id| insert(user(id)))).await;
    pipe.delete_records(&users, 9).await;
    is_refused(pipe.worker(""), &users, "offset 8");
    assert_eq!(pipe.count(&users).await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_offset_that_was_reset_from_outside_changes_nothing() {
    let (pipe, users) = applied("reset", 10).await;
    pipe.coll(&users).delete_one(doc! {"_id": 3}).await.unwrap();
    for (reset, end) in [(0, 11), (13, 12)] {
        pipe.commit(&users, 0, reset);
        let worker = pipe.worker("");
        pipe.sync(&users).await;
        assert_eq!(pipe.count(&users).await, 9, "nothing was applied again, nothing skipped");
        until("Kafka follows", async || pipe.committed(&users) == [Some(end)]).await;
        assert!(worker.stop().0.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_are_known_over_restarts() {
    let (pipe, users) = applied("sequences", 3).await;
    let text = r#"{"_id": {"_data": "82"}, "operationType": "delete", "documentKey": {"_id": {"$numberInt": "1"}},
        "ns": {"db": "DB", "coll": "users"}}"#;
    let (text, ns) = (text.replace("DB", &pipe.name), users.ns.to_string());
    for sequence in ["rs0/1/2", "rs0/1/3", "rs0/0/9"] {
        let headers = [("v", "1"), ("ns", &*ns), ("op", "delete"), ("seq", sequence)];
        pipe.publish_raw(&users, 0, Some(text.as_bytes()), &headers).await;
    }
    let worker = pipe.worker("");
    until("all three are dropped", async || worker.metric("oplogue_worker_duplicates_total") >= 3.0).await;
    assert_eq!(pipe.count(&users).await, 3);
    assert!(worker.stop().0.success());
    // A duplicate may be the last record that was passed.
    let worker = pipe.worker("");
    pipe.sync(&users).await;
    assert!(worker.stop().0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_says_from_where_to_go_on_while_no_worker_runs() {
    let (pipe, users) = applied("seek", 5).await;
    pipe.delete(&users).await;
    pipe.create(&users.topic, 1).await;
    pipe.publish(&users, (100..103).map(|id| insert(user(id)))).await;
    is_refused(pipe.worker(""), &users, "offset 5");
    let (status, said) =
        pipe.command(&["seek", "--topic", &users.topic, "--partition", "0", "--offset", "9"]);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("0 to 3"), "{said}");
    let (status, said) = pipe.command(&["seek", "--topic", &users.topic, "--beginning"]);
    assert!(status.success() && said.contains(&format!("{}[0]: from offset 0 on", users.topic)), "{said}");
    let worker = pipe.worker("");
    pipe.until_count(&users, 8).await;

    let (status, said) = pipe.command(&["seek", "--all", "--beginning"]);
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("stop the workers first"), "{said}");
    assert!(worker.stop().0.success());
    pipe.coll(&users).delete_many(doc! {}).await.unwrap();
    let (status, said) = pipe.command(&["seek", "--all", "--beginning"]);
    assert!(status.success(), "{said}");
    let _worker = pipe.worker("");
    pipe.until_count(&users, 3).await;
    assert_eq!(pipe.offsets(&users).await, [3]);
}
