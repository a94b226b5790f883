//! The source's own change stream, read by the driver: what the records in Kafka have to be.

use std::time::Duration;

use bson::{RawDocumentBuf, Timestamp, doc};
use futures_util::StreamExt as _;
use mongodb::Client;

use crate::waiting::DEADLINE;

/// A time of the source, comparable.
pub type Time = (u32, u32);

/// Every change of `databases` after `from` up to the one at `until`, which must be one of theirs.
///
/// # Panics
/// When the source does not hand them out in time.
pub async fn between(client: &Client, databases: &[String], from: Time, until: Time) -> Vec<RawDocumentBuf> {
    let reading = read(client, databases, from, until);
    match tokio::time::timeout(DEADLINE, reading).await {
        Ok(Ok(events)) => events,
        Ok(Err(error)) => panic!("the source's change stream: {error}"),
        Err(_) => panic!("the source's change stream does not come to {until:?} within {DEADLINE:?}"),
    }
}

async fn read(
    client: &Client,
    databases: &[String],
    from: Time,
    until: Time,
) -> mongodb::error::Result<Vec<RawDocumentBuf>> {
    let version = client.database("admin").run_command(doc! {"buildInfo": 1}).await?;
    let is_expanded = version.get_array("versionArray").is_ok_and(|v| v[0].as_i32() >= Some(6));
    let stream = client
        .watch()
        .pipeline([doc! {"$match": {"ns.db": {"$in": databases}}}])
        .start_at_operation_time(Timestamp { time: from.0, increment: from.1.saturating_add(1) })
        .max_await_time(Duration::from_millis(200));
    let stream = if is_expanded { stream.show_expanded_events(true) } else { stream };
    let mut stream = stream.await?.with_type::<RawDocumentBuf>();
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        let event = event?;
        let time = event.get_timestamp("clusterTime").expect("every event has its cluster time");
        events.push(event);
        if (time.time, time.increment) >= until {
            break;
        }
    }
    Ok(events)
}
