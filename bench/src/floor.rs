//! The floor: the same reads and writes with nothing between. What it reaches is the limit of any pipeline on this machine.
//!
//! ```text
//!   scan or change stream ▸ [producer thread ▸ topic ▸ consumer thread] ▸ two writers
//! ```
//!
//! Documents and changes are handed on as the bytes they came in, a thousand at a time. It knows what it is given: inserts, updates that set
//! fields, deletes. It keeps no position and no order beyond a document's, has no transactions on either side, and copies nothing twice.

mod change;
mod kafka;
mod read;
mod write;

use std::{
    io::{self, Read as _},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use bson::Timestamp;
use clap::{Args, ValueEnum};
use mongodb::Client;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use self::{
    change::Change,
    kafka::Topic,
    read::{Origin, Reader},
    write::{Target, channels, share_out},
};
use crate::sides::{Collection, Sides};

/// Batches on their way between two stages.
const AHEAD: usize = 4;

/// Changes that travel together.
type Batch = Vec<Change>;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// A scan of the collection.
    Snapshot,
    /// The change stream of the deployment, from a cluster time on.
    Stream,
    /// The change stream from now on; what arrives is written at once.
    Live,
}

/// Copies with nothing between, and stays until its standard input ends, so that what it has used can be read.
#[derive(Debug, Args)]
pub(crate) struct Floor {
    #[command(flatten)]
    sides: Sides,
    /// What is read.
    #[arg(long, value_enum)]
    from: From,
    /// Cluster time to read the stream from, `seconds.increment`.
    #[arg(long)]
    since: Option<String>,
    /// Changes to copy; without it there is no end.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    count: usize,
    /// Brokers, to go through Kafka.
    #[arg(long, requires = "topic")]
    brokers: Option<String>,
    /// Topic to go through; it is created, with eight partitions.
    #[arg(long)]
    topic: Option<String>,
}

impl Floor {
    pub(crate) async fn run(self) -> Result<Value> {
        let (begun, mut asked_to_end) = (Instant::now(), end_of_input());
        let mut stages = self.start().await?;
        let mut seconds = None;
        let carried = tokio::select! {
            carried = all_of(&mut stages) => carried.map(|()| seconds = Some(begun.elapsed().as_secs_f64())),
            _ = &mut asked_to_end => Ok(()),
        };
        stages.shutdown().await;
        carried?;
        if seconds.is_some() {
            let _ = asked_to_end.await;
        }
        Ok(json!({"seconds": seconds}))
    }

    async fn start(self) -> Result<JoinSet<Result<()>>> {
        let (origin, count, topic, is_live) =
            (self.origin()?, self.count, self.topic(), self.from == From::Live);
        let Sides { source, target, collection: Collection { db, coll } } = self.sides;
        let target = Target {
            database: Client::with_uri_str(&target).await?.database(&db),
            coll: coll.clone(),
            is_live,
        };
        let reader = Reader { source: Client::with_uri_str(&source).await?, db, coll, origin, count };
        let mut stages = JoinSet::new();
        let (to, mut batches) = mpsc::channel(AHEAD);
        stages.spawn(reader.run(to));
        if let Some(topic) = topic {
            topic.create().await?;
            batches = through(topic, count, batches, &mut stages);
        }
        let (to, writers) = channels();
        stages.spawn(share_out(batches, to));
        for from in writers {
            stages.spawn(target.clone().write(from));
        }
        Ok(stages)
    }

    fn topic(&self) -> Option<Topic> {
        Some(Topic { brokers: self.brokers.clone()?, name: self.topic.clone()? })
    }

    fn origin(&self) -> Result<Origin> {
        Ok(match (self.from, &self.since) {
            (From::Snapshot, _) => Origin::Scan,
            (From::Live, _) => Origin::Stream(None),
            (From::Stream, None) => bail!("--from stream needs --since"),
            (From::Stream, Some(time)) => {
                let (seconds, increment) = time.split_once('.').context("--since is seconds.increment")?;
                let since = Timestamp { time: seconds.parse()?, increment: increment.parse()? };
                Origin::Stream(Some(since))
            }
        })
    }
}

/// Until every stage has ended, or one has failed.
async fn all_of(stages: &mut JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = stages.join_next().await {
        ended??;
    }
    Ok(())
}

/// Adds the two stages of a topic.
fn through(
    topic: Topic,
    count: usize,
    batches: mpsc::Receiver<Batch>,
    stages: &mut JoinSet<Result<()>>,
) -> mpsc::Receiver<Batch> {
    let (to, out) = mpsc::channel(AHEAD);
    let consumed = topic.clone();
    stages.spawn_blocking(move || topic.produce(batches));
    stages.spawn_blocking(move || consumed.consume(count, &to));
    out
}

/// Resolves when nobody holds the other end of standard input any more. The thread is not waited for.
fn end_of_input() -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    end
}
