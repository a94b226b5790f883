use std::time::Instant;

use bson::doc;

use crate::support::{Pipe, event::*, until};

#[tokio::test(flavor = "multi_thread")]
#[ignore]
async fn speed() {
    const N: i32 = 60_000;
    let ways = ["at_least_once", "exactly_once", "at_least_once", "exactly_once"];
    for way in ways {
        let pipe = Pipe::new("speed").await;
        let users = pipe.events("users", 4).await;
        for chunk in 0..N / 5000 {
            pipe.publish(&users, (chunk * 5000..(chunk + 1) * 5000).map(|id| insert(user(id)))).await;
        }
        let began = Instant::now();
        let worker = pipe.worker(&format!("[worker]\ndelivery = \"{way}\"\n"));
        until("all", async || worker.metric("oplogue_worker_records_total") >= f64::from(N)).await;
        let inserts = began.elapsed();
        assert!(worker.stop().0.success());
        for chunk in 0..N / 5000 {
            pipe.publish(
                &users,
                (chunk * 5000..(chunk + 1) * 5000)
                    .map(|id| update(id, doc! {"updatedFields": {"age": 5, "x": 1}})),
            )
            .await;
        }
        let began = Instant::now();
        let worker = pipe.worker(&format!("[worker]\ndelivery = \"{way}\"\n"));
        until("all", async || worker.metric("oplogue_worker_records_total") >= f64::from(N)).await;
        let updates = began.elapsed();
        let first =
            worker.log().split("partitions assigned").next().unwrap().lines().last().unwrap().to_owned();
        println!(
            "{way}: inserts {inserts:?} updates {updates:?} cpu {} first {first}",
            worker.metric("process_cpu_seconds_total")
        );
        pipe.target.drop().await.unwrap();
    }
}
