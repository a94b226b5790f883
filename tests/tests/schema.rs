//! The observed schema from end to end: what a snapshot brings, and what joins later.

use bson::doc;
use e2e::{Pipeline, process::Binary};
use serde_json::Value;

/// Runs `worker schema`; gives its exit status and what it said.
fn schema(pipeline: &Pipeline, arguments: &[&str]) -> (Option<i32>, String) {
    pipeline.command(Binary::Worker, &[&["schema"], arguments].concat())
}

/// The seed case: five fields are copied, `sex` joins later, in an update and in a new document.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_joins_later_is_a_version_of_its_own() {
    let mut pipeline = Pipeline::new("schema").await;
    let users = pipeline.collection("users");
    let user = |n: i32| doc! {"_id": n, "firstname": "Ada", "lastname": "Lovelace", "age": n, "email": "ada@example.com"};
    users.insert((0..200).map(user)).await;
    pipeline.start(2).await;
    pipeline.applied().await;
    let before: f64 = drifts(&pipeline).await;
    assert_eq!(before, 0.0, "what was there before is no drift");

    users.update(7, doc! {"$set": {"sex": "f"}}).await;
    let mut joined = user(1000);
    joined.insert("sex", "f");
    joined.insert("age", 5_i64);
    users.insert([joined]).await;
    pipeline.applied().await;
    assert!(drifts(&pipeline).await >= 2.0, "a new field and a wider type");
    for worker in &mut pipeline.workers {
        worker.stop().await;
    }

    let ns = format!("{}.users", pipeline.name);
    let (status, said) = schema(&pipeline, &["show", &ns, "--json-schema"]);
    assert_eq!(status, Some(0), "{said}");
    let json: Value = serde_json::from_str(&said).expect("it is JSON");
    assert_eq!(json["properties"]["age"]["bsonType"], serde_json::json!(["int", "long"]), "{said}");
    assert_eq!(json["properties"]["sex"]["bsonType"], "string", "{said}");
    let required = json["required"].as_array().expect("some are required").len();
    assert_eq!(required, 5, "{said}");
    let (status, said) = schema(&pipeline, &["history", &ns, "--json"]);
    assert_eq!(status, Some(0), "{said}");
    let lines: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let version = |change: &str, path: &str| {
        lines.iter().find(|line| line["change"][change] == path).map(|line| line["version"].as_u64())
    };
    assert_eq!(version("added", "email"), Some(Some(1)), "{said}");
    assert!(
        version("added", "sex") > Some(Some(1)) && version("typed", "age") > version("added", "sex"),
        "{said}"
    );
    let logs: String = pipeline.workers.iter().map(e2e::process::Process::said).collect();
    assert!(logs.contains("a field is new") && !logs.contains("ada@example.com"), "{logs}");
    for path in ["sex", "age"] {
        assert!(logs.contains(&format!("path=\"{path}\"")), "{path}: {logs}");
    }
    pipeline.producer().stop().await;
    pipeline.discard().await;
}

async fn drifts(pipeline: &Pipeline) -> f64 {
    let mut sum = 0.0;
    for worker in &pipeline.workers {
        let (_, body) = worker.get("/metrics").await.expect("the worker answers");
        let lines = body.lines().filter(|line| {
            line.starts_with("oplogue_worker_schema_drifts_total{") && line.contains(".users\"")
        });
        sum += lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>();
    }
    sum
}
