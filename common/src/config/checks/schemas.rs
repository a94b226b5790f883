//! Which declared schema holds for which namespace: readable patterns, never two that are equally specific and meet, and none that is
//! missing where a policy or a default asks for it.
//!
//! What a schema says inside is checked where it is compiled, in the worker.

use super::namespaces::read;
use crate::{
    config::{
        Problem,
        types::{DeclaredSchema, MissingField, NewField, WrongType},
    },
    namespace::Pattern,
};

/// Checks every schema's pattern, the schemas against each other, and that each has what it needs.
pub(super) fn check(schemas: &[DeclaredSchema], problems: &mut Vec<Problem>) {
    let mut readable: Vec<(String, Pattern)> = Vec::new();
    for (i, schema) in schemas.iter().enumerate() {
        let path = format!("schemas[{i}].namespace");
        match read(&schema.namespace) {
            Ok(pattern) => readable.push((path, pattern)),
            Err(reason) => problems.push(Problem::new(path, reason)),
        }
        let asks = asks(schema).filter(|_| schema.declared.is_none() && schema.declared_file.is_none());
        problems.extend(asks.map(|key| {
            let reason = "there is nothing to compare with; give `declared` or `declared_file`";
            Problem::new(format!("schemas[{i}].{key}"), reason)
        }));
    }
    for (i, (path, pattern)) in readable.iter().enumerate() {
        let clash = readable[..i].iter().find_map(|earlier| clash(earlier, pattern, &readable));
        problems.extend(clash.map(|reason| Problem::new(path, reason)));
    }
}

/// The first key that needs a declared schema.
fn asks(schema: &DeclaredSchema) -> Option<&'static str> {
    let asking = [
        ("new_field", schema.new_field != NewField::Accept),
        ("missing_field", schema.missing_field != MissingField::Accept),
        ("widened_type", schema.widened_type != WrongType::Accept),
        ("incompatible_type", schema.incompatible_type != WrongType::Accept),
        ("defaults", !schema.defaults.is_empty()),
    ];
    asking.iter().find(|(_, asks)| *asks).map(|(key, _)| *key)
}

/// Why two schemas cannot both stand.
fn clash((at, a): &(String, Pattern), b: &Pattern, all: &[(String, Pattern)]) -> Option<String> {
    if a.to_string() == b.to_string() {
        return Some(format!("`{b}` has a schema at {at} already"));
    }
    let ns = a.crossing(b)?;
    let is_settled = all.iter().any(|(_, pattern)| pattern.exact().as_ref() == Some(&ns));
    (!is_settled).then(|| {
        format!(
            "`{b}` and `{a}` ({at}) both hold for {ns} and are equally specific; give {ns} a schema of its own"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::types::Anything;

    fn problems(schemas: &[DeclaredSchema]) -> Vec<String> {
        let mut problems = Vec::new();
        check(schemas, &mut problems);
        problems.iter().map(Problem::to_string).collect()
    }

    fn schema(namespace: &str) -> DeclaredSchema {
        let declared = Some(Anything::default());
        DeclaredSchema { namespace: namespace.to_owned(), declared, ..DeclaredSchema::default() }
    }

    #[test]
    fn schemas_that_meet_are_told_with_the_namespace() {
        assert_eq!(
            problems(&[schema("*.*"), schema("a.*"), schema("b.*"), schema("a.b")]),
            Vec::<String>::new()
        );
        assert!(problems(&[schema("a.b"), schema("a.b")])[0].contains("already"));
        assert!(problems(&[schema("a.*"), schema("*.b")])[0].contains("both hold for a.b"));
        assert_eq!(problems(&[schema("a.*"), schema("*.b"), schema("a.b")]), Vec::<String>::new());
        assert!(problems(&[schema("a")])[0].starts_with("schemas[0].namespace: "));
    }

    #[test]
    fn a_policy_without_a_schema_is_told() {
        let mut bare = DeclaredSchema { declared: None, ..schema("a.b") };
        assert_eq!(problems(&[bare.clone()]), Vec::<String>::new());
        bare.missing_field = MissingField::Stop;
        assert!(problems(&[bare.clone()])[0].starts_with("schemas[0].missing_field: there is nothing"));
        bare.new_field = NewField::Drop;
        assert!(problems(&[bare])[0].starts_with("schemas[0].new_field: "));
    }
}
