//! Tells `--version` which commit was built: `GIT_COMMIT` where the build sets it (images, CI), else git's own answer in
//! release builds. Development builds do not ask, or every commit would compile everything anew.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=GIT_COMMIT");
    let given = env::var("GIT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = given.or_else(|| is_release.then(ask_git).flatten());
    println!("cargo:rustc-env=OPLOGUE_BUILD_COMMIT={}", commit.unwrap_or_default());
}

fn ask_git() -> Option<String> {
    // Changes with every commit, in worktrees too.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
