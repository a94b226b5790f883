//! A pipeline's configuration, as a value that tests change before they start a process.

use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};

use crate::Stack;

/// A secret in every configuration: no log may ever hold it.
pub const CANARY: &str = "canary-that-no-log-may-hold";

/// The configuration as JSON; index it to change it: `settings["kafka"]["partitions"] = json!(1)`.
#[derive(Debug, Clone)]
pub struct Settings(Value);

impl Settings {
    /// A pipeline on `stack` that carries the database of its own name.
    #[must_use]
    pub fn new(pipeline: &str, stack: &Stack, kafka: &Stack) -> Self {
        Self(json!({
            "pipeline": pipeline,
            "source": {"uri": stack.uri("source")},
            "target": {"uri": stack.uri("target")},
            "kafka": {
                "brokers": kafka.brokers(),
                "topic_prefix": pipeline,
                "partitions": 3,
                "options": {"sasl.password": CANARY},
            },
            "namespaces": {"include": [format!("{pipeline}.*")]},
            // Killed and started again, it goes on at once.
            "producer": {"instance": "only"},
            "worker": {"commit_interval_ms": 100},
            "telemetry": {"listen": "127.0.0.1:0"},
        }))
    }

    /// The text of `oplogue.toml`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let table = self.0.as_object().expect("settings are a table");
        table.iter().map(|(key, value)| format!("{key} = {}\n", inline(value))).collect()
    }
}

/// TOML's inline form; its basic strings take all that JSON's do.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{} = {}", json!(key), inline(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

impl Deref for Settings {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl DerefMut for Settings {
    fn deref_mut(&mut self) -> &mut Value {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_tables_hold_nested_values() {
        let value = json!({"a": [1, "x\"y"], "b.c": {"d": true}});
        assert_eq!(inline(&value), r#"{ "a" = [1, "x\"y"], "b.c" = { "d" = true } }"#);
    }
}
