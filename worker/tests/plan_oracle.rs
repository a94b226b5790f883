//! Plans against a real server: random histories on a source collection, their change events planned as batches and sent to
//! another collection as raw commands, both compared byte for byte after every batch.
//!
//! Needs `OPLOGUE_TEST_SOURCE_URI`, a replica set; `OPLOGUE_TEST_TARGET_URI` may name another one, of another version say, for
//! the other collection. `OPLOGUE_SEED` repeats a run, `OPLOGUE_UPDATES` says how many changes (2000).

#![allow(clippy::unwrap_used, clippy::print_stdout)] // the lints' leave for tests ends at the `#[test]` functions

mod oracle;

use std::{collections::BTreeMap, env};

use bson::{
    Binary, Bson, DateTime, Decimal128, Document, RawDocumentBuf, Timestamp, doc, spec::BinarySubtype,
};
use common::{
    event::{ChangeEvent, Operation},
    raw,
};
use futures_util::StreamExt;
use mongodb::{Client, Database, change_stream::ChangeStream};
use oracle::{
    documents::{self, Names},
    rng::Rng,
    updates::{self, Class},
};
use shape::path::SetOrder;
use worker::plan::{
    Change, Group, Kind, Limits, NamespaceId, Options, Record, Reply, Way, commands, plan, rewrite,
};

/// Changes of one batch.
const BATCH: usize = 120;

struct Bench {
    source: Database,
    target: Database,
    stream: ChangeStream<RawDocumentBuf>,
    options: Options,
    written: BTreeMap<Kind, usize>,
}

/// Documents' bytes by the bytes of their `_id`.
type Documents = BTreeMap<Vec<u8>, Vec<u8>>;

#[tokio::test]
async fn a_planned_batch_leaves_the_target_as_the_source() {
    let seed = env::var("OPLOGUE_SEED")
        .ok()
        .map_or_else(now, |seed| seed.parse().expect("OPLOGUE_SEED is a number"));
    let changes =
        env::var("OPLOGUE_UPDATES").map_or(2000, |n| n.parse().expect("OPLOGUE_UPDATES is a number"));
    println!("OPLOGUE_SEED={seed} OPLOGUE_UPDATES={changes}");
    let mut rng = Rng::new(seed);
    let mut bench = Bench::open("plan").await;
    for batch in 0..changes / BATCH {
        bench.options.fold = !rng.once_in(4);
        for _ in 0..BATCH {
            bench.change(&mut rng).await;
        }
        let events = bench.events().await;
        bench.carry_out(&events).await;
        let (source, target) = (all(&bench.source).await, all(&bench.target).await);
        for (id, document) in &source {
            let ours = target.get(id).map(|bytes| Document::from_reader(&bytes[..]).unwrap());
            let theirs = Document::from_reader(&document[..]).unwrap();
            assert!(target.get(id) == Some(document), "batch {batch}:\n{theirs}\n{ours:?}");
        }
        assert_eq!(source.len(), target.len(), "batch {batch}");
    }
    println!("statements written: {:?}", bench.written);
    bench.close().await;
}

#[tokio::test]
async fn the_largest_document_arrives_by_every_way() {
    let mut bench = Bench::open("large").await;
    let empty = Timestamp { time: 0, increment: 0 };
    let mut ways = vec![doc! {}, doc! {"t": empty}];
    if bench.options.set_order == SetOrder::Numeric {
        ways.push(doc! {"$x": 1}); // 4.4 keeps no such names
    }
    for (way, extra) in ways.into_iter().enumerate() {
        let id = i32::try_from(way).unwrap();
        let mut document = doc! {"_id": id};
        document.extend(extra);
        document.insert("x", "");
        let room = 16 * 1024 * 1024 - document.to_vec().unwrap().len();
        document.insert("x", "y".repeat(room));
        let bytes = document.to_vec().unwrap();
        assert_eq!(bytes.len(), 16 * 1024 * 1024);
        let document = raw::Document::new(&bytes).unwrap();
        let id = document.get("_id").unwrap().unwrap();
        for change in [Change::Insert(document), Change::Image(document), Change::Image(document)] {
            let record = Record { namespace: NamespaceId(0), key: id.value, id, change };
            bench.send(plan(&[record], &bench.options).steps.remove(0).groups.remove(0)).await;
            assert!(all(&bench.target).await.values().any(|stored| *stored == bytes), "way {way}");
        }
    }
    bench.close().await;
}

impl Bench {
    async fn open(what: &str) -> Self {
        let uri = env::var("OPLOGUE_TEST_SOURCE_URI")
            .expect("OPLOGUE_TEST_SOURCE_URI names a replica set to test against (see scripts/stack)");
        let from = Client::with_uri_str(&uri).await.unwrap();
        let to = Client::with_uri_str(env::var("OPLOGUE_TEST_TARGET_URI").unwrap_or(uri)).await.unwrap();
        let build = to.database("admin").run_command(doc! {"buildInfo": 1}).await.unwrap();
        let old = build.get_str("version").unwrap().starts_with("4.");
        let set_order = if old { SetOrder::Lexicographic } else { SetOrder::Numeric };
        let unique = format!("{what}_{}_{}", std::process::id(), now() % 1_000_000);
        let source = from.database(&format!("oracle_{unique}"));
        let target = to.database(&format!("oracle_target_{unique}"));
        source.create_collection("c").await.unwrap();
        let stream = source.watch().await.unwrap().with_type();
        let options = Options { fold: true, set_order };
        Self { source, target, stream, options, written: BTreeMap::new() }
    }

    async fn close(&self) {
        self.source.drop().await.unwrap();
        self.target.drop().await.unwrap();
    }

    /// One change at the source: what it refuses is no change.
    async fn change(&self, rng: &mut Rng) {
        let id = rng.pick(&ids()).clone();
        let old = self.source.collection::<Document>("c").find_one(doc! {"_id": {"$eq": &id}}).await.unwrap();
        let statement = match (old, rng.below(10)) {
            (Some(_), 0) => {
                let delete = doc! {"delete": "c", "deletes": [{"q": {"_id": {"$eq": id}}, "limit": 1}]};
                self.source.run_command(delete).await.unwrap();
                return;
            }
            // By a pipeline this might travel as a delta, and deltas do not tell that fields changed places.
            (Some(_), 1) => {
                let document = documents::document(rng, Names::Plain, id.clone());
                doc! {"q": {"_id": {"$eq": id}}, "u": document}
            }
            (None, _) => {
                let document = documents::document(rng, Names::Plain, id.clone());
                doc! {"q": {"_id": {"$eq": id}}, "u": [{"$replaceWith": {"$literal": document}}], "upsert": true}
            }
            (Some(old), _) => loop {
                let update = updates::update(rng, Names::Plain, &old);
                if update.class != Class::Moving {
                    break update.statement;
                }
            },
        };
        self.source.run_command(doc! {"update": "c", "updates": [statement]}).await.unwrap();
    }

    /// The events up to now.
    async fn events(&mut self) -> Vec<RawDocumentBuf> {
        self.source.collection::<Document>("marker").insert_one(doc! {}).await.unwrap();
        let mut events = Vec::new();
        loop {
            let event = self.stream.next().await.expect("the stream goes on").unwrap();
            if event.get_document("ns").unwrap().get_str("coll").unwrap() == "marker" {
                return events;
            }
            events.push(event);
        }
    }

    async fn carry_out(&mut self, events: &[RawDocumentBuf]) {
        let records: Vec<_> = events.iter().map(record).collect();
        let plan = plan(&records, &self.options);
        assert!(plan.refused.is_empty());
        for step in plan.steps {
            for group in step.groups {
                self.send(group).await;
            }
        }
    }

    async fn send(&mut self, group: Group<'_>) {
        let found = if group.kind == Kind::OnDocument { all(&self.target).await } else { Documents::new() };
        let group = if group.kind == Kind::OnDocument {
            let rewritten =
                rewrite(group, |key| found.get(key).map(|bytes| raw::Document::new(bytes).unwrap()));
            assert!(rewritten.repairs.is_empty(), "{:?}", rewritten.repairs);
            rewritten.group
        } else {
            group
        };
        *self.written.entry(group.kind).or_default() += group.statements.len();
        for command in commands("c", &group, Limits { statements: 40, ..Limits::default() }, Way::Each) {
            let body = RawDocumentBuf::from_bytes(command.body).unwrap();
            let reply = self.target.run_raw_command(body).await.unwrap().to_vec().unwrap();
            let reply = Reply::parse(raw::Document::new(&reply).unwrap(), command.kind).unwrap();
            assert!(
                reply.failures.is_empty() && reply.unconfirmed.is_none(),
                "{:?}: {reply:?}",
                command.kind
            );
            if command.kind != Kind::Delete {
                assert_eq!(reply.n, command.statements.len() as u64, "{:?}", command.kind);
            }
        }
    }
}

fn record(event: &RawDocumentBuf) -> Record<'_> {
    let event = ChangeEvent::parse(raw::Document::new(event.as_bytes()).unwrap()).unwrap();
    let id = event.document_key.unwrap().get("_id").unwrap().unwrap();
    let change = match event.operation {
        Operation::Insert => Change::Insert(event.full_document.unwrap()),
        Operation::Replace => Change::Image(event.full_document.unwrap()),
        Operation::Update => Change::Delta(event.update_description.unwrap()),
        Operation::Delete => Change::Delete,
        other => panic!("{}", other.name()),
    };
    Record { namespace: NamespaceId(0), key: id.value, id, change }
}

/// `_id`s of many types, no two with the same value bytes.
fn ids() -> Vec<Bson> {
    let mut ids: Vec<Bson> = (0..8).map(Bson::Int32).collect();
    ids.extend([
        Bson::String("x".to_owned()),
        Bson::Null,
        Bson::Boolean(true),
        doc! {"a": 1}.into(),
        doc! {"a": {"b": [1]}}.into(),
        doc! {"$ref": "x", "$id": 1}.into(),
        doc! {}.into(),
        Bson::Double(f64::NAN),
        Bson::Decimal128("1.5".parse::<Decimal128>().unwrap()),
        Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: vec![9; 16] }),
        Bson::DateTime(DateTime::from_millis(5)),
        Bson::Timestamp(Timestamp { time: 0, increment: 0 }),
    ]);
    ids
}

async fn all(database: &Database) -> Documents {
    let mut cursor = database.collection::<RawDocumentBuf>("c").find(doc! {}).await.unwrap();
    let mut documents = Documents::new();
    while let Some(document) = cursor.next().await {
        let bytes = document.unwrap().into_bytes();
        let key = raw::Document::new(&bytes).unwrap().get("_id").unwrap().unwrap().value.to_vec();
        documents.insert(key, bytes);
    }
    documents
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
