//! The real services, by way of `scripts/stack`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use mongodb::Client;
use serde_json::Value;

/// Names the stack that the test run has started for everybody.
pub const SHARED: &str = "OPLOGUE_TEST_STACK";
/// The stack of a test run that nobody prepared; it is left running for the next one.
const DEFAULT_NAME: &str = "e2e";

/// A broker that is starved of its cores for a while must not be fenced by itself.
const STEADY: [&str; 2] = ["--broker-property", "broker.session.timeout.ms=60000"];

/// Services that serve.
#[derive(Debug)]
pub struct Stack {
    name: String,
    described: Value,
    ends_here: bool,
}

impl Stack {
    /// The services that all tests share.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        static STACK: OnceLock<Arc<Stack>> = OnceLock::new();
        let stack = STACK.get_or_init(|| {
            let (name, described) = match std::env::var(SHARED) {
                Ok(name) if !name.is_empty() => (name.clone(), stack(&["env", "--json", "--name", &name])),
                _ => (
                    DEFAULT_NAME.into(),
                    stack(&["up", "--fast", "--json", "--name", DEFAULT_NAME, STEADY[0], STEADY[1]]),
                ),
            };
            Arc::new(Self { name, described, ends_here: false })
        });
        Arc::clone(stack)
    }

    /// MongoDB with authentication, and a standalone server: shared by the tests that hold it at the same time, gone
    /// with the last of them.
    #[must_use]
    pub fn with_authentication() -> Arc<Self> {
        static STACK: Mutex<Weak<Stack>> = Mutex::new(Weak::new());
        Self::while_held(&STACK, "auth", &["--only", "source,target,standalone", "--auth"])
    }

    /// MongoDB whose source is older than 6.0 and does not tell of options and indexes, and whose target is not: shared and ended
    /// likewise.
    #[must_use]
    pub fn with_older_source() -> Arc<Self> {
        static STACK: Mutex<Weak<Stack>> = Mutex::new(Weak::new());
        Self::while_held(&STACK, "older", &["--only", "source,target", "--mongo", "source:5.0.4"])
    }

    fn while_held(stack: &Mutex<Weak<Self>>, what: &str, options: &[&str]) -> Arc<Self> {
        let mut running = stack.lock().unwrap_or_else(PoisonError::into_inner);
        running.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start(what, options));
            *running = Arc::downgrade(&started);
            started
        })
    }

    /// A broker for one test, to be killed; gone with it.
    #[must_use]
    pub fn with_own_kafka(test: &str) -> Self {
        Self::start(test, &["--only", "kafka"])
    }

    /// Address of Kafka Connect, which is started where it does not run yet, and goes on with the other services.
    #[must_use]
    pub fn connect(&self) -> String {
        let described = stack(&["up", "--only", "connect", "--fast", "--json", "--name", &self.name]);
        described["connect"]["url"].as_str().expect("the stack has Connect").to_owned()
    }

    /// Signals one of its services (`KILL`, `STOP`, `CONT`) and waits for the effect.
    pub fn signal(&self, service: &str, signal: &str) {
        self.run(&["kill", "--name", &self.name, service, "--signal", signal]);
    }

    /// Starts a service again that was killed, and waits until it serves.
    pub fn revive(&self, service: &str) {
        self.run(&["start", "--name", &self.name, service]);
    }

    fn run(&self, arguments: &[&str]) {
        let output = command(arguments).output().expect("scripts/stack can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "scripts/stack {}: {said}", arguments.join(" "));
    }

    /// Under a name that does not change: what a killed test run has left is taken over, and ends with this one.
    fn start(what: &str, options: &[&str]) -> Self {
        let name = format!("{DEFAULT_NAME}-{what}");
        let up = ["up", "--fast", "--json", "--name", &name];
        let described = stack(&[&up, options].concat());
        Self { name, described, ends_here: true }
    }

    /// Connection string of `source`, `target` or `standalone`, with the administrator's login where there is one.
    #[must_use]
    pub fn uri(&self, deployment: &str) -> &str {
        self.deployment(deployment)["uri"].as_str().expect("every deployment has a connection string")
    }

    /// `host:port` of the first member of a deployment.
    #[must_use]
    pub fn address(&self, deployment: &str) -> &str {
        self.deployment(deployment)["members"][0]["address"].as_str().expect("every deployment has a member")
    }

    /// The administrator's password.
    #[must_use]
    pub fn password(&self, deployment: &str) -> Option<&str> {
        self.deployment(deployment)["password"].as_str()
    }

    fn deployment(&self, name: &str) -> &Value {
        let found = &self.described["deployments"][name];
        assert!(found.is_object(), "stack {} has no {name}", self.name);
        found
    }

    /// Kafka's bootstrap servers.
    #[must_use]
    pub fn brokers(&self) -> &str {
        self.described["kafka"]["brokers"].as_str().expect("the stack has Kafka")
    }

    /// A client of a deployment, as its administrator.
    pub async fn client(&self, deployment: &str) -> Client {
        Client::with_uri_str(self.uri(deployment))
            .await
            .expect("scripts/stack prints usable connection strings")
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.ends_here {
            // Whatever became of it, the test has its result already.
            drop(command(&["down", "--name", &self.name]).stderr(Stdio::null()).status());
        }
    }
}

fn stack(arguments: &[&str]) -> Value {
    let output = command(arguments).stderr(Stdio::inherit()).output().expect("scripts/stack can be started");
    assert!(output.status.success(), "scripts/stack {} ended with {}", arguments.join(" "), output.status);
    serde_json::from_slice(&output.stdout).expect("scripts/stack prints JSON")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(checkout().join("scripts/stack"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the checkout").to_owned()
}
