//! The digest of everything that decides what a namespace's documents look like at the target. Pure.
//!
//! What says nothing is left out of it, so that a rule which only spells a default out, or a version that knows more keys, is
//! no change. So is where rules are applied: the result is the same.

use common::{
    codec::hex,
    config::{
        Config,
        types::{DeclaredSchema, FieldRules},
    },
    error::Result,
    namespace::{ByPattern, Namespace},
};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::targets;

/// Keys of a rule that do not decide what arrives.
const IDLE: [&str; 3] = ["namespace", "at", "declared_file"];
/// Bytes of the digest that are shown: enough to tell rules apart.
const BYTES: usize = 8;

/// The digest for a namespace, 16 hex digits.
///
/// # Errors
/// Misconfigured when the namespace has no name at the target.
pub(super) fn of(config: &Config, ns: &Namespace) -> Result<String> {
    let rules = most_specific(ns, &config.rules, |rules| &rules.namespace);
    let key = rules.filter(|rules| !rules.mask.is_empty()).and(config.worker.mask_key.as_ref());
    let schema = most_specific(ns, &config.schemas, |schema| &schema.namespace);
    let parts = json!({
        "rules": rules.map(|rules| telling(rules, &FieldRules::default())),
        "schema": schema.map(|schema| telling(schema, &DeclaredSchema::default())),
        "maskKey": key.map(|key| digest(key.expose().as_bytes())),
        "target": targets::name(&config.mapping(), ns)?.to_string(),
    });
    Ok(digest(in_order(parts).to_string().as_bytes()))
}

/// As for the field rules themselves: the most specific pattern that matches holds alone. Two that meet are a problem of the
/// configuration, told elsewhere.
fn most_specific<'t, T>(ns: &Namespace, all: &'t [T], pattern: impl Fn(&T) -> &str) -> Option<&'t T> {
    let entries = all.iter().filter_map(|one| Some((pattern(one).parse().ok()?, one)));
    ByPattern::new(entries).first(ns).copied()
}

/// The keys whose values differ from the defaults'.
fn telling<T: Serialize>(one: &T, idle: &T) -> Value {
    let (Ok(Value::Object(mut one)), Ok(idle)) = (serde_json::to_value(one), serde_json::to_value(idle))
    else {
        return Value::Null;
    };
    one.retain(|key, value| !IDLE.contains(&key.as_str()) && idle.get(key) != Some(value));
    if one.is_empty() { Value::Null } else { Value::Object(one) }
}

/// With the keys of every object in one order.
fn in_order(value: Value) -> Value {
    match value {
        Value::Object(mut object) => {
            object.sort_keys();
            Value::Object(object.into_iter().map(|(key, value)| (key, in_order(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(in_order).collect()),
        other => other,
    }
}

fn digest(bytes: &[u8]) -> String {
    hex::text(&Sha256::digest(bytes)[..BYTES])
}

#[cfg(test)]
mod tests {
    use common::config::{
        secret::Secret,
        types::{Mask, NamespaceMap},
    };

    use super::*;

    fn rules(namespace: &str, deny: &[&str]) -> FieldRules {
        let deny = deny.iter().map(|path| (*path).to_owned()).collect();
        FieldRules { namespace: namespace.to_owned(), deny, ..FieldRules::default() }
    }

    fn config(rules: Vec<FieldRules>) -> Config {
        let config = json!({"pipeline": "p", "kafka": {"brokers": "127.0.0.1:9"}});
        Config { rules, ..serde_json::from_value(config).unwrap() }
    }

    fn with(rules: Vec<FieldRules>) -> String {
        of(&config(rules), &Namespace::new("shop", "users")).unwrap()
    }

    #[test]
    fn only_what_decides_what_arrives_makes_a_difference() {
        let none = with(Vec::new());
        assert_eq!(none.len(), 16);
        assert_eq!(with(vec![rules("shop.*", &[])]), none, "a rule that says nothing");
        assert_eq!(with(vec![rules("shop.orders", &["a"])]), none, "another namespace's");
        let denied = with(vec![rules("shop.users", &["a"])]);
        assert_ne!(denied, none);
        assert_eq!(
            with(vec![rules("shop.*", &["b"]), rules("*.users", &[]), rules("shop.users", &["a"])]),
            denied
        );
    }

    #[test]
    fn another_mask_key_or_name_at_the_target_is_a_difference() {
        let ns = Namespace::new("shop", "users");
        let mut config = config(vec![rules("shop.users", &["a"])]);
        let keyed = |config: &Config, key: &str| {
            let mut config = config.clone();
            config.worker.mask_key = Some(Secret::new(key));
            of(&config, &ns).unwrap()
        };
        assert_eq!(keyed(&config, "x"), keyed(&config, "y"), "nothing is masked");
        config.rules[0].mask.insert("b".to_owned(), Mask::Hash);
        assert_ne!(keyed(&config, "x"), keyed(&config, "y"));
        let before = of(&config, &ns).unwrap();
        config.map = vec![NamespaceMap { from: "shop.*".to_owned(), to: "crm.*".to_owned() }];
        assert_ne!(of(&config, &ns).unwrap(), before);
    }
}
