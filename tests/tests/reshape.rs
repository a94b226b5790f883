//! Rules that change while the pipeline lives: what is affected is named, and a snapshot brings it in line.

use bson::doc;
use e2e::{DEADLINE, Pipeline, eventually, process::Binary, waiting::ensure};
use serde_json::{Value, json};

/// Runs `worker rules`; gives its exit status and what it said.
fn rules(pipeline: &Pipeline, arguments: &[&str]) -> (Option<i32>, String) {
    pipeline.command(Binary::Worker, &[&["rules"], arguments].concat())
}

async fn standing(pipeline: &Pipeline, collection: &str, wanted: &str) {
    eventually(format!("{collection} is {wanted}"), DEADLINE, async || {
        let (status, said) = rules(pipeline, &["show", "--json"]);
        ensure(status == Some(0), || said.clone())?;
        let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut of = lines.filter(|line| line["namespace"] == format!("{}.{collection}", pipeline.name));
        ensure(of.next().is_some_and(|line| line["standing"] == wanted), || said.clone())
    })
    .await;
}

/// A field that is let through after all, on documents that no change has touched since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_rules_hold_for_old_documents_once_they_were_copied_again() {
    let mut pipeline = Pipeline::new("reshape").await;
    pipeline.rule("users", json!({"deny": ["age"]}));
    let (users, orders) = (pipeline.collection("users"), pipeline.collection("orders"));
    for collection in [&users, &orders] {
        collection.insert((0..300).map(|n| doc! {"_id": n, "age": n, "zip": "1"})).await;
    }
    pipeline.start(2).await;
    pipeline.applied().await;
    standing(&pipeline, "users", "inForce").await;

    pipeline.settings["rules"] = json!([]);
    pipeline.rule("users", json!({"rename": {"zip": "postcode"}}));
    for number in 0..2 {
        assert_eq!(pipeline.workers[number].stop().await, Some(0));
        pipeline.restart_worker(number).ready().await;
    }
    users.update(7, doc! {"$set": {"age": 70}}).await;
    standing(&pipeline, "users", "affected").await;
    standing(&pipeline, "orders", "inForce").await;
    let said =
        |pipeline: &Pipeline| pipeline.workers.iter().map(e2e::process::Process::said).collect::<String>();
    eventually("the log names what is affected", DEADLINE, async || {
        let log = said(&pipeline);
        ensure(log.contains(&format!("worker rules resnapshot {}.users", pipeline.name)), || log.clone())
    })
    .await;
    assert!(!said(&pipeline).contains(&format!("resnapshot {}.orders", pipeline.name)));

    let (_, report) = pipeline.workers[0].get("/api/v1/rules").await.expect("the worker answers");
    let report: Value = serde_json::from_str(&report).expect("it is JSON");
    assert_eq!(report["offers"], json!([format!("worker rules resnapshot {}.users", pipeline.name)]));

    let (status, told) = rules(&pipeline, &["resnapshot"]);
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains("300 documents") && !told.contains(".orders"), "{told}");
    standing(&pipeline, "users", "inForce").await;
    // As the rules have it, byte for byte: the old name is gone, what was denied is there.
    pipeline.applied().await;
    let (status, told) = rules(&pipeline, &["resnapshot"]);
    assert_eq!((status, told.trim()), (Some(0), "nothing is to be copied again"));
    let (status, told) = rules(&pipeline, &["resnapshot", "no.such"]);
    assert_eq!(status, Some(2), "{told}");
    pipeline.close().await;
}
