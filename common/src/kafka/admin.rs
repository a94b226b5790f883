//! Making sure that topics exist as they must.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, ConfigResource, NewPartitions, NewTopic, ResourceSpecifier,
        TopicReplication,
    },
    consumer::{BaseConsumer, Consumer},
    error::RDKafkaErrorCode as Code,
};

use super::{Context, OnDemand, client_config, failed};
use crate::{
    config::types::Kafka,
    error::{Error, Kind, Result},
};

/// How long one request to the brokers may take before the caller retries.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What Kafka calls the largest batch of records that a topic takes; its default where nobody says otherwise.
const LIMIT: (&str, usize) = ("max.message.bytes", 1_048_588);

/// A topic that must exist.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Partitions to create it with.
    pub partitions: u16,
    /// Replicas of each partition.
    pub replication_factor: u16,
    /// Configs to create it with.
    pub config: BTreeMap<String, String>,
}

/// What came of making sure of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was created as wanted.
    Created,
    /// It was there already.
    Existed,
    /// Its name equals another topic's but for dots and underscores, which Kafka refuses.
    Collides,
}

/// Creates topics and tells how many partitions they have.
pub struct Admin {
    client: OnDemand<AdminClient<Context>>,
    metadata: OnDemand<BaseConsumer<Context>>,
}

impl Admin {
    /// A client for these brokers; does not connect yet.
    #[must_use]
    pub fn new(kafka: &Kafka, client_id: &str) -> Self {
        let config = client_config(kafka, client_id);
        let same = config.clone();
        let wrong = |error| failed("cannot build a Kafka admin client", error);
        Self {
            client: OnDemand::new(move || config.create_with_context(Context).map_err(wrong)),
            metadata: OnDemand::new(move || same.create_with_context(Context).map_err(wrong)),
        }
    }

    /// Lets go of its connections until it is needed again. Blocks a little.
    pub fn rest(&self) {
        self.client.let_go();
        self.metadata.let_go();
    }

    /// Whether the brokers answer.
    ///
    /// # Errors
    /// Transient when they do not.
    pub fn reach(&self) -> Result<()> {
        self.metadata.ask(|client| {
            let metadata = client.fetch_metadata(Some("oplogue.reach"), REQUEST_TIMEOUT);
            metadata.map(drop).map_err(|error| failed("cannot reach Kafka", error))
        })
    }

    /// Creates the topic unless it exists.
    ///
    /// # Errors
    /// Whatever the brokers refuse it for.
    pub async fn ensure(&self, wanted: &Wanted) -> Result<Ensured> {
        let mut topic = NewTopic::new(
            &wanted.name,
            i32::from(wanted.partitions),
            TopicReplication::Fixed(i32::from(wanted.replication_factor)),
        );
        for (key, value) in &wanted.config {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
        let context = || format!("cannot create topic {}", wanted.name);
        let client = self.client.get()?;
        let results =
            client.create_topics([&topic], &options).await.map_err(|error| failed(context(), error));
        let results = self.client.judge(&client, results)?;
        match results.into_iter().next() {
            Some(Ok(_)) => Ok(Ensured::Created),
            Some(Err((_, Code::TopicAlreadyExists))) => Ok(Ensured::Existed),
            Some(Err((_, Code::InvalidTopic))) => Ok(Ensured::Collides),
            // Brokers that start or were silent for a while do not count yet: no reason to give up.
            Some(Err((_, code @ Code::InvalidReplicationFactor))) => {
                let factor = wanted.replication_factor;
                let context = format!(
                    "{}: fewer than kafka.replication_factor = {factor} brokers are at work",
                    context()
                );
                Err(Error::caused(Kind::Transient, context, code))
            }
            Some(Err((_, code))) => Err(Error::caused(refusal(code), context(), code)),
            None => Err(Error::new(Kind::Transient, context())),
        }
    }

    /// Adds the partitions that a topic has too few of.
    ///
    /// # Errors
    /// Whatever the brokers refuse it for.
    pub async fn grow(&self, wanted: &Wanted) -> Result<()> {
        let has = self.partitions(&wanted.name)?.unwrap_or(0);
        if has == 0 || has >= wanted.partitions {
            return Ok(());
        }
        let context = || format!("cannot add partitions to topic {}", wanted.name);
        let more = NewPartitions::new(&wanted.name, usize::from(wanted.partitions));
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
        let client = self.client.get()?;
        let results = client.create_partitions([&more], &options).await;
        let results = self.client.judge(&client, results.map_err(|error| failed(context(), error)))?;
        match results.into_iter().next() {
            // Another producer was faster.
            Some(Ok(_) | Err((_, Code::InvalidPartitions))) => Ok(()),
            Some(Err((_, code))) => Err(Error::caused(refusal(code), context(), code)),
            None => Err(Error::new(Kind::Transient, context())),
        }
    }

    /// The largest batch of records, in bytes, that each of these topics takes: `max.message.bytes`. Kafka's default where
    /// the rights to read a topic's configs (`DescribeConfigs`) are missing.
    ///
    /// # Errors
    /// Transient when the brokers do not answer, or the one that does has not heard of a topic yet.
    pub async fn limits(&self, topics: &[String]) -> Result<Vec<usize>> {
        let context = || "cannot read the limits of the topics";
        let wanted: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
        let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
        let client = self.client.get()?;
        let results = client.describe_configs(&wanted, &options).await;
        let results = self.client.judge(&client, results.map_err(|error| failed(context(), error)))?;
        let limits = topics.iter().zip(results).map(|(topic, result)| match result {
            Ok(resource) => Ok(limit(&resource).unwrap_or(LIMIT.1)),
            Err(code @ (Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed)) => {
                tracing::warn!(topic, reason = %code, "max.message.bytes cannot be read and is taken to be Kafka's default");
                Ok(LIMIT.1)
            }
            Err(code) => Err(Error::caused(Kind::Transient, context(), code)),
        });
        limits.collect()
    }

    /// Partitions of a topic; `None` when there is no such topic.
    ///
    /// # Errors
    /// Transient when the brokers do not answer.
    pub fn partitions(&self, topic: &str) -> Result<Option<u16>> {
        let count = self.metadata.ask(|client| {
            let metadata = client.fetch_metadata(Some(topic), REQUEST_TIMEOUT);
            let metadata =
                metadata.map_err(|error| failed(format!("cannot look topic {topic} up"), error))?;
            Ok(metadata.topics().first().map_or(0, |topic| topic.partitions().len()))
        })?;
        Ok(u16::try_from(count).ok().filter(|count| *count > 0))
    }
}

fn limit(resource: &ConfigResource) -> Option<usize> {
    resource.get(LIMIT.0)?.value.as_ref()?.parse().ok()
}

fn refusal(code: Code) -> Kind {
    match code {
        Code::InvalidPartitions | Code::InvalidConfig | Code::PolicyViolation => Kind::Misconfigured,
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => Kind::Misconfigured,
        _ => Kind::Transient,
    }
}
