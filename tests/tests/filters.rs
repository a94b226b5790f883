//! Documents are carried by a filter: at the target is what the source's own `find` finds, whatever has happened to it.

use bson::{Bson, DateTime, Document, doc};
use e2e::{Collection, Phase, Pipeline, waiting::ensure};
use serde_json::json;

/// Not deleted, of one region, and with something in stock.
const FILTER: &str =
    r#"{"deletedAt": null, "region": {"$in": ["eu", "us"]}, "items": {"$elemMatch": {"stock": {"$gt": 0}}}}"#;

fn article(number: i32) -> Document {
    let region = ["eu", "us", "asia"][usize::try_from(number).unwrap_or(0) % 3];
    doc! {
        "_id": number, "name": format!("Article {number}"), "region": region, "zip": format!("{number:05}"),
        "items": [{"stock": number % 5, "price": 1}, {"stock": 0, "price": 2}], "list": [1, 2, 3],
    }
}

/// Changes that the filter does not read, that it reads, and that end in every kind of record.
async fn change(articles: &Collection, first: i32) {
    articles.insert((first..first + 60).map(article)).await;
    for number in first..first + 60 {
        articles
            .update(number, doc! {"$set": {"name": "new", "list.1": number}, "$inc": {"visits": 1}})
            .await;
    }
    let now = DateTime::now();
    for (number, change) in (first..).zip([
        doc! {"$set": {"deletedAt": now}},
        doc! {"$set": {"region": "asia"}},
        doc! {"$set": {"region": "eu"}},
        doc! {"$set": {"items.1.stock": 4}},
        doc! {"$set": {"items.0.stock": 0}},
        doc! {"$unset": {"items": ""}},
        doc! {"$push": {"items": {"$each": [], "$slice": -1}}},
        doc! {"$set": {"region": Bson::Null, "name": "x"}},
        doc! {"$set": {"deletedAt": Bson::Null, "zip": "y"}},
        doc! {"$inc": {"items.0.stock": 7}, "$push": {"list": 9}},
    ]) {
        articles.update(number, change).await;
        articles.update(number, doc! {"$set": {"zip": "later"}}).await;
    }
    // Away, and back again with all that happened meanwhile.
    for number in first + 20..first + 25 {
        articles.update(number, doc! {"$set": {"deletedAt": now}}).await;
        articles.update(number, doc! {"$set": {"name": "while away", "items.0.stock": 9}}).await;
        articles.update(number, doc! {"$set": {"region": "eu"}, "$unset": {"deletedAt": ""}}).await;
    }
    articles.replace(first + 30, doc! {"region": "eu", "items": [{"stock": 1}]}).await;
    articles.replace(first + 31, doc! {"region": "eu"}).await;
    articles.delete(first + 32).await;
    articles.delete(first + 33).await;
    articles.insert([article(first + 33)]).await;
    articles.update_many(doc! {"_id": {"$gte": first + 40}}, doc! {"$inc": {"items.$[].stock": 1}}).await;
}

/// No document waits for an answer, and no record was given up.
async fn is_settled(pipeline: &mut Pipeline) {
    pipeline
        .until("every document that was asked for has come", |view| {
            let open = view.control()?.into_keys().filter(|key| key.starts_with("repair/")).count();
            ensure(open == 0, || format!("{open} are open"))
        })
        .await;
    assert!(pipeline.view.dead_letters().unwrap().is_empty());
}

async fn in_both_phases(pipeline: &mut Pipeline) {
    let (articles, others) = (pipeline.collection("articles"), pipeline.collection("others"));
    let write = async |phase: Phase| {
        let first = if phase == Phase::Before { 0 } else { 1000 };
        change(&articles, first).await;
        change(&others, first).await;
    };
    write(Phase::Before).await;
    pipeline.start(2).await;
    write(Phase::Streaming).await;
    pipeline.copied().await;
    change(&articles, 2000).await;
    pipeline.arrives().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_target_holds_what_the_filter_finds() {
    let mut pipeline = Pipeline::new("filters").await;
    pipeline.rule("articles", json!({"filter": FILTER}));
    in_both_phases(&mut pipeline).await;
    is_settled(&mut pipeline).await;
    assert!(pipeline.at_target("articles").count().await > 10);
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filtered_documents_are_shaped_too() {
    let mut pipeline = Pipeline::new("filters_shaped").await;
    // The filter reads what the rules hide.
    let rule = json!({"filter": FILTER, "allow": ["name", "zip", "list", "region"], "rename": {"zip": "postcode"}, "mask": {"name": "hash"}});
    pipeline.rule("articles", rule);
    in_both_phases(&mut pipeline).await;
    is_settled(&mut pipeline).await;
    pipeline.close().await;
}
