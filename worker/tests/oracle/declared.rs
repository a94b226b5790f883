//! Random declared schemas over the names that random documents have: what they read as another type, leave out and fill in.

use common::config::types::{Anything, DeclaredSchema, MissingField, NewField, WrongType};
use serde_json::{Map, Value, json};
use shape::declared::{Declared, Schemas};

use super::{
    documents::{self, Names},
    rng::Rng,
};

const TYPES: [&str; 9] = ["int", "long", "double", "decimal", "string", "date", "objectId", "bool", "object"];

/// A schema that asks for something.
pub(crate) fn schema(rng: &mut Rng, names: Names) -> Declared {
    loop {
        let schema = DeclaredSchema {
            namespace: "*.*".to_owned(),
            declared: Some(Anything(document(rng, names))),
            new_field: *rng.pick(&[NewField::Accept, NewField::Drop, NewField::Drop, NewField::Quarantine]),
            missing_field: *rng.pick(&[MissingField::Accept, MissingField::Quarantine]),
            widened_type: *rng.pick(&[WrongType::Accept, WrongType::Coerce, WrongType::Coerce]),
            incompatible_type: *rng.pick(&[WrongType::Accept, WrongType::Accept, WrongType::Coerce]),
            ..DeclaredSchema::default()
        };
        if let Some(declared) = filled(rng, names, schema) {
            return declared;
        }
    }
}

/// With the defaults that it takes, of some.
fn filled(rng: &mut Rng, names: Names, mut schema: DeclaredSchema) -> Option<Declared> {
    let mut known = compiled(&schema)?;
    for _ in 0..4 {
        let path: Vec<_> = (0..1 + rng.below(2)).map(|_| documents::name(rng, names)).collect();
        let path = path.join(".");
        let value =
            rng.pick(&[json!(7), json!("d"), json!({"$numberLong": "7"}), json!(true), json!({})]).clone();
        schema.defaults.insert(path.clone(), Anything(value));
        match compiled(&schema) {
            Some(declared) => known = declared,
            None => drop(schema.defaults.remove(&path)),
        }
    }
    known
}

/// `None` where it cannot be; nothing inside where it asks for nothing.
fn compiled(schema: &DeclaredSchema) -> Option<Option<Declared>> {
    let schemas = Schemas::compile(std::slice::from_ref(schema)).ok()?;
    Some(schemas.for_namespace(&"a.b".parse().ok()?).ok()?.cloned())
}

fn document(rng: &mut Rng, names: Names) -> Value {
    let mut fields = fields(rng, names, 2, 8);
    fields.insert("weight".to_owned(), json!({"bsonType": "string"}));
    json!({"bsonType": "object", "properties": fields})
}

fn fields(rng: &mut Rng, names: Names, depth: usize, most: usize) -> Map<String, Value> {
    (0..1 + rng.below(most)).map(|_| (documents::name(rng, names), place(rng, names, depth))).collect()
}

fn place(rng: &mut Rng, names: Names, depth: usize) -> Value {
    let mut place = Map::new();
    if rng.once_in(2) {
        // Null, with which the server fills up arrays, is taken everywhere.
        let mut types: Vec<_> = (0..1 + rng.below(4)).map(|_| *rng.pick(&TYPES)).collect();
        types.extend(["null", "object", "array"]);
        types.dedup();
        place.insert("bsonType".to_owned(), json!(types));
    }
    if depth > 0 && rng.once_in(2) {
        place.insert("properties".to_owned(), Value::Object(fields(rng, names, depth - 1, 4)));
    }
    if depth > 0 && rng.once_in(2) {
        place.insert("items".to_owned(), self::place(rng, names, depth - 1));
    }
    if rng.once_in(4) {
        place.insert("required".to_owned(), json!([documents::name(rng, names)]));
    }
    Value::Object(place)
}
