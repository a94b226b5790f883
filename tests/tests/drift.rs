//! Declared schemas and their policies: what departs from them is dropped, read as what is declared, filled in, refused, or stops the worker;
//! nothing of it is lost.

use std::{fs, time::Duration};

use bson::{Bson, Document, doc};
use e2e::{Pipeline, process::Binary};
use serde_json::{Value, json};

/// A stop shows within this time.
const SOON: Duration = Duration::from_secs(60);

fn user(n: i32) -> Document {
    doc! {"_id": n, "firstname": "Ada", "lastname": "Lovelace", "age": n, "email": "ada@example.com"}
}

/// Runs `worker` with these words; gives its exit status and what it said.
fn worker(pipeline: &Pipeline, arguments: &[&str]) -> (Option<i32>, String) {
    pipeline.command(Binary::Worker, arguments)
}

fn letters(pipeline: &Pipeline) -> Vec<Value> {
    let (status, said) = worker(pipeline, &["dead-letters", "list", "--json"]);
    assert_eq!(status, Some(0), "{said}");
    said.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

fn reasons(pipeline: &Pipeline, reason: &str) -> usize {
    letters(pipeline).iter().filter(|letter| letter["reason"] == reason).count()
}

/// Stops the worker, if it runs, and starts it with these schemas.
async fn declare(pipeline: &mut Pipeline, schemas: Value) {
    pipeline.settings["schemas"] = schemas;
    if pipeline.workers[0].status().is_none() {
        pipeline.workers[0].stop().await;
    }
    pipeline.restart_worker(0).ready().await;
}

/// What the worker did about departures, by kind and policy.
async fn departures(pipeline: &Pipeline, kind: &str, policy: &str) -> f64 {
    let (_, body) = pipeline.workers[0].get("/metrics").await.expect("the worker answers");
    let lines = body.lines().filter(|line| {
        line.starts_with("oplogue_worker_schema_departures_total{")
            && line.contains(&format!("kind=\"{kind}\""))
            && line.contains(&format!("policy=\"{policy}\""))
    });
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Five fields are copied and their schema is written down; then `sex` joins.
async fn seed(test: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(test).await;
    pipeline.collection("users").insert((0..50).map(user)).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    pipeline.workers[0].stop().await;
    let ns = format!("{}.users", pipeline.name);
    let (status, said) = worker(&pipeline, &["schema", "show", &ns, "--json-schema"]);
    assert_eq!(status, Some(0), "{said}");
    fs::write(pipeline.folder().join("users.schema.json"), said).expect("the schema can be written");
    pipeline
}

fn of_users(pipeline: &Pipeline, mut policies: Value) -> Value {
    policies["namespace"] = json!(format!("{}.users", pipeline.name));
    policies["declared_file"] = json!("users.schema.json");
    json!([policies])
}

/// Declares `sex`, too.
fn widen(pipeline: &Pipeline) {
    let file = pipeline.folder().join("users.schema.json");
    let text = fs::read_to_string(&file).expect("the schema was written");
    let mut schema: Value = serde_json::from_str(&text).expect("it is JSON");
    schema["properties"]["sex"] = json!({"bsonType": "string"});
    fs::write(file, schema.to_string()).expect("the schema can be written");
}

/// `sex` joins, in an update and in a new document, and goes on to change.
async fn sex_joins(pipeline: &Pipeline) {
    let users = pipeline.collection("users");
    users.update(7, doc! {"$set": {"sex": "f"}}).await;
    let mut joined = user(1000);
    joined.insert("sex", "f");
    users.insert([joined]).await;
    users.update(7, doc! {"$set": {"age": 8}}).await;
    users.update(8, doc! {"$set": {"age": 9}}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_field_is_quarantined_and_replayed_once_it_is_declared() {
    let mut pipeline = seed("drift_quarantine").await;
    let ns = format!("{}.users", pipeline.name);
    let schemas = of_users(&pipeline, json!({"new_field": "quarantine"}));
    declare(&mut pipeline, schemas).await;
    sex_joins(&pipeline).await;
    pipeline.applied().await;
    assert_eq!(
        (reasons(&pipeline, "drift"), reasons(&pipeline, "follows")),
        (2, 1),
        "{:?}",
        letters(&pipeline)
    );
    assert!((departures(&pipeline, "new_field", "quarantine").await - 2.0).abs() < 0.1);
    let (status, body) = pipeline.workers[0].get("/api/v1/schema").await.expect("the worker answers");
    let told: Value = serde_json::from_str(&body).expect("it is JSON");
    let users = told["namespaces"].as_array().expect("a list").iter().find(|told| told["ns"] == ns.as_str());
    let drift = &users.expect("it is known")["drifts"][0];
    assert_eq!(
        (status, &drift["path"], &drift["drift"]),
        (200, &json!("sex"), &json!("new_field")),
        "{body}"
    );
    assert!(!body.contains("ada@example.com"), "{body}");
    let number = letters(&pipeline)[0]["id"].as_str().expect("a number").to_owned();
    let (_, said) = worker(&pipeline, &["dead-letters", "show", &number]);
    assert!(said.contains("new_field: `sex` (string) is not declared (schemas[0])"), "{said}");
    let at_target = pipeline.at_target("users");
    assert_eq!(at_target.0.find_one(doc! {"_id": 7}).await.unwrap().unwrap(), user(7), "it waits as it was");
    assert_eq!(at_target.0.find_one(doc! {"_id": 8}).await.unwrap().unwrap().get_i32("age").ok(), Some(9));

    widen(&pipeline);
    let schemas = pipeline.settings["schemas"].clone();
    declare(&mut pipeline, schemas).await;
    let (status, said) = worker(&pipeline, &["dead-letters", "replay", "--all"]);
    assert_eq!(status, Some(0), "{said}");
    pipeline.check().await;
    assert!(letters(&pipeline).is_empty(), "{:?}", letters(&pipeline));
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_field_stops_the_worker_until_it_is_declared() {
    let mut pipeline = seed("drift_stop").await;
    let schemas = of_users(&pipeline, json!({"new_field": "stop"}));
    declare(&mut pipeline, schemas).await;
    sex_joins(&pipeline).await;
    for _ in 0..2 {
        assert_eq!(pipeline.workers[0].ended(SOON).await, Some(2), "{}", pipeline.workers[0].tail());
        let said = pipeline.workers[0].said();
        for text in [
            &format!("{}.users", pipeline.name),
            "`sex` (string) is not declared",
            "schemas[0].new_field",
            "offset ",
        ] {
            assert!(said.contains(text), "no `{text}` in {said}");
        }
        // Started again as it was, it stops again.
        pipeline.restart_worker(0);
    }
    assert_eq!(pipeline.workers[0].ended(SOON).await, Some(2), "{}", pipeline.workers[0].tail());
    widen(&pipeline);
    pipeline.restart_worker(0).ready().await;
    pipeline.check().await;
    assert!(letters(&pipeline).is_empty(), "{:?}", letters(&pipeline));
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_field_is_dropped_by_every_road() {
    let mut pipeline = seed("drift_drop").await;
    let schemas = of_users(&pipeline, json!({"new_field": "drop"}));
    declare(&mut pipeline, schemas).await;
    sex_joins(&pipeline).await;
    let users = pipeline.collection("users");
    users.update(9, doc! {"$set": {"deep.secret": 1, "age": 10}}).await;
    users.update(9, doc! {"$set": {"deep.secret": 2}, "$unset": {"email": ""}}).await;
    users.update(10, vec![doc! {"$set": {"copy": "$email"}}, doc! {"$unset": "lastname"}]).await;
    users.replace(11, doc! {"age": 12, "sex": "m"}).await;
    pipeline.applied().await;
    let at_target = pipeline.at_target("users").0;
    for field in ["sex", "deep", "copy"] {
        assert_eq!(at_target.count_documents(doc! {field: {"$exists": true}}).await.unwrap(), 0, "{field}");
    }
    let found = async |id: i32| at_target.find_one(doc! {"_id": id}).await.unwrap().unwrap();
    assert_eq!(
        found(7).await,
        doc! {"_id": 7, "firstname": "Ada", "lastname": "Lovelace", "age": 8, "email": "ada@example.com"}
    );
    assert_eq!(found(9).await, doc! {"_id": 9, "firstname": "Ada", "lastname": "Lovelace", "age": 10});
    assert_eq!(found(10).await, doc! {"_id": 10, "firstname": "Ada", "age": 10, "email": "ada@example.com"});
    assert_eq!(found(11).await, doc! {"_id": 11, "age": 12});
    assert_eq!(found(1000).await, user(1000));
    assert!(letters(&pipeline).is_empty(), "{:?}", letters(&pipeline));
    assert!(departures(&pipeline, "new_field", "drop").await >= 6.0);
    pipeline.close().await;
}

fn order_schema() -> Value {
    json!({"$jsonSchema": {
        "bsonType": "object",
        "required": ["n"],
        "properties": {
            "n": {"bsonType": "long"},
            "price": {"bsonType": "decimal"},
            "at": {"bsonType": "date"},
            "by": {"bsonType": "objectId"},
            "status": {"bsonType": "string"},
            "tags": {"bsonType": "array", "items": {"bsonType": "int"}},
            "address": {"bsonType": "object", "properties": {"country": {"bsonType": "string"}, "zip": {"bsonType": "string"}}},
        },
    }})
}

/// Every sort of departure, on whole documents and in updates.
async fn orders(pipeline: &Pipeline, first: i32) {
    let orders = pipeline.collection("orders");
    orders.insert((first..first + 6).map(|n| {
        doc! {
            "_id": n, "n": n, "price": f64::from(n) + 0.5, "at": "2026-11-20T16:20:00Z", "by": "0123456789abcdef01234567",
            "tags": [1, 2.0, "3"], "address": {"zip": n}, "status": "paid",
        }
    })).await;
    orders.insert([doc! {"_id": first + 6, "n": "7"}]).await;
    orders.update(first, doc! {"$set": {"n": 1.0, "tags.1": 7_i64}, "$unset": {"status": ""}}).await;
    orders.update(first + 1, doc! {"$push": {"tags": "4"}, "$set": {"address": {"zip": 5.0}}}).await;
    orders
        .update(first + 2, vec![doc! {"$set": {"price": 2, "address.zip": 6_i64}}, doc! {"$unset": "status"}])
        .await;
    // What has no reading.
    orders.update(first + 3, doc! {"$set": {"n": 1.5}}).await;
    orders.update(first + 3, doc! {"$set": {"status": "sent"}}).await;
    orders.insert([doc! {"_id": first + 7, "n": 1, "at": "yesterday"}]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_read_as_declared_and_missing_fields_filled_in() {
    let mut pipeline = Pipeline::new("drift_coerce").await;
    pipeline.settings["schemas"] = json!([{
        "namespace": format!("{}.orders", pipeline.name),
        "declared": order_schema(),
        "widened_type": "coerce",
        "incompatible_type": "coerce",
        "missing_field": "quarantine",
        "defaults": {"status": "new", "address.country": "DE"},
    }]);
    orders(&pipeline, 0).await;
    pipeline.start(1).await;
    orders(&pipeline, 100).await;
    pipeline.applied().await;
    let price = |text: &str| Bson::Decimal128(text.parse().expect("a decimal"));
    let at = bson::DateTime::from_millis(1_795_191_600_000);
    let by = bson::oid::ObjectId::parse_str("0123456789abcdef01234567").expect("an id");
    let at_target = pipeline.at_target("orders").0;
    for first in [0, 100] {
        let found = async |id: i32| at_target.find_one(doc! {"_id": first + id}).await.unwrap();
        let whole = |n: i32| {
            doc! {
                "_id": first + n, "n": i64::from(first + n), "price": price(&format!("{}.5", first + n)), "at": at, "by": by,
                "tags": [1, 2, 3], "address": {"zip": (first + n).to_string(), "country": "DE"}, "status": "paid",
            }
        };
        let with = |n: i32, changes: Document| {
            let mut document = whole(n);
            document.extend(changes);
            document
        };
        assert_eq!(found(0).await, Some(with(0, doc! {"n": 1_i64, "tags": [1, 7, 3], "status": "new"})));
        let changes = doc! {"tags": [1, 2, 3, 4], "address": {"zip": "5.0", "country": "DE"}};
        assert_eq!(found(1).await, Some(with(1, changes)));
        let changes = doc! {"price": price("2"), "address": {"zip": "6", "country": "DE"}, "status": "new"};
        assert_eq!(found(2).await, Some(with(2, changes)));
        assert_eq!(found(4).await, Some(whole(4)));
        assert_eq!(found(6).await, Some(doc! {"_id": first + 6, "n": 7_i64, "status": "new"}));
        // A copied document was as it is when it was read; an update's document waits as it was.
        let waits = if first == 0 { None } else { Some(whole(3)) };
        assert_eq!((found(3).await, found(7).await), (waits, None));
    }
    assert_eq!(
        (reasons(&pipeline, "drift"), reasons(&pipeline, "follows")),
        (4, 1),
        "{:?}",
        letters(&pipeline)
    );
    for (kind, policy) in [
        ("widened_type", "coerce"),
        ("incompatible_type", "coerce"),
        ("missing_field", "default"),
        ("widened_type", "quarantine"),
    ] {
        assert!(departures(&pipeline, kind, policy).await >= 1.0, "{kind} {policy}");
    }
    pipeline.close().await;
}

/// A field goes, a number is of another type, a value is of another type: each once refused, and once a stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_policy_refuses_or_stops_and_loses_nothing() {
    let mut pipeline = Pipeline::new("drift_each").await;
    let kinds = ["new_field", "missing_field", "widened_type", "incompatible_type"];
    let good = |n: i32| doc! {"_id": n, "n": 1_i64, "status": "s"};
    for kind in kinds {
        pipeline.collection(kind).insert((0..5).map(good)).await;
    }
    let schemas = |pipeline: &Pipeline, policy: &str| {
        let of = |kind: &&str| json!({"namespace": format!("{}.{kind}", pipeline.name), "declared": order_schema(), *kind: policy});
        Value::Array(kinds.iter().map(of).collect())
    };
    pipeline.settings["schemas"] = schemas(&pipeline, "quarantine");
    pipeline.start(1).await;
    pipeline.applied().await;
    let drift = |kind: &str| match kind {
        "new_field" => doc! {"$set": {"new": 1}},
        "missing_field" => doc! {"$unset": {"n": ""}},
        "widened_type" => doc! {"$set": {"n": 2}},
        _ => doc! {"$set": {"status": true}},
    };
    for kind in kinds {
        let collection = pipeline.collection(kind);
        collection.update(1, drift(kind)).await;
        collection.update(2, doc! {"$set": {"status": "t"}}).await;
    }
    pipeline.applied().await;
    let found = letters(&pipeline);
    assert_eq!(found.len(), 4, "{found:?}");
    for kind in kinds {
        assert!((departures(&pipeline, kind, "quarantine").await - 1.0).abs() < 0.1, "{kind}");
        let at_target = pipeline.at_target(kind).0;
        assert_eq!(at_target.find_one(doc! {"_id": 1}).await.unwrap(), Some(good(1)), "{kind}");
        assert_eq!(at_target.count_documents(doc! {"status": "t"}).await.unwrap(), 1, "{kind}");
    }
    // Replayed while the policies stop the worker, the first of them does; the policy is lifted, one after the other.
    let stopping = schemas(&pipeline, "stop");
    declare(&mut pipeline, stopping).await;
    for kind in kinds {
        pipeline.collection(kind).update(3, drift(kind)).await;
    }
    let mut lifted = pipeline.settings["schemas"].as_array().expect("a list").clone();
    while !lifted.is_empty() {
        assert_eq!(pipeline.workers[0].ended(SOON).await, Some(2), "{}", pipeline.workers[0].tail());
        let said = pipeline.workers[0].said();
        let stopper = lifted.iter().position(|schema| {
            let ns = schema["namespace"].as_str().expect("a name");
            let kind = ns.rsplit_once('.').expect("a collection").1;
            said.contains(&format!("{ns}: ")) && said.contains(&format!(".{kind} says `stop`"))
        });
        lifted.remove(stopper.unwrap_or_else(|| panic!("nobody is named: {said}")));
        pipeline.settings["schemas"] = Value::Array(lifted.clone());
        pipeline.restart_worker(0);
    }
    pipeline.workers[0].ready().await;
    pipeline.applied().await;
    let (status, said) = worker(&pipeline, &["dead-letters", "replay", "--all"]);
    assert_eq!(status, Some(0), "{said}");
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_cannot_be_is_told_with_its_path() {
    let mut pipeline = Pipeline::new("drift_bad").await;
    pipeline.settings["schemas"] = json!([
        {"namespace": "a.b", "new_field": "drop"},
        {"namespace": "a.c", "declared": {"properties": {"n": {"bsonType": "int", "minimum": 1}}}, "widened_type": "stop"},
        {"namespace": "a.d", "declared": order_schema(), "defaults": {"n": "x", "nosuch": 1}},
        {"namespace": "a.e", "declared_file": "missing.json", "new_field": "discard"},
    ]);
    pipeline.write_settings();
    let (status, said) = worker(&pipeline, &["check"]);
    assert_eq!(status, Some(2), "{said}");
    for problem in [
        "schemas[0].new_field: there is nothing to compare with",
        "schemas[1].declared.properties.n.minimum: `minimum` is not understood",
        "schemas[2].defaults.n: it is of type string where long is declared",
        "schemas[2].defaults.nosuch: `nosuch` is not declared",
        "schemas[3].declared_file: ",
        "schemas[3].new_field: expected `accept`, `drop`, `quarantine` or `stop`",
    ] {
        assert!(said.contains(problem), "no `{problem}` in {said}");
    }
    pipeline.discard().await;
}
