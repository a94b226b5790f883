//! Which collections are carried.

use std::time::Duration;

use bson::doc;
use e2e::{Phase, Pipeline, in_both_phases};
use serde_json::json;

/// Leaves these collections out of the comparison; they must not arrive.
fn leave_out(pipeline: &mut Pipeline, names: &[&str]) {
    let of = |name: &&str| format!("{}.{name}", pipeline.name);
    pipeline.left_out = names.iter().map(of).collect();
}

async fn write_to(pipeline: &Pipeline, names: &[&str], phase: Phase) {
    for name in names {
        let id = |n: i32| format!("{} {n}", phase.name());
        pipeline.collection(name).insert((0..5).map(|n| doc! {"_id": id(n), "n": n})).await;
        pipeline.collection(name).update(id(1), doc! {"$inc": {"n": 1}}).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn excluded_collections_stay_out() {
    let mut pipeline = Pipeline::new("exclude").await;
    let db = pipeline.name.clone();
    pipeline.settings["namespaces"] = json!({
        "include": [format!("{db}.*")],
        "exclude": [format!("{db}.secret"), format!("/{db}\\.(log|tmp_.*)/")],
    });
    leave_out(&mut pipeline, &["secret", "log", "tmp_1"]);
    in_both_phases(&mut pipeline, 1, async |pipeline, phase| {
        write_to(pipeline, &["secret", "log", "tmp_1", "secrets", "log2", "users"], phase).await;
    })
    .await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_included_collections_come() {
    let mut pipeline = Pipeline::new("include").await;
    let db = pipeline.name.clone();
    pipeline.settings["namespaces"] = json!({
        "include": [format!("{db}.marker"), format!("{db}.users"), format!("/{db}\\.shop\\..+/")],
        "exclude": [format!("{db}.shop.carts")],
    });
    leave_out(&mut pipeline, &["user", "usersx", "shop", "shop.carts", "workshop.x"]);
    in_both_phases(&mut pipeline, 1, async |pipeline, phase| {
        let names =
            ["users", "shop.orders", "shop.a.b", "user", "usersx", "shop", "shop.carts", "workshop.x"];
        write_to(pipeline, &names, phase).await;
    })
    .await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_are_passed_over_and_empty_collections_do_no_harm() {
    let mut pipeline = Pipeline::new("views").await;
    in_both_phases(&mut pipeline, 1, async |pipeline, phase| {
        let create = async |command| drop(pipeline.database().run_command(command).await.expect("writes"));
        let name = |what: &str| format!("{what}_{}", phase.name());
        write_to(pipeline, &["users"], phase).await;
        create(doc! {"create": name("view"), "viewOn": "users", "pipeline": [{"$match": {"n": 1}}]}).await;
        create(doc! {"create": name("empty")}).await;
        create(doc! {"create": name("emptied")}).await;
        pipeline.collection(&name("emptied")).insert([doc! {"_id": 1}]).await;
        pipeline.collection(&name("emptied")).delete(1).await;
        if phase == Phase::Streaming {
            pipeline.collection("empty_before").insert([doc! {"_id": 1}]).await;
        }
    })
    .await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collections_created_while_streaming_come_with_all_workers() {
    let mut pipeline = Pipeline::new("created").await;
    pipeline.start(2).await;
    pipeline.copied().await;
    for number in 0..5 {
        let name = format!("new_{number}");
        write_to(&pipeline, &[&name], Phase::Streaming).await;
    }
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_series_collection_is_refused_with_advice() {
    let mut pipeline = Pipeline::new("series_before").await;
    let series = doc! {"create": "events", "timeseries": {"timeField": "t"}};
    pipeline.database().run_command(series).await.expect("the source takes writes");
    let producer = pipeline.start_producer();
    assert_eq!(producer.ended(Duration::from_secs(60)).await, Some(2), "{}", producer.tail());
    let said = producer.said();
    let ns = format!("{}.events", pipeline.name);
    for text in [ns.as_str(), "time series", "namespaces.exclude"] {
        assert!(said.contains(text), "no `{text}` in {said}");
    }

    // What it advises helps.
    pipeline.settings["namespaces"]["exclude"] = json!([ns]);
    leave_out(&mut pipeline, &["events"]);
    write_to(&pipeline, &["users"], Phase::Before).await;
    pipeline.start(1).await;
    pipeline.check().await;
    pipeline.close().await;
}
