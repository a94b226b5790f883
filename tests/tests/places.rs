//! Rules give the same at the target, whoever applies them: random rules, documents and updates, each rule at the producer and at the worker.
//!
//! ```text
//!   source   w0  ==  p0        the same writes
//!             │       │        the same rule, at = "worker" and at = "producer"
//!   target   w0  ==  p0        byte for byte
//! ```
//!
//! Where a rule has a filter the source keeps images, or updates that only the document can tell about would be asked for (at the worker) or told
//! as a dead letter. `OPLOGUE_SEED` repeats a run. Names are plain: what odd ones mean is, before 6.1, decided by the document at hand, which only a worker has.

#![allow(clippy::unwrap_used)] // of the generators; the lint's leave for tests ends at the `#[test]` functions

use std::collections::BTreeMap;

use bson::{Bson, Document, RawDocumentBuf, doc};
use e2e::{Collection, DEADLINE, Pipeline, eventually, process::Binary, waiting::ensure};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};

use documents::Names;
use rng::Rng;
use updates::{Class, Update};

#[allow(dead_code)] // of the names that are drawn elsewhere
#[path = "../../worker/tests/oracle/documents.rs"]
mod documents;
#[path = "../../worker/tests/oracle/pipelines.rs"]
mod pipelines;
#[path = "../../worker/tests/oracle/rng.rs"]
mod rng;
#[path = "../../worker/tests/oracle/updates.rs"]
mod updates;

/// Rules that are tried, each in two namespaces.
const RULES: usize = 12;
const DOCUMENTS: i32 = 15;
/// Rounds before the copy, while it runs, and behind it.
const ROUNDS: [usize; 3] = [2, 4, 4];

/// The two collections of a rule.
fn pair(number: usize) -> [String; 2] {
    [format!("w{number}"), format!("p{number}")]
}

fn path(rng: &mut Rng) -> String {
    let names: Vec<_> = (0..1 + rng.below(2)).map(|_| documents::name(rng, Names::Plain)).collect();
    names.join(".")
}

fn paths(rng: &mut Rng, most: usize) -> Vec<String> {
    (0..rng.below(most + 1)).map(|_| path(rng)).collect()
}

/// A rule, which may contradict itself.
fn rule(rng: &mut Rng) -> Value {
    let mut rule = json!({"deny": paths(rng, 3)});
    if rng.once_in(3) {
        rule["allow"] = json!([paths(rng, 4), vec!["a".to_owned(), "items".to_owned()]].concat());
    }
    for path in paths(rng, 2) {
        rule["rename"][path] = json!(format!("new{}", rng.below(3)));
    }
    for path in paths(rng, 2) {
        rule["mask"][path] = match rng.below(3) {
            0 => json!("hash"),
            1 => json!("redact"),
            _ => json!({"truncate": 2}),
        };
    }
    if rng.once_in(2) {
        rule["filter"] = json!(filter(rng).to_string());
    }
    rule
}

fn filter(rng: &mut Rng) -> Value {
    let path = path(rng);
    match rng.below(5) {
        0 => json!({path: {"$exists": rng.once_in(2)}}),
        1 => json!({path: {"$gt": 5}}),
        2 => json!({path: {"$in": [null, 1, "xyz"]}}),
        3 => json!({path: {"$not": {"$type": "array"}}}),
        _ => json!({"$or": [{path: null}, {"a": {"$lt": 9}}]}),
    }
}

/// Gives the pipeline rules that its configuration allows.
fn give_rules(pipeline: &mut Pipeline, rng: &mut Rng) {
    pipeline.settings["worker"]["mask_key"] = json!("a key of masks, long enough");
    (pipeline.settings["rules"], pipeline.settings["images"]) = (json!([]), json!([]));
    for number in 0..RULES {
        let given = pipeline.settings["rules"].clone();
        for attempt in 1.. {
            let rule = rule(rng);
            let mut rules = given.as_array().unwrap().clone();
            for (name, at) in pair(number).iter().zip(["worker", "producer"]) {
                let mut rule = rule.clone();
                rule["namespace"] = json!(format!("{}.{name}", pipeline.name));
                rule["at"] = json!(at);
                rules.push(rule);
            }
            pipeline.settings["rules"] = rules.into();
            pipeline.write_settings();
            let (status, said) = pipeline.command(Binary::Worker, &["check"]);
            if status == Some(0) {
                break;
            }
            // Rules that contradict themselves are no fault, a configuration that no rule makes right is.
            assert!(status == Some(2) && attempt < 100, "{rule}\n{said}");
        }
    }
}

/// Has the source keep images where a rule has a filter.
async fn keep_images(pipeline: &mut Pipeline) {
    let filters = |number: &usize| !pipeline.settings["rules"][2 * number]["filter"].is_null();
    let numbers: Vec<_> = (0..RULES).filter(filters).collect();
    for number in numbers {
        for name in pair(number) {
            let command = doc! {"create": &name, "changeStreamPreAndPostImages": {"enabled": true}};
            pipeline.database().run_command(command).await.unwrap();
            let images = json!({"namespace": format!("{}.{name}", pipeline.name), "post": "available"});
            pipeline.settings["images"].as_array_mut().unwrap().push(images);
        }
    }
}

/// Whether two servers' answers to it would be the same: what they take from their clocks is not.
fn is_repeatable(written: &Bson) -> bool {
    let text = format!("{written:?}");
    !text.contains("$currentDate") && !text.contains("Timestamp { time: 0, increment: 0 }")
}

fn document(rng: &mut Rng, id: i32) -> Document {
    loop {
        let document = documents::document(rng, Names::Plain, id);
        if is_repeatable(&Bson::Document(document.clone())) {
            return document;
        }
    }
}

fn update(rng: &mut Rng, document: &Document) -> Document {
    loop {
        let Update { class, statement } = updates::update(rng, Names::Plain, document);
        // Of fields that move, change events do not tell.
        if class != Class::Moving && is_repeatable(&Bson::Document(statement.clone())) {
            return statement;
        }
    }
}

async fn all(collection: &Collection) -> BTreeMap<i32, RawDocumentBuf> {
    let cursor = collection.0.clone_with_type::<RawDocumentBuf>().find(doc! {}).await.unwrap();
    let all: Vec<_> = cursor.try_collect().await.unwrap();
    all.into_iter().map(|document| (document.get_i32("_id").unwrap(), document)).collect()
}

/// The same writes to both collections: each document comes, changes, and now and then goes.
async fn round(pipeline: &Pipeline, rng: &mut Rng, number: usize) {
    let there = all(&pipeline.collection(&pair(number)[0])).await;
    let (mut updates, mut deletes, mut inserts) = (Vec::new(), Vec::new(), Vec::new());
    for id in 0..DOCUMENTS {
        match there.get(&id) {
            None => inserts.push(document(rng, id)),
            Some(_) if rng.once_in(12) => deletes.push(doc! {"q": {"_id": id}, "limit": 1}),
            Some(there) => updates.push(update(rng, &Document::try_from(there).unwrap())),
        }
    }
    for name in pair(number) {
        for (command, list, writes) in [
            ("update", "updates", &updates),
            ("delete", "deletes", &deletes),
            ("insert", "documents", &inserts),
        ] {
            if !writes.is_empty() {
                let command = doc! {command: &name, list: writes.clone(), "ordered": false};
                // What the source refuses it refuses twice.
                pipeline.database().run_command(command).await.unwrap();
            }
        }
    }
}

async fn rounds(pipeline: &Pipeline, rng: &mut Rng, count: usize) {
    for _ in 0..count {
        for number in 0..RULES {
            round(pipeline, rng, number).await;
        }
    }
}

/// Which documents the two have otherwise.
async fn differing(pair: [Collection; 2]) -> Vec<i32> {
    let [first, second] = [all(&pair[0]).await, all(&pair[1]).await];
    let ids = first.keys().chain(second.keys());
    let mut differing: Vec<_> = ids.filter(|id| first.get(id) != second.get(id)).copied().collect();
    differing.sort_unstable();
    differing.dedup();
    differing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_give_the_same_at_both_places() {
    let seed = std::env::var("OPLOGUE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    eprintln!("OPLOGUE_SEED={seed}");
    let mut rng = Rng::new(seed);
    let mut pipeline = Pipeline::new("places").await;
    give_rules(&mut pipeline, &mut rng);
    keep_images(&mut pipeline).await;
    rounds(&pipeline, &mut rng, ROUNDS[0]).await;
    pipeline.start(2).await;
    rounds(&pipeline, &mut rng, ROUNDS[1]).await;
    pipeline.copied().await;
    rounds(&pipeline, &mut rng, ROUNDS[2]).await;
    pipeline.applied().await;

    let mut carried = 0;
    for number in 0..RULES {
        let rule = &pipeline.settings["rules"][2 * number];
        let names = pair(number);
        assert_eq!(
            differing(names.each_ref().map(|name| pipeline.collection(name))).await,
            [0; 0],
            "the source"
        );
        eventually(format!("both places of {rule}"), DEADLINE, async || {
            let differing = differing(names.each_ref().map(|name| pipeline.at_target(name))).await;
            ensure(differing.is_empty(), || format!("{differing:?} differ"))
        })
        .await;
        carried += all(&pipeline.at_target(&names[0])).await.len();
    }
    assert!(carried > RULES, "{carried} documents are too few to show anything");
    pipeline.close().await;
}
