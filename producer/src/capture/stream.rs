//! The stream's life: open, hand out batches, resume.

use std::time::Duration;

use bson::{RawArrayBuf, RawDocumentBuf, Timestamp, raw::cstr, rawdoc};
use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    mongo::{self, Version, code},
    namespace::Filter,
};
use futures_util::StreamExt as _;
use mongodb::{Client, raw_batch_cursor::RawBatchCursor};

use super::Batch;

/// Where the stream begins.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Behind the event or high-water mark with this resume token.
    After(RawDocumentBuf),
    /// At this cluster time, events at it included.
    At(ClusterTime),
}

/// A change stream over the whole deployment or one database.
pub struct Stream {
    opening: Opening,
    cursor: Option<RawBatchCursor>,
}

/// How the stream is opened, now or again.
struct Opening {
    client: Client,
    version: Version,
    /// The one database to watch; `None` for the whole deployment.
    database: Option<String>,
    batch_events: u32,
    /// How long the server waits for news before it answers with an empty batch.
    patience: Duration,
    /// Whether events show the document before and after the change, where the collection keeps these images.
    with_images: bool,
    origin: Origin,
}

impl Stream {
    /// A stream that opens itself at the first [`Stream::next`].
    pub const fn new(
        client: Client,
        version: Version,
        database: Option<String>,
        batch_events: u32,
        origin: Origin,
    ) -> Self {
        let patience = Duration::from_secs(1);
        let opening =
            Opening { client, version, database, batch_events, patience, with_images: false, origin };
        Self { opening, cursor: None }
    }

    /// Changes how long the server waits before it answers with an empty batch; reopens the stream when that differs.
    pub fn set_patience(&mut self, patience: Duration) {
        if self.opening.patience != patience {
            self.opening.patience = patience;
            self.cursor = None;
        }
    }

    /// Also shows the document before and after each change, where the collection keeps these images (6.0+). Only such events
    /// can be split: any other has one large field, which fits into a fragment only if the whole event fits into one.
    #[must_use]
    pub const fn with_images(mut self, with_images: bool) -> Self {
        self.opening.with_images = with_images;
        self
    }

    /// Opens the stream and lets it go again: whether it may be read.
    ///
    /// # Errors
    /// As [`Stream::next`].
    pub async fn try_open(self) -> Result<()> {
        self.opening.open().await.map(drop)
    }

    /// The next batch, possibly empty.
    ///
    /// After an error the stream stands where it stood: calling again resumes behind the last whole event handed out; one that
    /// was amid its fragments comes again from the first of them. Cancel safe for the same reason.
    ///
    /// # Errors
    /// Transient when the source cannot be reached, [`Kind::PositionLost`] when its history no longer holds the
    /// position, [`Kind::Misconfigured`] when a role is missing or an event is too large for this server.
    pub async fn next(&mut self) -> Result<Batch> {
        loop {
            let mut cursor = match self.cursor.take() {
                Some(cursor) => cursor,
                None => self.opening.open().await?,
            };
            match cursor.next().await {
                Some(Ok(reply)) => {
                    let batch = Batch::new(reply, self.opening.splits());
                    if let Some(behind) = behind(&batch)? {
                        self.opening.origin = Origin::After(behind);
                    }
                    self.cursor = Some(cursor);
                    return Ok(batch);
                }
                Some(Err(error)) => return Err(explain(error)),
                // A database's stream ends when the database is dropped; it goes on behind that event.
                None => {}
            }
        }
    }
}

impl Opening {
    async fn open(&self) -> Result<RawBatchCursor> {
        let database = self.client.database(self.database.as_deref().unwrap_or("admin"));
        database
            .run_raw_cursor_command(self.command())
            .max_time(self.patience)
            .batch_size(self.batch_events)
            .batch()
            .await
            .map_err(explain)
    }

    /// Whether events may come in fragments.
    fn splits(&self) -> bool {
        self.with_images && splits(self.version)
    }

    /// The `aggregate` that opens the stream (manual, "Change Streams"; `showExpandedEvents` from 6.0 on).
    fn command(&self) -> RawDocumentBuf {
        let mut stage = match &self.origin {
            Origin::After(token) => rawdoc! {"startAfter": token.clone()},
            Origin::At(time) => {
                rawdoc! {"startAtOperationTime": Timestamp { time: time.seconds(), increment: time.increment() }}
            }
        };
        if self.database.is_none() {
            stage.append(cstr!("allChangesForCluster"), true);
        }
        if self.version >= Version::new(6, 0, 0) {
            stage.append(cstr!("showExpandedEvents"), true);
        }
        if self.with_images {
            stage.append(cstr!("fullDocument"), "whenAvailable");
            stage.append(cstr!("fullDocumentBeforeChange"), "whenAvailable");
        }
        let mut pipeline = RawArrayBuf::new();
        pipeline.push(rawdoc! {"$changeStream": stage});
        if self.splits() {
            pipeline.push(rawdoc! {"$changeStreamSplitLargeEvent": {}});
        }
        rawdoc! {
            "aggregate": 1,
            "pipeline": pipeline,
            "cursor": {"batchSize": self.batch_events.cast_signed()},
            "readConcern": {"level": "majority"},
        }
    }
}

/// Whether the server can split events over 16 MB (manual, "`$changeStreamSplitLargeEvent`"): 6.0.9 and later of 6.0, 7.0 and
/// later, none between.
fn splits(version: Version) -> bool {
    let between = Version::new(6, 1, 0)..Version::new(7, 0, 0);
    version >= Version::new(6, 0, 9) && !between.contains(&version)
}

fn behind(batch: &Batch) -> Result<Option<RawDocumentBuf>> {
    let Some(token) = batch.resume_token()? else { return Ok(None) };
    RawDocumentBuf::from_bytes(token.as_bytes().to_vec())
        .map(Some)
        .map_err(|error| Error::caused(Kind::Invariant, "the resume token is malformed", error))
}

/// Says what the operator can do, where there is something.
fn explain(error: mongodb::error::Error) -> Error {
    let advice = match mongo::code(&error) {
        Some(code::UNAUTHORIZED) => {
            "reading the change stream is not allowed: grant the source user the role readAnyDatabase on admin \
             (for one database, the role read on it)"
        }
        Some(code::CHANGE_STREAM_HISTORY_LOST | code::CAPPED_POSITION_LOST | code::CHANGE_STREAM_FATAL) => {
            "the source's oplog no longer reaches back to the position"
        }
        Some(code::INVALID_RESUME_TOKEN) => "the source does not know the resume token",
        Some(code::OBJECT_TOO_LARGE | code::EVENT_NOT_SPLITTABLE) => {
            let context = "a change event exceeds 16 MB, which this stream cannot carry: servers before 6.0.9 cannot split it, \
                           later ones only between its fields";
            return Error::caused(Kind::Misconfigured, context, error);
        }
        _ => "cannot read the change stream",
    };
    mongo::failed(advice, error)
}

/// The one database to watch, when the filter names no other: a stream over it skips the rest at the server.
pub fn only_database(filter: &Filter) -> Option<String> {
    match filter.databases()?.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_that_can_split_are_asked_to() {
        let asked = [(5, 0, 4), (6, 0, 8), (6, 0, 9), (6, 0, 27), (6, 3, 1), (7, 0, 0), (8, 0, 1)]
            .map(|(major, minor, patch)| splits(Version::new(major, minor, patch)));
        assert_eq!(asked, [false, false, true, true, false, true, true]);
    }
}
