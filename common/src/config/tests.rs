//! Loading as a whole: from sources to a configuration or to every problem.

use std::path::PathBuf;

use tempfile::TempDir;

use super::{types::Start, *};
use crate::{cli::Setting, cluster_time::ClusterTime, namespace::Namespace};

const GOOD: &str = r#"
pipeline = "demo"
source.uri = "mongodb://me:hidden@s:1/?replicaSet=rs0"
target.uri = "mongodb://me:hidden@t:1/?replicaSet=rs1"
kafka.brokers = "k:9092"
"#;

/// A directory with a configuration, and the variables beside it.
struct Given {
    directory: TempDir,
    file: Option<PathBuf>,
    env: Vec<(String, String)>,
    flags: Vec<Setting>,
}

fn given(name: &str, text: &str) -> Given {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(name);
    std::fs::write(&file, text).unwrap();
    Given { directory, file: Some(file), env: Vec::new(), flags: Vec::new() }
}

impl Given {
    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn flag(mut self, key: &'static str, flag: &str, value: &str) -> Self {
        self.flags.push(Setting { key, flag: flag.to_owned(), value: value.to_owned() });
        self
    }

    fn beside(self, name: &str, text: &str) -> Self {
        std::fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    fn sources(&self) -> Sources {
        Sources {
            file: self.file.clone(),
            env: self.env.clone(),
            flags: self.flags.clone(),
            extra: |_| vec![],
        }
    }

    fn load(&self, role: Role) -> Result<Loaded, Problems> {
        Config::load(role, &self.sources())
    }

    fn problems(&self, role: Role) -> Vec<String> {
        let text = self.load(role).unwrap_err().to_string();
        let text = text.replace(self.directory.path().to_str().unwrap(), "DIR");
        text.lines().map(str::to_owned).collect()
    }
}

fn variables_only(env: &[(&str, &str)]) -> Given {
    let empty = given("oplogue.toml", "");
    env.iter().fold(empty, |given, (name, value)| given.env(name, value))
}

#[test]
fn toml_yaml_and_json_load_alike() {
    let yaml = "
pipeline: demo
source: {uri: 'mongodb://me:hidden@s:1/?replicaSet=rs0'}
target: {uri: 'mongodb://me:hidden@t:1/?replicaSet=rs1'}
kafka:
  brokers: k:9092
rules:
";
    let json = r#"{"pipeline": "demo", "kafka": {"brokers": "k:9092"},
        "source": {"uri": "mongodb://me:hidden@s:1/?replicaSet=rs0"},
        "target": {"uri": "mongodb://me:hidden@t:1/?replicaSet=rs1"}}"#;
    let texts = [("a.toml", GOOD), ("a.yaml", yaml), ("a.yml", yaml), ("a.json", json)];
    let configs =
        texts.map(|(name, text)| format!("{:?}", given(name, text).load(Role::Worker).unwrap().config));
    assert!(configs.iter().all(|config| *config == configs[0]), "{configs:#?}");
    assert!(configs[0].contains("partitions: 8") && configs[0].contains("brokers: \"k:9092\""));
}

#[test]
fn variables_alone_are_enough() {
    let loaded = variables_only(&[
        ("OPLOGUE_PIPELINE", "demo"),
        ("OPLOGUE_KAFKA__BROKERS", "a:1,b:2"),
        ("OPLOGUE_SOURCE__URI", "mongodb://s:1"),
        ("OPLOGUE_NAMESPACES__INCLUDE", "shop.*,crm.people"),
        ("OPLOGUE_PRODUCER__START__TIMESTAMP", "1700000000.1"),
        ("OPLOGUE_KAFKA__OPTIONS__SASL_PASSWORD", "hidden"),
        ("OPLOGUE_RULES", r#"[{"namespace": "shop.*", "deny": ["ssn"]}]"#),
        ("OPLOGUE_TELEMETRY__LISTEN", "127.0.0.1:0"),
        ("OPLOGUE_TELEMETRY__LOG_FORMAT", "json"),
    ])
    .load(Role::Producer)
    .unwrap();
    let config = &loaded.config;
    assert_eq!(config.kafka.brokers, "a:1,b:2");
    assert_eq!(config.producer.start, Start::Timestamp(ClusterTime::new(1_700_000_000, 1)));
    assert_eq!(config.kafka.options["sasl.password"].expose(), "hidden");
    assert_eq!(config.rules[0].deny, ["ssn"]);
    assert!(config.filter().carries(&Namespace::new("shop", "x")));
    assert!(!config.filter().carries(&Namespace::new("crm", "x")));
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let given = given("oplogue.toml", GOOD)
        .env("OPLOGUE_PIPELINE", "from-env")
        .env("OPLOGUE_KAFKA__BROKERS", "env:1")
        .flag("kafka.brokers", "--brokers", "flag:1");
    let config = given.load(Role::Producer).unwrap().config;
    assert_eq!((config.pipeline.as_str(), config.kafka.brokers.as_str()), ("from-env", "flag:1"));
}

#[test]
fn each_role_needs_its_own_end_only() {
    let given = given(
        "oplogue.toml",
        "pipeline = 'demo'\nkafka.brokers = 'k:1'\ntarget.uri_file = 'not-mounted-here'",
    )
    .env("OPLOGUE_SOURCE__URI", "mongodb://s:1");
    assert!(given.load(Role::Producer).is_ok());
    let file = "target.uri_file: DIR/not-mounted-here cannot be read: No such file or directory (os error 2)";
    assert_eq!(given.problems(Role::Worker), [file]);
    let nothing = variables_only(&[("OPLOGUE_PIPELINE", "demo"), ("OPLOGUE_KAFKA__BROKERS", "k:1")]);
    assert_eq!(
        nothing.problems(Role::Worker),
        [
            "target.uri: missing, and the worker needs it; set it or `uri_file` in the file, OPLOGUE_TARGET__URI, or --target-uri-file"
        ]
    );
}

#[test]
fn connection_string_comes_from_a_file_beside_the_configuration() {
    let text = "pipeline = 'demo'\nkafka.brokers = 'k:1'\nsource.uri_file = 'uri'\n";
    let loaded =
        given("oplogue.toml", text).beside("uri", "mongodb://me:hidden@s:1\n").load(Role::Producer).unwrap();
    assert_eq!(loaded.config.slices().unwrap()[0].uri.expose(), "mongodb://me:hidden@s:1");
    assert_eq!(
        given("oplogue.toml", text).beside("uri", " \n").problems(Role::Producer),
        ["source.uri_file: DIR/uri is empty"]
    );
    let both =
        given("oplogue.toml", &format!("{text}source.uri = 'mongodb://s:1'")).beside("uri", "mongodb://s:1");
    assert_eq!(both.problems(Role::Producer), ["source.uri_file: source.uri is given too; give one of them"]);
    let replaced =
        given("oplogue.toml", text).env("OPLOGUE_SOURCE__URI", "mongodb://env:1").load(Role::Producer);
    assert_eq!(replaced.unwrap().config.source.uri.unwrap().expose(), "mongodb://env:1");
}

#[test]
fn several_sources_have_names_and_connection_strings_of_their_own() {
    let text = "pipeline = 'demo'\nkafka.brokers = 'k:1'\n";
    let one = "[[source.slices]]\nname = 'one'\nuri_file = 'uri'\n";
    let two = "[[source.slices]]\nname = 'two'\nuri = 'mongodb://t:1'\n";
    let beside = |text: &str| given("oplogue.toml", text).beside("uri", "mongodb://s:1");
    let loaded = beside(&format!("{text}{one}{two}")).load(Role::Producer).unwrap();
    let slices = loaded.config.slices().unwrap();
    let shown: Vec<_> = slices.iter().map(|s| (s.name.as_str(), s.partition, s.uri.expose())).collect();
    assert_eq!(shown, [("one", 0, "mongodb://s:1"), ("two", 1, "mongodb://t:1")]);

    let resnapshot = format!("{text}producer.history_lost = 'resnapshot'\n{one}");
    assert!(beside(&resnapshot).load(Role::Producer).is_ok());
    let problems = beside(&format!("{resnapshot}{two}")).problems(Role::Producer);
    assert!(problems[0].starts_with("producer.history_lost: `resnapshot` is for one source"), "{problems:?}");

    let wrong = format!("{text}source.uri = 'mongodb://u:1'\n{two}{two}[[source.slices]]\nname = 'three'\n");
    assert_eq!(
        beside(&wrong).problems(Role::Producer),
        [
            "source.slices: give either one `source.uri` or `source.slices`",
            "source.slices[1].name: another slice has this name",
            "source.slices[2].uri: missing; give `uri` or `uri_file`",
        ]
    );
}

#[test]
fn all_problems_are_told_at_once_with_their_paths() {
    let text = r#"
pipeline = "my pipeline"
colour = "blue"
source.uri = "mongodb://me:hid@den@s:1"
target.uri = "mongodb://me:hidden@t:1/?w=1"

[kafka]
broker = "k:9092"
partitions = "eight"
replication_factor = 0
options = { "enable.idempotence" = "false", "linger.ms" = 5, "lingerms" = "5" }

[namespaces]
include = ["users", "shop.*", 7]
exclude = ["shop.*"]

[producer]
start = "snapshoot"
batch_events = 1.5
transaction_mib = 100000

[producer.snapshot]
chunk_mb = 4

[worker.ddl]
drop = "ignore!"

[telemetry]
listen = "9464"
log = "info,producer=loud"

[[rules]]
deny = ["a"]

[[rules]]
namespace = "shop.*"
deny = "b"
"#;
    let given = given("oplogue.toml", text)
        .env("OPLOGUE_WORKER__CONNECTIONS", "0")
        .env("OPLOGUE_KAFKA__PARTITION", "3")
        .flag("kafka.brokers", "--brokers", "k");
    assert_eq!(
        given.problems(Role::Producer),
        [
            "OPLOGUE_KAFKA__PARTITION: no such key; did you mean `OPLOGUE_KAFKA__PARTITIONS`?",
            "colour: unknown key",
            "kafka.broker: unknown key; did you mean `brokers`?",
            "kafka.brokers: must be host:port, several separated by commas (given by --brokers)",
            "kafka.options.enable.idempotence: is refused: events are published exactly once and in order only by an \
         idempotent, transactional producer",
            "kafka.options.lingerms: librdkafka knows no such option, or was built without it",
            "kafka.partitions: expected a whole number, found text",
            "kafka.replication_factor: must be 1 to 100, is 0",
            "namespaces.include[0]: `users` is not a namespace pattern; write db.coll, db.*, *.coll or /regex/",
            "namespaces.include[1]: `shop.*` is excluded whole by namespaces.exclude[0] (`shop.*`)",
            "namespaces.include[2]: expected text, found a number",
            "pipeline: must be 1 to 100 letters, digits, `-` and `_`",
            "producer.batch_events: expected a whole number, found a fraction",
            "producer.snapshot.chunk_mb: unknown key; did you mean `chunk_mib`?",
            "producer.start: expected `snapshot`, `latest`, `{ timestamp = … }` or `{ token = … }`, found text; did you mean `snapshot`?",
            "producer.transaction_mib: must be 1 to 1024, is 100000",
            "rules[0].namespace: missing",
            "rules[1].deny: expected a list, found text",
            "source.uri: in user name, password and options : / ? # [ ] @ must be percent-encoded (@ is %40)",
            "target.uri: the option w is refused: what is reported as written must survive an election, so every write waits \
         for the majority",
            "telemetry.listen: write it as ip:port, like 0.0.0.0:9464",
            "telemetry.log: is not a log filter (error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \
         \"debug\", \"trace\", or a number 0-5); write it as in info,producer=debug",
            "worker.connections: must be 1 to 64, is 0 (given by OPLOGUE_WORKER__CONNECTIONS)",
            "worker.ddl.drop: expected `apply`, `ignore` or `fail`, found text; did you mean `ignore`?",
        ]
    );
}

#[test]
fn options_of_kafka_need_no_quotes() {
    let text = format!(
        "{GOOD}[kafka.options]\nlinger.ms = 5\nssl.key.password = 'hidden'\nsocket.keepalive.enable = true\n'client.id' = 'x'"
    );
    let options = given("oplogue.toml", &text).load(Role::Producer).unwrap().config.kafka.options;
    let options: Vec<_> = options.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    let expected = [
        ("client.id", "x"),
        ("linger.ms", "5"),
        ("socket.keepalive.enable", "true"),
        ("ssl.key.password", "hidden"),
    ];
    assert_eq!(options, expected);
}

#[test]
fn missing_keys_and_wrong_tables_are_told() {
    assert_eq!(
        given("oplogue.toml", "kafka = 'mongodb://me:hidden@s'").problems(Role::Producer),
        [
            "kafka: expected a table, found text",
            "pipeline: missing; set it in the file or as OPLOGUE_PIPELINE",
            "source.uri: missing, and the producer needs it; set it or `uri_file` in the file, OPLOGUE_SOURCE__URI, or --source-uri-file",
        ]
    );
    let missing =
        given("oplogue.yaml", "pipeline: x\nsource: {uri: 'mongodb://s'}\nkafka:\n").problems(Role::Producer);
    assert_eq!(missing, ["kafka.brokers: missing; set it in the file or as OPLOGUE_KAFKA__BROKERS"]);
    let rules =
        given("oplogue.toml", &format!("{GOOD}rules = ['a.b', {{deny = ['x']}}]")).problems(Role::Producer);
    assert_eq!(rules, ["rules[0]: expected a table, found text", "rules[1].namespace: missing"]);
    let list = given("oplogue.json", "[1]").problems(Role::Producer);
    assert!(list[0].starts_with("DIR/oplogue.json: "), "{list:?}");
}

#[test]
fn problems_that_only_the_service_sees_are_told_with_the_rest() {
    let given = given(
        "oplogue.toml",
        &format!("{GOOD}\n[[rules]]\nnamespace = 'a.b'\nallow = ['_id.x']\nallwo = []"),
    );
    let extra =
        |config: &Config| vec![Problem::new("rules[0].allow[0]", format!("refused in {}", config.pipeline))];
    let problems = Config::load(Role::Worker, &Sources { extra, ..given.sources() }).unwrap_err();
    assert_eq!(
        problems.to_string().lines().collect::<Vec<_>>(),
        ["rules[0].allow[0]: refused in demo", "rules[0].allwo: unknown key; did you mean `allow`?"]
    );
}

#[test]
fn unreadable_file_is_the_problem_not_what_it_would_have_held() {
    let mut given = given("oplogue.toml", GOOD).env("OPLOGUE_NOPE", "x");
    given.file = Some(given.directory.path().join("nowhere.toml"));
    assert_eq!(
        given.problems(Role::Producer),
        [
            "DIR/nowhere.toml: cannot be read: No such file or directory (os error 2)",
            "OPLOGUE_NOPE: no such key",
        ]
    );
}

#[test]
fn secrets_are_never_shown() {
    let text = format!(
        "{GOOD}kafka.options.\"sasl.password\" = 'hidden'\nkafka.options.\"ssl.key.password\" = 'hidden'"
    );
    let given_secrets = given("oplogue.toml", &text).env("OPLOGUE_KAFKA__OPTIONS__SASL_USERNAME", "hidden");
    let loaded = given_secrets.load(Role::Worker).unwrap();
    let understood = loaded.understood();
    for shown in [
        format!("{loaded:?} {:?}", given_secrets.sources()),
        serde_json::to_string(&loaded.config).unwrap(),
        understood.clone(),
    ] {
        assert!(!shown.contains("hidden"), "{shown}");
    }
    for line in [
        "source.uri                         mongodb://…@s:1",
        "kafka.options                      {\"sasl.password\":\"…\",\"sasl.username\":\"…\",\"ssl.key.password\":\"…\"}",
        "kafka.partitions                   8  # default",
        "telemetry.listen                   not set  # default",
        "pipeline                           \"demo\"",
    ] {
        assert!(understood.lines().any(|shown| shown == line), "{line} in\n{understood}");
    }
    let misplaced = [
        "kafka.brokers = 'mongodb://me:hidden@s'",
        "source = 'mongodb://me:hidden@s'",
        "namespaces.include = 'mongodb://me:hidden@s'",
        "producer.start = 'mongodb://me:hidden@s'",
        "telemetry.listen = 'mongodb://me:hidden@s'",
        "telemetry.log_format = 'mongodb://me:hidden@s'",
    ];
    for text in misplaced {
        let problems = given("oplogue.toml", text).problems(Role::Worker);
        assert!(!problems.concat().contains("hidden"), "{problems:?}");
    }
}

#[test]
fn what_was_given_from_outside_is_named() {
    let given = given("oplogue.toml", GOOD).env("OPLOGUE_KAFKA__PARTITIONS", "3").flag(
        "telemetry.log",
        "--log",
        "debug",
    );
    let loaded = given.load(Role::Producer).unwrap();
    assert!(
        loaded.understood().contains("kafka.partitions                   3  # OPLOGUE_KAFKA__PARTITIONS")
    );
    assert!(
        loaded.origin().ends_with("oplogue.toml, OPLOGUE_KAFKA__PARTITIONS, --log"),
        "{}",
        loaded.origin()
    );
}
