//! The law of declared schemas: judging and updating commute, and refuse the same.

use bson::{Bson, Document};
use common::{
    config::types::{Anything, DeclaredSchema, MissingField, NewField, WrongType},
    event::UpdateDescription,
    raw::{self, Writer},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use shape::{
    Unclear,
    declared::{Declared, Deed, Judged, JudgedDelta, Schemas},
};

use crate::plan::delta::{
    Inexact, apply,
    model::{self, Names},
};

const TYPES: [&str; 9] =
    ["int", "long", "double", "decimal", "string", "object", "array", "timestamp", "null"];

fn name() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["a", "b", "c", "x", "0", "1", "10", "01"]).prop_map(str::to_owned)
}

/// What a place may be; null, with which gaps are filled, wherever an array's element may be.
fn place() -> impl Strategy<Value = Value> {
    let types =
        || proptest::option::of(proptest::collection::vec(proptest::sample::select(TYPES.to_vec()), 1..5));
    let leaf = types().prop_map(|types| types.map_or(json!({}), |types| json!({"bsonType": types})));
    leaf.prop_recursive(3, 16, 4, move |inner| {
        let fields = proptest::collection::btree_map(name(), inner.clone(), 0..4);
        let required = proptest::collection::vec(name(), 0..2);
        let more = proptest::option::weighted(0.2, any::<bool>());
        let parts =
            (types(), proptest::option::weighted(0.8, fields), proptest::option::of(inner), required, more);
        parts.prop_map(|(types, fields, items, required, more)| {
            let mut place = serde_json::Map::new();
            place.extend(types.map(|mut types| {
                types.extend(["object", "array"]);
                ("bsonType".to_owned(), json!(types))
            }));
            place.extend(fields.map(|fields| {
                let fields = fields.into_iter().map(|(name, inner)| {
                    let inner =
                        if name.starts_with(|c: char| c.is_ascii_digit()) { with_null(inner) } else { inner };
                    (name, inner)
                });
                ("properties".to_owned(), Value::Object(fields.collect()))
            }));
            place.extend(items.map(|items| ("items".to_owned(), with_null(items))));
            if !required.is_empty() {
                place.insert("required".to_owned(), json!(required));
            }
            place.extend(more.map(|more| ("additionalProperties".to_owned(), more.into())));
            Value::Object(place)
        })
    })
}

fn with_null(mut place: Value) -> Value {
    if let Some(types) = place.get_mut("bsonType").and_then(Value::as_array_mut) {
        types.push("null".into());
    }
    place
}

fn document() -> impl Strategy<Value = Value> {
    let top = proptest::sample::select(vec!["a", "b", "c", "x"]).prop_map(str::to_owned);
    let fields = proptest::collection::btree_map(top, place(), 1..4);
    let required = proptest::collection::vec(name(), 0..2);
    (fields, required).prop_map(|(fields, required)| {
        let mut schema = json!({"bsonType": "object", "properties": fields});
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    })
}

fn wrong_type() -> impl Strategy<Value = WrongType> {
    use WrongType::{Accept, Coerce, Quarantine, Stop};
    proptest::sample::select(vec![Accept, Coerce, Coerce, Quarantine, Stop])
}

fn default() -> impl Strategy<Value = Value> {
    let values = [json!(7), json!("d"), json!({"$numberLong": "7"}), json!({"a": 1}), json!([1]), json!({})];
    proptest::sample::select(values.to_vec())
}

/// Schemas that ask for something.
fn declared(with_defaults: bool) -> impl Strategy<Value = Declared> {
    let new = proptest::sample::select(vec![
        NewField::Accept,
        NewField::Drop,
        NewField::Drop,
        NewField::Quarantine,
        NewField::Stop,
    ]);
    let missing =
        proptest::sample::select(vec![MissingField::Accept, MissingField::Quarantine, MissingField::Stop]);
    let path = proptest::collection::vec(name(), 1..4).prop_map(|names| names.join("."));
    let defaults = proptest::collection::btree_map(path, default(), 0..8);
    let policies = (new, missing, wrong_type(), wrong_type());
    (document(), policies, defaults).prop_filter_map(
        "asks for nothing",
        move |(schema, policies, defaults)| {
            let (new_field, missing_field, widened_type, incompatible_type) = policies;
            let schema = DeclaredSchema {
                namespace: "*.*".to_owned(),
                declared: Some(Anything(schema)),
                new_field,
                missing_field,
                widened_type,
                incompatible_type,
                ..DeclaredSchema::default()
            };
            let mut known = compiled(&schema)?;
            // Each default that the schema takes, as long as there is one.
            let mut schema = schema;
            for (path, value) in defaults.into_iter().filter(|_| with_defaults) {
                schema.defaults.insert(path.clone(), Anything(value));
                match compiled(&schema) {
                    Some(more) => known = more,
                    None => drop(schema.defaults.remove(&path)),
                }
            }
            (!with_defaults || !schema.defaults.is_empty()).then_some(known)
        },
    )
}

fn compiled(schema: &DeclaredSchema) -> Option<Declared> {
    let schemas = Schemas::compile(std::slice::from_ref(schema)).ok()?;
    schemas.for_namespace(&"a.b".parse().ok()?).ok()?.cloned()
}

/// The document as declared, or what is done instead.
fn judged(declared: &Declared, document: &Document) -> Result<Document, Deed> {
    let bytes = document.to_vec().unwrap();
    let mut out = Writer::new();
    match declared.document(raw::Document::new(&bytes).unwrap(), &mut out).unwrap() {
        Judged::Same => Ok(document.clone()),
        Judged::Changed(_) => Ok(Document::from_reader(out.as_bytes()).unwrap()),
        Judged::Refused(drift, _) => Err(drift.deed),
    }
}

fn updated(document: &Document, delta: &UpdateDescription<'_>) -> Result<Document, Inexact> {
    let bytes = document.to_vec().unwrap();
    let mut out = Writer::new();
    apply(raw::Document::new(&bytes).unwrap(), delta, &mut out)?;
    Ok(Document::from_reader(out.as_bytes()).unwrap())
}

/// The value with the fields of every document in the order of their names.
fn sorted(value: &Bson) -> Bson {
    match value {
        Bson::Document(document) => {
            let mut fields: Vec<_> = document.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            Bson::Document(fields.into_iter().collect())
        }
        Bson::Array(array) => array.iter().map(sorted).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

fn bytes(document: &Document, by_content: bool) -> Vec<u8> {
    if !by_content {
        return document.to_vec().unwrap();
    }
    let Bson::Document(sorted) = sorted(&Bson::Document(document.clone())) else { unreachable!() };
    sorted.to_vec().unwrap()
}

/// Both ways round the square, where the update is exact and the names are clear.
fn the_square_closes(
    declared: &Declared,
    pre: &Document,
    edits: &[model::Edit],
    stated: bool,
    by_content: bool,
) -> Result<(), TestCaseError> {
    let event = model::event(pre, &model::edited(pre, edits), stated);
    let delta = model::description(&event);
    let Ok(post) = updated(pre, &delta) else { return Ok(()) };
    // A document that is refused is not at the target, whatever happens to it.
    let Ok(before) = judged(declared, pre) else { return Ok(()) };
    let wanted = judged(declared, &post);
    let after = match declared.delta(&delta) {
        Ok(JudgedDelta::Same) => updated(&before, &delta),
        Ok(JudgedDelta::Changed(delta, _)) => updated(&before, &delta.view()),
        Ok(JudgedDelta::Nothing(_)) => Ok(before.clone()),
        Ok(JudgedDelta::Refused(drift, _)) => {
            prop_assert_eq!(wanted, Err(drift.deed), "refused without need: {}", drift);
            return Ok(());
        }
        Err(Unclear::Ambiguous) => return Ok(()),
        Err(other) => panic!("{other}"),
    };
    let wanted = wanted.map(|wanted| (bytes(&wanted, by_content), wanted));
    let after = after.map(|after| (bytes(&after, by_content), after));
    prop_assert_eq!(after.map_err(|error| error.to_string()), wanted.map_err(|deed| deed.word().to_owned()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_local_rejects: 1 << 20, ..model::cases(1500) })]

    #[test]
    fn judging_and_updating_commute_on_plain_names(
        declared in declared(false), pre in model::document(Names::Plain), edits in model::edits(Names::Plain),
        stated in any::<bool>(),
    ) {
        the_square_closes(&declared, &pre, &edits, stated, false)?;
    }

    #[test]
    fn judging_and_updating_commute_on_odd_names(
        declared in declared(false), pre in model::document(Names::Odd), edits in model::edits(Names::Odd),
        stated in any::<bool>(),
    ) {
        the_square_closes(&declared, &pre, &edits, stated, false)?;
    }

    #[test]
    fn filling_in_and_updating_commute_by_content(
        declared in declared(true), pre in model::document(Names::Plain), edits in model::edits(Names::Plain),
        stated in any::<bool>(),
    ) {
        the_square_closes(&declared, &pre, &edits, stated, true)?;
    }

    #[test]
    fn what_is_as_declared_stays_as_it_is(declared in declared(true), document in model::document(Names::Odd)) {
        if let Ok(once) = judged(&declared, &document) {
            prop_assert_eq!(judged(&declared, &once), Ok(once));
        }
    }
}
