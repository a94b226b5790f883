//! Several workers, one pipeline.

use bson::doc;

use crate::support::{Pipe, event::*, until};

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_and_one_takes_over_when_the_other_leaves() {
    let pipe = Pipe::new("shared").await;
    let users = pipe.events("users", 4).await;
    let first = pipe.worker("");
    pipe.publish(&users, (0..200).map(|id| insert(user(id)))).await;
    pipe.until_count(&users, 200).await;
    let second = pipe.worker("");
    let held = "oplogue_worker_assigned_partitions";
    until("two partitions each", async || first.metric(held) == 2.0 && second.metric(held) == 2.0).await;
    pipe.publish(&users, (200..400).map(|id| insert(user(id)))).await;
    pipe.until_count(&users, 400).await;
    assert!(second.metric("oplogue_worker_records_total") > 0.0);
    let (status, log) = first.stop();
    assert!(status.success(), "{log}");
    until("all four", async || second.metric(held) == 4.0).await;
    pipe.publish(&users, (0..400).map(|id| update(id, doc! {"updatedFields": {"age": 1}}))).await;
    until("all updated", async || pipe.coll(&users).count_documents(doc! {"age": 1}).await.unwrap() == 400)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rebalances_under_load_lose_nothing() {
    let pipe = Pipe::new("storm").await;
    let things = pipe.events("things", 6).await;
    let _steady = pipe.worker("");
    pipe.publish(&things, (0..300).map(|id| insert(doc! {"_id": id, "n": 0}))).await;
    for round in 1..=6 {
        let other = pipe.worker("");
        pipe.publish(&things, (0..300).map(|id| update(id, doc! {"updatedFields": {"n": round}}))).await;
        other.until_log("partitions assigned");
        if round % 2 == 0 {
            other.kill();
        } else {
            assert!(other.stop().0.success());
        }
    }
    until("every document at the last round", async || {
        pipe.coll(&things).count_documents(doc! {"n": 6}).await.unwrap() == 300
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_worker_loses_its_partitions_and_does_no_harm_when_it_wakes() {
    let pipe = Pipe::new("frozen").await;
    let things = pipe.events("things", 2).await;
    let options = "[kafka.options]\n\"session.timeout.ms\" = \"6000\"\n";
    let frozen = pipe.worker(options);
    pipe.publish(&things, (0..100).map(|id| insert(doc! {"_id": id, "n": 0}))).await;
    pipe.until_count(&things, 100).await;
    frozen.signal("STOP");
    let other = pipe.worker(options);
    let held = "oplogue_worker_assigned_partitions";
    until("the other has both", async || other.metric(held) == 2.0).await;
    pipe.publish(&things, (0..100).map(|id| update(id, doc! {"updatedFields": {"n": 1}}))).await;
    let updated = async || pipe.coll(&things).count_documents(doc! {"n": 1}).await.unwrap() == 100;
    until("all updated", updated).await;
    frozen.signal("CONT");
    until("they share again", async || frozen.metric(held) == 1.0 && other.metric(held) == 1.0).await;
    pipe.publish(&things, (0..100).map(|id| update(id, doc! {"updatedFields": {"n": 2}}))).await;
    let updated = async || pipe.coll(&things).count_documents(doc! {"n": 2}).await.unwrap() == 100;
    until("all updated again", updated).await;
    until("committed to the end", async || {
        pipe.committed(&things).into_iter().flatten().sum::<i64>() == pipe.ends(&things).iter().sum::<i64>()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_that_the_brokers_hear_of_after_the_workers_is_read() {
    let pipe = Pipe::new("unknown").await;
    let users = pipe.events("users", 2).await;
    let workers = [pipe.worker(""), pipe.worker("")];
    pipe.publish(&users, (0..10).map(|id| insert(user(id)))).await;
    pipe.until_count(&users, 10).await;
    let late = pipe.to_be("late", 4);
    pipe.announce(&late).await;
    for worker in &workers {
        worker.until_log("the brokers do not know a topic that is to be read");
    }
    pipe.create(&late.topic, late.partitions).await;
    pipe.publish(&late, (0..40).map(|id| insert(user(id)))).await;
    pipe.until_count(&late, 40).await;
    for worker in workers {
        let (status, log) = worker.stop();
        assert!(status.success(), "{log}");
    }
}
