//! The main job: users cross Kafka and arrive shaped, while their schema evolves.

use bson::{Document, doc};
use e2e::Pipeline;
use mongodb::Collection;

fn user(number: i32) -> Document {
    doc! {
        "_id": number,
        "firstname": format!("First{number}"),
        "lastname": format!("Last{number}"),
        "age": 20 + number % 60,
        "email": format!("user{number}@example.org"),
    }
}

/// New users carry `sex`, old ones get it by update; one is replaced, one deleted; an array appears, is pushed to,
/// pulled from and truncated; a nested document appears and changes.
async fn evolve(users: &Collection<Document>, first: i32) {
    let id = |n: i32| doc! {"_id": first + n};
    let update = async |n: i32, change: Document| {
        users.update_one(id(n), change).await.expect("the source takes writes");
    };
    let mut newcomer = user(first + 50);
    newcomer.insert("sex", "f");
    users.insert_one(newcomer).await.expect("the source takes writes");
    users.update_many(doc! {"sex": {"$exists": false}}, doc! {"$set": {"sex": "m"}}).await.expect("writes");
    users.replace_one(id(1), doc! {"lastname": "Replaced", "age": 1, "sex": "x"}).await.expect("writes");
    users.delete_one(id(2)).await.expect("the source takes writes");
    update(3, doc! {"$set": {"tags": ["a", "b", "c", "d"]}}).await;
    update(3, doc! {"$push": {"tags": {"$each": ["e", "f", "g"]}}}).await;
    update(3, doc! {"$pull": {"tags": "b"}}).await;
    update(3, doc! {"$push": {"tags": {"$each": [], "$slice": 3}}}).await;
    update(3, doc! {"$set": {"tags.1": "C"}}).await;
    update(4, doc! {"$set": {"address": {"city": "X", "zip": "1"}}}).await;
    update(4, doc! {"$set": {"address.city": "Y"}, "$unset": {"address.zip": ""}, "$inc": {"age": 1}}).await;
    update(5, doc! {"$unset": {"email": ""}, "$rename": {"firstname": "given"}}).await;
    users.delete_one(id(6)).await.expect("the source takes writes");
    users.insert_one(user(first + 6)).await.expect("the source takes writes");
}

#[tokio::test]
async fn users_arrive_shaped_while_their_schema_evolves() {
    let mut pipeline = Pipeline::new("main_job").await;
    pipeline.allow("users", &["firstname", "lastname", "email", "sex", "tags", "address.city"]);
    let users = pipeline.collection("users");
    users.insert_many((1..=100).map(user)).await.expect("the source takes writes");
    evolve(&users, 1).await;
    pipeline.start(2).await;
    pipeline.copied().await;

    let records = pipeline.view.records().expect("Kafka answers");
    assert_eq!(records.iter().filter(|record| record.is_snapshot()).count(), 100);
    evolve(&users, 30).await;
    users.insert_many((200..300).map(user)).await.expect("the source takes writes");
    pipeline.check().await;
    pipeline.close().await;
}
