//! The process's own use of memory, processor and descriptors, read from `/proc` when metrics are asked for.
//!
//! Elsewhere than on Linux there is nothing to read and nothing is reported.

use std::{fs, time::SystemTime};

use metrics::{counter, gauge};

use super::names;

/// Clock ticks per second in `/proc`: the kernel's `USER_HZ`, 100 on every architecture we build for (`man 5 proc`).
const TICKS_PER_SECOND: u64 = 100;

/// Reads and reports; what cannot be read is left out.
pub(super) fn record() {
    if let Some(status) = fs::read_to_string("/proc/self/status").ok().as_deref().map(Status::parse) {
        gauge!(names::PROCESS_MEMORY).set(float(status.resident_kib * 1024));
        gauge!(names::PROCESS_THREADS).set(float(status.threads));
    }
    if let Some(times) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Times::parse) {
        counter!(names::PROCESS_CPU).absolute(times.cpu_ticks / TICKS_PER_SECOND);
        gauge!(names::PROCESS_START).set(float(boot_seconds() + times.start_ticks / TICKS_PER_SECOND));
    }
    if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
        gauge!(names::PROCESS_FDS).set(float(descriptors.count() as u64));
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Status {
    resident_kib: u64,
    threads: u64,
}

impl Status {
    fn parse(text: &str) -> Self {
        let number = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Self {
            resident_kib: number("VmRSS:").unwrap_or_default(),
            threads: number("Threads:").unwrap_or_default(),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Times {
    cpu_ticks: u64,
    start_ticks: u64,
}

impl Times {
    /// Fields 14, 15 and 22 of `/proc/self/stat`; the second is the program's name in parentheses and may hold spaces.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self { cpu_ticks: number(14)? + number(15)?, start_ticks: number(22)? })
    }
}

/// When the machine started, in seconds since 1970.
fn boot_seconds() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let uptime = uptime.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
    now.as_secs().saturating_sub(uptime)
}

#[allow(clippy::cast_precision_loss)]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_read_by_their_manual() {
        let status = Status::parse("Name:\tx\nVmRSS:\t   2048 kB\nThreads:\t7\n");
        assert_eq!(status, Status { resident_kib: 2048, threads: 7 });
        let stat = "1 (a) b) S 1 1 1 0 -1 4 9 0 0 0 150 50 0 0 20 0 3 0 4242 1000 9";
        assert_eq!(Times::parse(stat), Some(Times { cpu_ticks: 200, start_ticks: 4242 }));
    }
}
