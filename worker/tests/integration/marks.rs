//! Documents that are not as they should be: asked for anew, or followed by their deltas into the dead letters.

use bson::{Document, doc};
use futures_util::TryStreamExt as _;

use crate::support::{Events, Pipe, event::*, until};

fn set(id: i32, n: i32) -> Document {
    update(id, doc! {"updatedFields": {"n": n}})
}

/// Says that everything up to now was copied.
async fn copied(pipe: &Pipe, things: &Events) {
    let value =
        format!(r#"{{"ns":"{}","epoch":1,"sequence":{},"clusterTime":"7.1"}}"#, things.ns, pipe.published());
    pipe.control(&format!("copied/rs0/{}", things.ns), &value).await;
}

/// The requests for repairs on the control topic, behind `former` ones.
fn requests(pipe: &Pipe, former: usize, wanted: usize) -> Vec<(String, String)> {
    let found = pipe.said("repair/", former + wanted).split_off(former);
    let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default()).unwrap();
    found.into_iter().map(|record| (text(record.key), text(record.value))).collect()
}

async fn marks(pipe: &Pipe) -> Vec<Document> {
    pipe.marks().find(doc! {}).await.unwrap().try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn delta_behind_the_copy_that_finds_no_document_asks_for_a_repair_and_waits_for_it() {
    let pipe = Pipe::new("missing").await;
    let things = pipe.events("things", 1).await;
    pipe.publish(&things, [insert(doc! {"_id": 1, "n": 0}), set(7, 1)]).await;
    let worker = pipe.worker("");
    pipe.sync(&things).await;
    assert!(marks(&pipe).await.is_empty(), "where nothing was copied a miss is normal");

    copied(&pipe, &things).await;
    pipe.publish(&things, [set(1, 1), set(7, 2), set(8, 2)]).await;
    until("two marks", async || marks(&pipe).await.len() == 2).await;
    let asked = requests(&pipe, 0, 2);
    let (key, value) = asked.iter().find(|(_, value)| value.contains("\"7\"")).unwrap();
    assert!(key.starts_with("repair/rs0/") && key.len() == "repair/rs0/".len() + 64, "{key}");
    let number = pipe.published() - 1;
    let wanted = format!(
        r#"{{"ns":"{}","key":{{"_id":{{"$numberInt":"7"}}}},"epoch":1,"sequence":{number}}}"#,
        things.ns
    );
    assert_eq!(value, &wanted);
    let mark = pipe.marks().find_one(doc! {"_id.key": 7}).await.unwrap().unwrap();
    let id = doc! {"topic": &things.topic, "partition": 0, "ns": things.ns.to_string(), "key": 7};
    assert_eq!((mark.get_document("_id").unwrap(), mark.get_str("why").unwrap()), (&id, "missing"));

    // The next owner asks again.
    assert!(worker.stop().0.success());
    let worker = pipe.worker("");
    let again = requests(&pipe, 2, 2);
    assert!(again.contains(&(key.clone(), value.clone())), "{again:?}");

    pipe.publish(
        &things,
        [set(7, 3), insert(doc! {"_id": 7, "n": 3, "from": "source"}), set(7, 4), delete(8)],
    )
    .await;
    pipe.until_is(&things, 7, &doc! {"_id": 7, "n": 4, "from": "source"}).await;
    until("no mark is left", async || marks(&pipe).await.is_empty()).await;
    pipe.until_is(&things, 1, &doc! {"_id": 1, "n": 1}).await;
    assert_eq!(worker.metric("oplogue_worker_dead_letters_total"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn delta_behind_the_copy_that_does_not_fit_its_document_asks_for_a_repair() {
    let pipe = Pipe::new("unfit").await;
    let things = pipe.events("things", 1).await;
    pipe.publish(&things, [insert(doc! {"_id": 1, "a": 5}), insert(doc! {"_id": 2, "a": 5})]).await;
    copied(&pipe, &things).await;
    let worker = pipe.worker("");
    pipe.sync(&things).await;
    // One is carried out by the target, one here.
    let deltas = [
        update(1, doc! {"updatedFields": {"a.b.c": 1}}),
        update(2, doc! {"truncatedArrays": [{"field": "$list", "newSize": 1}]}),
        update(2, doc! {"updatedFields": {"$list.0": 2}}),
    ];
    pipe.publish(&things, deltas).await;
    until("two marks", async || marks(&pipe).await.len() == 2).await;
    requests(&pipe, 0, 2);
    let whole = |id: i32| doc! {"_id": id, "a": {"b": {"c": 1}}};
    pipe.publish(&things, [insert(whole(1)), replace(whole(2)), set(1, 9)]).await;
    pipe.until_is(&things, 1, &doc! {"_id": 1, "a": {"b": {"c": 1}}, "n": 9}).await;
    pipe.until_is(&things, 2, &whole(2)).await;
    assert!(marks(&pipe).await.is_empty());
    assert_eq!(worker.metric("oplogue_worker_dead_letters_total"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn deltas_of_a_dead_letters_document_follow_it_until_an_image_comes() {
    let pipe = Pipe::new("dead").await;
    let users = pipe.events("users", 1).await;
    pipe.target.create_collection(&users.ns.coll).validator(doc! {"age": {"$lt": 30}}).await.unwrap();
    let worker = pipe.worker("");
    let old = doc! {"_id": 1, "age": 99};
    pipe.publish(&users, [insert(doc! {"_id": 1, "age": 1}), replace(old), set(1, 1)]).await;
    let reasons = |letters: usize| -> Vec<_> {
        let letters = pipe.dead_letters(letters);
        letters.iter().map(|letter| letter.headers["dead.kind"].clone()).collect()
    };
    assert_eq!(reasons(2), ["validation", "follows"]);
    until("marked", async || marks(&pipe).await.len() == 1).await;
    assert_eq!(marks(&pipe).await[0].get_str("why").unwrap(), "dead");

    assert!(worker.stop().0.success());
    let _worker = pipe.worker("");
    pipe.publish(&users, [set(1, 2)]).await;
    assert_eq!(reasons(3), ["validation", "follows", "follows"]);
    pipe.until_is(&users, 1, &doc! {"_id": 1, "age": 1}).await;
    pipe.publish(&users, [replace(doc! {"_id": 1, "age": 2}), set(1, 3)]).await;
    pipe.until_is(&users, 1, &doc! {"_id": 1, "age": 2, "n": 3}).await;
    assert!(marks(&pipe).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn record_that_cannot_be_read_marks_the_document_that_its_key_names() {
    let pipe = Pipe::new("damaged").await;
    let things = pipe.events("things", 1).await;
    let _worker = pipe.worker("");
    pipe.publish(&things, [insert(doc! {"_id": 1, "n": 0}), insert(doc! {"_id": 2, "n": 0})]).await;
    let ns = things.ns.to_string();
    let headers = [("v", "1"), ("ns", &*ns), ("op", "update"), ("seq", "rs0/1/3")];
    pipe.publish_keyed(&things, br#"{"_id":{"$numberInt":"1"}}"#, b"{damaged", &headers).await;
    pipe.publish(&things, [set(1, 1), set(2, 1)]).await;
    pipe.until_is(&things, 2, &doc! {"_id": 2, "n": 1}).await;
    let letters = pipe.dead_letters(2);
    let kinds: Vec<_> = letters.iter().map(|letter| letter.headers["dead.kind"].as_str()).collect();
    assert_eq!(kinds, ["poison", "follows"]);
    pipe.until_is(&things, 1, &doc! {"_id": 1, "n": 0}).await;
    pipe.publish(&things, [replace(doc! {"_id": 1, "n": 2}), set(1, 3)]).await;
    pipe.until_is(&things, 1, &doc! {"_id": 1, "n": 3}).await;
    assert!(marks(&pipe).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_refused_records_cost_little_more_than_they_are_and_each_is_one_letter() {
    let pipe = Pipe::new("refused").await;
    let users = pipe.events("users", 2).await;
    pipe.target.create_collection(&users.ns.coll).validator(doc! {"age": {"$lt": 30}}).await.unwrap();
    let aged = |id: i32| insert(doc! {"_id": id, "age": if id % 3 == 0 { 99 } else { 1 }});
    pipe.publish(&users, (0..900).map(aged)).await;
    let worker = pipe.worker("");
    pipe.until_count(&users, 600).await;
    until("all is passed", async || pipe.offsets(&users).await.iter().sum::<i64>() == 900).await;
    assert_eq!(worker.metric("oplogue_worker_dead_letters_total"), 300.0);
    assert_eq!(pipe.dead_letters(300).len(), 300);
}
