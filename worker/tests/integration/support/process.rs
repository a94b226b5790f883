//! A worker as a process.

use std::{
    fs::File,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use super::{DEADLINE, Pipe};

static WORKERS: AtomicU32 = AtomicU32::new(0);

/// A running worker; killed when dropped.
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
}

impl Worker {
    pub(super) fn start(pipe: &Pipe, dir: &Path, extra: &str) -> Self {
        let number = WORKERS.fetch_add(1, Ordering::Relaxed);
        let (config, log) = (dir.join(format!("{number}.toml")), dir.join(format!("{number}.log")));
        std::fs::write(&config, configuration(pipe, extra)).unwrap();
        let out = File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_worker"))
            .arg("--config")
            .arg(&config)
            .env_clear()
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        Self { child, log }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the log holds a text.
    pub(crate) fn until_log(&self, text: &str) {
        let until = Instant::now() + DEADLINE;
        while !self.log().contains(text) {
            assert!(
                Instant::now() < until && self.is_running(),
                "`{text}` is not in the log:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_running(&self) -> bool {
        Path::new(&format!("/proc/{}/exe", self.child.id())).exists()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// SIGKILL, and gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; gives the exit status and the log.
    pub(crate) fn stop(self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.ended()
    }

    /// Waits for the end.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, self.log());
            }
            assert!(Instant::now() < until, "the worker did not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What a path of the telemetry server answers: status and body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.until_log("listening for");
        let log = self.log();
        let address = log.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split_whitespace().nth(1).unwrap().parse().unwrap();
        (status, answer)
    }

    /// Sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let (_, body) = self.get("/metrics");
        let lines = body
            .lines()
            .filter(|l| l.starts_with(&format!("{name} ")) || l.starts_with(&format!("{name}{{")));
        lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.log.display(), self.log());
        }
    }
}

/// Runs one of the worker's commands to its end; gives the exit status and what it said.
pub(super) fn command(pipe: &Pipe, dir: &Path, (arguments, extra): (&[&str], &str)) -> (ExitStatus, String) {
    let config = dir.join("command.toml");
    std::fs::write(&config, configuration(pipe, extra)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    let output = command.args(arguments).arg("--config").arg(&config).env_clear().output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status, String::from_utf8(said).unwrap())
}

fn configuration(pipe: &Pipe, extra: &str) -> String {
    let has = |table: &str| extra.contains(table);
    let mut text = format!("pipeline = \"{}\"\n", pipe.name);
    if !has("[target]") {
        text += &format!("[target]\nuri = \"{}\"\n", pipe.target_uri);
    }
    if !has("[kafka]") {
        text += &format!("[kafka]\nbrokers = \"{}\"\n", pipe.brokers);
    }
    text += "[telemetry]\nlisten = \"127.0.0.1:0\"\nlog = \"info,worker=debug\"\n";
    text + extra
}
