//! What is published arrives.

use bson::{Bson, doc, spec::BinarySubtype};

use crate::support::{Pipe, event::*};

#[tokio::test(flavor = "multi_thread")]
async fn thousand_users_arrive_without_what_the_rules_leave_out() {
    let pipe = Pipe::new("users").await;
    let users = pipe.events("users", 4).await;
    pipe.publish(&users, (0..1000).map(|id| insert(user(id)))).await;
    let rules = format!(
        "[[rules]]\nnamespace = \"{}.users\"\nallow = [\"firstname\", \"lastname\", \"email\"]\n",
        pipe.name
    );
    let _worker = pipe.worker(&rules);
    pipe.until_count(&users, 1000).await;
    let mut expected = user(7);
    expected.remove("age");
    pipe.until_is(&users, 7, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_announced_later_are_read_too() {
    let pipe = Pipe::new("later").await;
    let worker = pipe.worker("");
    worker.until_log("is not there yet");
    assert_eq!(worker.get("/readyz").0, 503);
    let first = pipe.events("first", 2).await;
    pipe.publish(&first, [insert(user(1))]).await;
    pipe.until_count(&first, 1).await;
    let second = pipe.events("second", 2).await;
    pipe.publish(&second, [insert(user(1))]).await;
    pipe.until_count(&second, 1).await;
    assert_eq!(worker.get("/readyz").0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_change_arrives_exactly() {
    let pipe = Pipe::new("kinds").await;
    let things = pipe.events("things", 1).await;
    let _worker = pipe.worker("");
    let start =
        doc! {"_id": 1, "a": 1, "list": [1, 2, 3, 4], "deep": {"x": {"y": 1}}, "gone": true, "a.b": 1};
    pipe.publish(&things, [insert(start.clone())]).await;
    pipe.until_is(&things, 1, &start).await;
    pipe.publish(
        &things,
        [
            update(1, doc! {"updatedFields": {"a": 2_i64, "deep.x.y": "z", "new": {"n": null}}, "removedFields": ["gone"]}),
            update(1, doc! {"truncatedArrays": [{"field": "list", "newSize": 2}], "updatedFields": {"list.0": 9}}),
        ],
    )
    .await;
    let changed =
        doc! {"_id": 1, "a": 2_i64, "list": [9, 2], "deep": {"x": {"y": "z"}}, "a.b": 1, "new": {"n": null}};
    pipe.until_is(&things, 1, &changed).await;
    let replaced = doc! {"_id": 1, "only": "this"};
    pipe.publish(&things, [replace(replaced.clone())]).await;
    pipe.until_is(&things, 1, &replaced).await;
    pipe.publish(&things, [delete(1), insert(doc! {"_id": 2})]).await;
    pipe.until_is(&things, 2, &doc! {"_id": 2}).await;
    assert_eq!(pipe.count(&things).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn deltas_that_no_statement_can_say_are_applied_on_the_document() {
    let pipe = Pipe::new("roads").await;
    let things = pipe.events("things", 1).await;
    let _worker = pipe.worker("");
    let start = doc! {"_id": 1, "$price": 1, "a": {"b.c": 1, "": 2}, "list": [{"x.y": 1}]};
    pipe.publish(&things, [insert(start.clone())]).await;
    pipe.until_is(&things, 1, &start).await;
    pipe.publish(
        &things,
        [
            update(1, doc! {"updatedFields": {"$price": 2}}),
            update(1, doc! {"updatedFields": {"a.b.c": 3, "a.": 4}}),
            update(1, doc! {"updatedFields": {"list.0.x.y": 5}}),
        ],
    )
    .await;
    let wanted = doc! {"_id": 1, "$price": 2, "a": {"b.c": 3, "": 4}, "list": [{"x.y": 5}]};
    pipe.until_is(&things, 1, &wanted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_every_odd_type_arrive() {
    let pipe = Pipe::new("ids").await;
    let things = pipe.events("things", 3).await;
    let decimals = pipe.events("decimals", 3).await;
    let _worker = pipe.worker("");
    let ids = [
        Bson::Null,
        Bson::MinKey,
        Bson::MaxKey,
        Bson::Boolean(false),
        Bson::Int32(1),
        Bson::Double(1.5),
        Bson::Double(f64::NAN),
        Bson::Document(doc! {"b": 1, "a": [1]}),
        Bson::Binary(bson::Binary { subtype: BinarySubtype::Generic, bytes: vec![0, 255] }),
        Bson::String(String::new()),
        Bson::String("\u{0}ü".to_owned()),
        Bson::Symbol("s".to_owned()),
        Bson::Timestamp(bson::Timestamp { time: 0, increment: 1 }),
        Bson::DateTime(bson::DateTime::from_millis(i64::MIN)),
        Bson::JavaScriptCode("x".to_owned()),
    ];
    pipe.publish(&things, ids.iter().map(|id| insert(doc! {"_id": id.clone(), "v": 1}))).await;
    pipe.publish(&decimals, [insert(doc! {"_id": Bson::Decimal128("1".parse().unwrap()), "v": 1})]).await;
    pipe.until_count(&things, ids.len() as u64).await;
    pipe.until_count(&decimals, 1).await;
    for id in &ids {
        pipe.until_is(&things, id.clone(), &doc! {"_id": id.clone(), "v": 1}).await;
    }
    pipe.publish(&things, ids.iter().map(|id| update(id.clone(), doc! {"updatedFields": {"v": 2}}))).await;
    for id in &ids {
        pipe.until_is(&things, id.clone(), &doc! {"_id": id.clone(), "v": 2}).await;
    }
    pipe.publish(&things, ids.iter().map(|id| delete(id.clone()))).await;
    pipe.until_count(&things, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_collection_names_arrive() {
    let pipe = Pipe::new("names").await;
    let names = ["with space", "a.b.c", "größe 名前", "_x20"];
    let _worker = pipe.worker("");
    for name in names {
        let events = pipe.events(name, 1).await;
        pipe.publish(&events, [insert(user(1))]).await;
        pipe.until_is(&events, 1, &user(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn largest_documents_arrive_whatever_their_text_takes() {
    let pipe = Pipe::new("large").await;
    let large = pipe.events("large", 1).await;
    let _worker = pipe.worker("");
    let text = doc! {"_id": 1, "text": "x".repeat(16 * 1024 * 1024 - 1024), "end": true};
    // An empty regular expression takes 10 bytes with its name, and over 50 as text.
    let empty = Bson::RegularExpression(bson::Regex {
        pattern: bson::cstr!("").into(),
        options: bson::cstr!("").into(),
    });
    let list: Vec<_> = std::iter::repeat_n(empty, 1_500_000).collect();
    let wordy = doc! {"_id": 2, "list": list};
    assert!(wordy.to_vec().unwrap().len() > 15_000_000);
    pipe.publish(&large, [insert(text.clone()), insert(wordy.clone()), insert(user(3))]).await;
    pipe.until_is(&large, 1, &text).await;
    pipe.until_is(&large, 2, &wordy).await;
    pipe.until_is(&large, 3, &user(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_timestamps_stay_empty() {
    let pipe = Pipe::new("stamps").await;
    let things = pipe.events("things", 1).await;
    let _worker = pipe.worker("");
    let empty = Bson::Timestamp(bson::Timestamp { time: 0, increment: 0 });
    let document = doc! {"_id": 1, "t": empty.clone(), "deep": {"t": empty}};
    pipe.publish(&things, [insert(document.clone()), replace(document.clone())]).await;
    pipe.until_is(&things, 1, &document).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_other_systems_write_are_named_in_the_configuration() {
    let pipe = Pipe::new("named").await;
    let users = pipe.unannounced("users", 1).await;
    let text = r#"{"_id": {"_data": "82"}, "operationType": "insert", "documentKey": {"_id": 1},
        "ns": {"db": "DB", "coll": "users"}, "fullDocument": {"_id": 1, "at": {"$date": 0}}}"#;
    pipe.publish_raw(&users, 0, Some(text.replace("DB", &pipe.name).as_bytes()), &[]).await;
    let worker = pipe.worker(&format!("[worker]\ntopics = [\"{}\"]\n", users.topic));
    let wanted = doc! {"_id": 1, "at": bson::DateTime::from_millis(0)};
    pipe.until_is(&users, 1, &wanted).await;
    assert_eq!(worker.get("/readyz").0, 200);
}
