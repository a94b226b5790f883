//! The JSON schema of the configuration, made from the types, and how to find one's way in it.
//!
//! One schema serves four: the check of what was read, the values of environment variables, the reference, and editors. It is
//! inlined: no `$ref` anywhere, so a key's node is reached by walking.

use std::sync::OnceLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Config;

/// The schema, made once.
pub(super) fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        settings.into_generator().into_root_schema_for::<Config>().to_value()
    })
}

/// What values a node takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape<'a> {
    /// A table with known keys.
    Struct,
    /// A table with keys of the user's own; the node of its values.
    Map(&'a Value),
    /// A list; the node of its elements.
    List(&'a Value),
    /// One of several; their nodes.
    Choice(&'a [Value]),
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// Whatever it is.
    Anything,
}

/// What values `node` takes.
pub(super) fn shape(node: &Value) -> Shape<'_> {
    if let Some(choices) = node["oneOf"].as_array() {
        return Shape::Choice(choices);
    }
    if node["anything"] == true {
        return Shape::Anything;
    }
    let name = match &node["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        name => name.as_str(),
    };
    match name {
        Some("object") if node["additionalProperties"].is_object() => {
            Shape::Map(&node["additionalProperties"])
        }
        Some("object") => Shape::Struct,
        Some("array") => Shape::List(&node["items"]),
        Some("integer") => Shape::Integer,
        Some("boolean") => Shape::Boolean,
        _ => Shape::Text,
    }
}

/// The node of `key` in the table `node`; also in the one choice that has such a key.
pub(super) fn child<'a>(node: &'a Value, key: &str) -> Option<&'a Value> {
    match shape(node) {
        Shape::Struct => node["properties"].get(key),
        Shape::Map(values) => Some(values),
        Shape::Choice(choices) => choices.iter().find_map(|choice| choice["properties"].get(key)),
        _ => None,
    }
}

/// The keys that a table knows.
pub(super) fn known_keys(node: &Value) -> impl Iterator<Item = &str> {
    node["properties"].as_object().into_iter().flat_map(|properties| properties.keys().map(String::as_str))
}

/// Whether a table cannot be without `key`.
pub(super) fn is_required(node: &Value, key: &str) -> bool {
    node["required"].as_array().is_some_and(|required| required.iter().any(|name| name == key))
}

/// Whether values must not be shown.
pub(super) fn is_secret(node: &Value) -> bool {
    let inner = match shape(node) {
        Shape::Map(values) => values,
        _ => node,
    };
    inner["writeOnly"] == true
}

/// What the doc comment says, as one line.
pub(super) fn description(node: &Value) -> String {
    node["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A key that holds a value (not one that only holds other keys).
#[derive(Debug, Clone)]
pub(super) struct Key<'a> {
    /// Its levels, outermost first.
    pub(super) levels: Vec<&'a str>,
    /// Its node.
    pub(super) node: &'a Value,
    /// Whether it must be set.
    pub(super) required: bool,
}

impl Key<'_> {
    /// As written in messages: `kafka.brokers`.
    pub(super) fn path(&self) -> String {
        self.levels.join(".")
    }

    /// The environment variable.
    pub(super) fn variable(&self) -> String {
        variable(&self.path())
    }
}

/// Every key that holds a value, in the order of the types. Tables in lists are not entered.
pub(super) fn keys() -> Vec<Key<'static>> {
    let mut keys = Vec::new();
    collect(schema(), &[], &mut keys);
    keys
}

fn collect<'a>(node: &'a Value, above: &[&'a str], keys: &mut Vec<Key<'a>>) {
    for name in known_keys(node) {
        let inner = &node["properties"][name];
        let levels: Vec<_> = above.iter().copied().chain([name]).collect();
        match shape(inner) {
            Shape::Struct => collect(inner, &levels, keys),
            _ => keys.push(Key { levels, node: inner, required: is_required(node, name) }),
        }
    }
}

/// The environment variable of a key.
pub(super) fn variable(path: &str) -> String {
    format!("OPLOGUE_{}", path.replace('.', "__").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_node_a_meaning_and_no_reference() {
        assert!(!schema().to_string().contains("$ref"));
        let keys = keys();
        assert!(keys.len() > 30);
        for key in &keys {
            assert!(!description(key.node).is_empty(), "{}", key.path());
        }
        let required: Vec<_> = keys.iter().filter(|key| key.required).map(Key::path).collect();
        assert_eq!(required, ["pipeline", "kafka.brokers"]);
        let secret: Vec<_> = keys.iter().filter(|key| is_secret(key.node)).map(Key::path).collect();
        assert_eq!(secret, ["source.uri", "target.uri", "kafka.options", "worker.mask_key"]);
    }

    #[test]
    fn nodes_know_their_shape() {
        let at = |path: &str| path.split('.').try_fold(schema(), child).map(shape);
        assert_eq!(at("kafka.partitions"), Some(Shape::Integer));
        assert_eq!(at("telemetry.listen"), Some(Shape::Text));
        assert!(matches!(at("producer.start"), Some(Shape::Choice(_))));
        assert_eq!(at("producer.start.token"), Some(Shape::Text));
        assert!(matches!(at("kafka.options"), Some(Shape::Map(_))));
        assert!(matches!(at("rules"), Some(Shape::List(_))));
        assert_eq!(at("kafka.broker"), None);
        assert_eq!(variable("producer.snapshot.chunk_mib"), "OPLOGUE_PRODUCER__SNAPSHOT__CHUNK_MIB");
    }
}
