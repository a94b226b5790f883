//! Environment variables and flags as configuration: `OPLOGUE_KAFKA__BROKERS` is `kafka.brokers`.
//!
//! A variable is text; what it stands for follows from the schema at its key: a number, a list separated by commas, JSON. Text that
//! does not fit stays text, so that the check of the whole names it with its path.

use serde_json::{Value, json};

use super::{
    Problem,
    schema::{Shape, child, keys, schema, shape, variable},
    suggest::nearest,
};

const PREFIX: &str = "OPLOGUE_";

/// Variables of the scripts and tests, which are no configuration.
const OTHERS: [&str; 5] = ["CONFIG", "CACHE", "SEED", "UPDATES", "BSON_CORPUS"];
/// Beginnings of such variables.
const OTHER_PREFIXES: [&str; 5] = ["STACK_", "TEST_", "DEMO_", "CHAOS_", "BENCH_"];

/// A key that a variable or a flag sets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The levels of the key, outermost first.
    pub(super) levels: Vec<String>,
    /// The variable or flag.
    pub(super) name: String,
    /// The value.
    pub(super) value: Value,
}

/// What the variables set; unknown `OPLOGUE_…` variables are problems.
pub(super) fn entries(variables: &[(String, String)], problems: &mut Vec<Problem>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (name, text) in variables.iter().filter(|(name, _)| is_key(name)) {
        let levels = levels(name);
        match find(&levels) {
            Some(node) => {
                let entry = |value| Entry { levels, name: name.clone(), value };
                entries.extend(value(name, node, text, problems).map(entry));
            }
            None => problems.push(unknown(name, &levels)),
        }
    }
    // Whole tables (as JSON) before single keys inside them, whatever the order of the environment.
    entries.sort_by(|a, b| a.levels.cmp(&b.levels));
    entries
}

/// What a flag sets.
pub(super) fn flag(key: &str, flag: &str, text: &str, problems: &mut Vec<Problem>) -> Option<Entry> {
    let levels: Vec<String> = key.split('.').map(str::to_owned).collect();
    let node = find(&levels).expect("flags stand for known keys");
    let value = value(flag, node, text, problems)?;
    Some(Entry { levels, name: flag.to_owned(), value })
}

/// Whether the variable means to be configuration.
pub(super) fn is_key(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| {
        !OTHERS.contains(&rest)
            && !OTHER_PREFIXES.iter().any(|prefix| rest.starts_with(prefix))
            && !is_service_link(rest)
    })
}

/// Kubernetes tells every container about the services of its namespace; one named `oplogue-…` gives `OPLOGUE_…_SERVICE_HOST`
/// and such (Kubernetes documentation, "Accessing the Service"). No key looks like that.
fn is_service_link(rest: &str) -> bool {
    let is_port = |text: &str| text.split('_').next().is_some_and(|port| port.parse::<u16>().is_ok());
    let is_link = rest == "PORT"
        || rest.ends_with("_PORT")
        || rest.ends_with("SERVICE_HOST")
        || rest.contains("SERVICE_PORT")
        || rest.split("PORT_").skip(1).any(is_port);
    is_link && !rest.contains("__")
}

/// The levels of a variable's key. Below a table with keys of the user's own, an underscore is a dot: such keys are Kafka's
/// (`sasl.password`), and none of them has an underscore that matters.
fn levels(name: &str) -> Vec<String> {
    let mut node = Some(schema());
    let rest = name.strip_prefix(PREFIX).unwrap_or(name).to_lowercase();
    rest.split("__")
        .map(|level| {
            let is_own = node.is_some_and(|node| matches!(shape(node), Shape::Map(_)));
            node = node.and_then(|node| child(node, level));
            if is_own { level.replace('_', ".") } else { level.to_owned() }
        })
        .collect()
}

fn find(levels: &[String]) -> Option<&'static Value> {
    levels.iter().try_fold(schema(), |node, level| child(node, level))
}

fn unknown(name: &str, levels: &[String]) -> Problem {
    let inside_list = (1..levels.len()).find_map(|end| {
        let node = find(&levels[..end])?;
        matches!(shape(node), Shape::List(_)).then(|| variable(&levels[..end].join(".")))
    });
    if let Some(list) = inside_list {
        return Problem::new(
            name,
            format!("elements cannot be set one by one; give the whole list as JSON in {list}"),
        );
    }
    let known: Vec<String> = keys().iter().map(|key| key.variable()).collect();
    // The common beginning says nothing about how near two names are.
    let ends = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
    let near = nearest(name.strip_prefix(PREFIX).unwrap_or(name), ends);
    let hint = near.map(|near| format!("; did you mean `{PREFIX}{near}`?")).unwrap_or_default();
    Problem::new(name, format!("no such key{hint}"))
}

/// The value that a text stands for at `node`; a problem and nothing where it cannot be read at all.
fn value(name: &str, node: &Value, text: &str, problems: &mut Vec<Problem>) -> Option<Value> {
    let trimmed = text.trim();
    let value = match shape(node) {
        Shape::Integer => trimmed.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        Shape::Boolean => trimmed.parse::<bool>().map_or_else(|_| json!(text), |truth| json!(truth)),
        Shape::List(element) if !trimmed.starts_with('[') && shape(element) == Shape::Text => {
            trimmed.split(',').map(str::trim).filter(|element| !element.is_empty()).collect()
        }
        Shape::List(_) | Shape::Map(_) | Shape::Struct | Shape::Anything => {
            return json(name, trimmed, problems);
        }
        Shape::Choice(_) if trimmed.starts_with('{') => return json(name, trimmed, problems),
        Shape::Choice(_) => json!(trimmed),
        Shape::Text => json!(text),
    };
    Some(value)
}

fn json(name: &str, text: &str, problems: &mut Vec<Problem>) -> Option<Value> {
    let parsed = serde_json::from_str(text);
    // Only the place is told: serde's own sentence may quote a secret.
    let wrong = |e: serde_json::Error| {
        Problem::new(name, format!("is not JSON (line {}, column {})", e.line(), e.column()))
    };
    parsed.map_err(|e| problems.push(wrong(e))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Vec<(String, Value)>, Vec<String>) {
        let variables: Vec<_> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut problems = Vec::new();
        let entries = entries(&variables, &mut problems);
        let entries = entries.into_iter().map(|entry| (entry.levels.join("/"), entry.value)).collect();
        (entries, problems.iter().map(Problem::to_string).collect())
    }

    #[test]
    fn text_becomes_what_the_key_holds() {
        let cases = [
            ("OPLOGUE_KAFKA__BROKERS", "a:1,b:2", "kafka/brokers", json!("a:1,b:2")),
            ("OPLOGUE_KAFKA__PARTITIONS", " 12 ", "kafka/partitions", json!(12)),
            ("OPLOGUE_KAFKA__PARTITIONS", "many", "kafka/partitions", json!("many")),
            ("OPLOGUE_NAMESPACES__INCLUDE", "a.*, b.c,", "namespaces/include", json!(["a.*", "b.c"])),
            ("OPLOGUE_NAMESPACES__INCLUDE", r#"["/a{1,2}/"]"#, "namespaces/include", json!(["/a{1,2}/"])),
            ("OPLOGUE_RULES", r#"[{"namespace":"a.b"}]"#, "rules", json!([{"namespace": "a.b"}])),
            ("OPLOGUE_PRODUCER__START", "latest", "producer/start", json!("latest")),
            ("OPLOGUE_PRODUCER__START", r#"{"token":"82"}"#, "producer/start", json!({"token": "82"})),
            ("OPLOGUE_PRODUCER__START__TOKEN", "82", "producer/start/token", json!("82")),
            ("OPLOGUE_PRODUCER__SNAPSHOT__CHUNK_MIB", "8", "producer/snapshot/chunk_mib", json!(8)),
            ("OPLOGUE_KAFKA__OPTIONS__SASL_PASSWORD", "p,w ", "kafka/options/sasl.password", json!("p,w ")),
            ("OPLOGUE_KAFKA__OPTIONS", r#"{"log_level":"7"}"#, "kafka/options", json!({"log_level": "7"})),
        ];
        for (name, text, key, value) in cases {
            assert_eq!(read(&[(name, text)]), (vec![(key.to_owned(), value)], vec![]), "{name}={text}");
        }
    }

    #[test]
    fn unknown_variables_are_problems_but_not_those_of_the_scripts() {
        let others =
            [("OPLOGUE_CONFIG", "x"), ("OPLOGUE_TEST_X", "y"), ("OPLOGUE_STACK_Y", ""), ("HOME", "/")];
        assert_eq!(read(&others), (vec![], vec![]));
        let service = "SERVICE_HOST SERVICE_PORT SERVICE_PORT_HTTP PORT PORT_80_TCP PORT_80_TCP_ADDR";
        let links: Vec<_> = service.split(' ').map(|link| format!("OPLOGUE_PRODUCER_{link}")).collect();
        let others: Vec<_> = links.iter().map(|link| (link.as_str(), "tcp://10.0.0.1:80")).collect();
        assert_eq!(read(&others), (vec![], vec![]));
        let problems = read(&[
            ("OPLOGUE_KAFKA__BROKER", "x"),
            ("OPLOGUE_KAFKA_BROKERS", "x"),
            ("OPLOGUE_COLOUR", "x"),
            ("OPLOGUE_RULES__0__NAMESPACE", "x"),
            ("OPLOGUE_KAFKA__OPTIONS", "{secret"),
        ]);
        assert_eq!(
            problems.1,
            [
                "OPLOGUE_KAFKA__BROKER: no such key; did you mean `OPLOGUE_KAFKA__BROKERS`?",
                "OPLOGUE_KAFKA_BROKERS: no such key; did you mean `OPLOGUE_KAFKA__BROKERS`?",
                "OPLOGUE_COLOUR: no such key",
                "OPLOGUE_RULES__0__NAMESPACE: elements cannot be set one by one; give the whole list as JSON in OPLOGUE_RULES",
                "OPLOGUE_KAFKA__OPTIONS: is not JSON (line 1, column 2)",
            ]
        );
    }
}
