//! Sources before 6.0 do not tell of options and indexes: their changes come all the same, and what cannot be carried is refused
//! by name.

use bson::{Document, doc};
use e2e::{
    DEADLINE, Phase, Pipeline, Stack,
    definitions::{indexes, options},
    eventually,
};

async fn pipeline(test: &str) -> Pipeline {
    Pipeline::on(test, Stack::with_older_source(), &Stack::shared()).await
}

async fn run(pipeline: &Pipeline, command: Document) {
    pipeline.database().run_command(command).await.expect("the source takes it");
}

async fn rename(pipeline: &Pipeline, from: &str, to: &str) {
    let db = &pipeline.name;
    let command =
        doc! {"renameCollection": format!("{db}.{from}"), "to": format!("{db}.{to}"), "dropTarget": true};
    pipeline.source.database("admin").run_command(command).await.expect("the source renames");
}

async fn create_indexes(pipeline: &Pipeline, coll: &str, indexes: impl IntoIterator<Item = Document>) {
    let indexes: Vec<_> = indexes.into_iter().collect();
    run(pipeline, doc! {"createIndexes": coll, "indexes": indexes}).await;
}

fn index(field: &str) -> Document {
    doc! {"key": {field: 1}, "name": field}
}

fn numbered(to: i32) -> Vec<Document> {
    (0..to).map(|n| doc! {"_id": n, "n": n}).collect()
}

/// Waits until options and indexes of both sides are the same.
async fn same_definitions(pipeline: &Pipeline) {
    let (db, source, target) = (&pipeline.name, &pipeline.source, &pipeline.target);
    eventually("the target's definitions are the source's", DEADLINE, async || {
        let found = (options(target, db).await, indexes(target, db).await);
        let expected = (options(source, db).await, indexes(source, db).await);
        if found == expected { Ok(()) } else { Err(format!("expected {expected:?}\nfound    {found:?}")) }
    })
    .await;
}

async fn define(pipeline: &Pipeline, phase: Phase) {
    let name = |name: &str| format!("{name}_{}", phase.name());
    run(pipeline, doc! {"create": name("empty"), "collation": {"locale": "fr"}}).await;

    let users = name("users");
    run(pipeline, doc! {"create": &users, "validator": {"n": {"$exists": true}}}).await;
    pipeline.collection(&users).insert(numbered(100)).await;
    let mut expiring = index("seen");
    expiring.insert("expireAfterSeconds", 100_000);
    let mut unique = index("rare");
    unique.extend(doc! {"unique": true, "sparse": true});
    create_indexes(pipeline, &users, [index("n"), index("gone"), expiring, unique]).await;

    for coll in ["old", "new"] {
        pipeline.collection(&name(coll)).insert(numbered(20)).await;
        create_indexes(pipeline, &name(coll), [index(coll)]).await;
    }
}

async fn redefine(pipeline: &Pipeline, phase: Phase) {
    let name = |name: &str| format!("{name}_{}", phase.name());
    let users = name("users");
    run(pipeline, doc! {"collMod": &users, "validator": {"n": {"$gte": 0}}, "validationAction": "warn"})
        .await;
    run(pipeline, doc! {"collMod": &users, "index": {"name": "n", "hidden": true}}).await;
    run(pipeline, doc! {"dropIndexes": &users, "index": "gone"}).await;
    create_indexes(pipeline, &users, [doc! {"key": {"n": -1}, "name": "gone"}]).await;
    rename(pipeline, &name("old"), &name("new")).await;
    create_indexes(pipeline, &name("new"), [index("later")]).await;
    run(pipeline, doc! {"drop": name("empty")}).await;
    run(pipeline, doc! {"create": name("empty")}).await;
    create_indexes(pipeline, &name("empty"), [index("b")]).await;
    pipeline.collection(&users).update(7, doc! {"$set": {"more": 1}}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_follow_a_source_that_does_not_tell_of_them() {
    let mut pipeline = pipeline("untold").await;
    define(&pipeline, Phase::Before).await;
    pipeline.start(2).await;
    pipeline.copied().await;
    define(&pipeline, Phase::Streaming).await;
    same_definitions(&pipeline).await;
    for phase in [Phase::Before, Phase::Streaming] {
        redefine(&pipeline, phase).await;
    }
    same_definitions(&pipeline).await;
    pipeline.arrives().await;

    // What happens while nobody looks is seen when somebody does.
    assert_eq!(pipeline.producer().stop().await, Some(0));
    run(&pipeline, doc! {"dropIndexes": "users_before", "index": "rare"}).await;
    create_indexes(&pipeline, "users_streaming", [index("while_it_was_down")]).await;
    run(&pipeline, doc! {"collMod": "users_streaming", "validator": {}}).await;
    rename(&pipeline, "new_before", "newer").await;
    pipeline.start_producer().ready().await;
    same_definitions(&pipeline).await;
    pipeline.arrives().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_that_cannot_be_carried_stops_the_producer_when_it_is_seen() {
    let mut pipeline = pipeline("untold_series").await;
    pipeline.collection("users").insert(numbered(3)).await;
    pipeline.start(1).await;
    pipeline.copied().await;
    run(&pipeline, doc! {"create": "weather", "timeseries": {"timeField": "at"}}).await;
    assert_eq!(pipeline.producer().ended(DEADLINE).await, Some(2));
    let (said, named) = (pipeline.producer().said(), format!("{}.weather is a time series", pipeline.name));
    assert!(said.contains(&named) && said.contains("namespaces.exclude"), "{said}");
    pipeline.discard().await;
}
