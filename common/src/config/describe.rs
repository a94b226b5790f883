//! What was understood, for `check`: every key with its value and where it came from, secrets masked.

use serde_json::Value;

use super::{
    Loaded,
    checks::masked,
    schema::{is_secret, keys},
    secret::Secret,
};

/// Where values stand, unless a key is longer.
const COLUMN: usize = 34;

impl Loaded {
    /// What was understood, one key a line.
    #[must_use]
    pub fn understood(&self) -> String {
        // Secrets serialise as `…`; only connection strings show where they lead.
        let values = serde_json::to_value(&self.config).unwrap_or_default();
        let mut text = format!("The configuration is good for the {}.\n", self.role);
        for key in keys() {
            let path = key.path();
            let value = match path.as_str() {
                "source.uri" => place(self.config.source.uri.as_ref()),
                "target.uri" => place(self.config.target.uri.as_ref()),
                _ => shown(key.levels.iter().fold(&values, |node, level| &node[*level])),
            };
            let default = || shown(&key.node["default"]);
            let note = match self.origins.of(&path) {
                Some(name) => format!("  # {name}"),
                None if !is_secret(key.node) && !key.required && value == default() => {
                    "  # default".to_owned()
                }
                None => String::new(),
            };
            text.push_str(&format!("{path:COLUMN$} {value}{note}\n"));
        }
        text.trim_end().to_owned()
    }
}

fn place(uri: Option<&Secret>) -> String {
    uri.map_or_else(|| "not set".to_owned(), |uri| masked(uri.expose()))
}

fn shown(value: &Value) -> String {
    if value.is_null() { "not set".to_owned() } else { value.to_string() }
}
