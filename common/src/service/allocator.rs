//! glibc's allocator, set so that memory that was freed goes back.
//!
//! Owns that and nothing else. By itself glibc gives every thread an arena of its own, and after the first large buffer that was freed
//! takes the next ones up to 32 MiB from these arenas, where one small piece behind them holds them for ever. Both are off
//! with two settings that glibc reads when a process starts and at no other time; so the process begins once more, as
//! itself, with them in its environment. Whoever sets one of them has it as it was set. `docs/memory.md` has the figures.

use std::{
    env,
    os::unix::process::CommandExt as _,
    process::{Command, id},
};

/// Two arenas, and a mapping of its own for what is larger than most batches: it goes back when it is freed.
const SETTINGS: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "262144"), ("MALLOC_TRIM_THRESHOLD_", "262144")];
/// Set to the process's number when it has begun once more; another number is that of a parent.
const MARK: &str = "MALLOC_SET_IN_PROCESS";

/// Begins the process once more with the settings, unless it has or nobody would read them. Call it before there is a second thread.
pub(super) fn set() {
    let own = id().to_string();
    if !cfg!(target_env = "gnu") || env::var(MARK).is_ok_and(|by| by == own) {
        return;
    }
    let Ok(itself) = env::current_exe() else { return };
    let mut again = Command::new(itself);
    let mut words = env::args_os();
    if let Some(name) = words.next() {
        again.arg0(name);
    }
    again.args(words).env(MARK, own);
    for (name, value) in SETTINGS {
        if env::var_os(name).is_none() {
            again.env(name, value);
        }
    }
    // It returns only when it fails. Then it goes on as it is: that costs memory, nothing else.
    drop(again.exec());
}
