//! The file, the environment and the flags merged into one tree of values; the later layer wins, tables merge, lists replace.
//!
//! A path stays with the layer it came from, so that a problem can name the variable.

use config::{Config as Merged, ConfigError, Map, Source, Value, ValueKind};
use serde_json::Value as Json;

use super::{env::Entry, origin::Origins};

/// The merged values, nulls left out, and where they came from.
pub(super) fn merge(file: Map<String, Value>, entries: &[Entry]) -> Result<(Json, Origins), ConfigError> {
    let merged = entries.iter().fold(Merged::builder().add_source(Layer(file)), |builder, entry| {
        builder.add_source(Layer(nested(entry)))
    });
    let mut origins = Origins::default();
    let root = Value::new(None, ValueKind::Table(merged.build()?.collect()?));
    let mut tree = to_json(root, "", &mut origins).unwrap_or_else(|| Json::Object(serde_json::Map::new()));
    for end in ["source", "target"] {
        one_uri(&mut tree, end, &origins);
    }
    Ok((tree, origins))
}

#[derive(Debug, Clone)]
struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// An entry as tables in tables.
fn nested(entry: &Entry) -> Map<String, Value> {
    let mut levels = entry.levels.iter().rev();
    let table = |key: &String, value| Map::from_iter([(key.clone(), value)]);
    let innermost = levels.next().expect("an entry has a key");
    let start = table(innermost, from_json(&entry.value, &entry.name));
    levels.fold(start, |inner, key| table(key, Value::new(None, ValueKind::Table(inner))))
}

fn from_json(json: &Json, origin: &String) -> Value {
    let kind = match json {
        Json::Null => ValueKind::Nil,
        Json::Bool(truth) => ValueKind::Boolean(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => ValueKind::I64(whole),
            None => ValueKind::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => ValueKind::String(text.clone()),
        Json::Array(list) => {
            ValueKind::Array(list.iter().map(|element| from_json(element, origin)).collect())
        }
        Json::Object(table) => {
            ValueKind::Table(table.iter().map(|(k, v)| (k.clone(), from_json(v, origin))).collect())
        }
    };
    Value::new(Some(origin), kind)
}

/// The value without nulls: a key that is there and empty (`rules:` in YAML) is a key that is not there.
fn to_json(value: Value, path: &str, origins: &mut Origins) -> Option<Json> {
    if let Some(name) = value.origin() {
        origins.note(path, name);
    }
    Some(match value.kind {
        ValueKind::Nil => return None,
        ValueKind::Boolean(truth) => Json::Bool(truth),
        ValueKind::I64(number) => number.into(),
        ValueKind::U64(number) => number.into(),
        // Beyond what any key takes; kept as a number so that the range is what is complained about.
        ValueKind::I128(number) => {
            if number < 0 {
                i64::MIN.into()
            } else {
                u64::MAX.into()
            }
        }
        ValueKind::U128(_) => u64::MAX.into(),
        ValueKind::Float(number) => number.into(),
        ValueKind::String(text) => Json::String(text),
        ValueKind::Array(list) => {
            let elements = list.into_iter().enumerate();
            elements.filter_map(|(i, element)| to_json(element, &format!("{path}[{i}]"), origins)).collect()
        }
        ValueKind::Table(table) => {
            let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            let entries = table.into_iter();
            entries.filter_map(|(key, v)| Some((key.clone(), to_json(v, &below(&key), origins)?))).collect()
        }
    })
}

/// `uri` and `uri_file` say the same thing: the one from the stronger layer replaces the other.
fn one_uri(tree: &mut Json, end: &str, origins: &Origins) {
    let strength = |key: &str| origins.strength(&format!("{end}.{key}"));
    let Some(table) = tree.get_mut(end).and_then(Json::as_object_mut) else { return };
    if !(table.contains_key("uri") && table.contains_key("uri_file")) {
        return;
    }
    match strength("uri").cmp(&strength("uri_file")) {
        std::cmp::Ordering::Less => drop(table.shift_remove("uri")),
        std::cmp::Ordering::Greater => drop(table.shift_remove("uri_file")),
        std::cmp::Ordering::Equal => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(key: &str, name: &str, value: Json) -> Entry {
        Entry { levels: key.split('/').map(str::to_owned).collect(), name: name.to_owned(), value }
    }

    fn file(text: &str) -> Map<String, Value> {
        config::File::from_str(text, config::FileFormat::Toml).collect().unwrap()
    }

    #[test]
    fn later_layers_win_tables_merge_and_lists_replace() {
        let file = file("pipeline = 'a'\n[kafka]\nbrokers = 'f'\n[namespaces]\ninclude = ['a.b', 'c.d']");
        let entries = [
            entry("kafka/partitions", "OPLOGUE_KAFKA__PARTITIONS", json!(3)),
            entry("namespaces/include", "OPLOGUE_NAMESPACES__INCLUDE", json!(["x.y"])),
            entry("kafka/options/sasl.password", "OPLOGUE_KAFKA__OPTIONS__SASL_PASSWORD", json!("p")),
            entry("kafka/brokers", "--brokers", json!("g")),
        ];
        let (tree, origins) = merge(file, &entries).unwrap();
        assert_eq!(tree["pipeline"], "a");
        assert_eq!(
            tree["kafka"],
            json!({"brokers": "g", "partitions": 3, "options": {"sasl.password": "p"}})
        );
        assert_eq!(tree["namespaces"]["include"], json!(["x.y"]));
        assert_eq!(origins.of("kafka.partitions"), Some("OPLOGUE_KAFKA__PARTITIONS"));
        assert_eq!(origins.of("kafka.brokers"), Some("--brokers"));
        assert_eq!(origins.of("pipeline"), None);
    }

    #[test]
    fn connection_string_of_the_stronger_layer_replaces_the_other_form() {
        let variable = entry("source/uri", "OPLOGUE_SOURCE__URI", json!("m"));
        let flag = entry("source/uri_file", "--source-uri-file", json!("f"));
        let (tree, _) = merge(file("source.uri_file = 'x'"), std::slice::from_ref(&variable)).unwrap();
        assert_eq!(tree["source"], json!({"uri": "m"}));
        let (tree, _) = merge(Map::new(), &[variable, flag]).unwrap();
        assert_eq!(tree["source"], json!({"uri_file": "f"}));
        let (tree, _) = merge(file("source.uri_file = 'x'\nsource.uri = 'm'"), &[]).unwrap();
        assert_eq!(tree["source"].as_object().unwrap().len(), 2);
    }
}
