//! The main job: users cross Kafka and arrive shaped, while their schema evolves.

use bson::{Document, doc};
use e2e::{Collection, Pipeline};

fn user(number: i32) -> Document {
    doc! {
        "_id": number,
        "firstname": format!("First{number}"),
        "lastname": format!("Last{number}"),
        "age": 20 + number % 60,
        "email": format!("user{number}@example.org"),
    }
}

/// New users carry `sex`, old ones get it by update; one is replaced, one deleted, one deleted and inserted again; an
/// array appears, is pushed to, pulled from and truncated; a nested document appears and changes.
async fn evolve(users: &Collection, first: i32) {
    let mut newcomer = user(first + 1000);
    newcomer.insert("sex", "f");
    users.insert([newcomer]).await;
    users.update_many(doc! {"sex": {"$exists": false}}, doc! {"$set": {"sex": "m"}}).await;
    users.replace(first, doc! {"lastname": "Replaced", "age": 1, "sex": "x"}).await;
    users.delete(first + 1).await;
    users.delete(first + 2).await;
    users.insert([user(first + 2)]).await;
    users.update(first + 3, doc! {"$unset": {"email": ""}, "$rename": {"firstname": "lastname"}}).await;
    let (array, nested) = (first + 4, first + 5);
    for change in [
        doc! {"$set": {"tags": ["a", "b", "c", "d"]}},
        doc! {"$push": {"tags": {"$each": ["e", "f", "g"]}}},
        doc! {"$pull": {"tags": "b"}},
        doc! {"$push": {"tags": {"$each": [], "$slice": 3}}},
        doc! {"$set": {"tags.1": "C"}, "$push": {"more": 1}},
        doc! {"$push": {"tags": {"$each": ["x", "y"], "$slice": -4}}, "$inc": {"age": 1}},
        doc! {"$set": {"tags": []}},
    ] {
        users.update(array, change).await;
    }
    for change in [
        doc! {"$set": {"address": {"city": "X", "zip": "1"}, "items": [{"price": 1, "name": "a"}, {"price": 2}]}},
        doc! {"$set": {"address.city": "Y", "items.1.price": 3}, "$unset": {"address.zip": ""}},
        doc! {"$set": {"address.country": "Z", "items.0.name": "b"}},
        doc! {"$push": {"items": {"$each": [{"price": 4, "name": "c"}], "$slice": -2}}},
    ] {
        users.update(nested, change).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_arrive_shaped_while_their_schema_evolves() {
    let mut pipeline = Pipeline::new("main_job").await;
    pipeline
        .allow("users", &["firstname", "lastname", "email", "sex", "tags", "address.city", "items.price"]);
    let users = pipeline.collection("users");
    users.insert((1..=100).map(user)).await;
    evolve(&users, 1).await;
    pipeline.start(2).await;
    pipeline.copied().await;

    let topic = format!("{0}.{0}.users", pipeline.name);
    let topics = pipeline.view.topics().expect("Kafka answers");
    assert_eq!(topics[&format!("{}.users", pipeline.name)], (topic.clone(), 3));
    let records = pipeline.view.records().expect("Kafka answers");
    assert_eq!(records.iter().filter(|record| record.partition.0 == topic).count(), 100);
    let key = records.iter().filter_map(|record| record.key.as_deref()).next();
    assert!(key.is_some_and(|key| key.starts_with(br#"{"_id":{"$numberInt":""#)), "{key:?}");

    evolve(&users, 30).await;
    users.insert((200..300).map(user)).await;
    pipeline.check().await;
    for worker in &mut pipeline.workers {
        worker.says(&["partitions assigned"]).await;
    }
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_rules_every_byte_arrives() {
    let mut pipeline = Pipeline::new("every_byte").await;
    let (first, second) = (pipeline.collection("first"), pipeline.collection("second"));
    first.insert((1..=60).map(user)).await;
    evolve(&first, 1).await;
    pipeline.start(1).await;
    pipeline.copied().await;
    evolve(&first, 30).await;
    second.insert((1..=60).map(user)).await;
    evolve(&second, 1).await;
    pipeline.check().await;
    pipeline.close().await;
}
