//! Values of every BSON type, and documents as large as they can be.

use bson::{Bson, Document, doc};
use e2e::{Collection, Pipeline, in_both_phases};
use mongodb::options::UpdateModifications;

/// Every type and its edges, as Extended JSON, for some have no constructor.
const VALUES: &str = r##"[
    null, {"$undefined": true}, {"$minKey": 1}, {"$maxKey": 1}, true, false,
    {"$numberInt": "0"}, {"$numberInt": "-2147483648"},
    {"$numberLong": "1"}, {"$numberLong": "9223372036854775807"}, {"$numberLong": "-9223372036854775808"},
    {"$numberDouble": "0.1"}, {"$numberDouble": "-0.0"}, {"$numberDouble": "1"}, {"$numberDouble": "NaN"},
    {"$numberDouble": "Infinity"}, {"$numberDouble": "-Infinity"}, {"$numberDouble": "5e-324"},
    {"$numberDouble": "1.7976931348623157e308"},
    {"$numberDecimal": "1"}, {"$numberDecimal": "1.000"}, {"$numberDecimal": "-0E+10"}, {"$numberDecimal": "NaN"},
    {"$numberDecimal": "-Infinity"}, {"$numberDecimal": "9.999999999999999999999999999999999E+6144"},
    {"$numberDecimal": "1E-6176"},
    "", "with\u0000nul", "größe 日本 🦀 \u2028 \u007f \\u0041 \" ' </script>",
    {"$symbol": "symbol"}, {"$code": "function() { return 1; }"},
    {"$code": "f(x)", "$scope": {"x": {"$numberInt": "1"}, "y": {"$oid": "0123456789abcdef01234567"}}},
    {"$regularExpression": {"pattern": "^a.*\\/b$", "options": "imx"}},
    {"$oid": "0123456789abcdef01234567"},
    {"$dbPointer": {"$ref": "db.c", "$id": {"$oid": "0123456789abcdef01234567"}}},
    {"$date": {"$numberLong": "0"}}, {"$date": {"$numberLong": "-62135596800001"}},
    {"$date": {"$numberLong": "253402300800000"}}, {"$date": {"$numberLong": "9223372036854775807"}},
    {"$date": {"$numberLong": "-9223372036854775808"}},
    {"$timestamp": {"t": 1, "i": 2}}, {"$timestamp": {"t": 4294967295, "i": 4294967295}},
    {"$binary": {"base64": "", "subType": "00"}}, {"$binary": {"base64": "AAEC/w==", "subType": "02"}},
    {"$binary": {"base64": "AAECAwQFBgcICQoLDA0ODw==", "subType": "03"}},
    {"$binary": {"base64": "AAECAwQFBgcICQoLDA0ODw==", "subType": "04"}},
    {"$binary": {"base64": "AAECAwQFBgcICQoLDA0ODw==", "subType": "05"}},
    {"$binary": {"base64": "AAEC", "subType": "80"}}, {"$binary": {"base64": "AAEC", "subType": "ff"}},
    [], {}, [[], {}, [[null]]], {"a": {"b": {"c": [{"d": {"$numberInt": "1"}}]}}}
]"##;

/// Every value.
pub(crate) fn values() -> Vec<Bson> {
    let values: Vec<serde_json::Value> = serde_json::from_str(VALUES).expect("this is JSON");
    values.into_iter().map(|value| Bson::try_from(value).expect("this is Extended JSON")).collect()
}

/// `depth` documents and arrays, by turns, inside each other.
fn nested(depth: usize) -> Bson {
    (0..depth).fold(Bson::Int32(1), |inner, level| match level % 2 {
        0 => Bson::Array(vec![inner]),
        _ => doc! {"d": inner}.into(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_every_type_arrive_and_change() {
    let mut pipeline = Pipeline::new("types").await;
    in_both_phases(&mut pipeline, 1, async |pipeline, phase| {
        let collection = pipeline.collection(phase.name());
        let values = values();
        for (number, value) in (0..).zip(&values) {
            let document =
                doc! {"_id": number, "v": value.clone(), "list": [value.clone()], "in": {"v": value.clone()}};
            collection.insert([document]).await;
        }
        // Deltas that carry each type, over each other type.
        for (number, value) in (0..).zip(values.iter().rev()) {
            collection.update(number, doc! {"$set": {"v": value.clone(), "in.w": value.clone()}}).await;
            collection.update(number, doc! {"$push": {"list": value.clone()}}).await;
        }
        let all: Document =
            (0..).zip(&values).map(|(n, value): (i32, _)| (n.to_string(), value.clone())).collect();
        collection.insert([doc! {"_id": "all", "all": all}, doc! {"_id": "deep", "deep": nested(90)}]).await;
        collection.update("deep", doc! {"$set": {"deep.d.0.d.0.e": 1}}).await;
    })
    .await;
    pipeline.close().await;
}

/// `insert` and replacement turn an empty timestamp at the top into the present time; a pipeline keeps it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_timestamps_arrive_empty() {
    let empty = Bson::Timestamp(bson::Timestamp { time: 0, increment: 0 });
    let mut pipeline = Pipeline::new("timestamps").await;
    in_both_phases(&mut pipeline, 1, async |pipeline, phase| {
        let collection = pipeline.collection(phase.name());
        let put = async |id: i32, document: Document| {
            let stage = doc! {"$replaceWith": {"$literal": document}};
            collection.insert([doc! {"_id": id}]).await;
            collection.update(id, UpdateModifications::Pipeline(vec![stage])).await;
        };
        put(1, doc! {"_id": 1, "t": empty.clone(), "in": {"t": empty.clone()}, "list": [empty.clone()]})
            .await;
        put(2, doc! {"_id": 2, "a": 1, "t": empty.clone()}).await;
        collection.update(2, doc! {"$set": {"a": 2}}).await;
        collection.update(1, vec![doc! {"$set": {"u": {"$literal": empty.clone()}}}]).await;
    })
    .await;
    pipeline.close().await;
}

/// A document of the most bytes that MongoDB stores.
const MOST_BYTES: usize = 16 * 1024 * 1024;

fn of_most_bytes(mut document: Document) -> Document {
    document.insert("pad", "");
    let room = MOST_BYTES - document.to_vec().expect("a document has bytes").len();
    document.insert("pad", "p".repeat(room));
    document
}

async fn write_large(collection: &Collection) {
    collection.insert([of_most_bytes(doc! {"_id": "text", "n": 0})]).await;
    // Its canonical Extended JSON is several times as long.
    let numbers: Vec<Bson> = (0..1_000_000).map(|n| (n % 10).into()).collect();
    collection.insert([of_most_bytes(doc! {"_id": "numbers", "n": 0, "numbers": numbers})]).await;
    collection.update("text", doc! {"$set": {"n": 1}}).await;
    collection.update("numbers", doc! {"$set": {"numbers.5": 1}}).await;
    collection.insert((0..20).map(|n| doc! {"_id": n, "pad": "x".repeat(300_000)})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_of_16_mb_arrive() {
    let mut pipeline = Pipeline::new("large").await;
    in_both_phases(&mut pipeline, 1, async |pipeline, phase| {
        write_large(&pipeline.collection(phase.name())).await;
    })
    .await;
    pipeline.close().await;
}
