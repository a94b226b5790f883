//! What cannot be applied is kept, said, and holds nothing else up.

use bson::doc;

use crate::support::{Pipe, event::*, until};

#[tokio::test(flavor = "multi_thread")]
async fn corrupt_record_becomes_a_dead_letter_and_the_rest_flows() {
    let pipe = Pipe::new("corrupt").await;
    let users = pipe.events("users", 1).await;
    let worker = pipe.worker("");
    pipe.publish(&users, [insert(user(1))]).await;
    pipe.publish_raw(&users, 0, Some(b"{\"not\": an event"), &[("v", "1"), ("mine", "yes")]).await;
    pipe.publish_raw(&users, 0, None, &[]).await;
    pipe.publish(&users, [insert(user(2))]).await;
    pipe.until_count(&users, 2).await;
    let letters = pipe.dead_letters(2);
    assert_eq!(letters[0].value.as_deref(), Some(b"{\"not\": an event".as_slice()));
    assert_eq!(letters[0].key.as_deref(), Some(b"a key".as_slice()));
    assert_eq!(letters[0].headers["mine"], "yes");
    assert_eq!(letters[0].headers["dead.topic"], users.topic);
    assert_eq!(letters[0].headers["dead.offset"], "1");
    assert!(letters[0].headers["dead.reason"].contains("Extended JSON"), "{:?}", letters[0].headers);
    assert_eq!(letters[1].value, None);
    until("two dead letters counted", async || worker.metric("oplogue_worker_dead_letters_total") >= 2.0)
        .await;
    until("all committed", async || pipe.committed(&users) == [Some(4)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn document_that_the_target_refuses_becomes_a_dead_letter_and_its_neighbours_pass() {
    let pipe = Pipe::new("validator").await;
    let users = pipe.events("users", 1).await;
    pipe.target.create_collection(&users.ns.coll).validator(doc! {"age": {"$lt": 30}}).await.unwrap();
    pipe.unique(&users, "email").await;
    let _worker = pipe.worker("[worker]\ndelivery = \"at_least_once\"\n");
    let mut twin = user(3);
    twin.insert("email", "user1@example.com");
    pipe.publish(&users, [insert(user(1)), insert(user(15)), insert(user(2)), insert(twin)]).await;
    let letters = pipe.dead_letters(2);
    let reasons: Vec<_> = letters.iter().map(|letter| letter.headers["dead.kind"].as_str()).collect();
    assert_eq!(reasons, ["validation", "unique_index"]);
    pipe.until_count(&users, 2).await;
    for letter in letters {
        let reason = &letter.headers["dead.reason"];
        assert!(!reason.contains("user1@"), "a reason holds no value: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_of_a_sequence_are_dropped() {
    let pipe = Pipe::new("doubled").await;
    let users = pipe.events("users", 1).await;
    let first = pipe.publish(&users, [insert(user(1))]);
    first.await;
    let text = r#"{"_id": {"_data": "82"}, "operationType": "delete", "documentKey": {"_id": {"$numberInt": "1"}},
        "ns": {"db": "DB", "coll": "users"}}"#;
    let text = text.replace("DB", &pipe.name);
    let ns = users.ns.to_string();
    let again = [("v", "1"), ("ns", &*ns), ("op", "delete"), ("seq", "rs0/1/1")];
    pipe.publish_raw(&users, 0, Some(text.as_bytes()), &again).await;
    let worker = pipe.worker("");
    pipe.sync(&users).await;
    assert_eq!(pipe.count(&users).await, 1, "the second delivery of sequence 1 was not applied");
    until("counted", async || worker.metric("oplogue_worker_duplicates_total") >= 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn definition_change_that_must_not_pass_stops_the_worker_and_says_what() {
    let pipe = Pipe::new("ddl").await;
    let users = pipe.events("users", 1).await;
    let create = doc! {"operationType": "create"};
    pipe.publish(&users, [create, insert(user(1)), doc! {"operationType": "drop"}, insert(user(2))]).await;
    let (status, log) = pipe.worker("").ended();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("worker.ddl.drop") && log.contains(&users.ns.to_string()), "{log}");
    assert_eq!(pipe.count(&users).await, 1, "what came before it is applied");
    assert_eq!(pipe.committed(&users), [Some(2)], "and committed");
    let _worker = pipe.worker("[worker.ddl]\ndrop = \"ignore\"\n");
    pipe.until_count(&users, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_format_version_stops_the_worker() {
    let pipe = Pipe::new("newer").await;
    let users = pipe.events("users", 1).await;
    pipe.publish_raw(&users, 0, Some(b"{}"), &[("v", "9")]).await;
    let (status, log) = pipe.worker("").ended();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("upgrade the workers"), "{log}");
    assert_eq!(pipe.committed(&users), [None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn offset_that_the_log_no_longer_holds_is_a_lost_position() {
    let pipe = Pipe::new("lost").await;
    let users = pipe.events("users", 1).await;
    pipe.publish(&users, [insert(user(1))]).await;
    pipe.commit(&users, 0, 77);
    let (status, log) = pipe.worker("").ended();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(&format!("{}[0]", users.topic)) && log.contains("77"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_target_and_broker_are_waited_for_and_said() {
    let pipe = Pipe::new("away").await;
    let target = pipe.worker("[target]\nuri = \"mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=300\"\n");
    target.until_log("cannot reach the target");
    let (status, body) = target.get("/readyz");
    assert!(status == 503 && body.contains("reach the target"), "{body}");
    let kafka = pipe.worker("[kafka]\nbrokers = \"127.0.0.1:9\"\n");
    kafka.until_log("cannot reach Kafka at 127.0.0.1:9");
    assert_eq!(kafka.get("/readyz").0, 503);
    for worker in [target, kafka] {
        let (status, log) = worker.stop();
        assert!(status.success(), "{log}");
    }
}
