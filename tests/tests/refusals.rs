//! Deployments that cannot be worked with: exit status 2, with what has to be changed.

use std::{sync::Arc, time::Duration};

use bson::{Document, doc};
use e2e::{
    Pipeline, Stack,
    process::{Binary, Process},
};
use serde_json::json;

/// Knowing better takes this long at most.
const SOON: Duration = Duration::from_secs(60);
/// The password of the users that are made here.
const PASSWORD: &str = "a-password-of-somebody";

async fn pipeline(test: &str) -> Pipeline {
    let mut pipeline = Pipeline::on(test, Stack::with_authentication(), &Stack::shared()).await;
    pipeline.keep_secret(PASSWORD);
    pipeline
}

/// Ends with status 2 and says all of `texts`.
async fn refuses(process: &mut Process, texts: &[&str]) {
    assert_eq!(process.ended(SOON).await, Some(2), "{}", process.tail());
    let said = process.said();
    for text in texts {
        assert!(said.contains(text), "no `{text}` in {said}");
    }
}

/// The connection string of a new user of a deployment with these roles.
async fn user(pipeline: &Pipeline, deployment: &str, name: &str, roles: Vec<Document>) -> String {
    let client = pipeline.stack().client(deployment).await;
    let create = doc! {"createUser": name, "pwd": PASSWORD, "roles": roles};
    client.database("admin").run_command(create).await.expect("the administrator may create users");
    login(pipeline.stack(), deployment, name, PASSWORD)
}

fn login(stack: &Stack, deployment: &str, name: &str, password: &str) -> String {
    let address = stack.address(deployment);
    let set = if deployment == "standalone" { String::new() } else { format!("&replicaSet={deployment}") };
    format!("mongodb://{name}:{password}@{address}/?authSource=admin{set}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_refused() {
    let mut pipeline = pipeline("wrong_password").await;
    let stack = Stack::with_authentication();
    for deployment in ["source", "target"] {
        let uri = login(&stack, deployment, "admin", PASSWORD);
        pipeline.settings[deployment]["uri"] = json!(uri);
    }
    refuses(pipeline.start_producer(), &["source", "uthentication"]).await;
    refuses(pipeline.start_worker(), &["target", "uthentication"]).await;
    pipeline.discard().await;
}

fn role(role: &str, db: &str) -> Document {
    doc! {"role": role, "db": db}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_role_is_named() {
    let mut pipeline = pipeline("missing_role").await;
    let other = pipeline.also_carry("other");
    let db = pipeline.name.clone();
    pipeline.collection("users").insert([doc! {"_id": 1}]).await;
    // Two databases want a stream over the whole deployment.
    let uri = user(&pipeline, "source", &format!("{db}_one"), vec![role("read", &db)]).await;
    pipeline.settings["source"]["uri"] = json!(uri);
    refuses(pipeline.start_producer(), &["change stream", "readAnyDatabase"]).await;

    let mut rights = vec![role("readAnyDatabase", "admin")];
    let uri = user(&pipeline, "source", &format!("{db}_any"), rights.clone()).await;
    pipeline.settings["source"]["uri"] = json!(uri);
    refuses(pipeline.start_producer(), &["documents", "clusterMonitor"]).await;
    let check =
        Binary::Producer.command().args(["check", "--connect"]).current_dir(pipeline.folder()).output();
    let check = check.expect("the binary can be started");
    let said = [check.stdout, check.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert_eq!(check.status.code(), Some(2), "{said}");
    assert!(said.contains("clusterMonitor"), "{said}");

    rights.push(role("clusterMonitor", "admin"));
    let uri = user(&pipeline, "source", &format!("{db}_both"), rights).await;
    pipeline.settings["source"]["uri"] = json!(uri);
    pipeline.start_producer().ready().await;
    let uri = user(&pipeline, "target", &format!("{db}_other"), vec![role("readWrite", &other)]).await;
    pipeline.settings["target"]["uri"] = json!(uri);
    refuses(pipeline.start_worker(), &["readWrite", &db]).await;
    assert_eq!(pipeline.producer().stop().await, Some(0));
    pipeline.discard().await;
}

/// The least that is asked for is enough: for one database, reading and writing it, and writing the positions beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_least_roles_are_enough() {
    let mut pipeline = pipeline("least_roles").await;
    let db = pipeline.name.clone();
    let reading = vec![role("read", &db), role("clusterMonitor", "admin")];
    let source = user(&pipeline, "source", &format!("{db}_reader"), reading).await;
    let writing = vec![role("readWrite", &db), role("readWrite", "oplogue")];
    let target = user(&pipeline, "target", &format!("{db}_writer"), writing).await;
    pipeline.settings["source"]["uri"] = json!(source);
    pipeline.settings["target"]["uri"] = json!(target);
    pipeline.collection("users").insert((0..20).map(|n| doc! {"_id": n})).await;
    pipeline.start(1).await;
    pipeline.copied().await;
    pipeline.collection("users").update(1, doc! {"$set": {"a": 1}}).await;
    pipeline.check().await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standalone_source_is_refused_with_advice() {
    let mut pipeline = pipeline("standalone").await;
    pipeline.settings["source"]["uri"] = json!(Arc::clone(&Stack::with_authentication()).uri("standalone"));
    refuses(pipeline.start_producer(), &["replica set", "--replSet", "rs.initiate()"]).await;
    pipeline.discard().await;
}

/// Only the source needs a replica set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standalone_target_is_good_enough() {
    let mut pipeline = pipeline("standalone_target").await;
    let stack = Stack::with_authentication();
    pipeline.settings["target"]["uri"] = json!(stack.uri("standalone"));
    pipeline.target = stack.client("standalone").await;
    let collection = pipeline.collection("users");
    collection.insert((0..20).map(|n| doc! {"_id": n, "list": [1, 2]})).await;
    pipeline.start(1).await;
    pipeline.copied().await;
    collection.update(1, doc! {"$set": {"a": 1}, "$push": {"list": 3}}).await;
    collection.delete(2).await;
    pipeline.check().await;
    pipeline.close().await;
}
