//! Defaults: each a declared field, and a value that the schema would take there.

use common::{
    codec::decode,
    config::types::Anything,
    raw::{Document, Element, Kind},
};
use serde_json::{Value, json};

use super::{
    Declared,
    node::{Node, Places, Step},
    parse::want,
};
use crate::{Path, Problem};

/// Puts the default that stands at `at` into the schema.
pub(super) fn add(declared: &mut Declared, at: &str, text: &str, value: &Anything) -> Result<(), Problem> {
    let problem = |reason: String| Problem { path: at.to_owned(), reason };
    let path = Path::parse(text).map_err(|error| problem(error.to_string()))?;
    let bytes = bson(&value.0).map_err(problem)?;
    let document = Document::new(&bytes).expect("the codec has written it");
    let element = document.elements().flatten().next().expect("it has one field");
    let names: Vec<&[u8]> = path.components().iter().map(|name| name.name().as_bytes()).collect();
    let (last, above) = names.split_last().expect("a path has a component");
    if names[0] == b"_id" {
        return Err(problem("`_id` is always there".to_owned()));
    }
    let mut place = Places::ROOT;
    for name in above {
        place = match declared.places.step(place, name) {
            Step::To(place, _) => place,
            Step::New { .. } | Step::Open => return Err(problem(undeclared(name))),
        };
        // A default lies in every element, so their numbers do not stand in its path.
        while let Some(items) = only_items(declared.places.node(place)) {
            place = items;
        }
    }
    let Some((field, _)) = declared.places.node(place).field(last) else {
        return Err(problem(undeclared(last)));
    };
    if crate::path::is_numeric(last) {
        return Err(problem("a field whose name is a number may be an array's element".to_owned()));
    }
    if !declared.takes(field, &element) {
        let (met, kinds) = (element.kind.alias(), declared.places.node(field).kinds.words());
        return Err(problem(format!(
            "it is of type {met} where {kinds} is declared, or not as declared inside"
        )));
    }
    let node = &mut declared.places.0[place.0 as usize];
    let wanted = want(node, last);
    node.wanted[wanted].default = Some((element.kind, element.value.into()));
    Ok(())
}

/// The elements' place where a document cannot be.
fn only_items(node: &Node) -> Option<super::node::Place> {
    node.items.filter(|_| !node.kinds.has(Kind::Document) && node.fields.is_empty())
}

fn undeclared(name: &[u8]) -> String {
    format!("`{}` is not declared", String::from_utf8_lossy(name))
}

/// The value as the only field of a document; plain numbers are `int` where they fit, then `long`, then `double`.
fn bson(value: &Value) -> Result<Vec<u8>, String> {
    let text = json!({ "value": canonical(value) }).to_string();
    let mut bytes = Vec::new();
    match decode::document(text.as_bytes(), &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(format!("is no Extended JSON: {}", error.reason)),
    }
}

fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) if i32::try_from(whole).is_ok() => json!({"$numberInt": whole.to_string()}),
            Some(whole) => json!({"$numberLong": whole.to_string()}),
            None => json!({"$numberDouble": format!("{:?}", number.as_f64().unwrap_or(f64::NAN))}),
        },
        Value::Array(list) => list.iter().map(canonical).collect(),
        Value::Object(table) => {
            let is_wrapper = table.keys().any(|key| key.starts_with('$'));
            if is_wrapper {
                return value.clone();
            }
            table.iter().map(|(key, value)| (key.clone(), canonical(value))).collect()
        }
        other => other.clone(),
    }
}

/// A default as an element.
pub(super) fn element<'d>(name: &'d [u8], (kind, value): &'d (Kind, Box<[u8]>)) -> Element<'d> {
    Element { kind: *kind, name, value }
}
