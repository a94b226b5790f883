//! Collections and fields with names that ask for trouble.

use bson::{Bson, doc};
use e2e::{Phase, Pipeline, in_both_phases};

/// What a collection can be called: no server takes a `$` or a NUL.
fn collections() -> Vec<String> {
    let mut names: Vec<String> = [
        "with space",
        " leading and trailing ",
        "dots.in..it",
        "größe_日本",
        "🦀",
        "a.b_c",
        "a.b.c",
        "a_b_c",
        "UPPER",
        "upper",
        "_x24",
        "x\ty\"z\\/|:*?<>'{}",
        "__consumer_offsets",
        "-",
        "tmp",
    ]
    .map(str::to_owned)
    .into();
    names.push("long.".repeat(40));
    names.push(format!("{}ö", "long.".repeat(39)));
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collections_with_odd_names_arrive_apart() {
    let mut pipeline = Pipeline::new("coll_names").await;
    pipeline.settings["kafka"]["partitions"] = 1.into();
    in_both_phases(&mut pipeline, 1, async |pipeline, phase| {
        for name in collections() {
            let collection = pipeline.collection(&name);
            let id = |n: i32| format!("{} {name} {n}", phase.name());
            collection.insert((0..4).map(|n| doc! {"_id": id(n), "n": n})).await;
            collection.update(id(1), doc! {"$inc": {"n": 1}}).await;
            collection.delete(id(2)).await;
        }
        if phase == Phase::Streaming {
            // Collections that the snapshot has not seen.
            for name in ["new one", "größer", "x.y_z", "x.y.z", "y_x24"] {
                pipeline.collection(name).insert([doc! {"_id": 1}]).await;
            }
        }
    })
    .await;
    pipeline.close().await;
}

/// Field names that mean something elsewhere.
const FIELDS: [&str; 18] = [
    "",
    "a.b",
    ".",
    "a..b",
    "$x",
    "$set",
    "a.$[]",
    "0",
    "00",
    "-1",
    "1e3",
    "__proto__",
    "constructor",
    "größe 日本 🦀",
    "\u{1}\n\t\"\\",
    "id",
    "_id",
    "$$ROOT",
];

/// What reads as Extended JSON when it is written down carelessly.
fn lookalikes() -> Vec<Bson> {
    [
        doc! {"$numberInt": "5"},
        doc! {"$numberInt": 5},
        doc! {"$numberLong": "not a number"},
        doc! {"$numberDouble": "NaN"},
        doc! {"$numberDecimal": "1"},
        doc! {"$oid": "000000000000000000000000"},
        doc! {"$date": "2020-01-01T00:00:00Z"},
        doc! {"$date": {"$numberLong": "5"}},
        doc! {"$binary": {"base64": "", "subType": "00"}},
        doc! {"$regularExpression": {"pattern": "a", "options": ""}},
        doc! {"$timestamp": {"t": 1, "i": 2}},
        doc! {"$symbol": "s"},
        doc! {"$code": "c"},
        doc! {"$code": "c", "$scope": {}},
        doc! {"$undefined": true},
        doc! {"$minKey": 1},
        doc! {"$maxKey": 1},
        doc! {"$uuid": "x"},
        doc! {"$dbPointer": {"$ref": "x", "$id": {"$oid": "000000000000000000000000"}}},
        doc! {"$ref": "c", "$id": 1, "$db": "d"},
        doc! {"$numberInt": "5", "x": 1},
    ]
    .map(Bson::from)
    .into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_with_odd_names_arrive() {
    let mut pipeline = Pipeline::new("field_names").await;
    in_both_phases(&mut pipeline, 1, async |pipeline, phase| {
        let collection = pipeline.collection(phase.name());
        for (number, field) in (0..).zip(FIELDS) {
            let mut document = doc! {"_id": number, "inner": {field: 1}, "list": [{field: [2]}], "last": 0};
            if field != "_id" && field != "$set" {
                document.insert(field, "at the top");
            }
            collection.insert([document]).await;
            // A delta beside such a field.
            collection.update(number, doc! {"$inc": {"last": 1}}).await;
        }
        for (number, value) in (100..).zip(lookalikes()) {
            collection
                .insert([doc! {"_id": number, "value": value.clone(), "list": [1, value], "last": 0}])
                .await;
            collection.update(number, doc! {"$inc": {"last": 1}}).await;
        }
    })
    .await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deltas_of_fields_with_odd_names_arrive() {
    let mut pipeline = Pipeline::new("odd_deltas").await;
    in_both_phases(&mut pipeline, 1, async |pipeline, phase| {
        let collection = pipeline.collection(phase.name());
        let set = |field: &str, value: Bson| {
            let stage = doc! {"$replaceWith": {"$setField": {
                "field": {"$literal": field}, "input": "$$ROOT", "value": {"$literal": value},
            }}};
            vec![stage]
        };
        for (number, field) in (0..).zip(FIELDS).filter(|(_, field)| *field != "_id") {
            // Beside a document `a`, a first `a.b` could be a path as well; before 6.1 no event tells.
            collection.insert([doc! {"_id": number, "first": 1, "last": 2}]).await;
            collection.update(number, set(field, 1.into())).await;
            collection.update(number, set(field, doc! {"x": [1, 2, 3]}.into())).await;
            collection.update(number, set("last", 3.into())).await;
        }
        for (number, value) in (100..).zip(lookalikes()) {
            collection.insert([doc! {"_id": number, "value": 1, "other": [1, 2]}]).await;
            collection.update(number, set("value", value)).await;
        }
        collection
            .insert([doc! {"_id": "numeric", "object": {"0": "a", "1": {"2": 3}}, "array": [1, [2, 3]]}])
            .await;
        collection.update("numeric", doc! {"$set": {"object.0": 1, "object.1.2": 4, "object.7": 5}}).await;
        collection.update("numeric", doc! {"$set": {"array.0": 1, "array.1.1": 4, "array.4": 5}}).await;
    })
    .await;
    pipeline.close().await;
}
