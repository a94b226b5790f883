//! One test's pipeline: databases, topics and processes that no other test has.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use mongodb::{Client, Database};
use rand::Rng as _;
use serde_json::{Value, json};

use crate::{
    Stack,
    collection::Collection,
    process::{Binary, Process},
    settings::{CANARY, Settings},
    shaping::Rules,
    view::View,
};

/// The key of masks. No log may hold it either.
const MASK_KEY: &str = "a key of masks that no log may hold";

/// A pipeline between the databases of its own name.
pub struct Pipeline {
    /// Its name, its topics' prefix and the name of its first database.
    pub name: String,
    /// What the next process is started with.
    pub settings: Settings,
    /// The source.
    pub source: Client,
    /// The target.
    pub target: Client,
    /// What it has in Kafka.
    pub view: View,
    /// The producer, once it was started.
    pub producer: Option<Process>,
    /// A second producer, once it was started.
    pub standby: Option<Process>,
    /// The workers that were started.
    pub workers: Vec<Process>,
    /// Every database it carries.
    pub databases: Vec<String>,
    /// Namespaces that it must not carry, though they lie in these databases.
    pub left_out: Vec<String>,
    pub(crate) rules: BTreeMap<String, Rules>,
    folder: PathBuf,
    pub(crate) markers: i32,
    pub(crate) secrets: Vec<String>,
    // Last, so that it outlives the processes.
    stack: Arc<Stack>,
}

impl Pipeline {
    /// A pipeline on the shared services; nothing is started yet.
    pub async fn new(test: &str) -> Self {
        let shared = Stack::shared();
        Self::on(test, Arc::clone(&shared), &shared).await
    }

    /// A pipeline between the databases of `stack`, through the Kafka of `kafka`.
    pub async fn on(test: &str, stack: Arc<Stack>, kafka: &Stack) -> Self {
        let name = format!("{test}_{:06x}", rand::rng().random_range(0..0x0100_0000));
        let folder = folder_of(&name);
        fs::create_dir_all(&folder).expect("target/ can be written");
        let passwords = ["source", "target"].iter().filter_map(|name| stack.password(name));
        let mut secrets = vec![CANARY.to_owned(), MASK_KEY.to_owned()];
        secrets.extend(passwords.map(str::to_owned));
        Self {
            settings: Settings::new(&name, &stack, kafka),
            source: stack.client("source").await,
            target: stack.client("target").await,
            view: View::new(kafka.brokers(), &name),
            producer: None,
            standby: None,
            workers: Vec::new(),
            databases: vec![name.clone()],
            left_out: Vec::new(),
            rules: BTreeMap::new(),
            folder,
            markers: 0,
            secrets,
            stack,
            name,
        }
    }

    /// The services it runs on.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Where configuration and logs lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its first database at the source.
    #[must_use]
    pub fn database(&self) -> Database {
        self.source.database(&self.name)
    }

    /// A collection of its first database at the source.
    #[must_use]
    pub fn collection(&self, name: &str) -> Collection {
        Collection(self.database().collection(name))
    }

    /// The same at the target.
    #[must_use]
    pub fn at_target(&self, name: &str) -> Collection {
        Collection(self.target.database(&self.name).collection(name))
    }

    /// Also carries a second database, and gives its name.
    pub fn also_carry(&mut self, suffix: &str) -> String {
        let name = format!("{}_{suffix}", self.name);
        self.databases.push(name.clone());
        let include = self.settings["namespaces"]["include"].as_array_mut().expect("a list of patterns");
        include.push(json!(format!("{name}.*")));
        name
    }

    /// Lets only these fields of a collection pass.
    pub fn allow(&mut self, collection: &str, paths: &[&str]) {
        self.rule(collection, json!({"allow": paths}));
    }

    /// Gives a collection field rules.
    pub fn rule(&mut self, collection: &str, mut rule: Value) {
        let ns = format!("{}.{collection}", self.name);
        self.rules.insert(ns.clone(), Rules::of(&rule, MASK_KEY));
        self.settings["worker"]["mask_key"] = json!(MASK_KEY);
        rule["namespace"] = json!(ns);
        let rules = self.settings.as_object_mut().expect("a table").entry("rules").or_insert(json!([]));
        rules.as_array_mut().expect("a list of rules").push(rule);
    }

    /// Runs a command with the pipeline's configuration; gives its exit status and what it said.
    ///
    /// # Panics
    /// When the binary cannot be started.
    #[must_use]
    pub fn command(&self, binary: Binary, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = binary.command();
        command.args(arguments).current_dir(&self.folder);
        let output = tokio::task::block_in_place(|| command.output().expect("the binary can be started"));
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    /// No log may hold this.
    pub fn keep_secret(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    /// Starts the producer and `workers` workers and waits until they are ready.
    pub async fn start(&mut self, workers: usize) {
        self.start_producer().ready().await;
        // A worker is ready once there is a topic to read.
        self.mark().await;
        for _ in 0..workers {
            self.start_worker();
        }
        for worker in &mut self.workers {
            worker.ready().await;
        }
    }

    /// Starts the producer, anew when it was there before.
    pub fn start_producer(&mut self) -> &mut Process {
        self.producer = None;
        let producer = self.process(Binary::Producer, "producer");
        self.producer.insert(producer)
    }

    /// Starts a second producer.
    pub fn start_standby(&mut self) -> &mut Process {
        let standby = self.process(Binary::Producer, "standby");
        self.standby.insert(standby)
    }

    /// The second producer that was started.
    pub fn standby(&mut self) -> &mut Process {
        self.standby.as_mut().expect("the standby was started")
    }

    /// From now on the second producer is the only one.
    pub fn promote_standby(&mut self) {
        self.producer = self.standby.take();
    }

    /// Starts one more worker.
    pub fn start_worker(&mut self) -> &mut Process {
        let name = format!("worker-{}", self.workers.len() + 1);
        let worker = self.process(Binary::Worker, &name);
        self.workers.push(worker);
        self.workers.last_mut().expect("one was just added")
    }

    /// Starts a worker anew that has ended.
    pub fn restart_worker(&mut self, index: usize) -> &mut Process {
        let name = self.workers[index].name().to_owned();
        self.workers[index] = self.process(Binary::Worker, &name);
        &mut self.workers[index]
    }

    fn process(&self, binary: Binary, name: &str) -> Process {
        self.write_settings();
        Process::start(binary, name, &self.folder)
    }

    /// The producer that was started.
    pub fn producer(&mut self) -> &mut Process {
        self.producer.as_mut().expect("the producer was started")
    }

    /// Writes `oplogue.toml` as the settings are now, at one stroke: another process may be reading it.
    pub fn write_settings(&self) {
        let (new, file) = (self.folder.join("oplogue.toml.new"), self.folder.join("oplogue.toml"));
        let written = fs::write(&new, self.settings.to_toml()).and_then(|()| fs::rename(new, file));
        written.expect("target/ can be written");
    }

    /// Stops every process as an operator does, looks for secrets in their logs, and removes what the test has made.
    ///
    /// # Panics
    /// When a process does not end with status 0, or a secret was logged.
    pub async fn close(mut self) {
        for process in self.workers.iter_mut().chain(&mut self.producer).chain(&mut self.standby) {
            let code = process.stop().await;
            assert_eq!(code, Some(0), "{} was stopped\n{}", process.name(), process.tail());
        }
        self.discard().await;
    }

    /// As [`Pipeline::close`], for processes that have ended by themselves or were never started.
    pub async fn discard(self) {
        self.check_secrets();
        for name in &self.databases {
            self.source.database(name).drop().await.expect("the source answers");
            self.target.database(name).drop().await.expect("the target answers");
        }
        fs::remove_dir_all(&self.folder).expect("target/ can be written");
    }
}

impl Drop for Pipeline {
    #[expect(clippy::print_stderr, reason = "for the reader of a failed test")]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        eprintln!("the logs are in {}", self.folder.display());
        for process in self.producer.iter().chain(&self.standby).chain(&self.workers) {
            eprintln!("--- the end of what {} said:\n{}\n---", process.name(), process.tail());
        }
    }
}

fn folder_of(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a running executable has a path");
    this.ancestors().nth(3).expect("tests run from target/<profile>/deps").join("e2e").join(name)
}
