//! A whole process around a small service: exit statuses, signals, health over a socket, what is printed.
//!
//! The program runs itself as the service; `OPLOGUE_TEST_CHILD` says what that service does.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, ExitCode, Output, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use common::{
    config::{Config, Problem, Role},
    error::{Error, Kind, Result},
    service::{Context, Service},
};

/// How long anything may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(20);

struct Demo;

impl Service for Demo {
    const ROLE: Role = Role::Producer;
    const CONDITIONS: &'static [&'static str] = &["source"];

    fn problems(config: &Config) -> Vec<Problem> {
        let forbidden = config.rules.iter().any(|rule| rule.namespace == "no.no");
        forbidden.then(|| Problem::new("rules[0].namespace", "not this one")).into_iter().collect()
    }

    async fn connect(config: Arc<Config>) -> Result<Vec<String>> {
        match mode().as_str() {
            "unreachable" => Err(Error::new(Kind::Misconfigured, "wrong password")),
            _ => Ok(vec![format!("reached Kafka at {}", config.kafka.brokers)]),
        }
    }

    async fn run(_config: Arc<Config>, context: Context) -> Result<()> {
        context.health.condition("source").ready();
        let mut supervisor = context.supervisor();
        let token = supervisor.token();
        supervisor.spawn("stage", async move {
            match mode().as_str() {
                "lost" => return Err(Error::caused(Kind::PositionLost, "cannot resume", "history lost")),
                "panic" => panic!("a bug"),
                "deaf" => std::future::pending().await,
                _ => token.cancelled().await,
            }
            Err(Error::cancelled())
        });
        supervisor.join().await
    }
}

fn mode() -> String {
    env::var("OPLOGUE_TEST_CHILD").unwrap_or_default()
}

fn main() -> ExitCode {
    if !mode().is_empty() {
        return common::service::main::<Demo>();
    }
    let tests: [(&str, fn()); 8] = [
        ("signal_drains_and_exits_0", signal_drains_and_exits_0),
        ("second_signal_exits_130_at_once", second_signal_exits_130_at_once),
        ("failure_is_one_clear_line_and_status_1", failure_is_one_clear_line_and_status_1),
        ("panic_is_a_broken_invariant", panic_is_a_broken_invariant),
        ("problems_are_told_all_at_once_with_status_2", problems_are_told_all_at_once_with_status_2),
        ("taken_address_is_status_2", taken_address_is_status_2),
        ("check_shows_what_was_understood", check_shows_what_was_understood),
        ("help_version_and_completions_help", help_version_and_completions_help),
    ];
    for (name, test) in tests {
        test();
        say(&format!("test {name} ... ok"));
    }
    ExitCode::SUCCESS
}

fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").expect("stdout is open");
}

/// The service as a process, configured by variables alone.
fn service(mode: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().expect("the program knows itself"));
    command.args(arguments).current_dir(env::temp_dir());
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("OPLOGUE_")) {
        command.env_remove(name);
    }
    command
        .env("OPLOGUE_TEST_CHILD", mode)
        .env("OPLOGUE_PIPELINE", "demo")
        .env("OPLOGUE_KAFKA__BROKERS", "k:1")
        .env("OPLOGUE_SOURCE__URI", "mongodb://me:hidden@s:1")
        .env("OPLOGUE_TELEMETRY__LISTEN", "127.0.0.1:0")
        .env("OPLOGUE_TELEMETRY__LOG_FORMAT", "json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn finished(mode: &str, arguments: &[&str]) -> Output {
    service(mode, arguments).output().expect("the service starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running service and its log, line by line.
struct Running {
    child: Child,
    log: mpsc::Receiver<String>,
}

impl Running {
    fn start(mode: &str) -> Self {
        let mut child = service(mode, &[]).spawn().expect("the service starts");
        let (lines, log) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        thread::spawn(move || {
            stderr.lines().map_while(std::io::Result::ok).try_for_each(|line| lines.send(line))
        });
        Self { child, log }
    }

    /// Waits for a log line.
    fn logged(&self, wanted: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("never logged: {wanted}"));
            if line.contains(wanted) {
                return line;
            }
        }
    }

    fn address(&self) -> String {
        let line: serde_json::Value = serde_json::from_str(&self.logged("listening")).expect("a JSON line");
        line["address"].as_str().expect("the address").to_owned()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("kill runs").success());
    }

    fn status(mut self) -> i32 {
        self.child.wait().expect("the child ends").code().expect("it exits by itself")
    }
}

fn get(address: &str, path: &str) -> String {
    let mut socket = TcpStream::connect(address).expect("the server listens");
    write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    answer
}

fn ready(address: &str) -> String {
    for _ in 0..2000 {
        let answer = get(address, "/readyz");
        if answer.starts_with("HTTP/1.1 200") {
            return answer;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("never ready");
}

fn signal_drains_and_exits_0() {
    let running = Running::start("waits");
    let address = running.address();
    assert!(ready(&address).contains(r#""holding":["source"]"#));
    assert!(get(&address, "/livez").starts_with("HTTP/1.1 200"));
    let metrics = get(&address, "/metrics");
    assert!(metrics.contains("oplogue_build_info{") && metrics.contains("oplogue_ready 1"), "{metrics}");
    running.signal("-TERM");
    running.logged("stopping");
    running.logged("producer stopped");
    assert_eq!(running.status(), 0);
}

fn second_signal_exits_130_at_once() {
    let running = Running::start("deaf");
    let address = running.address();
    ready(&address);
    running.signal("-INT");
    running.logged("stopping");
    assert!(get(&address, "/readyz").contains("stopping"));
    running.signal("-INT");
    assert_eq!(running.status(), 130);
}

fn failure_is_one_clear_line_and_status_1() {
    let output = finished("lost", &[]);
    let log = text(&output.stderr);
    let last: serde_json::Value = serde_json::from_str(log.lines().last().expect("a line")).expect("JSON");
    assert_eq!(last["message"], "producer failed: stage: cannot resume: history lost");
    assert_eq!((last["level"].as_str(), last["kind"].as_str()), (Some("ERROR"), Some("position lost")));
    assert_eq!(output.status.code(), Some(1));
}

fn panic_is_a_broken_invariant() {
    let output = finished("panic", &[]);
    let log = text(&output.stderr);
    assert!(log.contains("\"message\":\"panicked: a bug\"") && log.contains("invariant broken"), "{log}");
    assert_eq!(output.status.code(), Some(1));
}

fn problems_are_told_all_at_once_with_status_2() {
    let mut command = service("waits", &["run", "--brokers", "nowhere"]);
    let output = command.env("OPLOGUE_RULES", r#"[{"namespace":"no.no"}]"#).output().expect("it starts");
    assert_eq!(
        text(&output.stderr),
        "producer: 2 problems in the configuration\n\
         kafka.brokers: must be host:port, several separated by commas (given by --brokers)\n\
         rules[0].namespace: not this one (given by OPLOGUE_RULES)\n"
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(finished("waits", &["--nonsense"]).status.code(), Some(2));
}

fn taken_address_is_status_2() {
    let running = Running::start("waits");
    let address = running.address();
    let output = finished("waits", &["--listen", &address]);
    assert!(text(&output.stderr).contains("cannot listen on"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(2));
    running.signal("-INT");
    assert_eq!(running.status(), 0);
}

fn check_shows_what_was_understood() {
    let output = finished("waits", &["check", "--connect"]);
    let shown = text(&output.stdout);
    assert!(shown.starts_with("The configuration is good for the producer.\n"), "{shown}");
    assert!(shown.contains("mongodb://…@s:1") && shown.ends_with("reached Kafka at k:1\n"), "{shown}");
    assert!(!shown.contains("hidden") && output.status.code() == Some(0));

    let output = finished("unreachable", &["check", "--connect"]);
    assert!(text(&output.stderr).contains("wrong password"));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(finished("unreachable", &["check"]).status.code(), Some(0));
}

fn help_version_and_completions_help() {
    let help = text(&finished("waits", &["--help"]).stdout);
    for part in
        ["Examples:", "Environment:", "Exit status:", "--source-uri-file", "completions", "OPLOGUE_CONFIG"]
    {
        assert!(help.contains(part), "{part} in\n{help}");
    }
    let version = text(&finished("waits", &["--version"]).stdout);
    assert!(version.starts_with(concat!("producer ", env!("CARGO_PKG_VERSION"))), "{version}");
    assert!(text(&finished("waits", &["completions", "bash"]).stdout).contains("complete -F"));
}
