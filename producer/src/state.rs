//! What Kafka remembers of a slice: its position, its copies, its topics.

use std::time::Duration;

use common::{
    config::{Config, Slice},
    error::{Error, Kind, Result},
    kafka::ledger::{self, Entries},
    position::{
        COPY_PREFIX, CollectionCopy, CollectionDefinition, DEFINITION_PREFIX, Position, SLICE_KEY, TOKEN_KEY,
        TOPIC_PREFIX, Topic,
    },
    topics::Topics,
};
use serde::de::DeserializeOwned;

/// How long reading the positions may take; an aborted transaction of a producer that was killed holds it back for as
/// long as its timeout.
const READ_DEADLINE: Duration = Duration::from_secs(60);

/// A slice's records of the positions topic.
#[derive(Debug, Default)]
pub struct State {
    /// Absent before the first start.
    pub position: Option<Position>,
    /// The snapshot's progress.
    pub copies: Vec<CollectionCopy>,
    /// Topics with their partition counts.
    pub topics: Vec<Topic>,
    /// What has been published of definitions that the source does not tell of.
    pub definitions: Vec<CollectionDefinition>,
    /// The slice's name; absent before the first start.
    pub slice: Option<String>,
}

impl State {
    /// Reads the slice's position. Blocks. Call it after the slice is fenced, or it may move.
    ///
    /// # Errors
    /// Transient when the brokers do not answer; [`Kind::PositionLost`] when a record cannot be understood;
    /// [`Kind::Misconfigured`] when the position is another slice's.
    pub fn read(config: &Config, slice: &Slice) -> Result<Self> {
        let topic = Topics::new(&config.kafka.topic_prefix, &config.pipeline).positions();
        let entries = ledger::read(&config.kafka, &topic, slice.partition.into(), READ_DEADLINE)?;
        let state = Self::parse(&entries)?;
        match &state.slice {
            Some(name) if *name != slice.name => {
                let context = format!(
                    "the position of slice {name} stands where the configuration has slice {}: names and order of the \
                     slices must not change",
                    slice.name
                );
                Err(Error::new(Kind::Misconfigured, context))
            }
            _ => Ok(state),
        }
    }

    fn parse(entries: &Entries) -> Result<Self> {
        let mut state = Self::default();
        for (key, value) in entries {
            if key == TOKEN_KEY {
                state.position = Some(record(key, value)?);
            } else if key.starts_with(COPY_PREFIX) {
                state.copies.push(record(key, value)?);
            } else if key.starts_with(TOPIC_PREFIX) {
                state.topics.push(record(key, value)?);
            } else if key.starts_with(DEFINITION_PREFIX) {
                state.definitions.push(record(key, value)?);
            } else if key == SLICE_KEY {
                state.slice = Some(record(key, value)?);
            }
        }
        state.copies.sort_by(|a, b| a.ns.cmp(&b.ns));
        Ok(state)
    }
}

fn record<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T> {
    serde_json::from_slice(value).map_err(|error| {
        let context = format!("the positions record `{key}` cannot be understood");
        Error::caused(Kind::PositionLost, context, error)
    })
}
