//! The control topic as the producer follows it: what workers and operators ask for.
//!
//! Owns the reading thread. It must not decide: what is asked for goes to the pump as it stands. Guards: of each key only
//! the newest record counts, so what was answered before this life is not seen again.

use std::time::Duration;

use common::{
    config::Config,
    control::{PARTITION, REPAIR_PREFIX, SNAPSHOT_PREFIX, SWEEP_PREFIX},
    error::{Kind, Result},
    kafka::ledger::{self, Follower},
    retry::Backoff,
    topics::Topics,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How long to wait for one record, and so for the shutdown.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long reading what is there may take.
const READ_DEADLINE: Duration = Duration::from_secs(20);

/// A record of the control topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its value; none when the key was withdrawn.
    pub value: Option<Vec<u8>>,
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// One document.
    Repair,
    /// A namespace, or some of its documents.
    Snapshot,
    /// Which of some documents are gone.
    Sweep,
}

impl Asked {
    /// What `key` asks of `slice`; `None` when it is about something else.
    #[must_use]
    pub fn of(key: &str, slice: &str) -> Option<Self> {
        let asked =
            [(REPAIR_PREFIX, Self::Repair), (SNAPSHOT_PREFIX, Self::Snapshot), (SWEEP_PREFIX, Self::Sweep)];
        let is_meant = |prefix| {
            let rest = key.strip_prefix(prefix).and_then(|rest: &str| rest.strip_prefix(slice));
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        asked.into_iter().find(|(prefix, _)| is_meant(*prefix)).map(|(_, asked)| asked)
    }
}

/// Hands on what is asked of this slice until the pump is gone or `stop`. Blocks; it wants a thread of its own.
///
/// # Errors
/// What does not pass by itself.
pub fn follow(
    config: &Config,
    slice: &str,
    entries: &mpsc::Sender<Entry>,
    stop: &CancellationToken,
) -> Result<()> {
    let mut backoff = Backoff::default();
    while !stop.is_cancelled() {
        match follow_once(config, slice, entries, stop) {
            Err(error) if error.kind == Kind::Transient => {
                let wait = backoff.next().unwrap_or(PATIENCE);
                tracing::warn!(reason = error.chain(), ?wait, "the control topic is read anew");
                std::thread::sleep(wait);
            }
            ended => return ended,
        }
    }
    Ok(())
}

fn follow_once(
    config: &Config,
    slice: &str,
    entries: &mpsc::Sender<Entry>,
    stop: &CancellationToken,
) -> Result<()> {
    let control = Topics::new(&config.kafka.topic_prefix, &config.pipeline).control();
    let hand_on =
        |entry: Entry| Asked::of(&entry.key, slice).is_none() || entries.blocking_send(entry).is_ok();
    let (there, mut follower) = open(config, &control)?;
    for (key, value) in there {
        if !hand_on(Entry { key, value: Some(value) }) {
            return Ok(());
        }
    }
    while !stop.is_cancelled() {
        let mut entry = None;
        follower.poll(PATIENCE, |key, value| entry = Some(Entry { key, value }))?;
        if entry.is_some_and(|entry| !hand_on(entry)) {
            return Ok(());
        }
    }
    Ok(())
}

/// What is there now, and a follower that stands behind it.
fn open(config: &Config, control: &str) -> Result<(ledger::Entries, Follower)> {
    let there = ledger::read_and_follow(&config.kafka, control, PARTITION, READ_DEADLINE)?;
    tracing::debug!(entries = there.0.len(), "the control topic is followed");
    Ok(there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_of_the_slice_is_taken_up() {
        for (key, asked) in [
            ("repair/rs0/ab", Some(Asked::Repair)),
            ("snapshot/rs0/1", Some(Asked::Snapshot)),
            ("sweep/rs0/1", Some(Asked::Sweep)),
            ("repair/rs01/ab", None),
            ("repair/rs0", None),
            ("topic/test.users", None),
            ("copied/rs0/test.users", None),
        ] {
            assert_eq!(Asked::of(key, "rs0"), asked, "{key}");
        }
    }
}
