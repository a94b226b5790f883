//! From declared schemas as configured to the one that holds for a namespace, with every problem found on the way.

use common::{
    config::types::{DeclaredSchema, MissingField, NewField, WrongType},
    namespace::{ByPattern, Namespace, Pattern},
};

use super::{
    Declared, defaults,
    kinds::Kinds,
    node::{Places, Policies},
    parse,
};
use crate::Problem;

/// All declared schemas of a pipeline.
#[derive(Debug, Clone, Default)]
pub struct Schemas {
    entries: ByPattern<Option<Declared>>,
}

/// Two equally specific patterns match one namespace; for names that is told when the configuration is read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schemas: `{first}` and `{second}` both match `{namespace}` and neither is more specific")]
pub struct Conflict {
    namespace: Namespace,
    first: String,
    second: String,
}

impl Schemas {
    /// Compiles all schemas.
    ///
    /// # Errors
    /// Every [`Problem`] of all of them.
    pub fn compile(schemas: &[DeclaredSchema]) -> Result<Self, Vec<Problem>> {
        let (mut problems, mut entries) = (Vec::new(), Vec::new());
        for (i, schema) in schemas.iter().enumerate() {
            let at = format!("schemas[{i}]");
            let declared = declared(&at, schema, &mut problems);
            match schema.namespace.parse::<Pattern>() {
                Ok(pattern) => entries.push((pattern, declared)),
                Err(e) => problems.push(Problem { path: format!("{at}.namespace"), reason: e.to_string() }),
            }
        }
        if problems.is_empty() { Ok(Self { entries: ByPattern::new(entries) }) } else { Err(problems) }
    }

    /// The schema of a namespace; `None` where nothing is done about any departure. The caller keeps the answer.
    ///
    /// # Errors
    /// [`Conflict`] when two regular expressions match.
    pub fn for_namespace(&self, namespace: &Namespace) -> Result<Option<&Declared>, Conflict> {
        let found = self.entries.of(namespace).map_err(|tie| Conflict {
            namespace: namespace.clone(),
            first: tie.first.0.to_string(),
            second: tie.second.0.to_string(),
        })?;
        Ok(found.and_then(Option::as_ref))
    }
}

/// The schema that stands at `at`, if it asks for anything.
fn declared(at: &str, schema: &DeclaredSchema, problems: &mut Vec<Problem>) -> Option<Declared> {
    let policies = Policies {
        new_field: schema.new_field,
        missing_field: schema.missing_field,
        widened_type: schema.widened_type,
        incompatible_type: schema.incompatible_type,
    };
    // Where there is none and one is needed, the configuration's own check has told.
    let text = schema.declared.as_ref()?;
    let key = if schema.declared_file.is_some() { "declared_file" } else { "declared" };
    let known = problems.len();
    let places = parse::places(&format!("{at}.{key}"), &text.0, policies, problems);
    let mut declared = Declared { at: at.to_owned(), places, policies };
    if problems.len() > known {
        return None;
    }
    // A default must be complete itself: the second time all of them are known.
    for _ in 0..2 {
        let mut found = Vec::new();
        for (path, value) in &schema.defaults {
            let added = defaults::add(&mut declared, &format!("{at}.defaults.{path}"), path, value);
            found.extend(added.err());
        }
        if !found.is_empty() {
            problems.extend(found);
            break;
        }
    }
    declared.leave_out();
    let asks = declared
        .places
        .0
        .iter()
        .any(|node| !node.kinds.is_any() || node.is_closed || !node.wanted.is_empty());
    (asks && problems.len() == known).then_some(declared)
}

impl Declared {
    /// Leaves out what nothing is done about, so that it is not looked at.
    fn leave_out(&mut self) {
        let Policies { widened_type, incompatible_type, missing_field, .. } = self.policies;
        let looks_at_types = widened_type != WrongType::Accept || incompatible_type != WrongType::Accept;
        for node in &mut self.places.0 {
            if !looks_at_types {
                node.kinds = Kinds::ANY;
            }
            if missing_field == MissingField::Accept {
                let kept: Vec<_> = node.wanted.iter().map(|wanted| wanted.default.is_some()).collect();
                let mut next = 0;
                let numbers: Vec<_> = kept.iter().map(|kept| kept.then(|| (next, next += 1).0)).collect();
                for (.., wanted) in &mut node.fields {
                    *wanted = wanted.and_then(|wanted| numbers[wanted]);
                }
                let mut kept = kept.into_iter();
                node.wanted.retain(|_| kept.next().unwrap_or_default());
            }
        }
        if self.policies.new_field == NewField::Accept {
            self.places.prune(Places::ROOT);
        }
    }
}
