//! Targets that go away, refuse the login, hold unique values, or are sharded.

use std::time::{Duration, Instant};

use bson::doc;

use crate::support::{Pipe, event::*, proxy::Proxy, until};

/// The first server of a connection string.
fn server(uri: &str) -> &str {
    uri.trim_start_matches("mongodb://").split([',', '/']).next().unwrap()
}

fn through(proxy: &Proxy) -> String {
    format!(
        "[target]\nuri = \"mongodb://{}/?directConnection=true&serverSelectionTimeoutMS=500\"\n",
        proxy.address
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn target_that_goes_away_and_comes_back_has_everything() {
    let pipe = Pipe::new("back").await;
    let users = pipe.events("users", 2).await;
    let proxy = Proxy::to(server(&pipe.target_uri)).await;
    let worker = pipe.worker(&through(&proxy));
    pipe.publish(&users, (0..500).map(|id| insert(user(id)))).await;
    pipe.until_count(&users, 500).await;
    proxy.cut();
    pipe.publish(&users, (500..1000).map(|id| insert(user(id)))).await;
    until("not ready", async || {
        let (status, body) = worker.get("/readyz");
        status == 503 && body.contains("write")
    })
    .await;
    proxy.mend();
    pipe.until_count(&users, 1000).await;
    until("ready again", async || worker.get("/readyz").0 == 200).await;
    assert_eq!(worker.metric("oplogue_worker_dead_letters_total"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn term_without_a_target_ends_in_time_and_commits_only_what_is_applied() {
    let pipe = Pipe::new("cut").await;
    let users = pipe.events("users", 1).await;
    let proxy = Proxy::to(server(&pipe.target_uri)).await;
    let worker = pipe.worker(&format!("{}[worker]\ndrain_timeout_ms = 4000\n", through(&proxy)));
    pipe.publish(&users, (0..10).map(|id| insert(user(id)))).await;
    pipe.until_count(&users, 10).await;
    proxy.cut();
    pipe.publish(&users, (10..20).map(|id| insert(user(id)))).await;
    until("not ready", async || worker.get("/readyz").0 == 503).await;
    let asked = Instant::now();
    let (status, log) = worker.stop();
    assert!(status.success(), "{log}");
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    assert_eq!(pipe.committed(&users), [Some(10)]);
    let _worker = pipe.worker("");
    pipe.until_count(&users, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_password_ends_with_status_2() {
    let pipe = Pipe::new("login").await;
    let uri = format!("mongodb://nobody:wrong@{}/?directConnection=true", server(&pipe.target_uri));
    let (status, log) = pipe.worker(&format!("[target]\nuri = \"{uri}\"\n")).ended();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("target") && !log.contains("wrong@"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_swap_a_unique_value_both_arrive() {
    let pipe = Pipe::new("swap").await;
    let users = pipe.events("users", 1).await;
    pipe.unique(&users, "email").await;
    let with = |id: i32, email: &str| doc! {"_id": id, "email": email};
    let set = |id: i32, email: &str| update(id, doc! {"updatedFields": {"email": email}});
    pipe.publish(&users, [insert(with(1, "a")), insert(with(2, "b"))]).await;
    pipe.publish(&users, [set(1, "free"), set(2, "a"), set(1, "b")]).await;
    let worker = pipe.worker("");
    pipe.until_is(&users, 1, &with(1, "b")).await;
    pipe.until_is(&users, 2, &with(2, "a")).await;
    pipe.publish(&users, [replace(with(1, "free")), replace(with(2, "b")), replace(with(1, "a"))]).await;
    pipe.until_is(&users, 1, &with(1, "a")).await;
    pipe.until_is(&users, 2, &with(2, "b")).await;
    assert_eq!(worker.metric("oplogue_worker_dead_letters_total"), 0.0);
}

/// A replica set takes what the catalogue of a sharded cluster holds, and nothing of its own reads it.
#[tokio::test(flavor = "multi_thread")]
async fn rules_that_take_a_shard_key_away_are_told_at_the_check_and_at_the_start() {
    let pipe = Pipe::new("sharded").await;
    let (users, moved) = (pipe.events("users", 1).await, pipe.events("moved", 1).await);
    let catalogue = pipe.target.client().database("config").collection("collections");
    let at_target = format!("{}_at.moved", pipe.name);
    for ns in [&users.ns.to_string(), &at_target] {
        catalogue.insert_one(doc! {"_id": ns, "key": {"region": 1}}).await.unwrap();
    }
    let deny = |pattern: &str| format!("[[rules]]\nnamespace = \"{pattern}\"\ndeny = [\"region\"]\n");
    let told = |log: &str, ns: &str| {
        let wanted =
            format!("rules[0]: {ns} is sharded by `region` at the target, which these rules leave out");
        assert!(log.contains(&wanted), "{log}");
    };
    let rules = deny(&users.ns.to_string());
    let (status, said) = pipe.command_with(&["check", "--connect"], &rules);
    assert_eq!(status.code(), Some(2), "{said}");
    told(&said, &users.ns.to_string());
    let (status, log) = pipe.worker(&rules).ended();
    assert_eq!(status.code(), Some(2), "{log}");
    told(&log, &users.ns.to_string());
    // Whose name at the target nobody can tell before the namespace is announced.
    let all = format!("{}.*", pipe.name);
    let map = format!("[[map]]\nfrom = \"{all}\"\nto = \"{}_at.*\"\n", pipe.name);
    let (status, log) = pipe.worker(&format!("{}{map}", deny(&all))).ended();
    assert_eq!(status.code(), Some(2), "{log}");
    told(&log, &at_target);
    assert_eq!(pipe.count(&moved).await, 0);
    for ns in [&users.ns.to_string(), &at_target] {
        catalogue.delete_one(doc! {"_id": ns}).await.unwrap();
    }
}
