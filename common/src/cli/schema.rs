//! `worker schema`: which namespace's schema is shown, and how.

use clap::{Arg, ArgMatches, Command, value_parser};

use super::flag;
use crate::namespace::Namespace;

/// What of the observed schemas is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaOrder {
    /// The namespaces, or one schema.
    Show {
        /// Whose; every namespace in a line when there is none.
        ns: Option<Namespace>,
        /// As it was then; the newest when there is none.
        version: Option<usize>,
        /// How.
        form: SchemaForm,
    },
    /// How it came about.
    History {
        /// Whose.
        ns: Namespace,
        /// One JSON document a line.
        is_json: bool,
    },
    /// What changed between two versions.
    Diff {
        /// Whose.
        ns: Namespace,
        /// From this version; the one before `to` when there is none.
        from: Option<usize>,
        /// To this one; the newest when there is none.
        to: Option<usize>,
        /// One JSON document a line.
        is_json: bool,
    },
}

/// How a schema is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaForm {
    /// For reading.
    Table,
    /// One JSON document for each path.
    Json,
    /// As a JSON Schema with BSON types, which `$jsonSchema` takes.
    JsonSchema,
}

/// The command.
pub(super) fn command() -> Command {
    let json = || flag("json", "One JSON document a line");
    let show = Command::new("show")
        .about("Show a namespace's schema, or which namespaces there are")
        .arg(namespace().required(false))
        .arg(
            number("version")
                .long("version")
                .requires("namespace")
                .help("As it was in this version [default: the newest]"),
        )
        .arg(json().conflicts_with("json-schema"))
        .arg(
            flag("json-schema", "As a JSON Schema with BSON types, as $jsonSchema takes it")
                .requires("namespace"),
        );
    let history =
        Command::new("history").about("Show what changed in each version").arg(namespace()).arg(json());
    let diff = Command::new("diff")
        .about("Show what changed between two versions")
        .arg(namespace())
        .arg(number("from").value_name("FROM").help("The version before [default: the one before TO]"))
        .arg(number("to").value_name("TO").help("The version behind [default: the newest]"))
        .arg(json());
    Command::new("schema")
        .about("Show what the documents of each namespace look like, as the workers have observed it")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([show, history, diff])
        .after_help(
            "Examples:
  worker schema show
  worker schema show shop.users --json-schema
  worker schema history shop.users
  worker schema diff shop.users 1 3

Observed are paths, BSON types, counts and times, never values. Counts are of what passed, not of what the collection holds now.",
        )
}

fn namespace() -> Arg {
    Arg::new("namespace")
        .value_name("DB.COLL")
        .value_parser(value_parser!(Namespace))
        .required(true)
        .help("The collection, by its name at the source")
}

fn number(name: &'static str) -> Arg {
    Arg::new(name).value_name("NUMBER").value_parser(value_parser!(u32).range(1..))
}

/// What the command line asks for.
pub(super) fn order(matches: &ArgMatches) -> SchemaOrder {
    let (name, matches) = matches.subcommand().expect("clap requires a command");
    let ns = matches.get_one::<Namespace>("namespace").cloned();
    let version = |name: &str| matches.get_one::<u32>(name).map(|number| *number as usize);
    let is_json = matches.get_flag("json");
    let known = |ns: Option<Namespace>| ns.expect("clap requires the namespace");
    match name {
        "show" => SchemaOrder::Show {
            ns,
            version: version("version"),
            form: match (is_json, matches.get_flag("json-schema")) {
                (true, _) => SchemaForm::Json,
                (_, true) => SchemaForm::JsonSchema,
                _ => SchemaForm::Table,
            },
        },
        "history" => SchemaOrder::History { ns: known(ns), is_json },
        _ => SchemaOrder::Diff { ns: known(ns), from: version("from"), to: version("to"), is_json },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<SchemaOrder, clap::Error> {
        command().try_get_matches_from(line.split(' ')).map(|matches| order(&matches))
    }

    #[test]
    fn a_schema_is_shown_whole_as_it_was_or_by_what_changed() {
        let ns = Namespace::new("a", "b");
        let table = SchemaOrder::Show { ns: None, version: None, form: SchemaForm::Table };
        assert_eq!(parsed("schema show").unwrap(), table);
        let of_old =
            SchemaOrder::Show { ns: Some(ns.clone()), version: Some(2), form: SchemaForm::JsonSchema };
        assert_eq!(parsed("schema show a.b --version 2 --json-schema").unwrap(), of_old);
        let diff = SchemaOrder::Diff { ns, from: Some(1), to: None, is_json: true };
        assert_eq!(parsed("schema diff a.b 1 --json").unwrap(), diff);
        for line in [
            "",
            "show --version 1",
            "show a",
            "history",
            "diff",
            "diff a.b 0",
            "show a.b --json --json-schema",
        ] {
            assert!(parsed(&format!("schema {line}")).is_err(), "{line}");
        }
    }
}
