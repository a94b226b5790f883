//! From checked values to the types. What the schema could not tell (an address, a cluster time) shows here, one error at a time;
//! so the value is reported, taken out, and the reading begins anew.

use serde_json::Value;

use super::{Config, Problem};

/// The configuration, once everything that cannot be read was taken out and reported; nothing if it cannot be read even so.
pub(super) fn read(mut tree: Value, problems: &mut Vec<Problem>) -> Option<Config> {
    loop {
        let error = match serde_path_to_error::deserialize::<_, Config>(tree.clone()) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let path = error.path().to_string();
        if !problems.iter().any(|known| known.is_within(&path)) {
            // Nothing that the schema passes comes here with a text of the user's that could be a secret.
            problems.push(Problem::new(&path, error.inner().to_string()));
        }
        if !take_out(&mut tree, &path) {
            return None;
        }
    }
}

/// Removes the value at `path`, which lies in tables only; whether there was one.
fn take_out(tree: &mut Value, path: &str) -> bool {
    let (above, key) = path.rsplit_once('.').unwrap_or(("", path));
    let levels = above.split('.').filter(|level| !level.is_empty());
    let table = levels.into_iter().try_fold(tree, |node, level| node.get_mut(level));
    table.and_then(Value::as_object_mut).is_some_and(|table| table.remove(key).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_unreadable_value_is_told_once() {
        let tree = json!({
            "pipeline": "p",
            "kafka": {"brokers": "k:1"},
            "producer": {"start": {"timestamp": "yesterday"}},
            "telemetry": {"listen": "localhost"},
        });
        let mut problems = Vec::new();
        let config = read(tree, &mut problems).unwrap();
        assert_eq!(config.pipeline, "p");
        let mut texts: Vec<_> = problems.iter().map(Problem::to_string).collect();
        texts.sort();
        assert_eq!(
            texts,
            [
                "producer.start.timestamp: `yesterday` is not a cluster time; write it as seconds.increment, like 1700000000.1",
                "telemetry.listen: write it as ip:port, like 0.0.0.0:9464",
            ]
        );
    }

    #[test]
    fn hopeless_values_end_the_reading() {
        let mut problems = Vec::new();
        assert!(read(json!({"pipeline": 1}), &mut problems).is_none());
        assert!(!problems.is_empty());
    }
}
