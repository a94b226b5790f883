//! A schema as JSON Schema with BSON types, the form that MongoDB's `$jsonSchema` takes. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    path::{Step, steps},
    version::{Field, Shape},
};

#[derive(Default)]
struct Node<'s> {
    field: Option<&'s Field>,
    fields: BTreeMap<String, Node<'s>>,
    element: Option<Box<Node<'s>>>,
}

/// The JSON Schema of documents of this shape.
pub(super) fn json_schema(shape: &Shape) -> Value {
    let mut root = Node::default();
    for (path, field) in shape {
        let mut node = &mut root;
        for step in steps(path) {
            node = match step {
                Step::Field(name) => node.fields.entry(name).or_default(),
                Step::Element => node.element.get_or_insert_default(),
            };
        }
        node.field = Some(field);
    }
    let mut json = of(&root);
    json.insert("bsonType".to_owned(), json!("object"));
    Value::Object(json)
}

fn of(node: &Node<'_>) -> Map<String, Value> {
    let mut json = Map::new();
    if let Some(field) = node.field {
        let types: Vec<_> = field.types.iter().copied().collect();
        let types = if let [only] = types.as_slice() { json!(only) } else { json!(types) };
        json.insert("bsonType".to_owned(), types);
    }
    let is_required = |node: &Node<'_>| node.field.is_some_and(|field| !field.is_optional);
    let required: Vec<_> =
        node.fields.iter().filter(|(_, node)| is_required(node)).map(|(name, _)| name.clone()).collect();
    if !required.is_empty() {
        json.insert("required".to_owned(), required.into());
    }
    if !node.fields.is_empty() {
        let fields = node.fields.iter().map(|(name, node)| (name.clone(), Value::Object(of(node))));
        json.insert("properties".to_owned(), Value::Object(fields.collect()));
    }
    if let Some(element) = &node.element {
        json.insert("items".to_owned(), Value::Object(of(element)));
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_documents_and_arrays_are_nested_schemas() {
        let field = |types: &[&'static str], is_optional| Field {
            types: types.iter().copied().collect(),
            is_optional,
        };
        let shape: Shape = [
            ("_id", field(&["int"], false)),
            ("items", field(&["array", "null"], false)),
            ("items.[]", field(&["object"], false)),
            ("items.[].price", field(&["double", "int"], false)),
            (r"a\.b", field(&["string"], true)),
        ]
        .into_iter()
        .map(|(path, field)| (path.to_owned(), field))
        .collect();
        let wanted = json!({
            "bsonType": "object",
            "required": ["_id", "items"],
            "properties": {
                "_id": {"bsonType": "int"},
                "a.b": {"bsonType": "string"},
                "items": {
                    "bsonType": ["array", "null"],
                    "items": {
                        "bsonType": "object",
                        "required": ["price"],
                        "properties": {"price": {"bsonType": ["double", "int"]}},
                    },
                },
            },
        });
        assert_eq!(json_schema(&shape), wanted);
    }
}
