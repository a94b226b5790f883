//! One run of a binary.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use crate::waiting::{DEADLINE, ensure, eventually};

/// Lines of a log that a failing test shows.
const LINES_SHOWN: usize = 40;
/// A drain that takes longer than this has hung.
const STOP_WITHIN: Duration = Duration::from_secs(40);

/// The two binaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// `producer`
    Producer,
    /// `worker`
    Worker,
}

impl Binary {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Worker => "worker",
        }
    }

    /// A command that knows nothing of the test run's own `OPLOGUE_*` variables.
    ///
    /// # Panics
    /// When the binary was not built.
    #[must_use]
    pub fn command(self) -> Command {
        let mut command = Command::new(self.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("OPLOGUE_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null());
        command
    }

    /// Beside this executable: `target/<profile>/deps/e2e-…` → `target/<profile>/producer`.
    fn path(self) -> PathBuf {
        let this = std::env::current_exe().expect("a running executable has a path");
        let path = this.ancestors().nth(2).expect("tests run from target/<profile>/deps").join(self.name());
        assert!(path.exists(), "{} is missing; build the binaries first: cargo build --bins", path.display());
        path
    }
}

/// A running binary, killed when it is dropped. Its output is appended to a file.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// Where this run's output begins in the file.
    begin: u64,
}

impl Process {
    /// Starts `binary run` in `folder`, where its configuration lies; the output goes to `<name>.log` there.
    #[must_use]
    pub fn start(binary: Binary, name: &str, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let mut out =
            OpenOptions::new().create(true).append(true).open(&log).expect("the log can be written");
        writeln!(out, "--- {name} is started").expect("the log can be written");
        let begin = out.metadata().expect("the log is there").len();
        let both = out.try_clone().expect("a file can be shared");
        let child = binary.command().arg("run").current_dir(folder).stdout(out).stderr(both).spawn();
        Self { name: name.to_owned(), child: child.expect("the binary can be started"), log, begin }
    }

    /// The name of its log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What this run has said so far.
    #[must_use]
    pub fn said(&self) -> String {
        let mut file = File::open(&self.log).expect("the log is there");
        file.seek(SeekFrom::Start(self.begin)).expect("the log only grows");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("the log can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of what this run has said.
    #[must_use]
    pub fn tail(&self) -> String {
        let said = self.said();
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
    }

    /// Waits until it says every one of `texts`, in whatever order.
    ///
    /// # Panics
    /// When it ends before that, or does not say them in time.
    pub async fn says(&mut self, texts: &[&str]) {
        let what = format!("{} says {texts:?}", self.name);
        eventually(what, DEADLINE, async || {
            let ended = self.status();
            let said = self.said();
            let missing: Vec<_> = texts.iter().filter(|text| !said.contains(**text)).collect();
            assert!(ended.is_none() || missing.is_empty(), "{} ended: {ended:?}\n{said}", self.name);
            ensure(missing.is_empty(), || format!("missing: {missing:?} in\n{said}"))
        })
        .await;
    }

    /// How it ended, if it did.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// The most memory it was ever resident with, in MiB (`VmHWM`, proc(5)).
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn peak_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
        peak.and_then(|kib| kib.parse::<u64>().ok()).expect("Linux tells the peak") / 1024
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        // It may have ended by itself; what matters is that it is gone.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// SIGTERM, then the exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended(STOP_WITHIN).await
    }

    /// Sends a signal by its name, as in `STOP`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("sh can be started");
        assert!(sent.success(), "{} is gone already:\n{}", self.name, self.tail());
    }

    /// Waits until it has ended, then the exit code.
    pub async fn ended(&mut self, deadline: Duration) -> Option<i32> {
        let name = self.name.clone();
        let status = eventually(format!("{name} ends"), deadline, async || {
            self.status().ok_or_else(|| format!("it still runs:\n{}", self.tail()))
        });
        status.await.code()
    }

    /// Status and body of a telemetry endpoint.
    ///
    /// # Errors
    /// While nobody answers.
    pub async fn get(&self, path: &str) -> Result<(u16, String), String> {
        let said = self.said();
        let address = said.split_once("address=").and_then(|(_, rest)| rest.split_whitespace().next());
        let address = address.ok_or("no address is logged yet")?;
        let answer = reqwest::get(format!("http://{address}{path}")).await.map_err(|e| e.to_string())?;
        Ok((answer.status().as_u16(), answer.text().await.map_err(|e| e.to_string())?))
    }

    /// Waits until `/readyz` says that it is ready.
    pub async fn ready(&mut self) {
        eventually(format!("{} is ready", self.name), DEADLINE, async || {
            let ended = self.status();
            assert!(ended.is_none(), "{} ended: {ended:?}\n{}", self.name, self.tail());
            let (status, body) = self.get("/readyz").await?;
            ensure(status == 200, || format!("{status} {body}"))
        })
        .await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
