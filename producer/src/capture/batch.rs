//! One reply of the change stream.

use common::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
    raw::{self, Document},
};
use mongodb::raw_batch_cursor::RawBatch;

use super::{Place, token};

/// A reply: change events in order, and the token behind the last of them.
#[derive(Debug)]
pub struct Batch {
    reply: RawBatch,
    may_split: bool,
}

/// The parts of a reply, in place.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Array of change events.
    pub events: Document<'a>,
    /// The post-batch resume token: behind every event of this batch.
    pub token: Document<'a>,
    /// Everything before this cluster time has been handed out.
    pub reached: Option<ClusterTime>,
    /// The source's own cluster time when it replied.
    pub source_time: Option<ClusterTime>,
    /// Whether an event may be a fragment of one; to look for that in every event costs a walk through it.
    pub may_split: bool,
}

impl Batch {
    /// A reply of a stream that splits large events, or of one that does not.
    pub(super) const fn new(reply: RawBatch, may_split: bool) -> Self {
        Self { reply, may_split }
    }

    /// Bytes of the whole reply.
    pub(super) fn bytes(&self) -> usize {
        self.reply.as_raw_document().as_bytes().len()
    }

    /// Views the reply's parts.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when the reply is not that of a change stream.
    pub fn view(&self) -> Result<View<'_>> {
        let bytes = self.reply.as_raw_document().as_bytes();
        parts(bytes, self.may_split)
            .map_err(|error| Error::caused(Kind::Invariant, "the change stream's reply is malformed", error))
    }

    /// Where the stream goes on after this batch: behind the last whole event. `None` when the batch holds nothing but
    /// fragments of one that began in it or before.
    ///
    /// # Errors
    /// As [`Batch::view`].
    pub fn resume_token(&self) -> Result<Option<Document<'_>>> {
        let view = self.view()?;
        if !self.may_split {
            return Ok(Some(view.token));
        }
        let (mut whole, mut is_amid) = (None, false);
        for event in view.events.elements() {
            let event = event.ok().and_then(|e| e.as_document()).unwrap_or(Document::EMPTY);
            is_amid = Place::of(event)?.is_some_and(Place::is_followed);
            if !is_amid {
                whole = Some(event);
            }
        }
        if !is_amid {
            return Ok(Some(view.token));
        }
        let token = whole.map(|event| event.get("_id")).transpose();
        let token =
            token.map_err(|error| Error::caused(Kind::Invariant, "a change event is malformed", error))?;
        Ok(token.flatten().and_then(|token| token.as_document()))
    }
}

fn parts(bytes: &[u8], may_split: bool) -> Result<View<'_>, raw::Error> {
    let reply = Document::new(bytes)?;
    let missing = |field, expected| raw::Error::Unexpected { field, expected };
    let cursor = reply.get("cursor")?.and_then(|e| e.as_document());
    let cursor = cursor.ok_or(missing("cursor", "document"))?;
    let (mut events, mut behind) = (None, None);
    for element in cursor.elements() {
        let element = element?;
        match element.name {
            b"firstBatch" | b"nextBatch" => events = element.as_document(),
            b"postBatchResumeToken" => behind = element.as_document(),
            _ => {}
        }
    }
    let token = behind.ok_or(missing("postBatchResumeToken", "document"))?;
    Ok(View {
        events: events.ok_or(missing("nextBatch", "array"))?,
        token,
        reached: token::cluster_time(token),
        source_time: reply.get("operationTime")?.and_then(|e| e.as_timestamp()).map(ClusterTime),
        may_split,
    })
}
