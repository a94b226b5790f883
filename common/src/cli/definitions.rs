//! `worker definitions`: what the target puts off of the source's definitions, and giving it to it.

use clap::{Arg, ArgGroup, ArgMatches, Command, value_parser};

use super::flag;
use crate::namespace::Namespace;

/// What is to be done about definitions that are put off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionsOrder {
    /// Of which collection, by its name at the target; of all when there is none.
    pub ns: Option<Namespace>,
    /// Whether they are given to the target; otherwise it is only told what that would be.
    pub restores: bool,
}

/// The command.
pub(super) fn command() -> Command {
    let namespace = || {
        Arg::new("namespace")
            .value_name("DB.COLL")
            .value_parser(value_parser!(Namespace))
            .help("The collection, by its name at the target")
    };
    let show = Command::new("show")
        .about("Show what is put off at the target, as the commands that give it back")
        .arg(namespace());
    let restore = Command::new("restore")
        .about("Give the target what is put off, while no worker runs")
        .args([namespace(), flag("all", "Every collection")])
        .group(ArgGroup::new("which").args(["namespace", "all"]).required(true));
    Command::new("definitions")
        .about("Unique indexes, expiry, validators and images that wait until the target takes over")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([show, restore])
        .after_help(
            "Examples:
  worker definitions show
  worker definitions restore shop.users
  worker definitions restore --all

Restoring is for the target that takes over, when everything is applied and no worker runs. It may be repeated: what is there already stays.",
        )
}

/// What the command line asks for.
pub(super) fn order(matches: &ArgMatches) -> DefinitionsOrder {
    let (name, matches) = matches.subcommand().expect("clap requires a command");
    DefinitionsOrder { ns: matches.get_one::<Namespace>("namespace").cloned(), restores: name == "restore" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restoring_asks_which() {
        let parsed =
            |line: &str| command().try_get_matches_from(line.split(' ')).map(|matches| order(&matches));
        let ns = Some(Namespace::new("shop", "users"));
        assert_eq!(parsed("definitions show").unwrap(), DefinitionsOrder { ns: None, restores: false });
        assert_eq!(
            parsed("definitions restore shop.users").unwrap(),
            DefinitionsOrder { ns, restores: true }
        );
        assert_eq!(
            parsed("definitions restore --all").unwrap(),
            DefinitionsOrder { ns: None, restores: true }
        );
        assert!(parsed("definitions restore").is_err());
    }
}
