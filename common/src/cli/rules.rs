//! `worker rules`: whether all documents are shaped by the rules in force, and what brings them in line.

use std::collections::BTreeSet;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::flag;
use crate::namespace::Namespace;

/// What is to be done about rules that have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesOrder {
    /// Which namespaces hold documents that former rules have shaped.
    Show {
        /// One JSON document a line.
        is_json: bool,
    },
    /// Have such namespaces copied again.
    Resnapshot {
        /// These; all that are affected when none is named.
        namespaces: BTreeSet<Namespace>,
        /// Whether to leave once it is asked for.
        detach: bool,
    },
}

/// The command.
pub(super) fn command() -> Command {
    let show = Command::new("show")
        .about("Show which namespaces hold documents that former rules have shaped")
        .arg(flag("json", "One JSON document a line"));
    let namespaces = Arg::new("namespace")
        .value_name("DB.COLL")
        .value_parser(value_parser!(Namespace))
        .action(ArgAction::Append)
        .num_args(0..)
        .help("The collections, by their names at the source [default: all that are affected]");
    let resnapshot = Command::new("resnapshot")
        .about(
            "Have affected namespaces copied again, so that the rules in force hold for all their documents",
        )
        .arg(namespaces)
        .arg(flag("detach", "Leave once it is asked for, instead of waiting for the end"));
    Command::new("rules")
        .about("Show what a change of the rules has left as it was, and have it copied again")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([show, resnapshot])
        .after_help(
            "Examples:
  worker rules show
  worker rules resnapshot shop.users
  worker rules resnapshot --detach

Rules that change hold for every change from then on; documents written before stay as they are until they are copied again.
Start all workers with the new rules first.",
        )
}

/// What the command line asks for.
pub(super) fn order(matches: &ArgMatches) -> RulesOrder {
    match matches.subcommand().expect("clap requires a command") {
        ("show", matches) => RulesOrder::Show { is_json: matches.get_flag("json") },
        (_, matches) => RulesOrder::Resnapshot {
            namespaces: matches.get_many("namespace").into_iter().flatten().cloned().collect(),
            detach: matches.get_flag("detach"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<RulesOrder, clap::Error> {
        command().try_get_matches_from(line.split(' ')).map(|matches| order(&matches))
    }

    #[test]
    fn all_that_is_affected_or_what_is_named_is_copied_again() {
        assert_eq!(parsed("rules show --json").unwrap(), RulesOrder::Show { is_json: true });
        let all = RulesOrder::Resnapshot { namespaces: BTreeSet::new(), detach: true };
        assert_eq!(parsed("rules resnapshot --detach").unwrap(), all);
        let namespaces = BTreeSet::from([Namespace::new("a", "b"), Namespace::new("a", "c")]);
        let named = RulesOrder::Resnapshot { namespaces, detach: false };
        assert_eq!(parsed("rules resnapshot a.c a.b").unwrap(), named);
        for line in ["rules", "rules resnapshot a", "rules show a.b"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
