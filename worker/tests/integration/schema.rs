//! The observed schema: one for all workers, told as it changes, going on where the last worker left.

use bson::doc;
use serde_json::{Value, json};

use crate::support::{Events, Pipe, event::*, until};

fn run(pipe: &Pipe, line: &str) -> (Option<i32>, String) {
    let arguments: Vec<_> = std::iter::once("schema").chain(line.split(' ')).collect();
    let (status, said) = pipe.command(&arguments);
    (status.code(), said)
}

/// The paths of a schema, each with its JSON.
fn shown(pipe: &Pipe, events: &Events) -> Vec<Value> {
    let (status, said) = run(pipe, &format!("show {} --json", events.ns));
    if status != Some(0) {
        return Vec::new();
    }
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn counted(paths: &[Value], path: &str, kind: &str, count: &str) -> i64 {
    let found = paths.iter().find(|found| found["path"] == path);
    found.and_then(|found| found["types"][kind][count].as_i64()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn five_fields_and_a_sixth_that_joins_are_two_versions() {
    let pipe = Pipe::new("schema").await;
    let users = pipe.events("users", 4).await;
    let workers = [pipe.worker(""), pipe.worker("")];
    pipe.publish(&users, (0..40).map(|id| insert(user(id)))).await;
    pipe.until_count(&users, 40).await;
    let joins = |id: i32| {
        let mut event = update(id, doc! {"updatedFields": {"sex": "f"}});
        event.insert("clusterTime", bson::Timestamp { time: 1_700_000_100, increment: 1 });
        event
    };
    pipe.publish(&users, (0..40).map(joins)).await;
    let coll = pipe.coll(&users);
    until("sex has joined", async || coll.count_documents(doc! {"sex": "f"}).await.unwrap() == 40).await;
    // Both have seen it, and nobody saw all: the drift is told before a worker has to leave.
    until("the drift is told", async || {
        let paths = tokio::task::block_in_place(|| shown(&pipe, &users));
        counted(&paths, "sex", "string", "set") == 40
    })
    .await;
    let drifts: f64 = workers.iter().map(|worker| worker.metric("oplogue_worker_schema_drifts_total")).sum();
    assert!((1.0..=2.0).contains(&drifts), "{drifts}: each worker says it at most once");
    let said: String = workers.iter().map(|worker| worker.log()).collect();
    assert!(said.contains("a field is new") && said.contains("path=\"sex\""), "{said}");
    assert!(!said.contains("example.com"), "no value is logged");
    for worker in workers {
        assert!(worker.stop().0.success());
    }

    let paths = shown(&pipe, &users);
    let seen: Vec<_> =
        paths.iter().map(|path| (path["path"].as_str().unwrap(), path["optional"].as_bool())).collect();
    let required = ["_id", "age", "email", "firstname", "lastname"].map(|path| (path, Some(false)));
    assert_eq!(seen, [required.as_slice(), &[("sex", Some(true))]].concat());
    assert_eq!((counted(&paths, "age", "int", "count"), counted(&paths, "sex", "string", "set")), (40, 40));

    let (status, history) = run(&pipe, &format!("history {}", users.ns));
    assert_eq!(status, Some(0), "{history}");
    let lines: Vec<_> = history.lines().collect();
    assert_eq!(lines.len(), 8, "{history}");
    assert_eq!(
        (lines[0], lines[6]),
        (
            "version 1  2023-11-14T22:13:20Z  (1700000000.1)",
            "version 2  2023-11-14T22:15:00Z  (1700000100.1)"
        )
    );
    assert_eq!((lines[1], lines[7]), ("  + _id: int", "  + sex: string, optional"));
    let (_, diff) = run(&pipe, &format!("diff {}", users.ns));
    assert_eq!(diff.lines().collect::<Vec<_>>(), lines[6..]);
    let (_, table) = run(&pipe, &format!("show {} --version 1", users.ns));
    assert!(
        table.contains("version 1 of 2, 40 documents and 40 updates seen") && !table.contains("sex"),
        "{table}"
    );
    let (_, all) = run(&pipe, "show");
    assert!(all.contains("NAMESPACE") && all.contains(&users.ns.to_string()), "{all}");
    assert_eq!(run(&pipe, "show some.where").0, Some(2));

    // MongoDB takes it as a validator, and every document passes.
    let (_, schema) = run(&pipe, &format!("show {} --json-schema", users.ns));
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["properties"]["age"], json!({"bsonType": "int"}));
    let schema: bson::Document = serde_json::from_value(schema).unwrap();
    let validator = doc! {"collMod": &users.ns.coll, "validator": {"$jsonSchema": schema}};
    pipe.target.run_command(validator).await.unwrap();
    let valid = pipe.target.run_command(doc! {"validate": &users.ns.coll}).await.unwrap();
    assert_eq!(valid.get_i32("nNonCompliantDocuments").unwrap_or(0), 0, "{valid}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_worker_goes_on_from_what_the_last_one_told() {
    let pipe = Pipe::new("schemas").await;
    let things = pipe.events("things", 2).await;
    let (status, said) = run(&pipe, "show");
    assert!(status == Some(0) && said.starts_with("NAMESPACE"), "before any worker there is nothing: {said}");
    let (status, said) = run(&pipe, &format!("history {}", things.ns));
    assert!(status == Some(2) && said.contains("nothing was observed"), "{said}");
    for round in 0..3 {
        let worker = pipe.worker("");
        pipe.publish(&things, (0..10).map(|id| insert(doc! {"_id": round * 10 + id, "n": 1}))).await;
        pipe.until_count(&things, u64::try_from(round * 10 + 10).unwrap()).await;
        assert_eq!(
            worker.metric("oplogue_worker_schema_drifts_total"),
            0.0,
            "nothing is new in round {round}"
        );
        assert!(worker.stop().0.success());
        let paths = shown(&pipe, &things);
        assert_eq!(counted(&paths, "n", "int", "count"), i64::from(round) * 10 + 10);
    }
    let worker = pipe.worker("[worker.schema]\nobserve = false\n");
    pipe.publish(&things, [insert(doc! {"_id": 99, "other": 1})]).await;
    pipe.until_count(&things, 31).await;
    assert!(worker.stop().0.success());
    assert_eq!(shown(&pipe, &things).len(), 2, "a worker that is told not to look does not");
}
