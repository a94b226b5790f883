//! Collections that the target has already when they are to be made.

use bson::{Binary, Document, doc, spec::BinarySubtype};

use crate::support::{Events, Pipe, event::*};

/// A making, with its collection's UUID or, where that was not known for certain, without.
fn create(options: Document, is_certain: bool) -> Document {
    let mut event = doc! {"operationType": "create", "operationDescription": options};
    if is_certain {
        event.insert("collectionUUID", Binary { subtype: BinarySubtype::Uuid, bytes: vec![7; 16] });
    }
    event
}

fn insensitive() -> Document {
    doc! {"collation": {"locale": "en", "strength": 2}}
}

/// A target with a collection of its own, and a source that makes one of that name and writes to it.
async fn made(test: &str, own: Document, options: Document, is_certain: bool) -> (Pipe, Events) {
    let pipe = Pipe::new(test).await;
    let users = pipe.events("users", 2).await;
    let mut command = doc! {"create": &users.ns.coll};
    command.extend(own);
    pipe.target.run_command(command).await.unwrap();
    pipe.barrier(&[&users], create(options, is_certain)).await;
    pipe.publish(&users, (0..20).map(|id| insert(user(id)))).await;
    (pipe, users)
}

/// The worker stops before it writes, and says what differs.
async fn stops(pipe: &Pipe, users: &Events, texts: &[&str]) {
    let (status, log) = pipe.worker("").ended();
    assert_eq!(status.code(), Some(2), "{log}");
    let namespace = format!("{} already", users.ns);
    for text in texts.iter().chain(&[&*namespace, "worker.ddl.differing"]) {
        assert!(log.contains(text), "`{text}` is not said:\n{log}");
    }
    assert_eq!(pipe.count(users).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_collation_stops_the_worker_unless_that_is_ignored() {
    let (pipe, users) = made("collated", doc! {"collation": {"locale": "fr"}}, insensitive(), true).await;
    stops(&pipe, &users, &["`collation` is", r#""locale": "fr""#, r#""locale": "en""#]).await;
    let worker = pipe.worker("[worker.ddl]\ndiffering = \"ignore\"\n");
    pipe.until_count(&users, 20).await;
    worker.until_log("stays as it is");
    let (pipe, users) = made("collates", doc! {}, insensitive(), true).await;
    stops(&pipe, &users, &["`collation` is none there", r#""locale": "en""#]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capped_collection_of_the_targets_own_stops_the_worker() {
    let (pipe, users) = made("capped", doc! {"capped": true, "size": 4096}, doc! {}, true).await;
    stops(&pipe, &users, &["`capped` is true there and none at the source"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_the_same_documents_or_is_not_certain_is_only_said() {
    let clustered = doc! {"clusteredIndex": {"key": {"_id": 1}, "unique": true}};
    for (own, options, is_certain) in [
        (clustered, doc! {}, true),
        (doc! {}, insensitive(), false),
        (insensitive(), doc! {"collation": {"locale": "en", "strength": 2, "version": "1"}}, true),
    ] {
        let differs = !own.contains_key("collation");
        let (pipe, users) = made("said", own, options, is_certain).await;
        let worker = pipe.worker("");
        pipe.until_count(&users, 20).await;
        assert_eq!(worker.log().contains("stays as it is"), differs, "{}", worker.log());
    }
}
