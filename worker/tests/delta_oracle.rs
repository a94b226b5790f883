//! Deltas against a real server as the oracle: random updates on a source collection, their change events applied by both
//! roads to copies, both compared with what the server made of the document, byte for byte.
//!
//! ```text
//!   source coll ──update──▸ source coll'          = the oracle
//!       │  change stream: delta
//!       ├─ copy in memory ── delta::apply ──▸ copy'       the road on the document
//!       ├─ copy on the server ── statements ──▸ copy'     the plain road
//!       ├─ shaped copy ── shaped delta ──▸ shaped copy'   random field rules; compared with the shaped oracle
//!       └─ judged copy ── judged delta ──▸ judged copy'   random declared schemas; compared by content with the judged oracle
//! ```
//!
//! Needs `OPLOGUE_TEST_SOURCE_URI`, a replica set. `OPLOGUE_SEED` repeats a run, `OPLOGUE_UPDATES` says how many updates (2000).

#![allow(clippy::unwrap_used, clippy::print_stdout)] // the lints' leave for tests ends at the `#[test]` functions

mod oracle;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

use bson::{Bson, Document, RawDocumentBuf, doc};
use common::{
    event::{ChangeEvent, Operation, UpdateDescription},
    raw::{self, Writer},
};
use futures_util::StreamExt;
use mongodb::{Client, Collection, Database, change_stream::ChangeStream};
use oracle::{
    declared,
    documents::{self, Names},
    rng::Rng,
    rules,
    updates::{self, Class},
};
use shape::{
    Shaped, Shaper, Unclear,
    declared::{Declared, Judged, JudgedDelta},
    path::SetOrder,
};
use worker::plan::delta::{Inexact, Road, apply, road};

/// Documents of a round; each is updated once in it.
const DOCUMENTS: i32 = 100;
/// A document that has grown beyond this is made anew.
const LARGEST: usize = 20_000;

/// How an applied delta compares with the oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Exact,
    /// The field rules refuse the document: a field has the new name of another.
    Refused,
    /// Same content, other order of fields.
    Order,
    /// The plain road does not take it.
    NotPlain,
    Ambiguous,
    DoesNotFit,
    /// Another content, and the update touched a field of a dotted name: see [`worker::plan::delta`].
    Misread,
    Different,
}

#[derive(Debug, Default)]
struct Tally {
    counts: BTreeMap<(Class, &'static str, Verdict), usize>,
    statements: BTreeMap<usize, usize>,
    refused: usize,
    replaced: usize,
}

struct Bench {
    source: Collection<RawDocumentBuf>,
    copy: Collection<RawDocumentBuf>,
    source_db: Database,
    copy_db: Database,
    stream: ChangeStream<RawDocumentBuf>,
    order: SetOrder,
    names: Names,
    shaper: Shaper,
    declared: Declared,
    tally: Tally,
}

#[tokio::test]
async fn deltas_of_plain_names_are_exact() {
    let tally = run(Names::Plain, "plain").await;
    for ((class, road, verdict), count) in &tally.counts {
        let allowed = match verdict {
            Verdict::Exact | Verdict::Refused => true,
            // Where a default stands is not promised.
            Verdict::Order => *class == Class::Moving || *road == "declared",
            // Many runs, or `_id` among the fields of a pipeline's result.
            Verdict::NotPlain => *road == "plain",
            Verdict::Ambiguous | Verdict::DoesNotFit | Verdict::Misread | Verdict::Different => false,
        };
        assert!(allowed, "{class:?} {road} {verdict:?}: {count}");
    }
}

#[tokio::test]
async fn deltas_of_odd_names_are_exact_or_say_so() {
    let tally = run(Names::Odd, "odd").await;
    for ((class, road, verdict), count) in &tally.counts {
        let by_operators = matches!(class, Class::Operators | Class::Positional | Class::ArrayFilters);
        let allowed = match verdict {
            Verdict::Exact | Verdict::Refused | Verdict::Misread => true,
            Verdict::Order => *class == Class::Moving,
            Verdict::NotPlain => *road == "plain",
            Verdict::Ambiguous => *road != "plain",
            // Pipelines add dotted names, which before 6.1 are not told from paths (a code 28 is loud).
            Verdict::DoesNotFit => *road == "plain" && !by_operators,
            Verdict::Different => false,
        };
        assert!(allowed, "{class:?} {road} {verdict:?}: {count}");
        assert!(*verdict != Verdict::Misread || !by_operators, "{class:?} {road}: {count} misread");
    }
}

async fn run(names: Names, what: &str) -> Tally {
    let seed = env::var("OPLOGUE_SEED")
        .ok()
        .map_or_else(now, |seed| seed.parse().expect("OPLOGUE_SEED is a number"));
    let updates =
        env::var("OPLOGUE_UPDATES").map_or(2000, |n| n.parse().expect("OPLOGUE_UPDATES is a number"));
    println!("{what}: OPLOGUE_SEED={seed} OPLOGUE_UPDATES={updates}");
    let mut rng = Rng::new(seed);
    let mut bench = Bench::open(names, what, &mut rng).await;
    let mut done = 0;
    while done < updates {
        done += bench.round(&mut rng).await;
    }
    bench.close().await;
    bench.tally.print(what, done);
    bench.tally
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64
}

impl Bench {
    async fn open(names: Names, what: &str, rng: &mut Rng) -> Self {
        let uri = env::var("OPLOGUE_TEST_SOURCE_URI")
            .expect("OPLOGUE_TEST_SOURCE_URI names a replica set to test against (see scripts/stack)");
        let client = Client::with_uri_str(uri).await.unwrap();
        let build = client.database("admin").run_command(doc! {"buildInfo": 1}).await.unwrap();
        let version = build.get_str("version").unwrap();
        println!("{what}: MongoDB {version}");
        let order = if version.starts_with("4.") { SetOrder::Lexicographic } else { SetOrder::Numeric };
        // 4.4 keeps no names that begin with `$`.
        let names =
            if names == Names::Odd && order == SetOrder::Lexicographic { Names::Dotted } else { names };
        let unique = format!("{what}_{}_{}", std::process::id(), now() % 1_000_000);
        let source_db = client.database(&format!("oracle_{unique}"));
        let copy_db = client.database(&format!("oracle_copy_{unique}"));
        source_db.create_collection("c").await.unwrap();
        let stream = source_db.watch().await.unwrap().with_type();
        let (source, copy) = (source_db.collection("c"), copy_db.collection("c"));
        let (shaper, declared) = (rules::shaper(rng, names), declared::schema(rng, Names::Plain));
        let tally = Tally::default();
        Self { source, copy, source_db, copy_db, stream, order, names, shaper, declared, tally }
    }

    async fn close(&self) {
        self.source_db.drop().await.unwrap();
        self.copy_db.drop().await.unwrap();
    }

    /// Makes the documents anew that are missing or too large, updates each once, checks what comes of it.
    async fn round(&mut self, rng: &mut Rng) -> usize {
        self.shaper = rules::shaper(rng, self.names);
        self.declared = declared::schema(rng, Names::Plain);
        let before = self.ready(rng).await;
        let updates: BTreeMap<i32, updates::Update> = before
            .iter()
            .map(|(id, bytes)| {
                let document = Document::from_reader(bytes.as_bytes()).unwrap();
                (*id, updates::update(rng, self.names, &document))
            })
            .collect();
        let statements: Vec<_> = updates.values().map(|update| update.statement.clone()).collect();
        let command = doc! {"update": "c", "updates": statements, "ordered": false};
        let reply = self.source_db.run_command(command).await.unwrap();
        self.tally.refused += reply.get_array("writeErrors").map_or(0, Vec::len);
        let after = all(&self.source).await;
        for event in self.events().await {
            let event = ChangeEvent::parse(raw::Document::new(event.as_bytes()).unwrap()).unwrap();
            if event.operation != Operation::Update {
                self.tally.replaced += usize::from(event.operation == Operation::Replace);
                continue;
            }
            let id = event.document_key.unwrap().get("_id").unwrap().unwrap().as_integer().unwrap();
            let id = i32::try_from(id).unwrap();
            let delta = event.update_description.unwrap();
            self.check(&updates[&id], id, &before[&id], &delta, &after[&id]).await;
        }
        updates.len()
    }

    /// The documents at the source, with an equal copy of each.
    async fn ready(&mut self, rng: &mut Rng) -> BTreeMap<i32, RawDocumentBuf> {
        let mut documents = all(&self.source).await;
        for id in 0..DOCUMENTS {
            if documents.get(&id).is_none_or(|document| document.as_bytes().len() > LARGEST) {
                let document = documents::document(rng, self.names, id);
                let pipeline = vec![doc! {"$replaceWith": {"$literal": document}}];
                self.source.update_one(doc! {"_id": id}, pipeline).upsert(true).await.unwrap();
            }
        }
        documents = all(&self.source).await;
        self.events().await;
        self.copy.delete_many(doc! {}).await.unwrap();
        let copies: Vec<_> = documents
            .iter()
            .map(|(id, bytes)| {
                let document = Document::from_reader(bytes.as_bytes()).unwrap();
                doc! {"q": {"_id": id}, "u": [{"$replaceWith": {"$literal": document}}], "upsert": true}
            })
            .collect();
        self.copy_db.run_command(doc! {"update": "c", "updates": copies}).await.unwrap();
        documents
    }

    /// The events up to now.
    async fn events(&mut self) -> Vec<RawDocumentBuf> {
        self.source_db.collection::<Document>("marker").insert_one(doc! {}).await.unwrap();
        let mut events = Vec::new();
        loop {
            let event = self.stream.next().await.expect("the stream goes on").unwrap();
            if event.get_document("ns").unwrap().get_str("coll").unwrap() == "marker" {
                return events;
            }
            events.push(event);
        }
    }

    async fn check(
        &mut self,
        update: &updates::Update,
        id: i32,
        before: &RawDocumentBuf,
        delta: &UpdateDescription<'_>,
        after: &RawDocumentBuf,
    ) {
        let (before, after) = (before.as_bytes(), after.as_bytes());
        let on_document = on_document(before, delta, after);
        let plain = match road(delta, self.order).unwrap() {
            Road::OnDocument => Verdict::NotPlain,
            Road::Plain(statements) => self.plainly(id, statements, after).await,
        };
        let mut verdicts = vec![("document", on_document), ("plain", plain)];
        if on_document <= Verdict::Order {
            verdicts.push(("shaped", self.shaped(before, delta, after)));
            // What 4.4 logs does not show what it makes; dotted names are the law's business.
            if delta.is_diff && self.names == Names::Plain {
                verdicts.push(("declared", self.declared(before, delta, after)));
            }
        }
        for (road, mut verdict) in verdicts {
            if verdict == Verdict::Different && touches_dotted(delta, before, after) {
                verdict = Verdict::Misread;
            }
            *self.tally.counts.entry((update.class, road, verdict)).or_default() += 1;
            let expected =
                verdict <= Verdict::NotPlain && (verdict != Verdict::Order || update.class == Class::Moving);
            if !expected && env::var("OPLOGUE_VERBOSE").is_ok() {
                let show = |bytes: &[u8]| Document::from_reader(bytes).unwrap().to_string();
                println!("{road} {verdict:?}: {}\n  before {}", update.statement, show(before));
                println!("  set {}", show(delta.updated_fields.as_bytes()));
                println!("  removed {}", show(delta.removed_fields.as_bytes()));
                println!("  after  {}", show(after));
            }
        }
    }

    /// Sends the statements to the copy on the server.
    async fn plainly(&mut self, id: i32, statements: Vec<Vec<u8>>, after: &[u8]) -> Verdict {
        *self.tally.statements.entry(statements.len()).or_default() += 1;
        for statement in statements {
            let u = Document::from_reader(&statement[..]).unwrap();
            let command = doc! {"update": "c", "updates": [{"q": {"_id": id}, "u": u}]};
            let reply = self.copy_db.run_command(command).await.unwrap();
            if reply.contains_key("writeErrors") {
                return Verdict::DoesNotFit;
            }
        }
        let copy = self.copy.find_one(doc! {"_id": id}).await.unwrap().unwrap();
        compare(copy.as_bytes(), after)
    }

    /// Applies the shaped delta to the shaped document. An update that 4.4 logs may have made a document of which only a dropped
    /// field is left to say so; then the shaped one has it not, and the shaped oracle has it empty.
    fn shaped(&self, before: &[u8], delta: &UpdateDescription<'_>, after: &[u8]) -> Verdict {
        // What is refused is not at the target; the update that makes it so is refused itself, and no other.
        let (before, after) = match (self.shape(before), self.shape(after), self.shaper.delta(delta)) {
            (None, _, _) | (Some(_), None, Err(Unclear::Taken(_))) => return Verdict::Refused,
            (Some(_), None, _) | (Some(_), Some(_), Err(_)) => return Verdict::Different,
            (Some(before), Some(after), Ok(_)) => (before, after),
        };
        let verdict = |after: &[u8]| match self.shaper.delta(delta).unwrap() {
            Shaped::Delta(delta) => on_document(&before, &delta.view(), after),
            Shaped::Nothing => compare(&before, after),
        };
        match verdict(&after) {
            Verdict::Different if !delta.is_diff => self.hollow(&before, delta, &after),
            verdict => verdict,
        }
    }

    /// Applies the judged delta to the judged document.
    fn declared(&self, before: &[u8], delta: &UpdateDescription<'_>, after: &[u8]) -> Verdict {
        let Some(before) = self.judge(before) else { return Verdict::Refused };
        match (self.declared.delta(delta).unwrap(), self.judge(after)) {
            (JudgedDelta::Refused(..), None) => Verdict::Refused,
            (JudgedDelta::Refused(..), Some(_)) | (_, None) => Verdict::Different,
            (JudgedDelta::Same, Some(after)) => on_document(&before, delta, &after),
            (JudgedDelta::Changed(delta, _), Some(after)) => on_document(&before, &delta.view(), &after),
            (JudgedDelta::Nothing(_), Some(after)) => compare(&before, &after),
        }
    }

    /// The document as declared; `None` where it is refused.
    fn judge(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = Writer::new();
        match self.declared.document(raw::Document::new(bytes).unwrap(), &mut out).unwrap() {
            Judged::Same => Some(bytes.to_vec()),
            Judged::Changed(_) => Some(out.into_bytes()),
            Judged::Refused(..) => None,
        }
    }

    /// `None` where a field has the new name of another.
    fn shape(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = Writer::new();
        match self.shaper.document(raw::Document::new(bytes).unwrap(), &mut out) {
            Ok(()) => Some(out.into_bytes()),
            Err(Unclear::Taken(_)) => None,
            Err(other) => panic!("{other}"),
        }
    }

    /// The comparison without regard to empty documents.
    fn hollow(&self, before: &[u8], delta: &UpdateDescription<'_>, after: &[u8]) -> Verdict {
        let Ok(Shaped::Delta(delta)) = self.shaper.delta(delta) else {
            return compare(&without_empty(before), &without_empty(after));
        };
        let mut out = Writer::new();
        match apply(raw::Document::new(before).unwrap(), &delta.view(), &mut out) {
            Ok(()) => compare(&without_empty(out.as_bytes()), &without_empty(after)),
            Err(_) => Verdict::Different,
        }
    }
}

fn on_document(before: &[u8], delta: &UpdateDescription<'_>, after: &[u8]) -> Verdict {
    let mut out = Writer::new();
    match apply(raw::Document::new(before).unwrap(), delta, &mut out) {
        Ok(()) => compare(out.as_bytes(), after),
        Err(Inexact::Ambiguous) => Verdict::Ambiguous,
        Err(Inexact::BaseDoesNotFit) => Verdict::DoesNotFit,
        Err(Inexact::Malformed(error)) => panic!("{error}"),
    }
}

async fn all(collection: &Collection<RawDocumentBuf>) -> BTreeMap<i32, RawDocumentBuf> {
    let mut cursor = collection.find(doc! {}).await.unwrap();
    let mut documents = BTreeMap::new();
    while let Some(document) = cursor.next().await {
        let document = document.unwrap();
        documents.insert(document.get_i32("_id").unwrap(), document);
    }
    documents
}

fn compare(ours: &[u8], theirs: &[u8]) -> Verdict {
    if ours == theirs {
        Verdict::Exact
    } else if sorted(ours) == sorted(theirs) {
        Verdict::Order
    } else {
        Verdict::Different
    }
}

/// The document without fields that are empty documents or become so, and without empty ends of arrays.
fn without_empty(bytes: &[u8]) -> Vec<u8> {
    fn prune(value: Bson) -> Bson {
        match value {
            Bson::Document(document) => {
                let pruned = document.into_iter().map(|(name, value)| (name, prune(value)));
                let kept: Document = pruned.filter(|(_, value)| *value != Bson::Null).collect();
                if kept.is_empty() { Bson::Null } else { kept.into() }
            }
            Bson::Array(array) => {
                let mut pruned: Vec<Bson> = array.into_iter().map(prune).collect();
                while pruned.last() == Some(&Bson::Null) {
                    pruned.pop();
                }
                pruned.into()
            }
            value => value,
        }
    }
    let pruned = prune(Document::from_reader(bytes).unwrap().into());
    pruned.as_document().cloned().unwrap_or_default().to_vec().unwrap()
}

/// Whether a path of the delta is the text of a place with a dotted name.
fn touches_dotted(delta: &UpdateDescription<'_>, before: &[u8], after: &[u8]) -> bool {
    let mut places = BTreeSet::new();
    for bytes in [before, after] {
        dotted(raw::Document::new(bytes).unwrap(), &mut Vec::new(), false, &mut places);
    }
    let updated = delta.updated_fields.elements().map(|element| element.unwrap().name);
    let removed = shape::path::removals(delta).map(Result::unwrap);
    let cut = shape::path::truncations(delta).map(|truncation| truncation.unwrap().0);
    updated.chain(removed).chain(cut).any(|path| places.contains(path))
}

/// The texts of all places whose way has a dotted name.
fn dotted(document: raw::Document<'_>, way: &mut Vec<u8>, is_dotted: bool, places: &mut BTreeSet<Vec<u8>>) {
    for element in document.elements().map(Result::unwrap) {
        let (len, is_dotted) = (way.len(), is_dotted || element.name.contains(&b'.'));
        way.extend_from_slice(element.name);
        if is_dotted {
            places.insert(way.clone());
        }
        if let Some(inner) = element.as_document() {
            way.push(b'.');
            dotted(inner, way, is_dotted, places);
        }
        way.truncate(len);
    }
}

/// The document's bytes with the fields of every document sorted by name.
fn sorted(bytes: &[u8]) -> Vec<u8> {
    fn write(kind: raw::Kind, document: raw::Document<'_>, out: &mut Writer) {
        let mut elements: Vec<_> = document.elements().map(Result::unwrap).collect();
        if kind == raw::Kind::Document {
            elements.sort_by_key(|element| element.name);
        }
        for element in elements {
            match element.as_document() {
                Some(inner) => {
                    if element.kind == raw::Kind::Array {
                        out.begin_array(element.name);
                    } else {
                        out.begin_document(element.name);
                    }
                    write(element.kind, inner, out);
                    out.end();
                }
                None => out.element(&element),
            }
        }
    }
    let mut out = Writer::new();
    out.begin();
    write(raw::Kind::Document, raw::Document::new(bytes).unwrap(), &mut out);
    out.end();
    out.into_bytes()
}

impl Tally {
    fn print(&self, what: &str, updates: usize) {
        println!(
            "{what}: {updates} updates, {} refused by the source, {} replaced",
            self.refused, self.replaced
        );
        for ((class, road, verdict), count) in &self.counts {
            println!("{what}: {:14} {road:9} {:12} {count}", format!("{class:?}"), format!("{verdict:?}"));
        }
        println!("{what}: statements per plain delta {:?}", self.statements);
    }
}
