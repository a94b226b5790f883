//! The load: documents, and changes of them, written to a source as fast as it takes them.

use std::time::Instant;

use anyhow::{Result, ensure};
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
    /// Bytes of a document whose shape does not say.
    #[arg(long, default_value_t = 0)]
    bytes: usize,
    /// Collections that inserts go to in turn; of several, each has its number behind its name.
    #[arg(long, default_value_t = 1)]
    collections: i64,
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

/// Documents that go to one of several collections before it is the next one's turn.
const TURN: i64 = 50;
/// A command has about so many bytes at the most.
const COMMAND_BYTES: usize = 8 << 20;

impl Load {
    pub(crate) async fn run(self) -> Result<Value> {
        ensure!(
            self.collections == 1 || self.kind == Kind::Inserts,
            "only inserts go to several collections"
        );
        let database = Client::with_uri_str(&self.uri).await?.database(&self.collection.db);
        let begun = Instant::now();
        let mut documents = Documents::new(self.shape, self.bytes, self.seed);
        let mut rng = SmallRng::seed_from_u64(self.seed);
        let mut bytes = 0;
        let mut done = 0;
        while done < self.count {
            let now = (self.count - done).min(self.most());
            for command in self.commands(done, now, &mut documents, &mut rng) {
                bytes += command.as_bytes().len();
                command::send(&database, command).await?;
            }
            done += now;
        }
        let seconds = begun.elapsed().as_secs_f64();
        Ok(json!({"written": done, "bytes": bytes, "seconds": seconds}))
    }

    /// Statements of one command.
    fn most(&self) -> i64 {
        let most = if self.collections == 1 { MOST as i64 } else { TURN };
        let that_fit = COMMAND_BYTES.checked_div(self.bytes).unwrap_or(MOST).max(1);
        most.min(i64::try_from(that_fit).unwrap_or(most))
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
        let coll = &self.collection.coll;
        let coll = match self.collections {
            1 => coll.clone(),
            several => format!("{coll}_{}", ids.start / TURN % several),
        };
        command::insert(&coll, ids.map(|id| documents.draw(id)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn load(words: &str) -> Load {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            load: Load,
        }
        let words = format!("load --uri mongodb://x --db d --count 100000 {words}");
        <Line as clap::Parser>::parse_from(words.split_whitespace()).load
    }

    #[test]
    fn a_command_has_a_thousand_documents_or_what_fits_or_a_turn() {
        assert_eq!(load("").most(), 1000);
        assert_eq!(load("--shape sized --bytes 1048576").most(), 8);
        assert_eq!(load("--shape sized --bytes 20000000").most(), 1);
        assert_eq!(load("--collections 10").most(), TURN);
    }

    #[test]
    fn collections_take_turns() {
        let load = load("--collections 3");
        let mut documents = Documents::new(Shape::Small, 0, 1);
        let mut collection = |first: i64| {
            let command = load.inserts(first..first + TURN, &mut documents);
            command.get_str("insert").unwrap().to_owned()
        };
        let turns: Vec<_> = (0..4).map(|turn| collection(turn * TURN)).collect();
        assert_eq!(turns, ["c_0", "c_1", "c_2", "c_0"]);
    }
}
