//! Declared schemas by example: what is refused in the configuration, what becomes of documents and of deltas. That the two agree is the law's
//! business (`worker/src/shaping`).

use bson::{Bson, Document, doc};
use common::{
    config::types::{Anything, DeclaredSchema, MissingField, NewField, WrongType},
    event::UpdateDescription,
    raw::{self, Writer},
};
use serde_json::{Value, json};

use super::*;
use crate::Unclear;

fn users() -> Value {
    json!({
        "bsonType": "object",
        "required": ["_id", "email"],
        "properties": {
            "_id": {"bsonType": "int"},
            "email": {"bsonType": "string"},
            "age": {"bsonType": ["int", "null"]},
            "born": {"bsonType": "date"},
            "address": {
                "bsonType": "object",
                "required": ["city"],
                "properties": {"city": {"bsonType": "string"}, "country": {"bsonType": "string"}},
            },
            "items": {
                "bsonType": "array",
                "items": {"bsonType": "object", "properties": {"price": {"bsonType": "decimal"}, "n": {"bsonType": "int"}}},
            },
            "tags": {"type": "array"},
            "free": {"bsonType": "object", "properties": {"a": {}}, "additionalProperties": true},
        },
    })
}

fn schema() -> DeclaredSchema {
    let declared = Some(Anything(users()));
    DeclaredSchema { namespace: "shop.users".to_owned(), declared, ..DeclaredSchema::default() }
}

fn strict() -> DeclaredSchema {
    DeclaredSchema {
        new_field: NewField::Quarantine,
        missing_field: MissingField::Quarantine,
        widened_type: WrongType::Quarantine,
        incompatible_type: WrongType::Quarantine,
        ..schema()
    }
}

fn with_defaults(defaults: &[(&str, Value)]) -> DeclaredSchema {
    let defaults = defaults.iter().map(|(path, value)| ((*path).to_owned(), Anything(value.clone())));
    DeclaredSchema { defaults: defaults.collect(), ..schema() }
}

fn compiled(schema: DeclaredSchema) -> Declared {
    let schemas = Schemas::compile(&[schema]).unwrap();
    schemas.for_namespace(&"shop.users".parse().unwrap()).unwrap().unwrap().clone()
}

/// The document as declared, or why not.
fn judged(declared: &Declared, document: &Document) -> Result<Document, String> {
    let bytes = document.to_vec().unwrap();
    let mut out = Writer::new();
    match declared.document(raw::Document::new(&bytes).unwrap(), &mut out).unwrap() {
        Judged::Same => Ok(document.clone()),
        Judged::Changed(_) => Ok(Document::from_reader(out.as_bytes()).unwrap()),
        Judged::Refused(drift, _) => Err(drift.to_string()),
    }
}

/// An update's delta, by its three parts.
fn delta(
    declared: &Declared,
    updated: &Document,
    removed: &[&str],
    is_diff: bool,
) -> Result<Result<(Document, Vec<String>), String>, Unclear> {
    let removed: Document =
        removed.iter().enumerate().map(|(i, path)| (i.to_string(), (*path).into())).collect();
    let (updated, removed) = (updated.to_vec().unwrap(), removed.to_vec().unwrap());
    let given = UpdateDescription {
        updated_fields: raw::Document::new(&updated).unwrap(),
        removed_fields: raw::Document::new(&removed).unwrap(),
        truncated_arrays: raw::Document::EMPTY,
        is_diff,
        disambiguated_paths: None,
    };
    let parts = |delta: &UpdateDescription<'_>| {
        let read = |document: raw::Document<'_>| Document::from_reader(document.as_bytes()).unwrap();
        let removed =
            read(delta.removed_fields).into_iter().map(|(_, path)| path.as_str().unwrap().to_owned());
        (read(delta.updated_fields), removed.collect())
    };
    Ok(match declared.delta(&given)? {
        JudgedDelta::Same => Ok(parts(&given)),
        JudgedDelta::Changed(delta, _) => Ok(parts(&delta.view())),
        JudgedDelta::Nothing(_) => Ok((Document::new(), Vec::new())),
        JudgedDelta::Refused(drift, _) => Err(drift.to_string()),
    })
}

/// What is wrong with a schema, each with its place.
fn problems(declared: Value, defaults: &[(&str, Value)]) -> Vec<String> {
    let mut schema = with_defaults(defaults);
    schema.declared = Some(Anything(declared));
    let found = Schemas::compile(&[schema]).err().unwrap_or_default();
    found.iter().map(|problem| format!("{}: {}", problem.path, problem.reason)).collect()
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    for (declared, problem) in [
        (json!({"enum": [1]}), "schemas[0].declared.enum: `enum` is not understood"),
        (
            json!({"properties": {"a": {"items": {"minimum": 3}}}}),
            "schemas[0].declared.properties.a.items.minimum: `minimum` is not understood",
        ),
        (json!({"$jsonSchema": {"pattern": "x"}}), "schemas[0].declared.$jsonSchema.pattern: "),
        (json!({"bsonType": "integer"}), "schemas[0].declared.bsonType: `integer` is no type of BSON"),
        (json!({"type": "int"}), "schemas[0].declared.type: `int` is none of object"),
        (
            json!({"type": "object", "bsonType": "object"}),
            "schemas[0].declared.type: `bsonType` is given too",
        ),
        (json!({"bsonType": []}), "schemas[0].declared.bsonType: names no type"),
        (json!({"bsonType": "string"}), "schemas[0].declared: a document is of type object, and string is"),
        (json!({"items": [{}]}), "schemas[0].declared.items: must be one schema"),
        (json!({"additionalProperties": {}}), "schemas[0].declared.additionalProperties: must be true or"),
        (json!({"required": "a"}), "schemas[0].declared.required: must be a list"),
        (json!({"properties": {"a": 1}}), "schemas[0].declared.properties.a: a schema is a table"),
        (json!([]), "schemas[0].declared: a schema is a table"),
    ] {
        let found = problems(declared.clone(), &[]);
        assert!(found.len() == 1 && found[0].starts_with(problem), "{declared}: {found:?}");
    }
    let known =
        json!({"title": "t", "description": "d", "bsonType": ["object"], "additionalProperties": false});
    assert_eq!(problems(known, &[]), Vec::<String>::new());
}

#[test]
fn defaults_that_cannot_be_say_why() {
    for (path, value, problem) in [
        ("age", json!("x"), "it is of type string where int, null is declared"),
        ("age", json!(1_i64 << 40), "it is of type long where"),
        ("nosuch", json!(1), "`nosuch` is not declared"),
        ("address.street", json!("x"), "`street` is not declared"),
        ("nosuch.a", json!(1), "`nosuch` is not declared"),
        ("_id", json!(1), "`_id` is always there"),
        (
            "address",
            json!({"city": 1}),
            "it is of type object where object is declared, or not as declared inside",
        ),
        ("address", json!({"country": "DE"}), "it is of type object"),
        ("born", json!({"$date": "yesterday"}), "is no Extended JSON"),
        ("a..b", json!(1), "the path has an empty part"),
    ] {
        let mut schema = with_defaults(&[(path, value)]);
        schema.missing_field = MissingField::Quarantine;
        let found = Schemas::compile(&[schema]).unwrap_err();
        assert_eq!(found[0].path, format!("schemas[0].defaults.{path}"));
        assert!(found.len() == 1 && found[0].reason.contains(problem), "{path}: {found:?}");
    }
    let both = with_defaults(&[("address", json!({"city": "B"})), ("address.country", json!("DE"))]);
    let found = Schemas::compile(&[both]).unwrap_err();
    assert_eq!(found[0].path, "schemas[0].defaults.address", "it lacks a default of its own: {found:?}");
}

#[test]
fn a_schema_that_asks_for_nothing_is_none() {
    let schemas = Schemas::compile(&[schema()]).unwrap();
    assert!(schemas.for_namespace(&"shop.users".parse().unwrap()).unwrap().is_none());
    let schemas = Schemas::compile(&[strict()]).unwrap();
    assert!(schemas.for_namespace(&"shop.others".parse().unwrap()).unwrap().is_none());
}

#[test]
fn departures_are_told_by_path_and_type() {
    let declared = compiled(strict());
    let good = doc! {
        "_id": 1, "email": "e", "age": Bson::Null, "address": {"city": "C"}, "items": [{"n": 1}], "tags": [1, "x", {"y": 1}],
        "free": {"a": 1, "b": 2},
    };
    assert_eq!(judged(&declared, &good), Ok(good.clone()));
    let with = |path: &str, value: Bson| {
        let mut document = good.clone();
        document.insert(path, value);
        judged(&declared, &document).unwrap_err()
    };
    assert_eq!(with("sex", "f".into()), "`sex` (string) is not declared");
    assert_eq!(with("age", Bson::Int64(5)), "`age` is of type long where int, null is declared");
    assert_eq!(with("born", 5.into()), "`born` is of type int where date is declared");
    assert_eq!(
        with("address", doc! {"country": "D"}.into()),
        "`address.city` is required and would be missing"
    );
    let items = Bson::Array(vec![doc! {"n": 1}.into(), doc! {"n": "x"}.into()]);
    assert_eq!(with("items", items), "`items.[].n` is of type string where int is declared");
    assert_eq!(with("a.b", 5.into()), "`a\\.b` (int) is not declared");
    assert_eq!(with("_id", "x".into()), "`_id` is of type string where int is declared");
    assert_eq!(
        judged(&declared, &doc! {"_id": 1}),
        Err("`email` is required and would be missing".to_owned())
    );
}

#[test]
fn a_stop_outweighs_a_quarantine() {
    let declared = compiled(DeclaredSchema { incompatible_type: WrongType::Stop, ..strict() });
    let bytes = doc! {"_id": 1, "new": 1, "email": 5}.to_vec().unwrap();
    let judged = declared.document(raw::Document::new(&bytes).unwrap(), &mut Writer::new()).unwrap();
    let Judged::Refused(drift, tally) = judged else { panic!("{judged:?}") };
    assert_eq!((drift.deed, drift.path.as_str(), tally.iter().count()), (Deed::Stop, "email", 2));
}

#[test]
fn what_is_new_is_left_out_everywhere() {
    let declared = compiled(DeclaredSchema { new_field: NewField::Drop, ..schema() });
    let document = doc! {
        "_id": {"any": 1}, "email": 5, "sex": "f", "address": {"city": "C", "zip": 1, "7": 1}, "items": [{"price": 1, "q": 1}, 3],
        "tags": [{"y": 1}], "free": {"b": 1}, "7": 1,
    };
    let left = doc! {
        "_id": {"any": 1}, "email": 5, "address": {"city": "C", "7": Bson::Null}, "items": [{"price": 1}, 3], "tags": [{"y": 1}],
        "free": {"b": 1},
    };
    assert_eq!(judged(&declared, &document), Ok(left));
    let updated = doc! {"sex": "m", "sex.a": 1, "address.zip": 2, "address": {"zip": 1, "city": "D"}, "items.0.q": 1, "items.1": {"q": 1, "n": 2}, "tags.3.y": 1};
    let left = doc! {"address": {"city": "D"}, "items.1": {"n": 2}, "tags.3.y": 1};
    let removed = vec!["address.city".to_owned()];
    assert_eq!(
        delta(&declared, &updated, &["sex", "address.city", "items.0.q"], true),
        Ok(Ok((left, removed)))
    );
    assert_eq!(delta(&declared, &doc! {"sex": "m"}, &["x"], true), Ok(Ok((doc! {}, vec![]))));
}

#[test]
fn values_become_what_is_declared_or_the_record_is_refused() {
    let coerce = WrongType::Coerce;
    let declared = compiled(DeclaredSchema { widened_type: coerce, incompatible_type: coerce, ..schema() });
    let document = doc! {"_id": 1, "email": "e", "age": 5.0, "born": "1970-01-01T00:00:01Z", "items": [{"price": 2, "n": "7"}]};
    let price: bson::Decimal128 = "2".parse().unwrap();
    let born = bson::DateTime::from_millis(1000);
    let wanted = doc! {"_id": 1, "email": "e", "age": 5, "born": born, "items": [{"price": price, "n": 7}]};
    assert_eq!(judged(&declared, &document), Ok(wanted));
    let updated = doc! {"age": 6_i64, "items.0": {"price": 2.0}, "items.3.n": 1.0};
    let left = doc! {"age": 6, "items.0": {"price": price}, "items.3.n": 1};
    assert_eq!(delta(&declared, &updated, &[], true), Ok(Ok((left, vec![]))));
    let refused = delta(&declared, &doc! {"items.0.n": 1.5}, &[], true).unwrap().unwrap_err();
    assert_eq!(
        refused,
        "`items.0.n` is of type double where int is declared, and cannot be read as that without a loss"
    );
    let refused = delta(&declared, &doc! {"items.0.n": {"x": 1}}, &[], true).unwrap().unwrap_err();
    assert!(refused.starts_with("`items.0.n` is of type object where int is declared"), "{refused}");
    assert!(
        judged(&declared, &doc! {"_id": "1", "email": "e"})
            .unwrap_err()
            .starts_with("`_id` is of type string")
    );
}

#[test]
fn defaults_fill_documents_and_removals() {
    let declared = compiled(with_defaults(&[
        ("age", json!(18)),
        ("address.country", json!("DE")),
        ("items.n", json!({"$numberInt": "1"})),
        ("born", json!({"$date": {"$numberLong": "0"}})),
    ]));
    let born = bson::DateTime::from_millis(0);
    assert_eq!(
        judged(&declared, &doc! {"_id": 1, "address": {}, "items": [{}, {"n": 3}, 4], "born": 1}),
        Ok(
            doc! {"_id": 1, "address": {"country": "DE"}, "items": [{"n": 1}, {"n": 3}, 4], "born": 1, "age": 18}
        ),
    );
    assert_eq!(judged(&declared, &doc! {"_id": 1}), Ok(doc! {"_id": 1, "age": 18, "born": born}));
    let removed = ["age", "address.country", "items.0.n", "address.city"];
    let left =
        doc! {"address": {"city": "C", "country": "DE"}, "age": 18, "address.country": "DE", "items.0.n": 1};
    assert_eq!(
        delta(&declared, &doc! {"address": {"city": "C"}}, &removed, true),
        Ok(Ok((left, vec!["address.city".to_owned()])))
    );
}

#[test]
fn an_update_that_removes_what_is_required_is_refused() {
    let declared = compiled(strict());
    let refused = |path: &str| delta(&declared, &doc! {}, &[path], true).unwrap().unwrap_err();
    assert_eq!(refused("email"), "`email` is required and would be missing");
    assert_eq!(refused("address.city"), "`address.city` is required and would be missing");
    assert_eq!(delta(&declared, &doc! {}, &["age", "address", "_id"], true).unwrap().unwrap().1.len(), 3);
}

/// As 4.4 logs them: the update may make documents on its way, and a removed element becomes null.
#[test]
fn operators_that_may_make_a_document_are_refused_where_that_matters() {
    let declared = compiled(with_defaults(&[("address.country", json!("DE")), ("tags", json!([]))]));
    assert_eq!(delta(&declared, &doc! {"address.city": "C"}, &[], false), Err(Unclear::Made));
    assert!(delta(&declared, &doc! {"address.city": "C"}, &[], true).unwrap().is_ok());
    assert!(
        delta(&declared, &doc! {"address.city": "C", "address.country": "F"}, &[], false).unwrap().is_ok()
    );
    assert!(delta(&declared, &doc! {"tags.3": 1, "email": "e"}, &[], false).unwrap().is_ok());
    assert_eq!(delta(&declared, &doc! {"tags.x": 1}, &[], false), Err(Unclear::Made));
    let declared = compiled(strict());
    let refused = delta(&declared, &doc! {}, &["items.0"], false).unwrap().unwrap_err();
    assert_eq!(refused, "`items.0` is of type null where object is declared");
    let refused = delta(&declared, &doc! {"email.a": 1}, &[], false).unwrap().unwrap_err();
    assert_eq!(refused, "`email.a` is of type object where string is declared");
    assert!(delta(&declared, &doc! {"items.0.n": 1}, &["tags.1"], false).unwrap().is_ok());
}

#[test]
fn a_path_that_may_be_a_dotted_field_is_unclear_until_the_server_says() {
    let mut schema = strict();
    let dotted = json!({"properties": {"a.b": {"bsonType": "int"}, "a": {"bsonType": "object"}}});
    schema.declared = Some(Anything(dotted));
    let declared = compiled(schema);
    assert!(judged(&declared, &doc! {"_id": 1, "a.b": 5, "a": {"c": 1}}).is_ok());
    assert_eq!(delta(&declared, &doc! {"a.b": 5}, &[], true), Err(Unclear::Ambiguous));
    assert!(delta(&declared, &doc! {"a.c": 5}, &[], true).unwrap().is_ok());
    assert!(delta(&declared, &doc! {"a.b": 5}, &[], false).unwrap().is_ok());
}
