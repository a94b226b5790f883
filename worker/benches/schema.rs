//! What observing the schema costs for each document, and comparing it with a declared one.
//!
//! `cargo bench -p worker --bench schema`

use std::hint::black_box;

use bson::{Document as Bson, doc};
use common::{
    cluster_time::ClusterTime,
    config::types::{Anything, DeclaredSchema, MissingField, NewField, WrongType},
    event::UpdateDescription,
    raw::{Document, Writer},
};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use shape::declared::{Declared, Schemas};
use worker::{
    consume::intake::Partition,
    schema::{Observed, Sight},
};

/// The seed case: `_id` and five fields.
fn user(id: i32) -> Bson {
    doc! {"_id": id, "firstname": "Ada", "lastname": "Lovelace", "age": 36, "email": "ada@example.com", "sex": "f"}
}

/// Fifty fields, nested, with an array of documents.
fn order(id: i32) -> Bson {
    let item = doc! {"sku": "x", "price": 5, "count": 2, "tax": {"rate": 0.2, "code": "A"}};
    let mut order = doc! {"_id": id, "address": {"street": "S", "zip": "1", "city": {"name": "L", "code": 7}},
    "items": [item.clone(), item.clone(), item.clone(), item.clone()], "tags": ["a", "b", "c"]};
    (0..20).for_each(|n| drop(order.insert(format!("field{n}"), n)));
    order
}

fn observe(c: &mut Criterion) {
    let partition = Partition { topic: "shop.users".into(), number: 3 };
    let mut see = |name: &str, documents: &[Bson]| {
        let bytes: Vec<_> =
            documents.iter().map(|document| document.to_vec().expect("it has BSON")).collect();
        let mut observed = Observed::new(2000);
        let mut at = 0;
        c.bench_function(name, |b| {
            b.iter(|| {
                let document = Document::new(&bytes[at % bytes.len()]).ok();
                at += 1;
                let sight = Sight { document, delta: None, at: ClusterTime(at as u64), is_snapshot: false };
                observed.see(&partition, black_box(&sight), &mut Vec::new());
            });
        });
    };
    see("observe/user", &[user(1)]);
    see("observe/order", &[order(1)]);
    // Every second document lacks a field, and they come in another order.
    see("observe/mixed", &[user(1), doc! {"_id": 2, "email": "x", "age": 1.5, "firstname": "A"}]);
    see("observe/list", &[doc! {"_id": 1, "list": (0..1000).collect::<Vec<i32>>()}]);

    let updated = doc! {"age": 37, "items.3.price": 8}.to_vec().expect("it has BSON");
    let delta = UpdateDescription {
        updated_fields: Document::new(&updated).expect("it is a document"),
        removed_fields: Document::EMPTY,
        truncated_arrays: Document::EMPTY,
        is_diff: true,
        disambiguated_paths: None,
    };
    let mut observed = Observed::new(2000);
    c.bench_function("observe/delta", |b| {
        b.iter(|| {
            let sight = Sight { document: None, delta: Some(delta), at: ClusterTime(1), is_snapshot: false };
            observed.see(&partition, black_box(&sight), &mut Vec::new());
        });
    });
}

/// A schema that every document keeps to, or one from which a value and a field depart.
fn declared(departs: bool) -> Declared {
    let price = if departs { "decimal" } else { "int" };
    let item = json!({"bsonType": "object", "properties": {
        "sku": {"bsonType": "string"}, "price": {"bsonType": price}, "count": {"bsonType": "int"}, "tax": {"bsonType": "object"},
    }});
    let mut fields = json!({
        "_id": {"bsonType": "int"}, "firstname": {"bsonType": "string"}, "lastname": {"bsonType": "string"},
        "age": {"bsonType": if departs { "long" } else { "int" }}, "email": {"bsonType": "string"}, "address": {"bsonType": "object"},
        "items": {"bsonType": "array", "items": item}, "tags": {"bsonType": "array"},
    });
    if !departs {
        fields["sex"] = json!({"bsonType": "string"});
    }
    (0..20).for_each(|n| fields[format!("field{n}")] = json!({"bsonType": "int"}));
    let schema = DeclaredSchema {
        namespace: "*.*".to_owned(),
        declared: Some(Anything(json!({"properties": fields, "required": ["_id"]}))),
        new_field: NewField::Drop,
        missing_field: MissingField::Quarantine,
        widened_type: WrongType::Coerce,
        incompatible_type: WrongType::Coerce,
        ..DeclaredSchema::default()
    };
    let schemas = Schemas::compile(&[schema]).expect("it can be compiled");
    let found = schemas.for_namespace(&"a.b".parse().expect("a namespace"));
    found.expect("nothing conflicts").expect("it asks for something").clone()
}

fn judge(c: &mut Criterion) {
    for (name, document) in [("user", user(1)), ("order", order(1))] {
        let bytes = document.to_vec().expect("it has BSON");
        for (how, departs) in [("same", false), ("changed", true)] {
            let (declared, mut out) = (declared(departs), Writer::new());
            c.bench_function(&format!("declared/{name}/{how}"), |b| {
                b.iter(|| {
                    out.clear();
                    let document = Document::new(black_box(&bytes)).expect("it is a document");
                    declared.document(document, &mut out).expect("it is sound")
                });
            });
        }
    }
    let updated = doc! {"age": 37, "items.3.price": 8}.to_vec().expect("it has BSON");
    let delta = UpdateDescription {
        updated_fields: Document::new(&updated).expect("it is a document"),
        removed_fields: Document::EMPTY,
        truncated_arrays: Document::EMPTY,
        is_diff: true,
        disambiguated_paths: None,
    };
    for (how, departs) in [("same", false), ("changed", true)] {
        let declared = declared(departs);
        c.bench_function(&format!("declared/delta/{how}"), |b| {
            b.iter(|| declared.delta(black_box(&delta)).expect("it is sound"));
        });
    }
}

criterion_group!(benches, observe, judge);
criterion_main!(benches);
