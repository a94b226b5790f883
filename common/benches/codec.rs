//! The codec beside the `bson` crate, in one run: raw BSON bytes → text, text → raw BSON bytes.
//!
//! `cargo bench -p common --bench codec`; the last lines are the ratios of the medians, both measured by turns. The goal
//! (issue 2): ten times the `bson` crate's speed each way on the small document, eight times on the large one.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{hint::black_box, time::Instant};

use bson::{Bson, DateTime, Decimal128, Document, Timestamp, doc, oid::ObjectId, spec::BinarySubtype};
use common::{codec, raw};
use criterion::{Criterion, Throughput};

/// A user as an application stores it, 269 bytes.
fn small() -> Document {
    doc! {
        "_id": ObjectId::parse_str("65f1c0a2b3d4e5f607182930").unwrap(),
        "firstname": "Mina",
        "lastname": "Vandenberghe",
        "email": "wilhelmina.vandenberghe@example.com",
        "age": 42,
        "balance": 1523.75,
        "active": true,
        "created": DateTime::from_millis(1_710_342_306_123),
        "address": { "street": "Rue de la Loi 16", "city": "Bruxelles", "zip": "1000" },
        "tags": ["admin"],
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
        "lines": (1..=8).map(line).collect::<Vec<_>>(),
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

/// One document in both forms.
struct Sample {
    size: &'static str,
    goal: f64,
    bytes: Vec<u8>,
    text: Vec<u8>,
}

impl Sample {
    fn new(size: &'static str, goal: f64, document: &Document) -> Self {
        let (bytes, mut text) = (document.to_vec().unwrap(), Vec::new());
        encode(&bytes, &mut text);
        assert_eq!(text, encode_with_bson(&bytes), "both write the same");
        assert_eq!(decode_with_bson(&text), bytes, "both read the same");
        println!("{size}: {} bytes of BSON, {} bytes of text", bytes.len(), text.len());
        Self { size, goal, bytes, text }
    }

    fn measure(&self, criterion: &mut Criterion) {
        let Self { size, bytes, text, .. } = self;
        let mut out = Vec::new();
        let mut group = criterion.benchmark_group(format!("encode {size}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("codec", |b| b.iter(|| encode(black_box(bytes), black_box(&mut out))));
        group.bench_function("bson", |b| b.iter(|| encode_with_bson(black_box(bytes))));
        group.finish();
        let mut group = criterion.benchmark_group(format!("decode {size}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("codec", |b| b.iter(|| decode(black_box(text), black_box(&mut out))));
        group.bench_function("bson", |b| b.iter(|| decode_with_bson(black_box(text))));
        group.finish();
    }

    fn compare(&self) {
        let Self { size, goal, bytes, text } = self;
        let (mut one, mut other) = (Vec::new(), Vec::new());
        let encoding = alternate(
            || encode(black_box(bytes), black_box(&mut one)),
            || drop(black_box(encode_with_bson(black_box(bytes)))),
        );
        let decoding = alternate(
            || decode(black_box(text), black_box(&mut other)),
            || drop(black_box(decode_with_bson(black_box(text)))),
        );
        for (way, (codec, bson)) in [("encode", encoding), ("decode", decoding)] {
            println!("{way} {size} {codec:>9.0} ns {bson:>9.0} ns {:>7.1} (goal {goal})", bson / codec);
        }
    }
}

/// Median nanoseconds per call of each, measured by turns: what else the machine does disturbs both alike.
fn alternate(mut codec: impl FnMut(), mut bson: impl FnMut()) -> (f64, f64) {
    const ROUNDS: usize = 400;
    let (mut codec_nanos, mut bson_nanos) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        codec_nanos.push(nanos_per_call(1000, &mut codec));
        bson_nanos.push(nanos_per_call(100, &mut bson));
    }
    (median(codec_nanos), median(bson_nanos))
}

fn nanos_per_call(calls: u32, call: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|_| call());
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

fn median(mut nanos: Vec<f64>) -> f64 {
    nanos.sort_by(f64::total_cmp);
    nanos[nanos.len() / 2]
}

fn main() {
    let samples = [Sample::new("small", 10.0, &small()), Sample::new("large", 8.0, &large())];
    let mut criterion = Criterion::default().configure_from_args();
    samples.iter().for_each(|sample| sample.measure(&mut criterion));
    criterion.final_summary();
    println!("\nmedians            codec         bson   ratio");
    samples.iter().for_each(Sample::compare);
}
