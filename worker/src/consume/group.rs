//! What Kafka says about the group from outside of it: how far its partitions are, whether anybody is in it.
//!
//! Everything here blocks, but for [`Group::ask`]. Owns no membership.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    config::Config,
    error::{Error, Kind, Result},
    kafka::{self, OnDemand, admin::REQUEST_TIMEOUT, failed},
    supervision::blocking,
};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};

use super::group;

/// How long brokers that have much to do may count a member that has left, and how often they are asked.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Asks about one pipeline's group.
pub struct Group {
    name: String,
    client: OnDemand<BaseConsumer<kafka::Context>>,
}

impl Group {
    /// Connects at the first question.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let name = group(config);
        let mut settings = kafka::client_config(&config.kafka, "oplogue-worker-group");
        settings.set("group.id", &name).set("enable.auto.commit", "false");
        // The end that counts is behind what is not committed yet.
        settings.set("isolation.level", "read_uncommitted");
        let build = move || {
            let built = settings.create_with_context(kafka::Context);
            built.map_err(|error| failed("cannot build a Kafka consumer", error))
        };
        Self { name, client: OnDemand::new(build) }
    }

    /// Asks on a thread that may block.
    ///
    /// # Errors
    /// What `ask` gives.
    pub async fn ask<R: Send + 'static>(
        self: &Arc<Self>,
        ask: impl FnOnce(&Self) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let group = Arc::clone(self);
        blocking(move || ask(&group)).await
    }

    /// First offset and end of each partition of a topic.
    ///
    /// # Errors
    /// Transient when the brokers do not answer; [`Kind::Misconfigured`] when there is no such topic.
    pub fn ends(&self, topic: &str) -> Result<BTreeMap<i32, (i64, i64)>> {
        let failed = |error| failed(format!("cannot look the ends of {topic} up"), error);
        self.client.ask(|client| {
            let metadata = client.fetch_metadata(Some(topic), REQUEST_TIMEOUT).map_err(failed)?;
            let partitions = metadata.topics().first().map_or(&[][..], |topic| topic.partitions());
            if partitions.is_empty() {
                return Err(Error::new(Kind::Misconfigured, format!("there is no topic {topic}")));
            }
            let end =
                |number| client.fetch_watermarks(topic, number, REQUEST_TIMEOUT).map(|ends| (number, ends));
            partitions.iter().map(|partition| end(partition.id())).collect::<Result<_, _>>().map_err(failed)
        })
    }

    /// The group's offset in each of these partitions of a topic, where it has one.
    ///
    /// # Errors
    /// Transient when the brokers do not answer.
    pub fn committed(
        &self,
        topic: &str,
        partitions: impl Iterator<Item = i32>,
    ) -> Result<BTreeMap<i32, i64>> {
        let wanted: TopicPartitionList =
            partitions.map(|number| (topic.to_owned(), number, Offset::Invalid)).collect();
        let committed = self.client.ask(|client| {
            let committed = client.committed_offsets(wanted, REQUEST_TIMEOUT);
            committed.map_err(|error| failed("cannot look the committed offsets up", error))
        })?;
        let offset = |at: Offset| if let Offset::Offset(at) = at { Some(at) } else { None };
        Ok(committed.elements().iter().filter_map(|e| Some((e.partition(), offset(e.offset())?))).collect())
    }

    /// How many members the group has.
    ///
    /// # Errors
    /// Transient when the brokers do not answer.
    pub fn members(&self) -> Result<usize> {
        let list = self.client.ask(|client| {
            let list = client.fetch_group_list(Some(&self.name), REQUEST_TIMEOUT);
            list.map_err(|error| failed("cannot ask for the group's members", error))
        })?;
        Ok(list
            .groups()
            .iter()
            .filter(|group| group.name() == self.name)
            .map(|group| group.members().len())
            .sum())
    }

    /// Makes sure that no worker runs.
    ///
    /// # Errors
    /// [`Kind::Misconfigured`] while one does; transient when the brokers do not answer.
    pub async fn has_no_members(self: &Arc<Self>) -> Result<()> {
        let until = Instant::now() + LEAVES_WITHIN;
        loop {
            let members = self.ask(Self::members).await?;
            if members == 0 {
                return Ok(());
            }
            if Instant::now() > until {
                let context =
                    format!("the group {} has {members} members: stop the workers first", self.name);
                return Err(Error::new(Kind::Misconfigured, context));
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}
