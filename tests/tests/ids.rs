//! `_id` of every type, and every kind of change on it.

use bson::{
    Binary, Bson, DateTime, Decimal128, JavaScriptCodeWithScope, Timestamp, doc, oid::ObjectId,
    spec::BinarySubtype,
};
use e2e::{Phase, Pipeline, in_both_phases};

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse::<Decimal128>().expect("this is a decimal"))
}

fn binary(subtype: BinarySubtype, bytes: &[u8]) -> Bson {
    Bson::Binary(Binary { subtype, bytes: bytes.to_vec() })
}

/// Values that one collection can hold side by side.
fn ids() -> Vec<Bson> {
    vec![
        Bson::Null,
        Bson::MinKey,
        Bson::MaxKey,
        true.into(),
        false.into(),
        0.into(),
        1.into(),
        i32::MIN.into(),
        i64::MAX.into(),
        // Both have the same nearest double, so they share a partition.
        9_007_199_254_740_993_i64.into(),
        9_007_199_254_740_992.0.into(),
        0.1.into(),
        decimal("0.1"),
        decimal("1E+6000"),
        f64::NAN.into(),
        f64::NEG_INFINITY.into(),
        f64::MIN_POSITIVE.into(),
        "".into(),
        "1".into(),
        "a.b $c \"quoted\" \\".into(),
        "with\0nul".into(),
        "größe 日本 \u{1F980} \u{2028}".into(),
        "x".repeat(2000).into(),
        ObjectId::from_bytes([7; 12]).into(),
        DateTime::from_millis(0).into(),
        DateTime::from_millis(-1).into(),
        DateTime::MAX.into(),
        DateTime::MIN.into(),
        Bson::Timestamp(Timestamp { time: 7, increment: 8 }),
        binary(BinarySubtype::Generic, b""),
        binary(BinarySubtype::Generic, b"\x00\xff"),
        binary(BinarySubtype::BinaryOld, b"old"),
        binary(BinarySubtype::Uuid, &[9; 16]),
        binary(BinarySubtype::UserDefined(0x80), b"mine"),
        doc! {}.into(),
        doc! {"a": 1, "b": 2}.into(),
        doc! {"b": 2, "a": 1}.into(),
        doc! {"a": {"b": [1, {"c": Bson::Null}]}}.into(),
        doc! {"oid": ObjectId::from_bytes([7; 12]), "": 1, "a.b": 2}.into(),
        Bson::Symbol("symbol".into()),
        Bson::JavaScriptCode("function() {}".into()),
        Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope { code: "f()".into(), scope: doc! {"x": 1} }),
    ]
}

/// Every document is inserted; then, by turns, nothing more happens to it, or it gets deltas, is replaced, is deleted, is
/// deleted and inserted again.
async fn write(pipeline: &Pipeline, name: &str, ids: &[Bson], shift: usize) {
    let collection = pipeline.collection(name);
    let document = |id: &Bson| doc! {"_id": id.clone(), "n": 0, "list": [1, 2, 3], "copy": id.clone()};
    collection.insert(ids.iter().map(document)).await;
    change(pipeline, name, ids, shift).await;
}

async fn change(pipeline: &Pipeline, name: &str, ids: &[Bson], shift: usize) {
    let collection = pipeline.collection(name);
    for (number, id) in ids.iter().enumerate() {
        match (number + shift) % 5 {
            1 => {
                collection.update(id.clone(), doc! {"$inc": {"n": 1}, "$push": {"list": id.clone()}}).await;
                collection
                    .update(id.clone(), doc! {"$set": {"list.1": 5, "a.b": 1}, "$unset": {"copy": ""}})
                    .await;
            }
            2 => collection.replace(id.clone(), doc! {"replaced": id.clone()}).await,
            3 => collection.delete(id.clone()).await,
            4 => {
                collection.delete(id.clone()).await;
                collection.insert([doc! {"_id": id.clone(), "again": true, "n": 7}]).await;
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_every_type_arrive_and_change() {
    let mut pipeline = Pipeline::new("ids").await;
    in_both_phases(&mut pipeline, 2, async |pipeline, phase| {
        write(pipeline, phase.name(), &ids(), 0).await;
        // What MongoDB holds equal, one in each collection.
        for (name, one) in
            [("int", 1.into()), ("long", 1_i64.into()), ("double", 1.0.into()), ("decimal", decimal("1.0"))]
        {
            write(pipeline, &format!("one_as_{name}_{}", phase.name()), &[one], 1).await;
        }
        if phase == Phase::Streaming {
            // Documents of the snapshot change: of the four in five that are left, those that are not touched twice.
            let left: Vec<Bson> =
                ids().into_iter().enumerate().filter(|(n, _)| n % 5 != 3).map(|(_, id)| id).collect();
            change(pipeline, Phase::Before.name(), &left, 1).await;
        }
    })
    .await;
    pipeline.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_numbers_of_different_types_are_one_document() {
    let mut pipeline = Pipeline::new("equal_ids").await;
    in_both_phases(&mut pipeline, 2, async |pipeline, phase| {
        let collection = pipeline.collection(phase.name());
        let ones: [Bson; 4] = [1.into(), 1_i64.into(), 1.0.into(), decimal("1.00")];
        for (number, id) in ones.iter().cycle().take(12).enumerate() {
            // Each time the same document to MongoDB, under an `_id` of another type.
            collection.insert([doc! {"_id": id.clone(), "round": i32::try_from(number).expect("few")}]).await;
            collection.update(ones[(number + 1) % 4].clone(), doc! {"$set": {"updated": true}}).await;
            if number < 11 {
                collection.delete(ones[(number + 2) % 4].clone()).await;
            }
        }
    })
    .await;
    pipeline.close().await;
}
