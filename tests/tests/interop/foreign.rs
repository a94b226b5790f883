//! A worker that reads topics of others, and what is compared at its end.

use std::collections::BTreeMap;

use bson::Document;
use e2e::{
    Collection, DEADLINE, Pipeline,
    compare::{self, Contents},
    connect::{Connect, DATABASE},
    eventually,
    log::Log,
    waiting::ensure,
};
use rand::Rng as _;
use serde_json::json;

/// Partitions that the connectors' files give to a topic.
const PARTITIONS: i32 = 8;

/// A collection that no other test had.
pub(super) async fn collection(connect: &Connect) -> Collection {
    let name = format!("c_{:06x}", rand::rng().random_range(0..0x0100_0000));
    Collection(connect.stack.client("source").await.database(DATABASE).collection::<Document>(&name))
}

/// Has each of these connectors copy what there is and stream what `change` makes, into a pipeline of its own, all side by side. By the names of
/// their files and the prefixes of their topics.
pub(super) async fn side_by_side(
    connectors: &[(&str, &str)],
    before: Vec<Document>,
    change: impl AsyncFnOnce(&Collection),
) {
    let connect = Connect::turn().await;
    let collection = collection(&connect).await;
    collection.insert(before.clone()).await;
    let (mut running, mut pipelines) = (Vec::new(), Vec::new());
    for (name, prefix) in connectors {
        running.push(connect.start(name).await);
        filled(&connect, &topic(prefix, &collection), before.len()).await;
        let mut pipeline = reading(prefix, &collection).await;
        pipeline.start_worker().ready().await;
        pipelines.push(pipeline);
    }
    for pipeline in &mut pipelines {
        carried(pipeline).await;
    }
    change(&collection).await;
    for pipeline in &mut pipelines {
        carried(pipeline).await;
    }
    for connector in running {
        connector.runs().await.expect("it runs to the end");
        connector.forget().await;
    }
    for pipeline in pipelines {
        close(pipeline).await;
    }
}

/// A pipeline whose worker reads `prefix.test.<collection>` and writes to the database of the pipeline's name.
pub(super) async fn reading(prefix: &str, collection: &Collection) -> Pipeline {
    let mut pipeline = Pipeline::new(&format!("from_{}", prefix.replace('-', "_"))).await;
    pipeline.settings["namespaces"]["include"] = json!([format!("{DATABASE}.*")]);
    pipeline.settings["worker"]["topics"] = json!([topic(prefix, collection)]);
    pipeline.settings["map"] =
        json!([{"from": format!("{DATABASE}.*"), "to": format!("{}.*", pipeline.name)}]);
    pipeline
}

/// The topic of a collection, by a connector's prefix.
pub(super) fn topic(prefix: &str, collection: &Collection) -> String {
    format!("{prefix}.{DATABASE}.{}", collection.0.name())
}

/// Waits until a topic has so many records.
pub(super) async fn filled(connect: &Connect, topic: &str, least: usize) {
    let mut log = Log::open(connect.stack.brokers());
    log.follow(topic, PARTITIONS);
    eventually(format!("{topic} has {least} records"), DEADLINE, async || {
        tokio::task::block_in_place(|| log.read())?;
        ensure(log.records.len() >= least, || format!("{} so far", log.records.len()))
    })
    .await;
}

/// What the database of the source holds, as it should be found in another one.
async fn expected(pipeline: &Pipeline, as_database: &str) -> Contents {
    let contents = compare::contents(&pipeline.source, &[DATABASE.to_owned()]).await;
    let named = |(ns, documents): (String, _)| {
        let coll = ns.split_once('.').expect("a namespace has a dot").1;
        (format!("{as_database}.{coll}"), documents)
    };
    contents.expect("the source answers").into_iter().map(named).collect::<BTreeMap<_, _>>()
}

/// Waits until a database of the target holds what the source has in [`DATABASE`].
pub(super) async fn equal(pipeline: &mut Pipeline, database: &str) {
    let expected = expected(pipeline, database).await;
    eventually(format!("{database} is what the source has"), DEADLINE, async || {
        for process in pipeline.producer.iter_mut().chain(&mut pipeline.workers) {
            let ended = process.status();
            assert!(ended.is_none(), "{} ended:\n{}", process.name(), process.tail());
        }
        let found = compare::contents(&pipeline.target, &[database.to_owned()]).await;
        let found = found.map_err(|error| error.to_string())?;
        compare::differences(&expected, &found).map_or(Ok(()), Err)
    })
    .await;
}

/// As [`equal`], for the database of the pipeline's own name.
pub(super) async fn carried(pipeline: &mut Pipeline) {
    let name = pipeline.name.clone();
    equal(pipeline, &name).await;
}

/// Nothing went to the dead letters; then ends the pipeline.
pub(super) async fn close(mut pipeline: Pipeline) {
    let letters = tokio::task::block_in_place(|| pipeline.view.dead_letters().expect("Kafka answers").len());
    assert_eq!(letters, 0, "dead letters");
    pipeline.close().await;
}
