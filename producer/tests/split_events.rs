//! Split events on a real server: fragments come as one event, and nobody goes on amid one.
//!
//! `OPLOGUE_TEST_SOURCE_URI` says where the source is (`scripts/stack`); it has to be one that splits (6.0.9+, 7.0+).
//!
//! # Which events can be split
//! Tried on 6.0.27: a fragment holds whole fields, and the resume token stands in each of them. Without images a change of a
//! document has one large field, `fullDocument` or `updateDescription`, beside `documentKey`, whose size the token doubles. An
//! event that is over 16 MB because of such an `_id` is refused with 7182500 (`fragment size … is greater than maximum
//! allowed`), because its large field and the token do not fit into a fragment either. So events are split only where they
//! show images, and only then is the server asked to.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bson::{Document, RawDocumentBuf, doc};
use common::{event::ChangeEvent, mongo::Server, raw};
use mongodb::{Client, Database};
use producer::capture::{Batch, Fragments, Origin, Place, Stream};

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_secs(60);
/// A field so large that the document before, the one after and the delta do not fit into one event.
const LARGE: usize = 7_000_000;

async fn source(test: &str) -> (Client, Server, Database) {
    let uri = std::env::var("OPLOGUE_TEST_SOURCE_URI").expect(
        "OPLOGUE_TEST_SOURCE_URI is not set: start services (`scripts/stack up`) and set it to the source's connection string",
    );
    let client = Client::with_uri_str(uri).await.unwrap();
    let server = Server::ask(&client, "source").await.unwrap();
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() % 10_000_000_000;
    let database = client.database(&format!("{test}_{stamp}"));
    let images = doc! {"create": "large", "changeStreamPreAndPostImages": {"enabled": true}};
    database.run_command(images).await.unwrap();
    (client, server, database)
}

fn stream(client: &Client, server: &Server, database: &Database, origin: Origin) -> Stream {
    let name = database.name().to_owned();
    Stream::new(client.clone(), server.version, Some(name), 100, origin).with_images(true)
}

/// Where the source is now.
async fn now(client: &Client) -> Origin {
    let reply = client.database("admin").run_command(doc! {"ping": 1}).await.unwrap();
    Origin::At(common::mongo::operation_time(&reply).unwrap().next())
}

/// Writes a small event, one that has to be split, and another small one.
async fn write(database: &Database) {
    let large = database.collection::<Document>("large");
    large.insert_one(doc! {"_id": 1, "pad": "a".repeat(LARGE)}).await.unwrap();
    large.update_one(doc! {"_id": 1}, doc! {"$set": {"pad": "b".repeat(LARGE)}}).await.unwrap();
    large.insert_one(doc! {"_id": 2}).await.unwrap();
}

/// The next batch that holds anything.
async fn next(stream: &mut Stream) -> Batch {
    let next = async {
        loop {
            let batch = stream.next().await.unwrap();
            if !batch.view().unwrap().events.is_empty() {
                return batch;
            }
        }
    };
    tokio::time::timeout(DEADLINE, next).await.expect("the source has events")
}

/// The documents of a batch, fragments included.
fn documents(batch: &Batch) -> Vec<raw::Document<'_>> {
    batch.view().unwrap().events.elements().map(|e| e.unwrap().as_document().unwrap()).collect()
}

/// Reads until `count` whole events have come; gives them and how many fragments there were.
async fn whole(stream: &mut Stream, count: usize) -> (Vec<Vec<u8>>, usize) {
    let (mut events, mut fragments, mut parts) = (Vec::new(), Fragments::default(), 0);
    while events.len() < count {
        let batch = next(stream).await;
        for document in documents(&batch) {
            match Place::of(document).unwrap() {
                None => events.push(document.as_bytes().to_vec()),
                Some(place) => {
                    parts += 1;
                    events.extend(fragments.add(document, place).unwrap());
                }
            }
        }
    }
    (events, parts)
}

fn check_update(event: &[u8]) {
    let event = raw::Document::new(event).unwrap();
    let parsed = ChangeEvent::parse(event).unwrap();
    assert_eq!(parsed.operation.name(), "update");
    let pad = |document: raw::Document<'_>| {
        document.get("pad").unwrap().unwrap().as_str().unwrap().unwrap().to_owned()
    };
    let before = event.get("fullDocumentBeforeChange").unwrap().unwrap().as_document().unwrap();
    assert_eq!(pad(before), "a".repeat(LARGE));
    assert_eq!(pad(parsed.full_document.unwrap()), "b".repeat(LARGE));
    assert_eq!(pad(parsed.update_description.unwrap().updated_fields), "b".repeat(LARGE));
    assert!(event.get("splitEvent").unwrap().is_none() && event.as_bytes().len() > 16 * 1024 * 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_event_comes_whole() {
    let (client, server, database) = source("split_whole").await;
    let mut stream = stream(&client, &server, &database, now(&client).await);
    write(&database).await;
    let (events, fragments) = whole(&mut stream, 3).await;
    assert!(fragments >= 2, "the server did not split");
    check_update(&events[1]);
    database.drop().await.unwrap();
}

/// Estuary connectors 5136: a checkpoint taken in the middle of a split event cannot be resumed.
///
/// 1. An event comes in fragments; the connector takes the token of the first one as its checkpoint.
/// 2. It restarts and resumes behind that token, without the stage that splits, or with other fields.
/// 3. The server does not find the place, and the capture fails until somebody starts it over.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_amid_a_split_event_is_never_taken() {
    let (client, server, database) = source("split_amid").await;
    let mut position = now(&client).await;
    write(&database).await;
    // Until a batch ends amid the event, a process goes on behind each batch.
    let mut killed = stream(&client, &server, &database, position.clone());
    loop {
        let batch = next(&mut killed).await;
        if let Some(token) = batch.resume_token().unwrap() {
            position = Origin::After(RawDocumentBuf::from_bytes(token.as_bytes().to_vec()).unwrap());
        }
        let last = Place::of(*documents(&batch).last().unwrap()).unwrap();
        if last.is_some_and(Place::is_followed) {
            break;
        }
    }
    drop(killed);
    let mut resumed = stream(&client, &server, &database, position);
    let (events, fragments) = whole(&mut resumed, 2).await;
    assert!(fragments >= 2, "the event does not come from its first fragment on");
    check_update(&events[0]);
    database.drop().await.unwrap();
}
