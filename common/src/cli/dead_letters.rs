//! `worker dead-letters`: which letters are meant, and what is to be done with them.
//!
//! Owns the words of the command line. What a letter's number is, and when "two hours ago" was, is decided here; what is found under
//! them is the worker's business.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bson::DateTime;
use clap::{Arg, ArgGroup, ArgMatches, Command, value_parser};

use super::flag;
use crate::namespace::Namespace;

/// What is to be done with dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLettersOrder {
    /// Show what lies there.
    List(ListOrder),
    /// Show one whole.
    Show {
        /// Which.
        id: LetterId,
        /// How.
        form: Form,
    },
    /// Have their documents fetched anew.
    Replay {
        /// Which.
        which: Which,
        /// How long to wait for the producer to go on.
        within: Duration,
        /// Whether only to tell what would be done.
        is_trial: bool,
    },
    /// Record that nothing is to be done about them.
    Discard {
        /// Which.
        which: Which,
        /// Why, in the operator's words.
        note: Option<String>,
        /// Whether only to tell what would be done.
        is_trial: bool,
    },
}

/// What is to be listed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOrder {
    /// Which.
    pub wanted: Wanted,
    /// `open`, `replayed` or `discarded`; all of them when there is none.
    pub state: Option<String>,
    /// One JSON document a line.
    pub is_json: bool,
}

/// How one letter is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For reading.
    Text,
    /// One JSON document, bytes in base64.
    Json,
    /// The value's bytes and nothing else.
    Raw,
}

/// Where a letter stands in the dead-letter topic: `17`, or `2/17` in another partition than the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// What letters have to be like. What is not named may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Their namespace, by its name at the source.
    pub ns: Option<Namespace>,
    /// The word for why they were refused.
    pub reason: Option<String>,
    /// Refused then or later, milliseconds since 1970.
    pub since: Option<i64>,
    /// Refused before then, milliseconds since 1970.
    pub until: Option<i64>,
}

/// The letters that are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// These.
    Ids(Vec<LetterId>),
    /// Every open one that is like this.
    Open(Wanted),
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partition {
            0 => write!(f, "{}", self.offset),
            other => write!(f, "{other}/{}", self.offset),
        }
    }
}

impl FromStr for LetterId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a letter's number is what `dead-letters list` shows, as in 17".to_owned();
        let (partition, offset) = text.split_once('/').unwrap_or(("0", text));
        let (partition, offset) = (partition.parse(), offset.parse());
        let (Ok(partition), Ok(offset)) = (partition, offset) else { return Err(wrong()) };
        if partition < 0 || offset < 0 { Err(wrong()) } else { Ok(Self { partition, offset }) }
    }
}

/// The command.
pub(super) fn command() -> Command {
    let list = Command::new("list")
        .about("Show the letters that are open, one a line")
        .args(filters())
        .arg(
            Arg::new("state")
                .long("state")
                .value_name("STATE")
                .value_parser(["open", "replayed", "discarded", "all"])
                .default_value("open")
                .help("Only letters about which this was done"),
        )
        .arg(flag("json", "One JSON document a line"));
    let show = Command::new("show")
        .about("Show one letter whole: reason, place, headers, key and value as they were read")
        .arg(
            Arg::new("id")
                .value_name("ID")
                .required(true)
                .value_parser(value_parser!(LetterId))
                .help("The letter"),
        )
        .arg(flag("json", "One JSON document; key, headers and value in base64"))
        .arg(flag("raw", "The value's bytes and nothing else").conflicts_with("json"));
    let within = Arg::new("within")
        .long("within")
        .value_name("SECONDS")
        .value_parser(value_parser!(u64).range(1..))
        .default_value("60")
        .help("Give up waiting when the producer has not gone on for so long; what was asked for stands");
    let replay = some("replay")
        .about(
            "Have the running producer read the letters' documents at the source anew and publish them as they are now, behind \
             everything it has published: what is newer at the target is never overwritten by the refused change",
        )
        .arg(within);
    let note = Arg::new("note").long("note").value_name("TEXT").help("Why, to be kept with the letters");
    let discard = some("discard")
        .about(
            "Record that nothing is to be done about these letters. They stay in the topic, and their documents stay at the \
             target as they are until a whole document or a delete comes for them",
        )
        .arg(note);
    Command::new("dead-letters")
        .about("Look at the records that could not be applied, and deal with them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([list, show, replay, discard])
        .after_help(
            "Examples:
  worker dead-letters list --namespace shop.orders --since 2h
  worker dead-letters show 17
  worker dead-letters replay --reason validation
  worker dead-letters discard 17 18 --note \"test documents\"

Exit status:
  0    done, or there was nothing to do
  1    some of it could not be done; each letter says why
  2    the command line or the configuration has to be changed",
        )
}

/// A command on some of the letters.
fn some(name: &'static str) -> Command {
    let ids = Arg::new("id").value_name("ID").num_args(1..).value_parser(value_parser!(LetterId));
    Command::new(name)
        .arg(ids.help("The letters").conflicts_with_all(["namespace", "reason", "since", "until"]))
        .args(filters())
        .arg(flag("all", "Every open letter"))
        .arg(flag("dry-run", "Only tell what would be done"))
        .group(
            ArgGroup::new("which")
                .args(["id", "namespace", "reason", "since", "until", "all"])
                .multiple(true)
                .required(true),
        )
}

fn filters() -> [Arg; 4] {
    let time = |name: &'static str| Arg::new(name).long(name).value_name("TIME").value_parser(moment);
    [
        Arg::new("namespace")
            .long("namespace")
            .value_name("DB.COLL")
            .value_parser(value_parser!(Namespace))
            .help("Only letters of this collection, by its name at the source"),
        Arg::new("reason")
            .long("reason")
            .value_name("WORD")
            .help("Only letters that were refused for this, as in validation, unique_index, follows, poison"),
        time("since").help("Only letters refused since then: 90s, 30m, 2h, 7d ago, or 2026-01-31T08:00:00Z"),
        time("until").help("Only letters refused before then"),
    ]
}

/// A time, or how long ago it was, as milliseconds since 1970.
fn moment(text: &str) -> Result<i64, String> {
    if let Ok(time) = DateTime::parse_rfc3339_str(text) {
        return Ok(time.timestamp_millis());
    }
    let wrong =
        || "neither a time like 2026-01-31T08:00:00Z nor how long ago, like 90s, 30m, 2h, 7d".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: i64 = text[..text.len() - 1].parse().ok().filter(|count| *count >= 0).ok_or_else(wrong)?;
    let ago = count.checked_mul(seconds * 1000).ok_or_else(wrong)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis());
    Ok(i64::try_from(now).unwrap_or(i64::MAX) - ago)
}

/// What the command line asks for.
pub(super) fn order(matches: &ArgMatches) -> DeadLettersOrder {
    let (name, matches) = matches.subcommand().expect("clap requires a command");
    match name {
        "list" => DeadLettersOrder::List(ListOrder {
            wanted: wanted(matches),
            state: matches.get_one::<String>("state").filter(|state| *state != "all").cloned(),
            is_json: matches.get_flag("json"),
        }),
        "show" => DeadLettersOrder::Show {
            id: *matches.get_one("id").expect("clap requires the number"),
            form: match (matches.get_flag("json"), matches.get_flag("raw")) {
                (true, _) => Form::Json,
                (_, true) => Form::Raw,
                _ => Form::Text,
            },
        },
        "replay" => DeadLettersOrder::Replay {
            which: which(matches),
            within: Duration::from_secs(*matches.get_one("within").expect("clap knows a default")),
            is_trial: matches.get_flag("dry-run"),
        },
        _ => DeadLettersOrder::Discard {
            which: which(matches),
            note: matches.get_one("note").cloned(),
            is_trial: matches.get_flag("dry-run"),
        },
    }
}

fn which(matches: &ArgMatches) -> Which {
    match matches.get_many::<LetterId>("id") {
        Some(ids) => Which::Ids(ids.copied().collect()),
        None => Which::Open(wanted(matches)),
    }
}

fn wanted(matches: &ArgMatches) -> Wanted {
    Wanted {
        ns: matches.get_one("namespace").cloned(),
        reason: matches.get_one("reason").cloned(),
        since: matches.get_one("since").copied(),
        until: matches.get_one("until").copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<DeadLettersOrder, clap::Error> {
        command().try_get_matches_from(line.split(' ')).map(|matches| order(&matches))
    }

    #[test]
    fn letters_are_named_or_described_but_never_all_by_accident() {
        let Ok(DeadLettersOrder::Discard { which, note, is_trial }) =
            parsed("dead-letters discard 17 2/5 --note x")
        else {
            panic!("it is well formed")
        };
        let ids = [(0, 17), (2, 5)].map(|(partition, offset)| LetterId { partition, offset });
        assert_eq!((which, note.as_deref(), is_trial), (Which::Ids(ids.to_vec()), Some("x"), false));
        assert_eq!(ids.map(|id| id.to_string()), ["17", "2/5"]);
        let Ok(DeadLettersOrder::Replay { which: Which::Open(wanted), within, .. }) =
            parsed("dead-letters replay --namespace a.b.c --reason validation --within 5")
        else {
            panic!("it is well formed")
        };
        assert_eq!(wanted.ns, Some(Namespace::new("a", "b.c")));
        assert_eq!((wanted.reason.as_deref(), within), (Some("validation"), Duration::from_secs(5)));
        assert!(parsed("dead-letters replay --all").is_ok());
        for line in [
            "",
            "replay",
            "discard --note x",
            "replay 1 --reason x",
            "show",
            "show x",
            "show -1",
            "list --state x",
        ] {
            assert!(parsed(&format!("dead-letters {line}")).is_err(), "{line}");
        }
    }

    #[test]
    fn a_time_is_a_date_or_how_long_ago() {
        assert_eq!(moment("1970-01-01T00:00:01Z"), Ok(1000));
        assert_eq!(moment("1970-01-01T01:00:01+01:00"), Ok(1000));
        let now = moment("0s").unwrap();
        assert!((now - moment("2h").unwrap() - 7_200_000).abs() < 5000);
        for text in ["", "h", "-1h", "1", "2w", "yesterday", "99999999999999999d", "5é"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
