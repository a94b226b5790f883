//! The floor's writes: a thousand changes at a time, a command for each kind among them.
//!
//! Each writer has lanes of its own, so changes of one document stay in order. Within a command the server carries statements out one by
//! one. Between the commands of one thousand changes there is no order: the workloads never do two kinds of things to one document.

use anyhow::Result;
use bson::RawDocumentBuf;
use mongodb::Database;
use tokio::sync::mpsc;

use super::{
    AHEAD, Batch,
    change::{Change, Kind},
};
use crate::command::{self, MOST};

/// Connections that write to the target.
pub(super) const WRITERS: usize = 2;

/// Where it writes.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) database: Database,
    pub(super) coll: String,
    /// Whether to write what there is at once, or a full command whenever there will be one.
    pub(super) is_live: bool,
}

/// Gives each change to the writer of its lane.
pub(super) async fn share_out(mut from: mpsc::Receiver<Batch>, to: Vec<mpsc::Sender<Batch>>) -> Result<()> {
    while let Some(batch) = from.recv().await {
        let mut parts = vec![Vec::with_capacity(batch.len()); to.len()];
        for change in batch {
            let part = change.lane % to.len();
            parts[part].push(change);
        }
        for (writer, part) in to.iter().zip(parts).filter(|(_, part)| !part.is_empty()) {
            writer.send(part).await.map_err(|_| anyhow::anyhow!("a writer has ended"))?;
        }
    }
    Ok(())
}

/// The channels to the writers.
pub(super) fn channels() -> (Vec<mpsc::Sender<Batch>>, Vec<mpsc::Receiver<Batch>>) {
    (0..WRITERS).map(|_| mpsc::channel(AHEAD)).unzip()
}

impl Target {
    /// Writes until there is no more.
    pub(super) async fn write(self, mut from: mpsc::Receiver<Batch>) -> Result<()> {
        let mut waiting = Vec::new();
        while self.gather(&mut from, &mut waiting).await {
            let now: Batch = waiting.drain(..MOST.min(waiting.len())).collect();
            for command in Kind::ALL.into_iter().filter_map(|kind| command(&self.coll, kind, &now)) {
                command::send(&self.database, command).await?;
            }
        }
        Ok(())
    }

    /// Whether there is something to write.
    async fn gather(&self, from: &mut mpsc::Receiver<Batch>, waiting: &mut Batch) -> bool {
        while waiting.len() < MOST {
            let more =
                if self.is_live && !waiting.is_empty() { from.try_recv().ok() } else { from.recv().await };
            let Some(more) = more else { break };
            waiting.extend(more);
        }
        !waiting.is_empty()
    }
}

fn command(coll: &str, kind: Kind, changes: &[Change]) -> Option<RawDocumentBuf> {
    let mut statements =
        changes.iter().filter(|change| change.kind == kind).map(|change| change.statement.clone()).peekable();
    statements.peek()?;
    Some(match kind {
        Kind::Insert => command::insert(coll, statements),
        Kind::Update => command::update(coll, statements),
        Kind::Delete => command::delete_keys(coll, statements),
    })
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    fn changes(count: usize) -> Batch {
        let change = |lane| Change { kind: Kind::Insert, lane, statement: rawdoc! {"_id": lane as i64} };
        (0..count).map(change).collect()
    }

    async fn gathered(is_live: bool, sizes: &[usize]) -> Vec<usize> {
        let client = mongodb::Client::with_uri_str("mongodb://127.0.0.1:1").await.unwrap();
        let target = Target { database: client.database("d"), coll: "c".to_owned(), is_live };
        let (to, mut from) = mpsc::channel(sizes.len());
        for size in sizes {
            to.send(changes(*size)).await.unwrap();
        }
        drop(to);
        let (mut waiting, mut found) = (Vec::new(), Vec::new());
        while target.gather(&mut from, &mut waiting).await {
            found.push(waiting.drain(..MOST.min(waiting.len())).len());
        }
        found
    }

    #[tokio::test]
    async fn a_backlog_is_written_in_full_commands_and_its_end_as_it_is() {
        assert_eq!(gathered(false, &[700, 700, 700]).await, [1000, 1000, 100]);
        assert_eq!(gathered(true, &[3]).await, [3]);
    }

    #[tokio::test]
    async fn a_lone_change_is_written_at_once_where_it_is_live() {
        let client = mongodb::Client::with_uri_str("mongodb://127.0.0.1:1").await.unwrap();
        let target = Target { database: client.database("d"), coll: "c".to_owned(), is_live: true };
        let (to, mut from) = mpsc::channel(1);
        to.send(changes(1)).await.unwrap();
        let mut waiting = Vec::new();
        assert!(target.gather(&mut from, &mut waiting).await);
        assert_eq!(waiting.len(), 1);
    }

    #[tokio::test]
    async fn a_lane_has_one_writer() {
        let (to, mut from) = channels();
        let (hand_over, batches) = mpsc::channel(1);
        hand_over.send(changes(8)).await.unwrap();
        drop(hand_over);
        share_out(batches, to).await.unwrap();
        for (number, writer) in from.iter_mut().enumerate() {
            let part = writer.recv().await.unwrap();
            assert!(part.iter().all(|change| change.lane % WRITERS == number));
            assert_eq!(part.len(), 8 / WRITERS);
        }
    }

    #[test]
    fn a_command_is_for_one_kind() {
        let mut batch = changes(2);
        batch[1] = Change { kind: Kind::Delete, lane: 0, statement: rawdoc! {"_id": 9_i64} };
        assert_eq!(
            command("c", Kind::Insert, &batch).unwrap().get_array("documents").unwrap().into_iter().count(),
            1
        );
        let deletes = command("c", Kind::Delete, &batch).unwrap();
        let statement = deletes.get_array("deletes").unwrap().get_document(0).unwrap();
        assert_eq!(statement, rawdoc! {"q": {"_id": {"$in": [9_i64]}}, "limit": 0}.as_ref());
        assert_eq!(command("c", Kind::Update, &batch), None);
    }
}
