//! The floor's reads: a scan, or the deployment's change stream, reply by reply as the server sends them.

use anyhow::{Context as _, Result};
use bson::{RawDocumentBuf, Timestamp, rawdoc};
use futures_util::StreamExt as _;
use mongodb::{Client, Database};
use tokio::sync::mpsc;

use super::{Batch, change::Change};
use crate::command::MOST;

/// What is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    /// The collection as it is.
    Scan,
    /// Every change from a time on, or from now on.
    Stream(Option<Timestamp>),
}

/// Reads the changes of a collection's database.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) source: Client,
    pub(super) db: String,
    pub(super) coll: String,
    pub(super) origin: Origin,
    /// Changes after which it ends.
    pub(super) count: usize,
}

impl Reader {
    /// Hands on what it reads, until there were enough.
    pub(super) async fn run(self, to: mpsc::Sender<Batch>) -> Result<()> {
        let (database, command) = self.command();
        let mut cursor = database.run_raw_cursor_command(command).batch_size(MOST as u32).batch().await?;
        let mut done = 0;
        while done < self.count {
            let reply = cursor.next().await.context("the source has no more")??;
            let mut batch = Vec::with_capacity(MOST);
            for element in reply.doc_slices()?.into_iter() {
                let document = element?.as_document().context("a batch holds documents")?;
                match self.origin {
                    Origin::Scan => batch.push(Change::document(document)?),
                    Origin::Stream(_) => batch.extend(Change::event(document, &self.db)?),
                }
            }
            done += batch.len();
            if !batch.is_empty() {
                to.send(batch).await.ok().context("the next stage has ended")?;
            }
        }
        Ok(())
    }

    fn command(&self) -> (Database, RawDocumentBuf) {
        match self.origin {
            Origin::Scan => {
                let find = rawdoc! {"find": self.coll.as_str(), "batchSize": MOST as i32};
                (self.source.database(&self.db), find)
            }
            Origin::Stream(since) => (self.source.database("admin"), stream(since)),
        }
    }
}

fn stream(since: Option<Timestamp>) -> RawDocumentBuf {
    let stage = match since {
        Some(since) => rawdoc! {"allChangesForCluster": true, "startAtOperationTime": since},
        None => rawdoc! {"allChangesForCluster": true},
    };
    rawdoc! {"aggregate": 1, "pipeline": [{"$changeStream": stage}], "cursor": {"batchSize": MOST as i32}}
}
