//! What the schema can tell is wrong: unknown and missing keys, wrong types, numbers out of range, words that are not offered.
//!
//! Deserialising stops at the first error; this goes on. What is wrong is reported and taken out (or replaced, in lists and
//! where it must be), so that the rest can still be read and checked for its meaning.

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{
    Problem,
    schema::{Shape, child, is_required, known_keys, shape, variable},
    suggest::hint,
};

/// Checks `tree` against the node and repairs it.
pub(super) fn check(node: &Value, tree: &mut Value, problems: &mut Vec<Problem>) {
    if visit(node, tree, "", problems).is_err() {
        *tree = placeholder(node);
    }
}

/// The value cannot stay; its problem is noted.
struct Unfit;

fn visit(node: &Value, value: &mut Value, path: &str, problems: &mut Vec<Problem>) -> Result<(), Unfit> {
    let shape = shape(node);
    let checked = match (shape, &mut *value) {
        (Shape::Struct, Value::Object(table)) => {
            visit_struct(node, table, path, problems);
            Ok(())
        }
        (Shape::Map(values), Value::Object(table)) => {
            visit_map(values, table, path, problems);
            Ok(())
        }
        (Shape::List(elements), Value::Array(list)) => {
            for (i, element) in list.iter_mut().enumerate() {
                if visit(elements, element, &format!("{path}[{i}]"), problems).is_err() {
                    *element = placeholder(elements);
                }
            }
            Ok(())
        }
        (Shape::Choice(choices), value) => return visit_choice(choices, value, path, problems),
        (Shape::Integer, Value::Number(number)) if !number.is_f64() => in_range(node, number),
        (Shape::Boolean, Value::Bool(_)) | (Shape::Anything, _) => Ok(()),
        (Shape::Text, Value::String(text)) => fits_pattern(node, text),
        (shape, value) => Err(format!("expected {}, found {}", expected(shape), found(value))),
    };
    checked.map_err(|reason| {
        problems.push(Problem::new(path, reason));
        Unfit
    })
}

fn visit_struct(node: &Value, table: &mut Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    let keys: Vec<String> = table.keys().cloned().collect();
    for key in keys {
        let below = join(path, &key);
        let Some(inner) = node["properties"].get(&key) else {
            problems.push(Problem::new(below, format!("unknown key{}", hint(&key, known_keys(node)))));
            table.shift_remove(&key);
            continue;
        };
        if visit(inner, &mut table[&key], &below, problems).is_err() {
            table.shift_remove(&key);
            if is_required(node, &key) {
                table.insert(key, placeholder(inner));
            }
        }
    }
    let missing: Vec<&str> =
        known_keys(node).filter(|key| is_required(node, key) && !table.contains_key(*key)).collect();
    for key in missing {
        let (below, inner) = (join(path, key), &node["properties"][key]);
        let value = if shape(inner) == Shape::Struct {
            let mut table = Map::new();
            visit_struct(inner, &mut table, &below, problems);
            Value::Object(table)
        } else {
            problems.push(Problem::new(&below, missing_reason(&below)));
            placeholder(inner)
        };
        table.insert(key.to_owned(), value);
    }
}

/// Why a key that must be there is missed; a key inside a list has no variable of its own.
fn missing_reason(path: &str) -> String {
    if path.contains('[') {
        return "missing".to_owned();
    }
    format!("missing; set it in the file or as {}", variable(path))
}

/// Kafka's options are texts with dots in their names, but nobody quotes `linger.ms = 5`: a number is taken as text, and a table
/// (which is what TOML makes of that dot) as a longer name.
fn visit_map(values: &Value, table: &mut Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    let is_text = shape(values) == Shape::Text;
    let mut flat = Map::new();
    for (key, value) in std::mem::take(table) {
        if is_text { flatten(key, value, &mut flat) } else { drop(flat.insert(key, value)) }
    }
    flat.retain(|key, value| visit(values, value, &join(path, key), problems).is_ok());
    *table = flat;
}

fn flatten(key: String, value: Value, flat: &mut Map<String, Value>) {
    let text = match value {
        Value::Object(inner) => {
            return inner.into_iter().for_each(|(below, value)| flatten(join(&key, &below), value, flat));
        }
        Value::Number(number) => Value::String(number.to_string()),
        Value::Bool(truth) => Value::String(truth.to_string()),
        other => other,
    };
    flat.insert(key, text);
}

fn visit_choice(
    choices: &[Value],
    value: &mut Value,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Result<(), Unfit> {
    let words = || choices.iter().filter_map(|choice| choice["const"].as_str());
    if let Value::String(text) = value
        && words().any(|word| word == text)
    {
        return Ok(());
    }
    if let Value::Object(table) = value
        && table.len() == 1
        && let Some((key, inner)) = table.iter_mut().next()
        && let Some(node) = choices.iter().find_map(|choice| child(choice, key))
    {
        return visit(node, inner, &join(path, key), problems);
    }
    let near = value.as_str().map(|text| hint(text, words())).unwrap_or_default();
    let reason = format!("expected {}, found {}{near}", offered(choices), found(value));
    problems.push(Problem::new(path, reason));
    Err(Unfit)
}

/// The choices in words: `snapshot`, `latest` or `{ token = … }`.
pub(super) fn offered(choices: &[Value]) -> String {
    let mut words: Vec<String> = Vec::new();
    for choice in choices {
        words.extend(choice["const"].as_str().map(|word| format!("`{word}`")));
        words.extend(known_keys(choice).map(|key| format!("`{{ {key} = … }}`")));
    }
    let last = words.pop().unwrap_or_default();
    if words.is_empty() { last } else { format!("{} or {last}", words.join(", ")) }
}

fn in_range(node: &Value, number: &serde_json::Number) -> Result<(), String> {
    let (min, max) = (node["minimum"].as_i64().unwrap_or(0), node["maximum"].as_i64().unwrap_or(i64::MAX));
    match number.as_i64() {
        Some(number) if (min..=max).contains(&number) => Ok(()),
        _ => Err(format!("must be {min} to {max}, is {number}")),
    }
}

fn fits_pattern(node: &Value, text: &str) -> Result<(), String> {
    let Some(pattern) = node["pattern"].as_str() else { return Ok(()) };
    let regex = Regex::new(pattern).expect("the patterns of the schema compile");
    if regex.is_match(text) {
        return Ok(());
    }
    Err(node["patternErrorMessage"].as_str().unwrap_or("is not written as it should be").to_owned())
}

fn expected(shape: Shape<'_>) -> &'static str {
    match shape {
        Shape::Struct | Shape::Map(_) => "a table",
        Shape::List(_) => "a list",
        Shape::Integer => "a whole number",
        Shape::Boolean => "true or false",
        Shape::Text | Shape::Choice(_) | Shape::Anything => "text",
    }
}

/// What sort of value it is; never the value, which may be a secret in the wrong place.
fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// Something of the right type, with what it cannot be without.
fn placeholder(node: &Value) -> Value {
    match shape(node) {
        Shape::Struct => {
            let required = known_keys(node).filter(|key| is_required(node, key));
            required.map(|key| (key.to_owned(), placeholder(&node["properties"][key]))).collect()
        }
        Shape::Map(_) => json!({}),
        Shape::List(_) => json!([]),
        Shape::Integer => node["minimum"].clone(),
        Shape::Boolean => json!(false),
        Shape::Choice(_) => node["default"].clone(),
        Shape::Text | Shape::Anything => json!(""),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
