//! `worker schema`: tables for eyes, JSON for programs, JSON Schema for MongoDB.

use std::{collections::BTreeMap, io::Write};

use bson::DateTime;
use common::{
    cli::{SchemaForm, SchemaOrder},
    cluster_time::ClusterTime,
    config::Config,
    error::{Error, Kind, Result},
    namespace::Namespace,
    topics::Topics,
};
use serde_json::{Value, json};

use super::{
    json_schema::json_schema,
    record::Contribution,
    topic,
    version::{Change, Shape, Version, difference, shape, versions},
};
use crate::columns::columns;

type Schemas = BTreeMap<Namespace, Contribution>;

/// Shows what is asked for. Blocks.
///
/// # Errors
/// [`Kind::Misconfigured`] for a namespace or version that is not there; transient when the brokers do not answer.
pub fn print(config: &Config, order: &SchemaOrder, out: &mut impl Write) -> Result<()> {
    let topics = Topics::new(&config.kafka.topic_prefix, &config.pipeline);
    let schemas = topic::read(&config.kafka, &topics.schemas())?;
    // A reader that went away (`history | head`) is no failure.
    lines(&schemas, order)?.iter().for_each(|line| drop(writeln!(out, "{line}")));
    Ok(())
}

fn lines(schemas: &Schemas, order: &SchemaOrder) -> Result<Vec<String>> {
    match order {
        SchemaOrder::Show { ns: None, form, .. } => Ok(namespaces(schemas, *form)),
        SchemaOrder::Show { ns: Some(ns), version, form } => {
            let schema = of(schemas, ns)?;
            let versions = versions(schema);
            let version = pick(&versions, version.unwrap_or(versions.len()))?;
            Ok(show(ns, schema, (version, versions.len()), *form))
        }
        SchemaOrder::History { ns, is_json } => {
            let versions = versions(of(schemas, ns)?);
            Ok(versions.iter().flat_map(|version| told(version, &version.changes, *is_json)).collect())
        }
        SchemaOrder::Diff { ns, from, to, is_json } => {
            let schema = of(schemas, ns)?;
            let versions = versions(schema);
            let to = pick(&versions, to.unwrap_or(versions.len()))?;
            let before = from.unwrap_or(to.number - 1);
            // Before the first version there was nothing.
            let from = if before == 0 { Shape::new() } else { shape(schema, pick(&versions, before)?.at) };
            let mut changes = difference(&from, &shape(schema, to.at));
            changes.sort();
            Ok(told(to, &changes, *is_json))
        }
    }
}

fn of<'s>(schemas: &'s Schemas, ns: &Namespace) -> Result<&'s Contribution> {
    let nothing = || Error::new(Kind::Misconfigured, format!("nothing was observed of {ns}"));
    schemas.get(ns).filter(|schema| !schema.paths.is_empty()).ok_or_else(nothing)
}

fn pick(versions: &[Version], number: usize) -> Result<&Version> {
    let context = || format!("there is no version {number}: the newest is {}", versions.len());
    number
        .checked_sub(1)
        .and_then(|place| versions.get(place))
        .ok_or_else(|| Error::new(Kind::Misconfigured, context()))
}

fn namespaces(schemas: &Schemas, form: SchemaForm) -> Vec<String> {
    let all = schemas.iter().filter(|(_, schema)| !schema.paths.is_empty());
    let facts = all.map(|(ns, schema)| {
        let last = schema.paths.values().filter_map(|tally| tally.last()).max().unwrap_or_default();
        (ns, versions(schema).len(), schema, last)
    });
    if form == SchemaForm::Json {
        let line = |(ns, versions, schema, last): (&Namespace, usize, &Contribution, ClusterTime)| {
            json!({"namespace": ns.to_string(), "versions": versions, "paths": schema.paths.len(),
                "documents": schema.documents, "updates": schema.updates, "last": last.to_string()})
            .to_string()
        };
        return facts.map(line).collect();
    }
    let headings = ["NAMESPACE", "VERSIONS", "PATHS", "DOCUMENTS", "UPDATES", "LAST CHANGE SEEN"];
    let cells = |(ns, versions, schema, last): (&Namespace, usize, &Contribution, ClusterTime)| {
        let Contribution { documents, updates, paths, .. } = schema;
        [
            ns.to_string(),
            versions.to_string(),
            paths.len().to_string(),
            documents.to_string(),
            updates.to_string(),
            time(last),
        ]
    };
    columns(headings, facts.map(cells).collect())
}

fn show(
    ns: &Namespace,
    schema: &Contribution,
    (version, newest): (&Version, usize),
    form: SchemaForm,
) -> Vec<String> {
    let shape = shape(schema, version.at);
    match form {
        SchemaForm::JsonSchema => {
            vec![serde_json::to_string_pretty(&json_schema(&shape)).unwrap_or_default()]
        }
        SchemaForm::Json => shape.keys().map(|path| whole(schema, &shape, path).to_string()).collect(),
        SchemaForm::Table => {
            let Contribution { documents, updates, is_full, .. } = schema;
            let mut lines = vec![format!(
                "{ns}: version {} of {newest}, {documents} documents and {updates} updates seen",
                version.number
            )];
            if *is_full {
                lines.push(
                    "there are more paths than worker.schema.paths allows: some are missing here".to_owned(),
                );
            }
            lines.push(String::new());
            lines.extend(table(schema, &shape));
            lines
        }
    }
}

fn table(schema: &Contribution, shape: &Shape) -> Vec<String> {
    let cells = shape.iter().map(|(path, field)| {
        let tally = &schema.paths[path];
        let types: Vec<_> = field.types.iter().copied().collect();
        let seen: u64 = tally.seen.iter().map(|seen| seen.count + seen.set).sum();
        let (first, last) = (tally.first().unwrap_or_default(), tally.last().unwrap_or_default());
        let presence = if field.is_optional { "optional" } else { "required" };
        [path.clone(), types.join(" | "), presence.to_owned(), seen.to_string(), time(first), time(last)]
    });
    columns(["PATH", "TYPES", "PRESENCE", "SEEN", "FIRST", "LAST"], cells.collect())
}

fn whole(schema: &Contribution, shape: &Shape, path: &str) -> Value {
    let (field, tally) = (&shape[path], &schema.paths[path]);
    let types = tally.seen.iter().filter_map(|seen| {
        let name = super::kind::name(seen.kind);
        let value = json!({"count": seen.count, "set": seen.set, "first": seen.first.to_string(), "last": seen.last.to_string()});
        field.types.contains(name).then(|| (name.to_owned(), value))
    });
    let since = tally.optional().map(|since| since.to_string());
    let types: serde_json::Map<_, _> = types.collect();
    json!({"path": path, "types": types, "optional": field.is_optional, "optionalSince": since})
}

fn told(version: &Version, changes: &[Change], is_json: bool) -> Vec<String> {
    if is_json {
        let line = |change: &Change| {
            let mut line = json!({"version": version.number, "clusterTime": version.at.to_string()});
            line["change"] = change_json(change);
            line.to_string()
        };
        return changes.iter().map(line).collect();
    }
    let heading = format!("version {}  {}  ({})", version.number, time(version.at), version.at);
    std::iter::once(heading).chain(changes.iter().map(|change| format!("  {}", words(change)))).collect()
}

fn words(change: &Change) -> String {
    match change {
        Change::Added(path, types, is_optional) => {
            format!("+ {path}: {}{}", types.join(" | "), if *is_optional { ", optional" } else { "" })
        }
        Change::Typed(path, kind) => format!("~ {path}: also {kind}"),
        Change::Optional(path) => format!("~ {path}: may be missing"),
        Change::Removed(path) => format!("- {path}"),
    }
}

fn change_json(change: &Change) -> Value {
    match change {
        Change::Added(path, types, is_optional) => {
            json!({"added": path, "types": types, "optional": is_optional})
        }
        Change::Typed(path, kind) => json!({"typed": path, "type": kind}),
        Change::Optional(path) => json!({"optional": path}),
        Change::Removed(path) => json!({"removed": path}),
    }
}

/// A cluster time as a moment.
fn time(at: ClusterTime) -> String {
    let moment = DateTime::from_millis(i64::from(at.seconds()) * 1000);
    moment.try_to_rfc3339_string().unwrap_or_else(|_| at.to_string())
}

#[cfg(test)]
mod tests {
    use common::raw::Kind as Type;

    use super::{super::tally::Tally, *};

    fn schemas() -> Schemas {
        let tally = |seen: &[(Type, u32)], lacking: Option<u32>| {
            let at = |seconds| ClusterTime::new(seconds, 1);
            let mut tally = Tally { lacking: lacking.map(at), ..Tally::default() };
            seen.iter().for_each(|(kind, seconds)| tally.note(*kind, at(*seconds), false));
            tally
        };
        let paths = [
            ("_id", tally(&[(Type::Int32, 1), (Type::Int32, 60)], None)),
            ("age", tally(&[(Type::Int32, 1), (Type::Int64, 60)], None)),
            ("sex", tally(&[(Type::String, 60)], Some(60))),
        ];
        let paths = paths.into_iter().map(|(path, tally)| (path.to_owned(), tally)).collect();
        let users = Contribution { documents: 2, updates: 1, paths, is_full: false };
        [(Namespace::new("test", "users"), users)].into()
    }

    fn said(order: &SchemaOrder) -> Vec<String> {
        lines(&schemas(), order).unwrap()
    }

    #[test]
    fn a_schema_is_a_table_with_a_line_for_each_path() {
        let ns = Some(Namespace::new("test", "users"));
        let lines = said(&SchemaOrder::Show { ns, version: None, form: SchemaForm::Table });
        assert_eq!(
            lines,
            [
                "test.users: version 2 of 2, 2 documents and 1 updates seen",
                "",
                "PATH  TYPES       PRESENCE  SEEN  FIRST                 LAST",
                "_id   int         required  2     1970-01-01T00:00:01Z  1970-01-01T00:01:00Z",
                "age   int | long  required  2     1970-01-01T00:00:01Z  1970-01-01T00:01:00Z",
                "sex   string      optional  1     1970-01-01T00:01:00Z  1970-01-01T00:01:00Z",
            ]
        );
        let all = said(&SchemaOrder::Show { ns: None, version: None, form: SchemaForm::Table });
        assert_eq!(all[1], "test.users  2         3      2          1        1970-01-01T00:01:00Z");
    }

    #[test]
    fn history_and_difference_say_what_changed() {
        let ns = Namespace::new("test", "users");
        let history = said(&SchemaOrder::History { ns: ns.clone(), is_json: false });
        let second =
            ["version 2  1970-01-01T00:01:00Z  (60.1)", "  ~ age: also long", "  + sex: string, optional"];
        assert_eq!(history[..3], ["version 1  1970-01-01T00:00:01Z  (1.1)", "  + _id: int", "  + age: int"]);
        assert_eq!(history[3..], second);
        let mut diff = said(&SchemaOrder::Diff { ns: ns.clone(), from: None, to: None, is_json: false });
        diff.sort();
        let mut second = second.map(str::to_owned);
        second.sort();
        assert_eq!(diff, second);
        let json = said(&SchemaOrder::Diff { ns: ns.clone(), from: Some(2), to: Some(1), is_json: true });
        let json: Vec<Value> = json.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(json, [json!({"version": 1, "clusterTime": "1.1", "change": {"removed": "sex"}})]);
        let gone = SchemaOrder::Diff { ns, from: Some(9), to: None, is_json: false };
        assert!(lines(&schemas(), &gone).unwrap_err().context.contains("no version 9"));
        let nobody = SchemaOrder::History { ns: Namespace::new("a", "b"), is_json: false };
        assert!(lines(&schemas(), &nobody).unwrap_err().context.contains("a.b"));
    }
}
