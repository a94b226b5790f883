//! Services that are not there at the start: the processes say so, wait, and work once they come.

use std::time::{Duration, Instant};

use bson::doc;
use e2e::{DEADLINE, Pipeline, Stack, eventually, gate::Gate, waiting::ensure};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_wait_for_services_that_are_away_and_then_work() {
    let mut pipeline = Pipeline::new("outage").await;
    pipeline.collection("users").insert((0..50).map(|n| doc! {"_id": n})).await;
    let [source, target, kafka] = [(); 3].map(|()| Gate::closed());
    pipeline.settings["source"]["uri"] = json!(format!("mongodb://{}/?replicaSet=source", source.address()));
    pipeline.settings["target"]["uri"] = json!(format!("mongodb://{}/?replicaSet=target", target.address()));
    pipeline.settings["kafka"]["brokers"] = json!(kafka.address());

    let stack = Stack::shared();
    pipeline.start_producer();
    pipeline.start_worker();
    pipeline.producer().says(&["cannot reach the source", &source.address()]).await;
    waits_for(&pipeline, "producer", "source", &source.address()).await;
    let _source = source.open(stack.address("source"));
    pipeline.workers[0].says(&["cannot reach the target", &target.address()]).await;
    waits_for(&pipeline, "worker-1", "target", &target.address()).await;
    let _target = target.open(stack.address("target"));

    let waiting = format!("cannot reach Kafka at {}", kafka.address());
    pipeline.producer().says(&[&waiting]).await;
    pipeline.workers[0].says(&[&waiting]).await;
    waits_for(&pipeline, "producer", "kafka", &kafka.address()).await;
    waits_for(&pipeline, "worker-1", "kafka", &kafka.address()).await;
    let _kafka = kafka.open(stack.brokers());

    pipeline.producer().ready().await;
    pipeline.check().await;
    pipeline.workers[0].ready().await;
    pipeline.close().await;
}

/// `/readyz` answers 503 and names the service, why, and where; `/livez` is content.
async fn waits_for(pipeline: &Pipeline, process: &str, service: &str, address: &str) {
    let all = pipeline.producer.iter().chain(&pipeline.workers);
    let process = all.into_iter().find(|p| p.name() == process).expect("it was started");
    eventually(format!("{} waits for {service}", process.name()), DEADLINE, async || {
        let (status, body) = process.get("/readyz").await?;
        let reason = serde_json::from_str::<serde_json::Value>(&body).map_err(|e| e.to_string())?;
        let reason = reason["waiting_for"][service].as_str().unwrap_or_default().to_owned();
        ensure(status == 503 && reason.contains(address), || format!("{status} {body}"))
    })
    .await;
    let (alive, body) = process.get("/livez").await.expect("it answers");
    assert_eq!(alive, 200, "{body}");
}

/// A process that waits is stopped like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_processes_stop_at_once() {
    let mut pipeline = Pipeline::new("outage_stop").await;
    let gate = Gate::closed();
    for deployment in ["source", "target"] {
        pipeline.settings[deployment]["uri"] = json!(format!("mongodb://{}/?replicaSet=rs", gate.address()));
    }
    pipeline.start_producer();
    pipeline.start_worker().says(&["cannot reach the target"]).await;
    pipeline.producer().says(&["cannot reach the source"]).await;
    let begun = Instant::now();
    for process in pipeline.workers.iter_mut().chain(&mut pipeline.producer) {
        assert_eq!(process.stop().await, Some(0), "{}", process.tail());
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    pipeline.discard().await;
}

/// What was in flight when the broker went is neither lost nor doubled, though workers and producer go on running.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_outlive_a_broker_that_is_killed() {
    let kafka = Stack::with_own_kafka("broker-killed");
    let mut pipeline = Pipeline::on("broker_killed", Stack::shared(), &kafka).await;
    let collection = pipeline.collection("users");
    collection.insert((0..100).map(|n| doc! {"_id": n})).await;
    pipeline.start(2).await;
    pipeline.copied().await;
    let writer = tokio::spawn({
        let collection = collection.clone();
        async move {
            for round in 0..1500 {
                collection.update(round % 100, doc! {"$inc": {"n": 1}, "$push": {"rounds": round}}).await;
            }
        }
    });
    pipeline.records(400).await;
    tokio::task::block_in_place(|| {
        kafka.signal("kafka", "KILL");
        kafka.revive("kafka");
    });
    writer.await.expect("the writer ends");
    pipeline.check().await;
    pipeline.close().await;
}

/// librdkafka may know no broker any more after an outage, for good: who reaches nobody for a while gets a new client, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_reach_no_broker_are_replaced() {
    let kafka = Stack::with_own_kafka("broker-away");
    let mut pipeline = Pipeline::on("broker_away", Stack::shared(), &kafka).await;
    // One with a name of its own would take its former self, which the broker forgets meanwhile, for somebody else.
    pipeline.settings["producer"] = json!({});
    let collection = pipeline.collection("users");
    collection.insert((0..100).map(|n| doc! {"_id": n})).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    kafka.signal("kafka", "KILL");
    collection.insert((100..200).map(|n| doc! {"_id": n})).await;
    pipeline.workers[0].says(&["no broker was reached for 15 s"]).await;
    pipeline.producer().says(&["with a new client"]).await;
    tokio::task::block_in_place(|| kafka.revive("kafka"));
    pipeline.check().await;
    pipeline.close().await;
}
