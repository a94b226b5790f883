//! A worker that stands still amid a transaction of the target, for longer than its session lasts. The transaction holds partitions'
//! documents: the server would end it after a minute, nobody is to wait for that.

use std::time::{Duration, Instant};

use bson::{Bson, Document, doc, rawdoc};
use common::namespace::Namespace;
use futures_util::TryStreamExt as _;
use mongodb::Client;
use worker::sink::{
    Deployment,
    target::{Target as _, Transaction as _},
};

use crate::support::{Events, Pipe, event::*, process::Worker, proxy::Proxy, until};

/// Until everything goes on: the group's session (6 s), a wait for the documents and a second attempt, on a busy machine.
const SOON: Duration = Duration::from_secs(25);
const OPTIONS: &str =
    "[kafka.options]\n\"session.timeout.ms\" = \"6000\"\n[worker]\nbatch_statements = 200\n";
const DOCUMENTS: i32 = 40_000;

fn through(proxy: &Proxy) -> String {
    let uri = format!("mongodb://{}/?directConnection=true&serverSelectionTimeoutMS=500", proxy.address);
    format!("{OPTIONS}[target]\nuri = \"{uri}\"\n")
}

async fn proxy(pipe: &Pipe) -> Proxy {
    let server = pipe.target_uri.strip_prefix("mongodb://").unwrap();
    Proxy::to(server.split(['/', ',']).next().unwrap()).await
}

/// For how long a transaction of the partitions' owners has been open.
pub(crate) async fn open_for(pipe: &Pipe) -> Option<Duration> {
    let owners = pipe.positions().distinct("owner", doc! {}).await.unwrap();
    let admin = pipe.target.client().database("admin");
    let theirs = doc! {"transaction": {"$exists": true}, "lsid.id": {"$in": owners}};
    let stages = [doc! {"$currentOp": {"allUsers": true, "idleSessions": true}}, doc! {"$match": theirs}];
    let open: Vec<Document> = admin.aggregate(stages).await.unwrap().try_collect().await.unwrap();
    let micros = open.iter().filter_map(|open| {
        match open.get_document("transaction").ok()?.get("timeOpenMicros")? {
            Bson::Int32(micros) => u64::try_from(*micros).ok(),
            Bson::Int64(micros) => u64::try_from(*micros).ok(),
            _ => None,
        }
    });
    micros.max().map(Duration::from_micros)
}

/// Stops the worker at a moment at which a transaction of it is open, and stays open.
async fn stop_amid(pipe: &Pipe, worker: &Worker) {
    until("stopped amid a transaction", async || {
        worker.signal("STOP");
        loop {
            match open_for(pipe).await {
                None => break,
                Some(open) if open > Duration::from_millis(500) => return true,
                Some(_) => {}
            }
        }
        worker.signal("CONT");
        false
    })
    .await;
}

/// A backlog, there before a worker is: one that is written beside it may be no more than it keeps up with, and then no transaction is open.
async fn load(pipe: &Pipe, things: &Events) {
    pipe.publish(things, (0..DOCUMENTS).map(|id| insert(doc! {"_id": id, "text": "x".repeat(200)}))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_go_on_soon_when_a_worker_stands_still_amid_a_transaction() {
    let pipe = Pipe::new("amid").await;
    let things = pipe.events("things", 4).await;
    load(&pipe, &things).await;
    let first = pipe.worker(OPTIONS);
    first.until_log("partitions assigned");
    stop_amid(&pipe, &first).await;
    let began = Instant::now();
    let second = pipe.worker(OPTIONS);
    pipe.until_count(&things, DOCUMENTS as u64).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let began = Instant::now();
    first.signal("CONT");
    let held = "oplogue_worker_assigned_partitions";
    until("they share again", async || first.metric(held) == 2.0 && second.metric(held) == 2.0).await;
    pipe.publish(&things, (0..100).map(|id| update(id, doc! {"updatedFields": {"n": 1}}))).await;
    until("updated", async || pipe.coll(&things).count_documents(doc! {"n": 1}).await.unwrap() == 100).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn lone_worker_that_stood_still_amid_a_transaction_is_not_held_up_by_itself() {
    let pipe = Pipe::new("alone").await;
    let things = pipe.events("things", 4).await;
    let proxy = proxy(&pipe).await;
    load(&pipe, &things).await;
    let worker = pipe.worker(&through(&proxy));
    worker.until_log("partitions assigned");
    stop_amid(&pipe, &worker).await;
    // Its connections are gone, too: it cannot take its transaction back when it wakes.
    proxy.cut();
    until("the group has forgotten it", async || pipe.members() == 0).await;
    worker.signal("CONT");
    worker.until_log("partitions lost");
    assert!(open_for(&pipe).await.is_some(), "the transaction is still open");
    proxy.mend();
    let began = Instant::now();
    pipe.until_count(&things, DOCUMENTS as u64).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_worker_writes_nothing_and_begins_anew() {
    let pipe = Pipe::new("replaced").await;
    let things = pipe.events("things", 2).await;
    let worker = pipe.worker(OPTIONS);
    pipe.publish(&things, (0..10).map(|id| insert(doc! {"_id": id}))).await;
    pipe.until_count(&things, 10).await;
    // As another worker does that takes the partitions over while this one stands still, before it has written anything.
    let taken = doc! {"$set": {"owner": [bson::Uuid::new()]}};
    pipe.positions().update_many(doc! {}, taken).await.unwrap();
    let began = Instant::now();
    pipe.publish(&things, (10..20).map(|id| insert(doc! {"_id": id}))).await;
    worker.until_log("is another worker's by now");
    pipe.until_count(&things, 20).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(worker.metric("oplogue_worker_duplicates_total"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_transactions_are_ended_all_of_them() {
    let pipe = Pipe::new("dropped").await;
    let client = Client::with_uri_str(&pipe.target_uri).await.unwrap();
    let deployment = Deployment::with_sessions(client, 3).await.unwrap();
    let things = pipe.target.collection::<Document>("things");
    things.insert_many((0..3).map(|id| doc! {"_id": id})).await.unwrap();
    let (mut open, ns) = (Vec::new(), Namespace::new(&pipe.name, "things"));
    for id in 0..3 {
        let mut transaction = deployment.begin().await.unwrap();
        let update = rawdoc! {"q": {"_id": id}, "u": {"$set": {"held": true}}};
        transaction.write(&ns, rawdoc! {"update": "things", "updates": [update]}).await.unwrap();
        open.push(transaction);
    }
    open[0].commit().await.unwrap();
    drop(open);
    let update = doc! {"update": "things", "maxTimeMS": 500,
    "updates": [{"q": {}, "u": {"$set": {"free": true}}, "multi": true}]};
    assert!(pipe.target.run_command(update.clone()).await.is_err(), "they hold documents");
    deployment.end_dropped().await.unwrap();
    pipe.target.run_command(update).await.unwrap();
    assert_eq!(things.count_documents(doc! {"free": true}).await.unwrap(), 3);
    assert_eq!(things.count_documents(doc! {"held": true}).await.unwrap(), 1);
    // The sessions are as good as before.
    let mut transaction = deployment.begin().await.unwrap();
    let update = rawdoc! {"q": {"_id": 2}, "u": {"$set": {"held": true}}};
    transaction.write(&ns, rawdoc! {"update": "things", "updates": [update]}).await.unwrap();
    transaction.commit().await.unwrap();
}
