//! The load: documents, and changes of them, written to a source as fast as it takes them.

use std::time::Instant;

use anyhow::Result;
use bson::{RawDocumentBuf, rawdoc};
use clap::{Args, ValueEnum};
use mongodb::Client;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};

use crate::{
    command::{self, MOST},
    documents::{Documents, Shape},
    sides::Collection,
};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// New documents.
    Inserts,
    /// Updates of documents that are there, every second statement an insert.
    Mixed,
    /// Updates of a hundred documents.
    Hot,
    /// Deletes of what is there.
    Deletes,
}

/// Writes documents to a source.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Connection string.
    #[arg(long)]
    uri: String,
    #[command(flatten)]
    collection: Collection,
    /// What is written.
    #[arg(long, value_enum, default_value = "inserts")]
    kind: Kind,
    /// What a document looks like.
    #[arg(long, value_enum, default_value = "user")]
    shape: Shape,
    /// Statements.
    #[arg(long)]
    count: i64,
    /// `_id` of the first document.
    #[arg(long, default_value_t = 0)]
    first: i64,
    /// Documents that are there already, from 0 on: what updates and deletes are about.
    #[arg(long, default_value_t = 0)]
    there: i64,
    /// Draws other documents.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Load {
    pub(crate) async fn run(self) -> Result<Value> {
        let database = Client::with_uri_str(&self.uri).await?.database(&self.collection.db);
        let begun = Instant::now();
        let mut documents = Documents::new(self.shape, self.seed);
        let mut rng = SmallRng::seed_from_u64(self.seed);
        let mut bytes = 0;
        let mut done = 0;
        while done < self.count {
            let now = (self.count - done).min(MOST as i64);
            for command in self.commands(done, now, &mut documents, &mut rng) {
                bytes += command.as_bytes().len();
                command::send(&database, command).await?;
            }
            done += now;
        }
        let there = command::count(&database, &self.collection.coll).await?;
        let seconds = begun.elapsed().as_secs_f64();
        Ok(json!({"written": done, "bytes": bytes, "there": there, "seconds": seconds}))
    }

    /// The commands of `now` statements, `done` of which were before.
    fn commands(
        &self,
        done: i64,
        now: i64,
        documents: &mut Documents,
        rng: &mut SmallRng,
    ) -> Vec<RawDocumentBuf> {
        let first = self.first + done;
        match self.kind {
            Kind::Inserts => vec![self.inserts(first..first + now, documents)],
            Kind::Mixed => {
                let half = now / 2;
                let ids = (0..now - half).map(|_| rng.random_range(0..self.there)).collect();
                let new = self.first + done / 2;
                vec![self.inserts(new..new + half, documents), self.updates(ids, done, rng)]
            }
            Kind::Hot => {
                let ids = (0..now).map(|_| rng.random_range(0..self.there.min(100))).collect();
                vec![self.updates(ids, done, rng)]
            }
            Kind::Deletes => vec![self.deletes(done..done + now)],
        }
    }

    fn inserts(&self, ids: std::ops::Range<i64>, documents: &mut Documents) -> RawDocumentBuf {
        command::insert(&self.collection.coll, ids.map(|id| documents.draw(id)))
    }

    /// Each sets another number, for an update that changes nothing is no event.
    fn updates(&self, ids: Vec<i64>, done: i64, rng: &mut SmallRng) -> RawDocumentBuf {
        let update = |(id, round): (i64, i64)| {
            let set = rawdoc! {"status": "changed", "round": round, "age": rng.random_range(18..90_i32)};
            rawdoc! {"q": {"_id": id}, "u": {"$set": set}}
        };
        command::update(&self.collection.coll, ids.into_iter().zip(done..).map(update))
    }

    fn deletes(&self, ids: std::ops::Range<i64>) -> RawDocumentBuf {
        let range = rawdoc! {"q": {"_id": {"$gte": ids.start, "$lt": ids.end}}, "limit": 0};
        command::delete(&self.collection.coll, [range])
    }
}
