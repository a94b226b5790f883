//! Drops and renames reach the target, exactly where they stand in the source's history.

use std::collections::BTreeSet;

use bson::{Document, doc};
use e2e::{DEADLINE, Phase, Pipeline, definitions::indexes, eventually, in_both_phases};
use futures_util::TryStreamExt as _;
use serde_json::json;

fn numbered(from: i32, to: i32, of: &str) -> Vec<Document> {
    (from..to).map(|n| doc! {"_id": n, "of": of, "n": n % 7}).collect()
}

async fn drop_collection(pipeline: &Pipeline, name: &str) {
    pipeline.database().collection::<Document>(name).drop().await.expect("the source drops");
}

async fn rename(pipeline: &Pipeline, from: &str, to: &str) {
    let db = &pipeline.name;
    rename_across(pipeline, &format!("{db}.{from}"), &format!("{db}.{to}")).await;
}

async fn rename_across(pipeline: &Pipeline, from: &str, to: &str) {
    let command = doc! {"renameCollection": from, "to": to, "dropTarget": true};
    pipeline.source.database("admin").run_command(command).await.expect("the source renames");
}

async fn names(client: &mongodb::Client, db: &str) -> BTreeSet<String> {
    let cursor = client.database(db).list_collections().await.expect("the server answers");
    let found: Vec<_> = cursor.try_collect().await.expect("the server answers");
    found.into_iter().map(|found| found.name).filter(|name| !name.starts_with("system.")).collect()
}

/// The target has no collection that the source has not; what both hold is compared elsewhere.
async fn nothing_is_left_over(pipeline: &Pipeline) {
    for db in &pipeline.databases {
        let (source, target) = (names(&pipeline.source, db).await, names(&pipeline.target, db).await);
        let left: Vec<_> = target.difference(&source).collect();
        assert!(left.is_empty(), "left over at the target: {left:?}");
    }
}

/// What has come from outside of the stream is copied; then both sides are the same.
async fn check_target(pipeline: &mut Pipeline) {
    pipeline.published().await;
    pipeline.applied().await;
    pipeline.check_target().await;
    nothing_is_left_over(pipeline).await;
}

/// Every change of a collection's name or being, with writes before and behind it.
async fn change(pipeline: &Pipeline, phase: Phase) {
    let name = |name: &str| format!("{name}_{}", phase.name());
    let coll = |of: &str| pipeline.collection(&name(of));
    coll("dropped").insert(numbered(0, 60, "dropped")).await;
    drop_collection(pipeline, &name("dropped")).await;

    coll("again").insert(numbered(0, 60, "the first")).await;
    drop_collection(pipeline, &name("again")).await;
    coll("again").insert(numbered(30, 50, "the second")).await;
    coll("again").update(31, doc! {"$set": {"seen": true}}).await;

    coll("old").insert(numbered(0, 60, "old")).await;
    rename(pipeline, &name("old"), &name("new")).await;
    coll("new").update_many(doc! {"n": 3}, doc! {"$set": {"seen": true}}).await;
    coll("new").delete(4).await;
    coll("old").insert(numbered(50, 70, "another old one")).await;

    coll("winner").insert(numbered(0, 40, "winner")).await;
    coll("loser").insert(numbered(20, 60, "loser")).await;
    rename(pipeline, &name("winner"), &name("loser")).await;
    coll("loser").update(7, doc! {"$push": {"list": 1}}).await;
    coll("loser").insert(numbered(40, 45, "later")).await;

    // Names go round.
    for of in ["a", "b", "c"] {
        coll(of).insert(numbered(0, 30, of)).await;
    }
    for (from, to) in [("c", "spare"), ("b", "c"), ("a", "b"), ("spare", "a")] {
        rename(pipeline, &name(from), &name(to)).await;
        coll(to).update(5, doc! {"$push": {"was": from}}).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drops_and_renames_are_carried_out_where_they_stand() {
    let mut pipeline = Pipeline::new("ddl").await;
    in_both_phases(&mut pipeline, 2, change).await;
    nothing_is_left_over(&pipeline).await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_by_a_rename_from_outside_replaces_what_was_there() {
    let mut pipeline = Pipeline::new("ddl_out").await;
    pipeline.settings["namespaces"]["exclude"] = json!([format!("{}.hidden", pipeline.name)]);
    pipeline.left_out.push(format!("{}.hidden", pipeline.name));
    let other = pipeline.also_carry("other");
    pipeline.collection("users").insert(numbered(0, 300, "users")).await;
    pipeline.start(2).await;
    pipeline.copied().await;
    let name = pipeline.name.clone();
    let database = pipeline.database();
    let out = async |n: i32, to: &str| {
        let stages = vec![doc! {"$match": {"n": n}}, doc! {"$out": to}];
        let command = doc! {"aggregate": "users", "cursor": {}, "pipeline": stages};
        database.run_command(command).await.expect("the source aggregates");
    };
    out(1, "matched").await;
    pipeline.collection("matched").insert([doc! {"_id": "own"}]).await;
    check_target(&mut pipeline).await;
    // Over itself, from a name that is not carried, to such a name, and from another database.
    for n in 2..5 {
        out(n, "matched").await;
    }
    pipeline.collection("hidden").insert(numbered(0, 50, "hidden")).await;
    rename(&pipeline, "hidden", "shown").await;
    pipeline.collection("shown").update(5, doc! {"$set": {"seen": true}}).await;
    pipeline.collection("secret").insert(numbered(0, 50, "secret")).await;
    rename(&pipeline, "secret", "hidden").await;
    let far = pipeline.source.database(&other).collection::<Document>("far");
    far.insert_many(numbered(0, 40, "far")).await.expect("the source takes writes");
    rename_across(&pipeline, &format!("{other}.far"), &format!("{name}.matched")).await;
    pipeline.collection("matched").update(3, doc! {"$set": {"seen": true}}).await;
    check_target(&mut pipeline).await;
    pipeline.source.database(&other).drop().await.expect("the source drops");
    check_target(&mut pipeline).await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_at_the_target_are_the_mapped_ones() {
    let mut pipeline = Pipeline::new("ddl_map").await;
    let name = pipeline.name.clone();
    let mapped = format!("{name}_mapped");
    pipeline.settings["map"] = json!([{"from": format!("{name}.*"), "to": format!("{mapped}.*")}]);
    pipeline.collection("old").insert(numbered(0, 30, "old")).await;
    pipeline.collection("gone").insert(numbered(0, 30, "gone")).await;
    pipeline.start(1).await;
    rename(&pipeline, "old", "new").await;
    drop_collection(&pipeline, "gone").await;
    pipeline.applied().await;
    let wanted = BTreeSet::from(["marker".to_owned(), "new".to_owned()]);
    assert_eq!(names(&pipeline.target, &mapped).await, wanted);
    assert!(names(&pipeline.target, &name).await.is_empty());
    pipeline.target.database(&mapped).drop().await.expect("the target drops");
    pipeline.close().await;
}

/// One writer that renames and drops at random, and what has become of its collections.
async fn churn(pipeline: &Pipeline, random: &mut u64, rounds: i32) {
    let mut below = |limit: u64| {
        // Steele and Vigna's SplitMix64.
        *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    };
    for round in 0..rounds {
        let name = format!("c{}", below(4));
        let coll = pipeline.collection(&name);
        match below(8) {
            0 => drop_collection(pipeline, &name).await,
            1 => {
                let other = format!("c{}", below(4));
                if other != name && coll.count().await > 0 {
                    rename(pipeline, &name, &other).await;
                }
            }
            _ => {
                let from = i32::try_from(below(40)).expect("it is small");
                let many = doc! {"_id": {"$gte": from, "$lt": from + 10}};
                pipeline
                    .database()
                    .collection::<Document>(&name)
                    .delete_many(many.clone())
                    .await
                    .expect("it writes");
                coll.insert(numbered(from, from + 8, &format!("round {round}"))).await;
                coll.update_many(many, doc! {"$push": {"rounds": round}}).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_killed_amid_drops_and_renames_carry_each_out_once() {
    let seed = std::env::var("OPLOGUE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(11);
    eprintln!("OPLOGUE_SEED={seed}");
    let mut random = seed;
    let mut pipeline = Pipeline::new("ddl_kills").await;
    // The least that brokers allow: so long is a dead worker waited for.
    pipeline.settings["kafka"]["options"]["session.timeout.ms"] = "6000".into();
    churn(&pipeline, &mut random, 60).await;
    pipeline.start(2).await;
    for kill in 0..6 {
        churn(&pipeline, &mut random, 60).await;
        pipeline.workers[kill % 2].kill();
        if kill % 3 == 0 {
            pipeline.producer().kill();
            pipeline.start_producer();
        }
        churn(&pipeline, &mut random, 20).await;
        pipeline.restart_worker(kill % 2);
    }
    pipeline.check().await;
    nothing_is_left_over(&pipeline).await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_and_what_policy_ignores_are_passed_over() {
    let mut pipeline = Pipeline::new("ddl_ignored").await;
    pipeline.settings["worker"]["ddl"] = json!({"drop": "ignore", "rename": "ignore"});
    pipeline.collection("users").insert(numbered(0, 20, "users")).await;
    pipeline.start(2).await;
    let view = doc! {"create": "view", "viewOn": "users", "pipeline": []};
    pipeline.database().run_command(view).await.expect("the source makes a view");
    drop_collection(&pipeline, "view").await;
    drop_collection(&pipeline, "users").await;
    pipeline.collection("users").insert(numbered(10, 30, "the second")).await;
    pipeline.applied().await;
    assert_eq!(pipeline.at_target("users").count().await, 30, "what was there stays");
    let topics = pipeline.view.records().expect("Kafka answers").iter().map(|r| r.partition.0.clone());
    let topics: BTreeSet<_> = topics.filter(|topic| topic.ends_with(".view")).collect();
    assert!(topics.is_empty(), "a view has no topic: {topics:?}");
    eventually("it is said", DEADLINE, async || {
        let said = pipeline.workers.iter().any(|worker| worker.said().contains("worker.ddl says `ignore`"));
        if said { Ok(()) } else { Err("nothing is said".to_owned()) }
    })
    .await;
    pipeline.close().await;
}

async fn create_indexes(pipeline: &Pipeline, coll: &str, indexes: Vec<Document>) {
    let command = doc! {"createIndexes": coll, "indexes": indexes};
    pipeline.database().run_command(command).await.expect("the source makes indexes");
}

async fn index(pipeline: &Pipeline, phase: Phase) {
    let name = |name: &str| format!("{name}_{}", phase.name());
    let run = async |command: Document| {
        pipeline.database().run_command(command).await.expect("the source takes it");
    };
    let users = name("users");
    pipeline.collection(&users).insert(numbered(0, 200, "users")).await;
    let plain = vec![
        doc! {"key": {"n": 1, "of": -1}, "name": "both"},
        doc! {"key": {"of": 1}, "name": "some", "partialFilterExpression": {"n": {"$gt": 3}}},
        doc! {"key": {"seen": 1}, "name": "ttl", "expireAfterSeconds": 100_000},
        doc! {"key": {"rare": 1}, "name": "rare", "unique": true, "sparse": true},
        doc! {"key": {"of": "text"}, "name": "words", "weights": {"of": 3}},
        doc! {"key": {"of": "hashed"}, "name": "hash"},
        doc! {"key": {"at": "2dsphere"}, "name": "places"},
        doc! {"key": {"of": 1, "n": 1}, "name": "french", "collation": {"locale": "fr"}},
        doc! {"key": {"gone": 1}, "name": "gone"},
    ];
    create_indexes(pipeline, &users, plain).await;
    // What the index refuses before and after it is there is in the history, too.
    pipeline
        .collection(&users)
        .insert([doc! {"_id": "place", "at": {"type": "Point", "coordinates": [1, 2]}}])
        .await;
    run(doc! {"collMod": &users, "index": {"name": "both", "hidden": true}}).await;
    run(doc! {"collMod": &users, "index": {"name": "ttl", "expireAfterSeconds": 200_000}}).await;
    run(doc! {"dropIndexes": &users, "index": "gone"}).await;

    let odd = name("odd");
    pipeline.collection(&odd).insert((0..30).map(|n| doc! {"_id": n, "at": "nowhere"})).await;
    pipeline.database().collection::<Document>(&odd).delete_many(doc! {}).await.expect("it writes");
    create_indexes(pipeline, &odd, vec![doc! {"key": {"at": "2dsphere"}, "name": "at"}]).await;
    pipeline.collection(&odd).insert((0..9).map(|n| doc! {"_id": n, "at": [n, 1]})).await;
    run(doc! {"dropIndexes": &odd, "index": "*"}).await;
    pipeline.collection(&odd).insert((10..30).map(|n| doc! {"_id": n, "at": "nowhere"})).await;

    // Indexes go with their collection's name, and are gone with it.
    let (old, new) = (name("old"), name("new"));
    for coll in [&old, &new] {
        pipeline.collection(coll).insert(numbered(0, 20, coll)).await;
        create_indexes(pipeline, coll, vec![doc! {"key": {"n": 1}, "name": format!("of_{coll}")}]).await;
    }
    rename(pipeline, &old, &new).await;
    create_indexes(pipeline, &new, vec![doc! {"key": {"of": 1}, "name": "later"}]).await;
    pipeline.collection(&old).insert(numbered(0, 5, "again")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_are_those_of_the_source_but_for_what_is_put_off() {
    let mut pipeline = Pipeline::new("ddl_indexes").await;
    in_both_phases(&mut pipeline, 2, index).await;
    let (source, target) = (&pipeline.source, &pipeline.target);
    let expected = indexes(source, &pipeline.name).await;
    assert!(expected.len() >= 4, "{expected:?}");
    assert_eq!(indexes(target, &pipeline.name).await, expected);
    let unique = doc! {"listIndexes": "users_before"};
    let cursor = target.database(&pipeline.name).run_cursor_command(unique).await.expect("it answers");
    let found: Vec<Document> = cursor.try_collect().await.expect("it answers");
    assert!(found.iter().all(|index| !index.contains_key("unique")), "{found:?}");
    nothing_is_left_over(&pipeline).await;
    pipeline.close().await;
}
