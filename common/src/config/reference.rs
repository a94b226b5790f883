//! What is written from the types: the JSON schema for editors and `docs/configuration.md`. A test keeps both current.

use std::fmt::Write;

use serde_json::Value;

use super::{
    checks::{REFUSED_BY_LIBRDKAFKA, REFUSED_IN_URIS},
    schema::{Key, Shape, description, is_required, keys, known_keys, schema, shape},
    structure::offered,
};

const INTRODUCTION: &str = "\
<!-- Written from common/src/config/types.rs by `OPLOGUE_TEST_UPDATE=1 cargo test -p common --features service --test reference`. -->

# Configuration

Producer and worker read the same file, `oplogue.toml` (or `.yaml`, `.yml`, `.json`): the one named by `--config` or `OPLOGUE_CONFIG`, else
`./oplogue.toml` if it is there. [`oplogue.toml`](../oplogue.toml) shows every key; `oplogue.schema.json` serves editors.

Every key is also an environment variable: its levels in upper case, joined by two underscores (`OPLOGUE_KAFKA__BROKERS`). Lists are
separated by commas or written as JSON, tables and lists of tables as JSON (`OPLOGUE_RULES='[{\"namespace\": \"shop.*\", \"deny\": [\"ssn\"]}]'`). Some keys are
flags too (`--help`). Flags win over the environment, the environment over the file; tables merge, lists replace.

Secrets belong into the environment or into files of their own (`uri_file`). They are never logged and never shown, not even by `check`.

All problems are told at once, each with its path; the exit status is then 2. `producer check` and `worker check` validate, show what was
understood and exit; with `--connect` they also reach the services.
";

/// The JSON schema, for `oplogue.schema.json`.
#[must_use]
pub fn json_schema() -> String {
    format!("{:#}\n", schema())
}

/// The reference, for `docs/configuration.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut section = None;
    for key in keys() {
        let top = key.levels.first().copied().filter(|_| key.levels.len() > 1);
        if top != section || top.is_none() {
            section = top;
            open_section(&mut text, top.unwrap_or(key.levels[0]));
        }
        entry(&mut text, &key);
    }
    refused(&mut text);
    text
}

/// Every key as (table, name, default as JSON), those of the tables in lists included: what an example has to show.
#[must_use]
pub fn settings() -> Vec<(String, String, String)> {
    let mut settings = Vec::new();
    for key in keys() {
        let (name, table) = key.levels.split_last().expect("a key has a name");
        match shape(key.node) {
            Shape::List(element) if shape(element) == Shape::Struct => {
                let names = known_keys(element);
                settings.extend(names.map(|inner| (key.path(), inner.to_owned(), "null".to_owned())));
            }
            _ => settings.push((table.join("."), (*name).to_owned(), key.node["default"].to_string())),
        }
    }
    settings
}

fn open_section(text: &mut String, name: &str) {
    let node = &schema()["properties"][name];
    let _ = writeln!(text, "\n## {name}");
    if matches!(shape(node), Shape::Struct) {
        let _ = writeln!(text, "\n{}", description(node));
    }
}

fn entry(text: &mut String, key: &Key<'_>) {
    let facts = [kind(key.node), need(key), format!("`{}`", key.variable())].join(" · ");
    let _ = writeln!(text, "\n**`{}`** — {facts}\\\n{}", key.path(), description(key.node));
    match shape(key.node) {
        Shape::Choice(choices) => choices.iter().for_each(|choice| {
            let words = offered(std::slice::from_ref(choice));
            let _ = writeln!(text, "{}- {words}: {}", first_break(choices, choice), description(choice));
        }),
        Shape::List(element) if shape(element) == Shape::Struct => element_entries(text, key, element),
        _ => {}
    }
}

/// A list begins after an empty line.
fn first_break(choices: &[Value], choice: &Value) -> &'static str {
    if choices.first() == Some(choice) { "\n" } else { "" }
}

fn element_entries(text: &mut String, key: &Key<'_>, element: &Value) {
    for name in known_keys(element) {
        let node = &element["properties"][name];
        let need = if is_required(element, name) { "required".to_owned() } else { default(node) };
        let _ = write!(
            text,
            "\n**`{}[].{name}`** — {} · {need}\\\n{}\n",
            key.path(),
            kind(node),
            description(node)
        );
    }
}

fn need(key: &Key<'_>) -> String {
    if key.required { "required".to_owned() } else { default(key.node) }
}

fn default(node: &Value) -> String {
    match &node["default"] {
        Value::Null => "not set".to_owned(),
        value => format!("default `{value}`"),
    }
}

fn kind(node: &Value) -> String {
    match shape(node) {
        Shape::Struct => "table".to_owned(),
        Shape::Map(values) => match shape(values) {
            Shape::Choice(choices) => format!("table of {}", offered(choices)),
            Shape::Anything => "table of values".to_owned(),
            _ => "table of texts".to_owned(),
        },
        Shape::List(element) if shape(element) == Shape::Struct => "list of tables".to_owned(),
        Shape::List(_) => "list of texts".to_owned(),
        Shape::Choice(_) => "one of".to_owned(),
        Shape::Integer => format!("whole number, {} to {}", node["minimum"], node["maximum"]),
        Shape::Boolean => "true or false".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::Anything => "table".to_owned(),
    }
}

fn refused(text: &mut String) {
    text.push_str("\n## Refused options\n\nThe guarantees rest on these, so they are refused by name.\n\n");
    text.push_str("In `kafka.options`:\n\n");
    for refused in &REFUSED_BY_LIBRDKAFKA {
        let names: Vec<_> = refused.names.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "- {}: {}", names.join(", "), refused.reason);
    }
    text.push_str("\nIn connection strings:\n\n");
    for refused in &REFUSED_IN_URIS {
        let except = match refused.allowed {
            [] => String::new(),
            allowed => format!(" other than `{}`", allowed.join("`, `")),
        };
        let _ = writeln!(text, "- `{}`{except}: {}", refused.name, refused.reason);
    }
}
