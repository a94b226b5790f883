//! Which topics to read: those that the producer announced on the control topic and the filter lets through, or those that
//! the configuration names.
//!
//! It also follows what the same topic says about copies ([`crate::control`]), sweeps ([`crate::sweep`]) and rules that have changed
//! ([`crate::reshape`]).
//!
//! Owns the list; it must not subscribe by itself. Topic names are taken as announced, never made or parsed here.

use std::{collections::BTreeSet, time::Duration};

use common::{
    config::Config,
    control::{COPIED_PREFIX, PARTITION, SNAPSHOT_PREFIX},
    error::{Error, Kind, Result},
    kafka::{admin::Admin, ledger::Follower},
    namespace::Filter,
    position::{TOPIC_PREFIX, Topic},
    telemetry::health::Condition,
    topics::Topics,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{control::Control, reshape::Reshape, shard_keys::ShardKeys, sweep::Wanted, targets::Targets};

/// How often the broker is asked whether the control topic is there.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long to wait for one record of the control topic, and so for the shutdown.
const PATIENCE: Duration = Duration::from_millis(250);

/// What the follower of the control topic needs.
pub struct Discovery {
    /// Names topics.
    pub topics: Topics,
    /// Which namespaces are carried.
    pub filter: Filter,
    /// Where the list goes.
    pub found: watch::Sender<BTreeSet<String>>,
    /// Holds once there is a topic to read.
    pub condition: Condition,
    /// What else the control topic says.
    pub control: Control,
    /// What it says about sweeps.
    pub sweeps: Wanted,
    /// What it says about rules that have changed.
    pub reshape: Reshape,
    /// What the target's collections are sharded by.
    pub shard_keys: ShardKeys,
    /// Called after the list has changed.
    pub wake: Box<dyn Fn() + Send>,
}

impl Discovery {
    /// Follows the control topic until `shutdown`. Blocks; it wants a thread of its own.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub fn run(&self, config: &Config, admin: &Admin, shutdown: &CancellationToken) -> Result<()> {
        let control = self.topics.control();
        while !shutdown.is_cancelled() {
            self.await_topic(admin, &control, shutdown)?;
            admin.rest();
            match self.follow(config, &control, shutdown) {
                Err(error) if error.kind == Kind::Transient => {
                    tracing::warn!(reason = error.chain(), "the control topic is read anew");
                    std::thread::sleep(LOOK_AGAIN);
                }
                ended => return ended,
            }
        }
        Ok(())
    }

    /// The producer makes the control topic; a worker may be there first.
    fn await_topic(&self, admin: &Admin, control: &str, shutdown: &CancellationToken) -> Result<()> {
        let mut said = false;
        while !shutdown.is_cancelled() {
            let reason = match admin.partitions(control) {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => format!("topic {control} is not there yet: no producer of this pipeline has run"),
                Err(error) if error.kind == Kind::Transient => error.chain(),
                Err(error) => return Err(error),
            };
            if !std::mem::replace(&mut said, true) {
                tracing::info!("waiting: {reason}");
            }
            self.condition.not_ready(reason);
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    fn follow(&self, config: &Config, control: &str, shutdown: &CancellationToken) -> Result<()> {
        let targets = Targets::new(config);
        let mut follower = Follower::open(&config.kafka, control, PARTITION)?;
        if self.found.borrow().is_empty() {
            self.condition.not_ready("the producer has announced no topic that this pipeline carries");
        }
        while !shutdown.is_cancelled() {
            let mut entry = None;
            follower.poll(PATIENCE, |key, value| entry = Some((key, value)))?;
            if let Some((key, value)) = &entry {
                self.reshape.note(key, value.as_deref());
            }
            match entry {
                Some((key, value)) if key.starts_with(TOPIC_PREFIX) => {
                    self.announced(value.as_deref(), &targets)?;
                }
                Some((key, value)) if key.starts_with(COPIED_PREFIX) => {
                    self.control.note(&key, value.as_deref())?;
                }
                Some((key, value)) if key.starts_with(SNAPSHOT_PREFIX) => {
                    self.sweeps.note(&key, value.as_deref());
                }
                _ => {}
            }
            self.control.reached(follower.position);
        }
        Ok(())
    }

    fn announced(&self, value: Option<&[u8]>, targets: &Targets) -> Result<()> {
        // A topic that was withdrawn still holds what was published: reading goes on.
        let Some(value) = value else { return Ok(()) };
        let topic: Topic = serde_json::from_slice(value).map_err(|error| {
            Error::caused(Kind::Invariant, "the control topic announces something that is no topic", error)
        })?;
        if !self.filter.carries(&topic.ns) {
            return Ok(());
        }
        targets.of(&topic.ns)?;
        self.shard_keys.check(&topic.ns)?;
        self.sweeps.topic(&topic.ns, &topic.topic);
        self.reshape.carries(&topic.ns)?;
        if self.found.send_if_modified(|found| found.insert(topic.topic.clone())) {
            tracing::info!(ns = %topic.ns, topic = topic.topic, partitions = topic.partitions, "topic found");
            (self.wake)();
        }
        self.condition.ready();
        Ok(())
    }
}
