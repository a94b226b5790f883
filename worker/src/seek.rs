//! Setting from where changes are applied next: the operator's way to go back, or to go on after a lost position.
//!
//! Only while no worker runs, for the partitions' documents are theirs then. What was delivered and the anchor are forgotten with the
//! offset, so nothing is a duplicate and any record may stand before. Marks stay: an image that is applied again takes them off.

use std::{collections::BTreeSet, sync::Arc};

use common::{
    cli::Seek,
    config::Config,
    error::{Error, Kind, Result},
};

use crate::{
    checkpoint::Store,
    consume::{Group, intake::Partition},
    sink::Deployment,
    target,
};

/// Sets it; gives a line for each partition.
///
/// # Errors
/// Misconfigured where the target is written without transactions, or a worker runs; [`Kind::PositionLost`] when the topic does not
/// hold the offset.
pub async fn seek(config: &Config, seek: &Seek) -> Result<Vec<String>> {
    let (client, server) = target::connect(config).await?;
    if !target::is_exact(config.worker.delivery, &server)? {
        let context =
            "in plain mode Kafka holds the offsets: set them with kafka-consumer-groups --reset-offsets";
        return Err(Error::new(Kind::Misconfigured, context));
    }
    let asks = Arc::new(Group::new(config));
    asks.has_no_members().await?;
    let store = Store::new(Deployment::plain(client), &config.pipeline);
    store.prepare().await?;
    let mut lines = Vec::new();
    for topic in topics(&store, seek).await? {
        let name = topic.clone();
        let ends = asks.ask(move |asks| asks.ends(&name)).await?;
        let partitions =
            ends.into_iter().filter(|(number, _)| seek.partition.is_none_or(|only| only == *number));
        let before = lines.len();
        for (number, (low, high)) in partitions {
            let partition = Partition { topic: topic.as_str().into(), number };
            let offset = seek.offset.unwrap_or(low);
            if offset < low || offset > high {
                let context = format!("{partition} holds the offsets {low} to {high}, not {offset}");
                return Err(Error::new(Kind::PositionLost, context));
            }
            store.seek(&partition, offset).await?;
            lines.push(format!("{partition}: from offset {offset} on (the topic holds {low} to {high})"));
        }
        if lines.len() == before {
            return Err(Error::new(Kind::Misconfigured, format!("{topic} has no such partition")));
        }
    }
    Ok(lines)
}

/// The topics that are meant: the one named, or all that the target knows of.
async fn topics(store: &Store<Deployment>, seek: &Seek) -> Result<Vec<String>> {
    match &seek.topic {
        Some(topic) => Ok(vec![topic.clone()]),
        None => {
            let stored = store.read_all().await?;
            let topics: BTreeSet<_> = stored.keys().map(|partition| partition.topic.to_string()).collect();
            Ok(topics.into_iter().collect())
        }
    }
}
