//! Fields get other names and values are masked, and namespaces go by other names at the target: on every road alike.

use std::time::Duration;

use bson::{Bson, Document, doc};
use e2e::{Collection, DEADLINE, Phase, Pipeline, compare, eventually, in_both_phases};
use serde_json::json;

/// A collision shows within this time.
const SOON: Duration = Duration::from_secs(60);

fn customer(number: i32) -> Document {
    doc! {
        "_id": number,
        "name": format!("Customer {number}"),
        "ssn": format!("078-05-{number:04}"),
        "address": {"city": "X", "zip": format!("{number:05}")},
        "cards": [{"number": "4111", "until": "2030"}, {"number": 4112, "until": Bson::Null}],
        "items": [{"price": 1, "name": "a"}, {"price": 2.5}, 3],
        "notes": ["short", "äöü and much longer than that", Bson::Null],
        "weight": "w".repeat(200),
    }
}

/// Every kind of change to a renamed field, a masked value, and what lies around them.
async fn change(customers: &Collection, first: i32) {
    customers.insert((first..first + 20).map(customer)).await;
    for (number, change) in (first..).zip([
        doc! {"$set": {"ssn": "078-05-9999"}},
        doc! {"$unset": {"ssn": ""}},
        doc! {"$set": {"address.zip": "99999", "address.country": "Y"}},
        doc! {"$unset": {"address.zip": ""}},
        doc! {"$set": {"address": {"zip": 5, "street": "Z"}}},
        doc! {"$set": {"items.0.price": 9, "items.1.name": "b"}},
        doc! {"$push": {"items": {"$each": [{"price": 4}], "$slice": -2}}},
        doc! {"$push": {"items": {"$each": [], "$slice": 1}}},
        doc! {"$unset": {"items.0.price": ""}},
        doc! {"$set": {"items.5.price": 7}},
        doc! {"$set": {"cards.0.number": "5111", "cards.1.until": "2031"}},
        doc! {"$set": {"cards.0.number": {"a": 1}}},
        doc! {"$set": {"cards.0.number": Bson::Null}},
        doc! {"$set": {"notes.1": "another that is too long", "notes.0": 5}},
        doc! {"$set": {"notes.6": "far behind the end"}},
        doc! {"$push": {"notes": {"$each": ["and so it goes on"], "$slice": -2}}},
        doc! {"$set": {"notes": {"of": "another type"}}},
        doc! {"$rename": {"name": "ssn"}},
        doc! {"$unset": {"address": "", "items": "", "cards": ""}},
    ]) {
        customers.update(number, change).await;
    }
    customers.replace(first + 19, doc! {"address": {"zip": "1"}, "ssn": Bson::Null, "notes": []}).await;
    let moved = vec![doc! {"$set": {"ssn": "$name", "address": {"zip": "$address.city"}}}];
    customers.update(first, moved).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renamed_fields_and_masked_values_arrive_by_every_road() {
    let mut pipeline = Pipeline::new("masks").await;
    let rule = json!({
        "rename": {"address.zip": "postcode", "address": "home", "items.price": "cost", "notes": "remarks"},
        "mask": {"ssn": "hash", "items.price": "hash", "cards.number": "redact", "notes": {"truncate": 5}},
    });
    pipeline.rule("customers", rule);
    in_both_phases(&mut pipeline, 2, async |pipeline, phase| {
        let first = if phase == Phase::Before { 0 } else { 1000 };
        change(&pipeline.collection("customers"), first).await;
        change(&pipeline.collection("untouched"), first).await;
    })
    .await;

    // What the comparison rests on, once by eye.
    let at_target = pipeline.at_target("customers");
    let found = at_target.0.find_one(doc! {"_id": 5}).await.unwrap().unwrap();
    assert_eq!(found.get_document("home").unwrap().get_str("postcode").unwrap(), "00005");
    assert_eq!(found.get_str("ssn").unwrap().len(), 64);
    assert_eq!(found.get_array("remarks").unwrap()[1], "äöü a".into());
    let card = found.get_array("cards").unwrap()[0].as_document().unwrap();
    assert_eq!(card, &doc! {"number": "***", "until": "2030"});
    assert!(pipeline.view.dead_letters().unwrap().is_empty());
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_of_a_new_name_is_refused_and_harms_no_other_document() {
    let mut pipeline = Pipeline::new("taken").await;
    pipeline.rule("users", json!({"rename": {"zip": "postcode"}}));
    let users = pipeline.collection("users");
    users.insert((0..20).map(|n| doc! {"_id": n, "zip": n})).await;
    pipeline.start(1).await;
    pipeline.copied().await;
    users.insert([doc! {"_id": 100, "zip": 1, "postcode": 2}]).await;
    users.insert([doc! {"_id": 101, "zip": 3}]).await;
    pipeline.applied().await;

    let letters = pipeline.view.dead_letters().unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].header("dead.kind"), "collision");
    let reason = letters[0].header("dead.reason");
    assert!(reason.contains("`postcode`"), "{reason}");
    let at_target = pipeline.at_target("users");
    assert_eq!(at_target.count().await, 21);
    assert_eq!(at_target.0.count_documents(doc! {"postcode": {"$exists": true}}).await.unwrap(), 21);
    pipeline.close().await;
}

/// What the source holds, under the names that `name` makes of its namespaces, is what the target's databases hold.
async fn check_mapped(pipeline: &Pipeline, databases: &[String], name: impl Fn(&str) -> String) {
    let source = compare::contents(&pipeline.source, &pipeline.databases).await.expect("the source answers");
    let mapped = source.into_iter().map(|(ns, documents)| (name(&ns), documents)).collect();
    let target = compare::contents(&pipeline.target, databases).await.expect("the target answers");
    if let Some(differences) = compare::differences(&mapped, &target) {
        panic!("the target differs from the source: {differences}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespaces_go_by_other_names_at_the_target() {
    let mut pipeline = Pipeline::new("mapped").await;
    let (db, archive) = (pipeline.name.clone(), format!("{}_archive", pipeline.name));
    pipeline.settings["map"] = json!([
        {"from": format!("{db}.*"), "to": format!("{archive}.*_old")},
        {"from": format!("{db}.orders"), "to": format!("{db}.sales")},
    ]);
    let body = async |pipeline: &Pipeline, phase: Phase| {
        let first = if phase == Phase::Before { 0 } else { 1000 };
        for name in ["customers", "orders", "a.b"] {
            change(&pipeline.collection(name), first).await;
        }
    };
    body(&pipeline, Phase::Before).await;
    pipeline.start(2).await;
    pipeline.copied().await;
    body(&pipeline, Phase::Streaming).await;
    let last = pipeline.applied().await;
    pipeline.check_history(last).await;

    let prefix = format!("{db}.");
    let name = |ns: &str| match ns.strip_prefix(&prefix) {
        Some("orders") => format!("{db}.sales"),
        Some(coll) => format!("{archive}.{coll}_old"),
        None => ns.to_owned(),
    };
    check_mapped(&pipeline, &[db.clone(), archive.clone()], &name).await;

    // A document that is missing at the target is asked for by the source's name and arrives under the target's.
    let old = Collection(pipeline.target.database(&archive).collection("customers_old"));
    old.delete(1018).await;
    pipeline.collection("customers").update(1018, doc! {"$set": {"ssn": "again"}}).await;
    eventually("the document is repaired", DEADLINE, async || {
        let found = old.0.find_one(doc! {"_id": 1018, "ssn": "again", "weight": {"$exists": true}}).await;
        found.expect("the target answers").ok_or_else(|| "it is not there".to_owned())
    })
    .await;
    pipeline.applied().await;
    check_mapped(&pipeline, &[db.clone(), archive.clone()], &name).await;

    pipeline.target.database(&archive).drop().await.unwrap();
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_namespaces_are_never_mixed_into_one() {
    let mut pipeline = Pipeline::new("mixed").await;
    let (db, other) = (pipeline.name.clone(), pipeline.also_carry("other"));
    // The configuration cannot show it: both databases may hold collections of different names.
    pipeline.settings["map"] = json!([{"from": format!("{db}.*"), "to": format!("{other}.*")}]);
    pipeline.collection("users").insert([doc! {"_id": 1, "of": "one"}]).await;
    pipeline.start(1).await;
    pipeline.applied().await;
    let users = pipeline.target.database(&other).collection::<Document>("users");
    assert_eq!(users.count_documents(doc! {}).await.unwrap(), 1);

    let theirs = pipeline.source.database(&other).collection::<Document>("users");
    theirs.insert_one(doc! {"_id": 1, "of": "another"}).await.unwrap();
    let worker = &mut pipeline.workers[0];
    assert_eq!(worker.ended(SOON).await, Some(2), "{}", worker.tail());
    let said = worker.said();
    assert!(said.contains(&format!("{other}.users")) && said.contains("`map`"), "{said}");
    let found = users.find_one(doc! {"_id": 1}).await.unwrap().unwrap();
    assert_eq!(found, doc! {"_id": 1, "of": "one"});
    assert_eq!(pipeline.producer().stop().await, Some(0));
    pipeline.discard().await;
}
