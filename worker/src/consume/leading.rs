//! Ordered topics: read whole by the worker whom the group has given the first partition, through a client of its own.
//!
//! ```text
//!   group      worker 1: t[0] t[1]          worker 2: t[2] t[3]
//!                  │ leads                       │ holds: assigned, paused, not read
//!   reads      t[0] t[1] t[2] t[3]  ──merged──▸ one batch at a time
//! ```
//!
//! The group cannot be told to give all partitions of a topic to one member, so who has the first leads. The others' partitions are assigned in
//! the client here by hand, which the group knows nothing of. Nothing of exactness rests on that: the partitions' documents move by
//! comparing, whoever moves them. Kafka takes the leader's commits for all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use common::{
    config::Config,
    error::Result,
    kafka::{Connection, poll::wakes_this_thread},
};
use rdkafka::{ClientConfig, consumer::BaseConsumer};
use tokio_util::task::AbortOnDropHandle;

use super::{client, context::Context, group::Group, intake::Question, taken::Partition, tap::Tap};

/// Where a topic's partitions end, first offset and end by number: the question and, some time, the answer.
pub(super) type Asked = (Question, AbortOnDropHandle<Result<BTreeMap<i32, (i64, i64)>>>);

/// What the reader has to do with ordered topics.
pub(super) struct Leading {
    settings: ClientConfig,
    /// Reads the topics that are led; built when there is one.
    pub(super) client: Option<Arc<BaseConsumer<Context>>>,
    pub(super) connection: Connection,
    /// Says where partitions end.
    pub(super) asks: Arc<Group>,
    /// What it is being asked, by topic.
    pub(super) asked: BTreeMap<Arc<str>, Asked>,
    pub(super) led: BTreeSet<Arc<str>>,
    /// Assigned and not read.
    pub(super) held: BTreeMap<Partition, Tap>,
    /// What the target was asked last.
    pub(super) look: Option<AbortOnDropHandle<Result<BTreeSet<String>>>>,
    pub(super) look_at: Instant,
}

impl Leading {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            settings: client::settings(config),
            client: None,
            connection: Connection::default(),
            asks: Arc::new(Group::new(config)),
            asked: BTreeMap::new(),
            led: BTreeSet::new(),
            held: BTreeMap::new(),
            look: None,
            look_at: Instant::now(),
        }
    }

    pub(super) fn client(&mut self) -> Result<Arc<BaseConsumer<Context>>> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let mut client = client::create(&self.settings)?;
        wakes_this_thread(&mut client);
        Ok(self.client.insert(Arc::new(client)).clone())
    }

    pub(super) fn leads(&self, topic: &str) -> bool {
        self.led.contains(topic)
    }

    pub(super) fn holds(&self, topic: &str, number: i32) -> bool {
        self.held.keys().any(|held| held.number == number && *held.topic == *topic)
    }
}
