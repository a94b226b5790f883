//! What the pipeline keeps at the target.

use bson::{Document, doc};
use futures_util::TryStreamExt as _;
use mongodb::{
    Collection,
    options::{ReadConcern, TransactionOptions},
};

use super::{Events, Pipe};

impl Pipe {
    /// The partitions' documents.
    pub(crate) fn positions(&self) -> Collection<Document> {
        self.target.client().database("oplogue").collection(&self.name)
    }

    /// The marks.
    pub(crate) fn marks(&self) -> Collection<Document> {
        self.target.client().database("oplogue").collection(&format!("{}.keys", self.name))
    }

    /// A partition's document.
    pub(crate) async fn position(&self, events: &Events, partition: i32) -> Option<Document> {
        self.positions()
            .find_one(doc! {"_id": {"topic": &events.topic, "partition": partition}})
            .await
            .unwrap()
    }

    /// The offset in each partition's document; -1 where there is none.
    pub(crate) async fn offsets(&self, events: &Events) -> Vec<i64> {
        let mut offsets = Vec::new();
        for partition in 0..i32::from(events.partitions) {
            let position = self.position(events, partition).await;
            offsets.push(position.map_or(-1, |position| position.get_i64("offset").unwrap()));
        }
        offsets
    }

    /// Documents of the collection and partitions' documents, as of one moment.
    pub(crate) async fn at_once(&self, events: &Events) -> (Vec<Document>, Vec<Document>) {
        let client = self.target.client();
        let mut session = client.start_session().await.unwrap();
        let options = TransactionOptions::builder().read_concern(ReadConcern::snapshot()).build();
        session.start_transaction().with_options(options).await.unwrap();
        let documents = self.coll(events).find(doc! {}).session(&mut session).await.unwrap();
        let documents = documents_of(documents, &mut session).await;
        let positions = self.positions().find(doc! {}).session(&mut session).await.unwrap();
        let positions = documents_of(positions, &mut session).await;
        session.commit_transaction().await.unwrap();
        (documents, positions)
    }
}

async fn documents_of(
    mut cursor: mongodb::SessionCursor<Document>,
    session: &mut mongodb::ClientSession,
) -> Vec<Document> {
    cursor.stream(session).try_collect().await.unwrap()
}
