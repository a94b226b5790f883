//! The operator's desk: dead letters are listed, shown, discarded, and never replayed by halves.

use bson::doc;
use serde_json::Value;

use crate::support::{Events, Pipe, event::*};

/// A pipeline whose target refuses users of 30 years and more.
async fn validated(test: &str) -> (Pipe, Events) {
    let pipe = Pipe::new(test).await;
    let users = pipe.events("users", 1).await;
    pipe.target
        .create_collection(&users.ns.coll)
        .validator(doc! {"age": {"$not": {"$gte": 30}}})
        .await
        .unwrap();
    (pipe, users)
}

/// A pipeline whose worker has refused users 15 (validator, with a delta that followed it) and a record that is no event.
async fn refused(test: &str) -> (Pipe, Events) {
    let (pipe, users) = validated(test).await;
    let worker = pipe.worker("");
    // One after the other: a batch writes its letters kind by kind.
    pipe.publish(&users, [insert(user(1)), insert(user(15))]).await;
    pipe.dead_letters(1);
    pipe.publish(&users, [update(15, doc! {"updatedFields": {"n": 1}})]).await;
    pipe.dead_letters(2);
    pipe.publish_raw(&users, 0, Some(b"{\"not\": an event"), &[("v", "1"), ("mine", "yes")]).await;
    pipe.sync(&users).await;
    pipe.dead_letters(3);
    assert!(worker.stop().0.success());
    (pipe, users)
}

fn run(pipe: &Pipe, line: &str) -> (Option<i32>, String) {
    let arguments: Vec<_> = std::iter::once("dead-letters").chain(line.split(' ')).collect();
    let (status, said) = pipe.command(&arguments);
    (status.code(), said)
}

/// What `list` with these arguments gives, as JSON.
fn listed(pipe: &Pipe, filters: &str) -> Vec<Value> {
    let (status, said) = run(pipe, format!("list --json {filters}").trim_end());
    assert_eq!(status, Some(0), "{said}");
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(letters: &[Value]) -> Vec<&str> {
    letters.iter().map(|letter| letter["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_listed_by_what_they_are_and_shown_whole() {
    let (pipe, users) = refused("desk").await;
    let all = listed(&pipe, "");
    assert_eq!(ids(&all), ["0", "1", "2"]);
    let reasons: Vec<_> = all.iter().map(|letter| letter["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["validation", "follows", "poison"]);
    assert_eq!(all[0]["record"], serde_json::json!({"topic": users.topic, "partition": 0, "offset": 1}));
    assert_eq!(all[0]["key"], serde_json::json!({"_id": {"$numberInt": "15"}}));
    assert_eq!((all[0]["state"].as_str(), all[0]["operation"].as_str()), (Some("open"), Some("insert")));

    let of = |filters: &str| listed(&pipe, filters).len();
    assert_eq!((of("--reason follows"), of("--reason nothing")), (1, 0));
    assert_eq!((of(&format!("--namespace {}", users.ns)), of("--namespace some.where")), (2, 0));
    assert_eq!((of("--since 10m"), of("--since 2099-01-01T00:00:00Z"), of("--until 10m")), (3, 0, 0));
    let (status, table) = run(&pipe, "list");
    assert_eq!(status, Some(0), "{table}");
    assert!(
        table.starts_with("ID  REFUSED") && table.contains("{\"_id\":{\"$numberInt\":\"15\"}}"),
        "{table}"
    );
    assert!(table.contains("3 dead letters: 1 follows, 1 poison, 1 validation"), "{table}");

    let (status, shown) = run(&pipe, "show 0");
    assert_eq!(status, Some(0), "{shown}");
    for wanted in ["validation: ", "code 121", &format!("{}[0], offset 1", users.topic), "rs0/1/2", "user15@"]
    {
        assert!(shown.contains(wanted), "{wanted} in {shown}");
    }
    let (_, shown) = run(&pipe, "show 2");
    assert!(shown.contains("replay        impossible") && shown.contains("mine          yes"), "{shown}");
    assert_eq!(run(&pipe, "show 2 --raw"), (Some(0), "{\"not\": an event".to_owned()));
    let whole: Value = serde_json::from_str(&run(&pipe, "show 2 --json").1).unwrap();
    assert_eq!(whole["headers"][1], serde_json::json!({"name": "mine", "value": "eWVz"}));
    let (status, said) = run(&pipe, "show 99");
    assert!(status == Some(2) && said.contains("no dead letter 99"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_is_on_the_record_and_stays_in_the_topic() {
    let (pipe, _) = refused("discard").await;
    let (status, said) = run(&pipe, "discard 2 --dry-run");
    assert!(status == Some(0) && said.contains("would be discarded"), "{said}");
    assert_eq!(listed(&pipe, "").len(), 3);
    let (status, said) = run(&pipe, "discard 2 --note foreign");
    assert!(status == Some(0) && said.contains("1 dead letter discarded"), "{said}");
    assert_eq!(ids(&listed(&pipe, "")), ["0", "1"]);
    let discarded = listed(&pipe, "--state discarded");
    assert_eq!((ids(&discarded), discarded[0]["note"].as_str()), (vec!["2"], Some("foreign")));
    assert_eq!(listed(&pipe, "--state all").len(), 3);
    let (status, said) = run(&pipe, "discard 2 1");
    assert!(status == Some(0) && said.contains("2: discarded before"), "{said}");
    assert_eq!(ids(&listed(&pipe, "")), ["0"]);
    let (status, said) = run(&pipe, "discard --reason nothing");
    assert!(status == Some(0) && said.contains("nothing to discard"), "{said}");
    assert_eq!(run(&pipe, "discard 77").0, Some(2));
    assert_eq!(run(&pipe, "discard").0, Some(2), "never all by accident");
    let (_, said) = run(&pipe, "discard --all");
    assert!(said.contains("1 dead letter discarded"), "{said}");
    let (_, said) = run(&pipe, "list");
    assert!(said.contains("no such letter (3 dead letters in"), "{said}");
    assert_eq!(pipe.dead_letters(6).len(), 6, "three letters and three verdicts");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_replayed_says_so_and_stays_open() {
    let (pipe, users) = refused("replays").await;
    let (status, said) = run(&pipe, "replay 2");
    assert!(status == Some(1) && said.contains("2: cannot be replayed: no producer"), "{said}");
    let (status, said) = run(&pipe, "replay 0 1 --dry-run");
    let wanted = format!("{}: 1 document would be published anew", users.ns);
    assert!(status == Some(0) && said.contains(&wanted), "{said}");
    let (status, said) = run(&pipe, "replay --reason validation --within 2");
    assert!(status == Some(1) && said.contains("no producer has finished within 2 s"), "{said}");
    assert_eq!(listed(&pipe, "").len(), 3, "all are open still");
    let asked = pipe.said("snapshot/", 1).pop().unwrap();
    let request: Value = serde_json::from_slice(&asked.value.unwrap()).unwrap();
    let key = serde_json::json!([{"_id": {"$numberInt": "15"}}]);
    assert_eq!((&request["ns"], &request["keys"]), (&users.ns.to_string().into(), &key));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_in_parts_is_one_letter() {
    let (pipe, users) = validated("pieces").await;
    let worker = pipe.worker("");
    pipe.publish_in_parts(&users, insert(user(15)), 3).await;
    pipe.sync(&users).await;
    let letters = pipe.dead_letters(3);
    assert!(worker.stop().0.success());
    let listed = listed(&pipe, "");
    assert_eq!((ids(&listed), listed[0]["parts"].as_i64()), (vec!["0"], Some(3)));
    let value: Vec<u8> = letters.into_iter().flat_map(|letter| letter.value.unwrap()).collect();
    assert_eq!(run(&pipe, "show 0 --raw"), (Some(0), String::from_utf8(value).unwrap()));
    let (_, said) = run(&pipe, "discard 0");
    assert!(said.contains("1 dead letter discarded"), "{said}");
    assert!(ids(&self::listed(&pipe, "")).is_empty());
}
