//! The command line that both binaries share.
//!
//! Settings given as flags are configuration keys under another name: they are handed on as text and win over the
//! environment and the file. No flag takes a secret, for command lines show in `ps`.

mod dead_letters;
mod rules;
mod schema;

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use clap_complete::Shell;

pub use self::{
    dead_letters::{DeadLettersOrder, Form, LetterId, ListOrder, Wanted, Which},
    rules::RulesOrder,
    schema::{SchemaForm, SchemaOrder},
};
use crate::{config::Role, namespace::Namespace};

/// A configuration key that is also a flag.
#[derive(Debug)]
struct Flag {
    key: &'static str,
    long: &'static str,
    value: &'static str,
    help: &'static str,
    only: Option<Role>,
}

const FLAGS: [Flag; 6] = [
    Flag { key: "pipeline", long: "pipeline", value: "NAME", help: "Name of the pipeline", only: None },
    Flag {
        key: "source.uri_file",
        long: "source-uri-file",
        value: "FILE",
        help: "File that holds the source's connection string",
        only: Some(Role::Producer),
    },
    Flag {
        key: "target.uri_file",
        long: "target-uri-file",
        value: "FILE",
        help: "File that holds the target's connection string",
        only: Some(Role::Worker),
    },
    Flag {
        key: "kafka.brokers",
        long: "brokers",
        value: "HOST:PORT,…",
        help: "Kafka's bootstrap servers",
        only: None,
    },
    Flag {
        key: "telemetry.listen",
        long: "listen",
        value: "IP:PORT",
        help: "Address of /metrics, /livez and /readyz; port 0 picks a free one",
        only: None,
    },
    Flag {
        key: "telemetry.log",
        long: "log",
        value: "FILTER",
        help: "Log filter, as in info,producer=debug",
        only: None,
    },
];

/// What the command line asks for.
#[derive(Debug)]
pub struct Cli {
    /// What to do.
    pub action: Action,
    /// The configuration file, when named.
    pub file: Option<PathBuf>,
    /// Settings given as flags.
    pub flags: Vec<Setting>,
}

/// A setting given as a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The configuration key.
    pub key: &'static str,
    /// The flag, as typed.
    pub flag: String,
    /// Its value, as typed.
    pub value: String,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Do the work until told to stop.
    Run,
    /// Validate the configuration and show what was understood.
    Check {
        /// Also reach the services.
        connect: bool,
    },
    /// Ask the running process whether it is ready.
    Health,
    /// Write the completions of a shell.
    Completions(Shell),
    /// Set from where partitions are applied next.
    Seek(Seek),
    /// Have documents copied again.
    Snapshot(SnapshotOrder),
    /// Look at records that could not be applied, and deal with them.
    DeadLetters(DeadLettersOrder),
    /// Show what documents look like.
    Schema(SchemaOrder),
    /// Look at what a change of the rules has left as it was, and have it copied again.
    Rules(RulesOrder),
}

/// From where partitions are applied next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seek {
    /// The topic; every one of the pipeline when not named.
    pub topic: Option<String>,
    /// The partition; every one of the topic when not named.
    pub partition: Option<i32>,
    /// The offset; the beginning when not named.
    pub offset: Option<i64>,
}

/// Which documents to copy again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotOrder {
    /// The namespace.
    pub ns: Namespace,
    /// The slice that has it; the only one when not named.
    pub slice: Option<String>,
    /// Only these documents: `{"_id": …}` as Extended JSON.
    pub keys: Vec<String>,
    /// Only documents that this query finds, as Extended JSON.
    pub filter: Option<String>,
    /// Whether documents that are gone from the source are to go from the target, too.
    pub reconcile: bool,
    /// Whether to leave once it is asked for, instead of waiting for the end.
    pub detach: bool,
}

impl Cli {
    /// Reads the process's command line; ends the process on `--help`, `--version` and mistakes (status 2).
    #[must_use]
    pub fn parse(role: Role) -> Self {
        Self::from_matches(role, &command(role).get_matches())
    }

    fn from_matches(role: Role, matches: &ArgMatches) -> Self {
        let action = match matches.subcommand() {
            Some(("check", check)) => Action::Check { connect: check.get_flag("connect") },
            Some(("health", _)) => Action::Health,
            Some(("completions", completions)) => {
                Action::Completions(*completions.get_one("shell").expect("clap requires the shell"))
            }
            Some(("seek", seek)) => Action::Seek(Seek {
                topic: seek.get_one("topic").cloned(),
                partition: seek.get_one("partition").copied(),
                offset: seek.get_one("offset").copied(),
            }),
            Some(("snapshot", snapshot)) => Action::Snapshot(SnapshotOrder {
                ns: snapshot.get_one::<Namespace>("namespace").expect("clap requires the namespace").clone(),
                slice: snapshot.get_one("slice").cloned(),
                keys: snapshot.get_many("key").unwrap_or_default().cloned().collect(),
                filter: snapshot.get_one("filter").cloned(),
                reconcile: snapshot.get_flag("reconcile"),
                detach: snapshot.get_flag("detach"),
            }),
            Some(("dead-letters", letters)) => Action::DeadLetters(dead_letters::order(letters)),
            Some(("schema", schema)) => Action::Schema(schema::order(schema)),
            Some(("rules", rules)) => Action::Rules(rules::order(rules)),
            _ => Action::Run,
        };
        let matches = innermost(matches);
        let file = matches.get_one::<PathBuf>("config").filter(|path| !path.as_os_str().is_empty());
        let flags = flags_of(role).filter_map(|flag| {
            let value = matches.get_one::<String>(flag.key)?.clone();
            Some(Setting { key: flag.key, flag: format!("--{}", flag.long), value })
        });
        Self { action, file: file.cloned(), flags: flags.collect() }
    }
}

/// Where global arguments arrive.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, inner)| innermost(inner))
}

/// The command line of a binary, for parsing and for completions.
#[must_use]
pub fn command(role: Role) -> Command {
    let about = match role {
        Role::Producer => "Reads every change of a MongoDB deployment and publishes it to Apache Kafka",
        Role::Worker => "Applies changes from Apache Kafka to a MongoDB deployment",
    };
    Command::new(role.name())
        .about(about)
        .version(version())
        .arg(config_argument())
        .args(flags_of(role).map(argument))
        .subcommand(Command::new("run").about("Do the work until told to stop (the default)"))
        .subcommand(check_command(role))
        .subcommand(Command::new("health").about(
            "Ask the process that listens at telemetry.listen whether it is ready: exit status 0 if it is, else 1",
        ))
        .subcommand(completions_command())
        .subcommands((role == Role::Worker).then(seek_command))
        .subcommands((role == Role::Worker).then(dead_letters::command))
        .subcommands((role == Role::Worker).then(schema::command))
        .subcommands((role == Role::Worker).then(rules::command))
        .subcommands((role == Role::Producer).then(snapshot_command))
        .after_help(after_help(role))
        .max_term_width(110)
}

/// The version, with the commit where the build knew it.
#[must_use]
pub const fn version() -> &'static str {
    if COMMIT.is_empty() {
        env!("CARGO_PKG_VERSION")
    } else {
        concat!(env!("CARGO_PKG_VERSION"), " (", env!("OPLOGUE_BUILD_COMMIT"), ")")
    }
}

/// The commit that was built; empty when the build did not know.
pub const COMMIT: &str = env!("OPLOGUE_BUILD_COMMIT");

fn flags_of(role: Role) -> impl Iterator<Item = &'static Flag> {
    FLAGS.iter().filter(move |flag| flag.only.is_none_or(|only| only == role))
}

fn argument(flag: &'static Flag) -> Arg {
    Arg::new(flag.key)
        .long(flag.long)
        .value_name(flag.value)
        .help(flag.help)
        .global(true)
        .help_heading("Settings")
}

fn config_argument() -> Arg {
    Arg::new("config")
        .long("config")
        .short('c')
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .env("OPLOGUE_CONFIG")
        .hide_env(true)
        .global(true)
        .help("Configuration file: .toml, .yaml or .json [default: ./oplogue.toml if it is there]")
}

/// An option without a value.
fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn check_command(role: Role) -> Command {
    let reached = match role {
        Role::Producer => "Also reach the source and Kafka",
        Role::Worker => "Also reach Kafka and the target",
    };
    let connect = flag("connect", reached);
    let about = "Validate the configuration, show what was understood with secrets masked, and exit";
    Command::new("check").about(about).arg(connect)
}

fn seek_command() -> Command {
    let topic = Arg::new("topic").long("topic").value_name("TOPIC").help("The topic");
    let partition = Arg::new("partition")
        .long("partition")
        .value_name("NUMBER")
        .value_parser(value_parser!(i32).range(0..))
        .requires("topic")
        .help("The partition; all of the topic when it is left out");
    let all = flag("all", "Every partition of the pipeline");
    let offset = Arg::new("offset")
        .long("offset")
        .value_name("NUMBER")
        .value_parser(value_parser!(i64).range(0..))
        .requires("partition")
        .help("The offset of the record that is applied next");
    let beginning = flag("beginning", "From the first record that the topic still holds");
    let about = "Set from where changes are applied next, while no worker runs; what is applied again overwrites what \
                 came later, until that is applied again too";
    Command::new("seek")
        .about(about)
        .args([topic, partition, all, offset, beginning])
        .group(ArgGroup::new("which").args(["topic", "all"]).required(true))
        .group(ArgGroup::new("where").args(["offset", "beginning"]).required(true))
}

fn snapshot_command() -> Command {
    let namespace = Arg::new("namespace")
        .long("namespace")
        .value_name("DB.COLL")
        .value_parser(value_parser!(Namespace))
        .required(true)
        .help("The collection");
    let slice = Arg::new("slice").long("slice").value_name("NAME").help("The slice, where there are several");
    let key = Arg::new("key")
        .long("key")
        .value_name("JSON")
        .action(ArgAction::Append)
        .help("Only this document, as in {\"_id\": 7}; may be repeated");
    let filter = Arg::new("filter")
        .long("filter")
        .value_name("JSON")
        .conflicts_with("key")
        .help("Only documents that this query finds, as in {\"age\": {\"$gte\": 18}}");
    let reconcile =
        flag("reconcile", "Also delete at the target every document that the source does not have")
            .conflicts_with_all(["key", "filter"]);
    let detach = flag("detach", "Do not wait for the end");
    let about = "Have the running producer copy a collection, or some of its documents, again";
    Command::new("snapshot").about(about).args([namespace, slice, key, filter, reconcile, detach])
}

fn completions_command() -> Command {
    let shell = Arg::new("shell").required(true).value_parser(value_parser!(Shell));
    Command::new("completions").about("Write the completions of a shell to stdout").arg(shell)
}

fn after_help(role: Role) -> String {
    let end = match role {
        Role::Producer => "source",
        Role::Worker => "target",
    };
    let variable = end.to_uppercase();
    format!(
        "Examples:
  {role} --config oplogue.toml
  {role} check --config oplogue.toml --connect
  {role} --pipeline shop --brokers kafka:9092 --{end}-uri-file /run/secrets/{end}-uri
  source <({role} completions bash)

Environment:
  OPLOGUE_CONFIG           the configuration file, as --config
  OPLOGUE_{variable}__URI      the {end}'s connection string: a secret, so there is no flag for it
  OPLOGUE_KAFKA__BROKERS   any other key: its levels in upper case, joined by two underscores;
                           lists separated by commas or as JSON
  Flags win over the environment, the environment over the file.

Exit status:
  0    stopped as asked (SIGINT, SIGTERM), or the configuration is good
  1    failed; the last log line says why
  2    the command line, the configuration or the deployment has to be changed
  130  stopped at once by a second SIGINT or SIGTERM"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cli(role: Role, line: &str) -> Cli {
        Cli::from_matches(role, &command(role).try_get_matches_from(line.split(' ')).unwrap())
    }

    #[test]
    fn command_lines_are_consistent() {
        command(Role::Producer).debug_assert();
        command(Role::Worker).debug_assert();
    }

    #[test]
    fn runs_by_default_and_takes_settings_before_and_after_the_command() {
        assert_eq!(cli(Role::Worker, "worker").action, Action::Run);
        assert_eq!(cli(Role::Worker, "worker run").action, Action::Run);
        for line in ["producer --config a.toml --brokers k:1 check", "producer check --brokers k:1 -c a.toml"]
        {
            let cli = cli(Role::Producer, line);
            assert_eq!(cli.action, Action::Check { connect: false });
            assert_eq!(cli.file, Some("a.toml".into()));
            let setting = Setting { key: "kafka.brokers", flag: "--brokers".into(), value: "k:1".into() };
            assert_eq!(cli.flags, [setting]);
        }
        assert_eq!(cli(Role::Worker, "worker completions zsh").action, Action::Completions(Shell::Zsh));
    }

    #[test]
    fn a_seek_names_where_and_only_a_worker_can() {
        let seek = |line: &str| match cli(Role::Worker, line).action {
            Action::Seek(seek) => (seek.topic, seek.partition, seek.offset),
            other => panic!("{other:?}"),
        };
        let topic = || Some("a.b".to_owned());
        assert_eq!(seek("worker seek --topic a.b --partition 3 --offset 9"), (topic(), Some(3), Some(9)));
        assert_eq!(seek("worker seek --topic a.b --beginning"), (topic(), None, None));
        assert_eq!(seek("worker seek --all --beginning"), (None, None, None));
        let fails = |role, line: &str| command(role).try_get_matches_from(line.split(' ')).is_err();
        for line in ["seek --all", "seek --topic a", "seek --topic a --offset 1", "seek --all --offset 1"] {
            assert!(fails(Role::Worker, &format!("worker {line}")), "{line}");
        }
        assert!(fails(Role::Producer, "producer seek --all --beginning"));
    }

    #[test]
    fn a_snapshot_names_its_namespace_and_only_a_producer_can() {
        let action =
            cli(Role::Producer, "producer snapshot --namespace a.b.c --key {} --key [] --detach").action;
        let keys = vec!["{}".to_owned(), "[]".to_owned()];
        let ns = Namespace::new("a", "b.c");
        let order = SnapshotOrder { ns, slice: None, keys, filter: None, reconcile: false, detach: true };
        assert_eq!(action, Action::Snapshot(order));
        let fails = |role, line: &str| command(role).try_get_matches_from(line.split(' ')).is_err();
        assert!(fails(Role::Producer, "producer snapshot"));
        assert!(fails(Role::Producer, "producer snapshot --namespace a"));
        assert!(fails(Role::Producer, "producer snapshot --namespace a.b --key {} --filter {}"));
        assert!(fails(Role::Producer, "producer snapshot --namespace a.b --reconcile --filter {}"));
        assert!(fails(Role::Worker, "worker snapshot --namespace a.b"));
    }

    #[test]
    fn each_role_has_the_flags_of_its_own_end_and_none_for_a_secret() {
        let parses = |role, flag| command(role).try_get_matches_from(["x", flag, "v"]).is_ok();
        assert!(parses(Role::Producer, "--source-uri-file") && !parses(Role::Producer, "--target-uri-file"));
        assert!(parses(Role::Worker, "--target-uri-file") && !parses(Role::Worker, "--source-uri-file"));
        assert!(!parses(Role::Producer, "--source-uri") && !parses(Role::Worker, "--target-uri"));
    }
}
