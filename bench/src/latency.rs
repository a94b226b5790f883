//! End-to-end latency: from when a write was due at the source to when it is visible at the target.
//!
//! Writes are due at fixed times and counted from then, not from when they could be sent, so that a pause is not hidden by the
//! writes it held up (no coordinated omission). The target is watched by a change stream, which shows what the majority holds; watching
//! costs the target the same for every system that is measured.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bson::RawDocumentBuf;
use clap::Args;
use futures_util::StreamExt as _;
use mongodb::Client;
use serde_json::{Value, json};
use tokio::time::{sleep_until, timeout};

use crate::{
    command,
    documents::{Documents, Shape},
    percentiles,
    sides::{Collection, Sides},
};

/// How long the last writes may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Writes are sent in crowds that are due within this time.
const TICK: Duration = Duration::from_millis(1);

/// Writes at a fixed rate and watches the target.
#[derive(Debug, Args)]
pub(crate) struct Latency {
    #[command(flatten)]
    sides: Sides,
    /// `_id` of the first document.
    #[arg(long, default_value_t = 0)]
    first: i64,
    /// Writes per second.
    #[arg(long)]
    rate: u32,
    /// How long.
    #[arg(long, default_value_t = 20)]
    seconds: u32,
}

impl Latency {
    pub(crate) async fn run(self) -> Result<Value> {
        let Sides { source, target, collection: Collection { db, coll } } = self.sides;
        let target = Client::with_uri_str(&target).await?.database(&db);
        let watched = target.collection::<RawDocumentBuf>(&coll);
        let mut stream = watched.watch().await?.with_type::<RawDocumentBuf>();
        let count = i64::from(self.rate) * i64::from(self.seconds);
        let begin = Instant::now() + Duration::from_millis(500);
        let writer = tokio::spawn(write(
            Client::with_uri_str(&source).await?.database(&db),
            coll,
            (begin, self.first, count, self.rate),
        ));
        let mut durations = Vec::with_capacity(usize::try_from(count)?);
        while (durations.len() as i64) < count {
            let event = timeout(PATIENCE, stream.next()).await.context("the target has stopped")?;
            let event = event.context("the target's stream has ended")??;
            let now = Instant::now();
            let id = event.get_document("documentKey")?.get_i64("_id")?;
            durations.push(now.saturating_duration_since(due(begin, id - self.first, self.rate)));
        }
        let late = writer.await??;
        let mut result = percentiles::of(durations);
        result["rate"] = json!(self.rate);
        result["writes"] = json!(count);
        result["writer_late_ms"] = json!(late.as_secs_f64() * 1000.0);
        Ok(result)
    }
}

/// When the write with this number is due.
fn due(begin: Instant, number: i64, rate: u32) -> Instant {
    let micros = u64::try_from(number).unwrap_or(0) * 1_000_000 / u64::from(rate);
    begin + Duration::from_micros(micros)
}

/// Writes; gives by how much it was late at the most, for then the source is what is measured.
async fn write(
    database: mongodb::Database,
    coll: String,
    (begin, first, count, rate): (Instant, i64, i64, u32),
) -> Result<Duration> {
    let mut documents = Documents::new(Shape::Small, 0, 1);
    let (mut number, mut late) = (0, Duration::ZERO);
    while number < count {
        sleep_until(due(begin, number, rate).into()).await;
        let now = Instant::now() + TICK;
        let mut crowd = Vec::new();
        while number < count && due(begin, number, rate) <= now && crowd.len() < command::MOST {
            crowd.push(documents.draw(first + number));
            number += 1;
        }
        late = late.max(Instant::now().saturating_duration_since(due(begin, number, rate)));
        command::send(&database, command::insert(&coll, crowd)).await?;
    }
    Ok(late)
}
