//! Document filters against a real server as the oracle: random documents, random queries, what `find` finds and what we say.
//!
//! Needs `OPLOGUE_TEST_SOURCE_URI`. `OPLOGUE_SEED` repeats a run, `OPLOGUE_QUERIES` says how many queries (1500).

#![allow(clippy::unwrap_used, clippy::print_stdout)] // the lints' leave for tests ends at the `#[test]` functions

mod oracle;

use std::{collections::BTreeSet, env};

use bson::{Bson, Decimal128, Document, RawDocumentBuf, Regex, Timestamp, doc};
use common::raw;
use futures_util::TryStreamExt;
use mongodb::Client;
use oracle::{documents, rng::Rng};
use shape::Predicate;

const DOCUMENTS: i32 = 400;
/// Queries on one set of documents.
const QUERIES: usize = 250;

const NAMES: [&str; 5] = ["a", "b", "c", "0", "1"];
const PATTERNS: [&str; 12] =
    ["^x", "x$", "x", "^$", "[a-c]\\d?", "^x|y$", "\\w\\s", "(?:x)+y", "[^x]", "\\.", "[[:alpha:]]", "é"];

#[tokio::test]
async fn filters_find_what_the_server_finds() {
    let seed = env::var("OPLOGUE_SEED").map_or_else(|_| now(), |seed| seed.parse().unwrap());
    let queries: usize = env::var("OPLOGUE_QUERIES").map_or(1500, |queries| queries.parse().unwrap());
    println!("OPLOGUE_SEED={seed} OPLOGUE_QUERIES={queries}");
    let mut rng = Rng::new(seed);
    let uri =
        env::var("OPLOGUE_TEST_SOURCE_URI").expect("OPLOGUE_TEST_SOURCE_URI names a server to test against");
    let database = Client::with_uri_str(uri).await.unwrap().database(&format!("filter_oracle_{:x}", now()));
    let collection = database.collection::<RawDocumentBuf>("c");
    let (mut asked, mut found_some, mut refused) = (0, 0, 0);
    while asked < queries {
        collection.drop().await.unwrap();
        let all: Vec<_> =
            (0..DOCUMENTS).map(|id| RawDocumentBuf::try_from(&document(&mut rng, id)).unwrap()).collect();
        collection.insert_many(&all).await.unwrap();
        // As they are stored: empty timestamps give way to the server's.
        let all: Vec<_> = collection.find(doc! {}).await.unwrap().try_collect().await.unwrap();
        for _ in 0..QUERIES {
            let query = query(&mut rng, 2);
            asked += 1;
            let found = match collection.find(query.clone()).await {
                Ok(found) => found.try_collect::<Vec<_>>().await,
                Err(error) => Err(error),
            };
            let text = Bson::from(query.clone()).into_canonical_extjson().to_string();
            let ours = Predicate::compile("f", &text);
            let (Ok(found), Ok(predicate)) = (&found, &ours) else {
                assert_eq!(found.is_err(), ours.is_err(), "{text}\n{found:?}\n{ours:?}");
                refused += 1;
                continue;
            };
            let found: BTreeSet<i32> = found.iter().map(|found| found.get_i32("_id").unwrap()).collect();
            found_some += usize::from(!found.is_empty() && found.len() < all.len());
            for document in &all {
                let ours = predicate.matches(raw::Document::new(document.as_bytes()).unwrap()).unwrap();
                let id = document.get_i32("_id").unwrap();
                assert_eq!(ours, found.contains(&id), "{text}\non {}", Document::try_from(document).unwrap());
            }
        }
    }
    database.drop().await.unwrap();
    println!("{asked} queries, {found_some} of them found some and not all, {refused} were refused by both");
    assert!(found_some * 5 > asked, "queries that tell nothing");
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64
}

fn document(rng: &mut Rng, id: i32) -> Document {
    let mut document = doc! {"_id": id};
    for _ in 0..1 + rng.below(4) {
        document.insert(*rng.pick(&NAMES), value(rng, 3));
    }
    document
}

fn value(rng: &mut Rng, depth: usize) -> Bson {
    match if depth == 0 { 9 } else { rng.below(10) } {
        0 | 1 => {
            let fields = (0..rng.below(4)).map(|_| ((*rng.pick(&NAMES)).to_owned(), value(rng, depth - 1)));
            Bson::Document(fields.collect())
        }
        2..=4 => Bson::Array((0..rng.below(4)).map(|_| value(rng, depth - 1)).collect()),
        5 if rng.once_in(2) => documents::scalar(rng),
        _ => scalar(rng),
    }
}

/// Few values, so that they meet; and the corners of each type.
fn scalar(rng: &mut Rng) -> Bson {
    let decimal = |text: &&str| Bson::Decimal128(text.parse::<Decimal128>().unwrap());
    match rng.below(26) {
        0 | 1 => Bson::Null,
        2 | 3 => Bson::Int32(1),
        4 => Bson::Int32(2),
        5 => Bson::Int64(1),
        6 => Bson::Int64(*rng.pick(&[9_007_199_254_740_993, i64::MAX, i64::MIN, 0])),
        7 => Bson::Double(*rng.pick(&[1.0, 0.1, -0.0, 9_007_199_254_740_992.0, 9.3e18, 1e300])),
        8 => Bson::Double(*rng.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5])),
        9 => decimal(rng.pick(&[
            "1",
            "1.00",
            "0.1",
            "NaN",
            "Infinity",
            "-Infinity",
            "-0",
            "1E+300",
            "9007199254740993",
        ])),
        10 => decimal(rng.pick(&[
            "0.1000000000000000055511151231257827",
            "9223372036854775807",
            "1.5",
            "-1E-6000",
        ])),
        11..=14 => {
            Bson::String((*rng.pick(&["x", "y", "xy", "X", "", "x\n", "x\ny", "a1", "é.", "x y"])).to_owned())
        }
        15 => Bson::Symbol("x".to_owned()),
        16 => Bson::Boolean(rng.once_in(2)),
        17 => Bson::MinKey,
        18 => Bson::MaxKey,
        19 => Bson::DateTime(bson::DateTime::from_millis(*rng.pick(&[-1, 0, 5]))),
        20 => Bson::Timestamp(Timestamp { time: *rng.pick(&[1, u32::MAX]), increment: 1 }),
        21 => Bson::RegularExpression(regex(rng)),
        22 => Bson::JavaScriptCode((*rng.pick(&["x", "y"])).to_owned()),
        23 => Bson::Binary(bson::Binary {
            subtype: (*rng.pick(&[0_u8, 5])).into(),
            bytes: rng.pick(&[vec![1], vec![0, 1], vec![2]]).clone(),
        }),
        24 => Bson::Array(vec![]),
        _ => Bson::Document(doc! {}),
    }
}

fn regex(rng: &mut Rng) -> Regex {
    let (pattern, options) =
        (rng.pick(&PATTERNS).to_string(), rng.pick(&["", "", "i", "m", "im", "s"]).to_string());
    let cstring = |text: String| text.try_into().expect("no NUL");
    Regex { pattern: cstring(pattern), options: cstring(options) }
}

fn query(rng: &mut Rng, depth: usize) -> Document {
    let mut query = Document::new();
    for _ in 0..1 + rng.below(2) {
        match if depth == 0 { 9 } else { rng.below(8) } {
            0 => drop(query.insert("$or", clauses(rng, depth - 1))),
            1 => drop(query.insert("$and", clauses(rng, depth - 1))),
            2 => drop(query.insert("$nor", clauses(rng, depth - 1))),
            _ => drop(query.insert(path(rng), condition(rng, depth))),
        }
    }
    query
}

fn clauses(rng: &mut Rng, depth: usize) -> Vec<Bson> {
    (0..1 + rng.below(3)).map(|_| query(rng, depth).into()).collect()
}

fn path(rng: &mut Rng) -> String {
    let names: Vec<&str> = (0..1 + rng.below(3)).map(|_| *rng.pick(&NAMES)).collect();
    names.join(".")
}

/// What is asked of a path: a value, a regular expression, or operators.
fn condition(rng: &mut Rng, depth: usize) -> Bson {
    match rng.below(6) {
        0 => value(rng, 1),
        1 if rng.once_in(3) => regex(rng).into(),
        _ => operators(rng, depth).into(),
    }
}

fn operators(rng: &mut Rng, depth: usize) -> Document {
    let mut operators = Document::new();
    for _ in 0..1 + rng.below(2) {
        let (name, operand) = operator(rng, depth);
        if name == "$regex" && rng.once_in(2) {
            operators.insert("$options", *rng.pick(&["i", "m", "s", ""]));
        }
        operators.insert(name, operand);
    }
    operators
}

fn operator(rng: &mut Rng, depth: usize) -> (&'static str, Bson) {
    let values = |rng: &mut Rng| -> Bson {
        let some = (0..rng.below(4)).map(|_| if rng.once_in(8) { regex(rng).into() } else { value(rng, 1) });
        Bson::Array(some.collect())
    };
    match rng.below(17) {
        0 => ("$eq", value(rng, 2)),
        1 => ("$ne", value(rng, 1)),
        2 => ("$gt", value(rng, 1)),
        3 => ("$gte", value(rng, 1)),
        4 => ("$lt", value(rng, 1)),
        5 => ("$lte", value(rng, 1)),
        6 => ("$in", values(rng)),
        7 => ("$nin", values(rng)),
        8 => (
            "$exists",
            (*rng.pick(&[Bson::Boolean(true), Bson::Boolean(false), Bson::Int32(0), Bson::Null])).clone(),
        ),
        9 => (
            "$type",
            rng.pick(&[
                Bson::from("number"),
                "array".into(),
                "string".into(),
                10.into(),
                (-1).into(),
                127.0.into(),
                vec!["null", "object"].into(),
            ])
            .clone(),
        ),
        10 => ("$size", Bson::Int32(i32::try_from(rng.below(4)).unwrap())),
        11 => ("$all", values(rng)),
        12 => ("$regex", (*rng.pick(&PATTERNS)).into()),
        13 | 14 if depth > 0 => ("$elemMatch", element_match(rng, depth - 1).into()),
        15 if depth > 0 => ("$not", operators(rng, depth - 1).into()),
        16 => ("$not", regex(rng).into()),
        _ => ("$gt", Bson::Int32(1)),
    }
}

fn element_match(rng: &mut Rng, depth: usize) -> Document {
    if rng.once_in(2) { operators(rng, depth) } else { query(rng, depth) }
}
