//! The codec beside the `bson` crate, in one run: raw BSON bytes → text, text → raw BSON bytes.
//!
//! `cargo bench -p common --bench codec`; the last lines are the ratios of the medians. The goal (issue 2): ten times the
//! `bson` crate's speed each way on the small document, eight times on the large one.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{fs, hint::black_box, path::PathBuf};

use bson::{Bson, DateTime, Decimal128, Document, Timestamp, doc, oid::ObjectId, spec::BinarySubtype};
use common::{codec, raw};
use criterion::{Criterion, Throughput};

const GOALS: [(&str, f64); 2] = [("small", 10.0), ("large", 8.0)];

/// A user as an application stores it, 269 bytes.
fn small() -> Document {
    doc! {
        "_id": ObjectId::parse_str("65f1c0a2b3d4e5f607182930").unwrap(),
        "firstname": "Wilhelmina",
        "lastname": "Vandenberghe",
        "email": "wilhelmina.vandenberghe@example.com",
        "age": 42,
        "balance": 1523.75,
        "active": true,
        "logins": 1_845_i64,
        "created": DateTime::from_millis(1_710_342_306_123),
        "address": { "street": "Rue de la Loi 16", "city": "Bruxelles", "zip": "1000" },
        "tags": ["admin", "beta"],
    }
}

/// An order with nested lines, 2.1 kB.
fn large() -> Document {
    let line = |n: i32| {
        doc! {
            "sku": format!("SKU-{n:06}"), "name": "Stainless steel water bottle, 750 ml", "quantity": n,
            "price": 19.99 + f64::from(n), "weight": i64::from(n) * 350, "taxed": n % 2 == 0, "discount": Bson::Null,
            "options": { "color": "graphite", "gift wrap": false, "note": "leave at the \"back\" door" },
        }
    };
    doc! {
        "_id": ObjectId::parse_str("65f1c0a2b3d4e5f607182931").unwrap(),
        "customer": small(),
        "lines": (1..=7).map(line).collect::<Vec<_>>(),
        "total": "1399.93".parse::<Decimal128>().unwrap(),
        "placed": DateTime::from_millis(1_710_342_306_999),
        "version": Timestamp { time: 1_710_342_306, increment: 7 },
        "session": bson::Binary { subtype: BinarySubtype::Uuid, bytes: (0..16).collect() },
    }
}

fn encode_with_bson(bytes: &[u8]) -> Vec<u8> {
    let document = Document::from_reader(bytes).unwrap();
    serde_json::to_vec(&Bson::Document(document).into_canonical_extjson()).unwrap()
}

fn decode_with_bson(text: &[u8]) -> Vec<u8> {
    let value: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(text).unwrap();
    Document::try_from(value).unwrap().to_vec().unwrap()
}

fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    codec::encode::document(raw::Document::new(bytes).unwrap(), out).unwrap();
}

fn decode(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    codec::decode::document(text, out).unwrap();
}

fn measure(criterion: &mut Criterion, size: &str, document: &Document) {
    let (bytes, mut out) = (document.to_vec().unwrap(), Vec::new());
    encode(&bytes, &mut out);
    let text = out.clone();
    assert_eq!(text, encode_with_bson(&bytes), "both write the same");
    assert_eq!(decode_with_bson(&text), bytes, "both read the same");
    println!("{size}: {} bytes of BSON, {} bytes of text", bytes.len(), text.len());

    let mut group = criterion.benchmark_group(format!("encode {size}"));
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("codec", |b| b.iter(|| encode(black_box(&bytes), black_box(&mut out))));
    group.bench_function("bson", |b| b.iter(|| encode_with_bson(black_box(&bytes))));
    group.finish();

    let mut group = criterion.benchmark_group(format!("decode {size}"));
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("codec", |b| b.iter(|| decode(black_box(&text), black_box(&mut out))));
    group.bench_function("bson", |b| b.iter(|| decode_with_bson(black_box(&text))));
    group.finish();
}

/// Median of a benchmark in nanoseconds, from criterion's report of this run.
fn median(group: &str, function: &str) -> Option<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let path = target.join("criterion").join(group).join(function).join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, "small", &small());
    measure(&mut criterion, "large", &large());
    criterion.final_summary();
    println!("\nmedian             codec      bson     ratio   goal");
    for (size, goal) in GOALS {
        for way in ["encode", "decode"] {
            let group = format!("{way} {size}");
            if let (Some(codec), Some(bson)) = (median(&group, "codec"), median(&group, "bson")) {
                println!("{group:<14} {codec:>6.0} ns {bson:>6.0} ns {:>8.1}x {goal:>5.0}x", bson / codec);
            }
        }
    }
}
