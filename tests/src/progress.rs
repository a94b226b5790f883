//! Waiting for a pipeline to have done what was asked of it.

use bson::doc;

use crate::{
    DEADLINE, Pipeline,
    source_events::Time,
    view::View,
    waiting::{ensure, while_it_moves},
};

/// The collection whose only use is to be written last.
pub const MARKER: &str = "marker";

impl Pipeline {
    /// Waits until everything that existed at the start is in Kafka.
    pub async fn copied(&mut self) {
        self.until("the snapshot has ended", |view| {
            let token = view.position("token")?;
            ensure(token["snapshot"] == "ended", || format!("the position is {token}"))
        })
        .await;
    }

    /// Waits until at least so many records are in Kafka.
    pub async fn records(&mut self, least: usize) {
        self.until("records flow", |view| {
            let found = view.records()?.len();
            ensure(found >= least, || format!("{found} records of {least}"))
        })
        .await;
    }

    /// Waits until every write made so far is in Kafka, and gives the time of the last of them.
    pub async fn published(&mut self) -> Time {
        self.copied().await;
        let last = self.mark().await;
        self.until("everything written is published", |view| {
            let published = view.published()?;
            ensure(published >= last, || format!("published up to {published:?} of {last:?}"))
        })
        .await;
        last
    }

    /// Waits until every write made so far is applied, and gives the time of the last of them.
    pub async fn applied(&mut self) -> Time {
        let last = self.published().await;
        self.until("everything published is applied", View::is_applied).await;
        last
    }

    /// Writes once more, and gives the time of that.
    pub(crate) async fn mark(&mut self) -> Time {
        self.markers += 1;
        let command = doc! {
            "insert": MARKER,
            "documents": [{"_id": self.markers}],
            "writeConcern": {"w": "majority"},
        };
        let reply = self.database().run_command(command).await.expect("the source takes writes");
        let time = reply.get_timestamp("operationTime").expect("a replica set tells its time");
        (time.time, time.increment)
    }

    /// Waits for something to be seen in Kafka while every process goes on running; as long as what is seen moves, it goes on.
    pub async fn until<T>(&mut self, what: &str, mut seen: impl FnMut(&mut View) -> Result<T, String>) -> T {
        while_it_moves(what, DEADLINE, async || {
            for process in self.producer.iter_mut().chain(&mut self.workers) {
                let ended = process.status();
                assert!(ended.is_none(), "{} ended while waited for: {what}", process.name());
            }
            // Reading Kafka blocks; the drivers' heartbeats must go on.
            tokio::task::block_in_place(|| seen(&mut self.view))
        })
        .await
    }
}
