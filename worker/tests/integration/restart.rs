//! Workers that end, well or badly, and what the next one finds.

use bson::doc;

use crate::support::{Pipe, event::*, until};

#[tokio::test(flavor = "multi_thread")]
async fn term_drains_and_commits_exactly_what_is_applied() {
    let pipe = Pipe::new("term").await;
    let users = pipe.events("users", 2).await;
    pipe.publish(&users, (0..3000).map(|id| insert(user(id)))).await;
    let worker = pipe.worker("");
    until("something arrived", async || pipe.count(&users).await > 0).await;
    let (status, log) = worker.stop();
    assert!(status.success(), "{log}");
    let committed: i64 = pipe.committed(&users).into_iter().flatten().sum();
    assert_eq!(committed, i64::try_from(pipe.count(&users).await).unwrap());
    let _worker = pipe.worker("");
    pipe.until_count(&users, 3000).await;
    until("committed to the end", async || {
        pipe.committed(&users).into_iter().flatten().sum::<i64>() == pipe.ends(&users).iter().sum::<i64>()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_worker_is_replaced_and_the_target_converges() {
    let pipe = Pipe::new("killed").await;
    let things = pipe.events("things", 2).await;
    let worker = pipe.worker("[worker]\ncommit_interval_ms = 60000\n");
    pipe.publish(&things, (0..500).map(|id| insert(doc! {"_id": id, "n": 0, "list": [1, 2, 3]}))).await;
    pipe.publish(&things, (0..500).map(|id| update(id, doc! {"updatedFields": {"n": 1, "list.3": 4}}))).await;
    pipe.publish(&things, (0..100).map(delete)).await;
    pipe.until_is(&things, 499, &doc! {"_id": 499, "n": 1, "list": [1, 2, 3, 4]}).await;
    worker.kill();
    pipe.publish(&things, (400..500).map(|id| update(id, doc! {"updatedFields": {"n": 2}}))).await;
    let _worker = pipe.worker("");
    pipe.until_is(&things, 499, &doc! {"_id": 499, "n": 2, "list": [1, 2, 3, 4]}).await;
    pipe.until_count(&things, 400).await;
    until("all as they must be", async || {
        let right = doc! {"$or": [{"_id": {"$lt": 400}, "n": 1}, {"_id": {"$gte": 400}, "n": 2}], "list": [1, 2, 3, 4]};
        pipe.coll(&things).count_documents(right).await.unwrap() == 400
    })
    .await;
}
