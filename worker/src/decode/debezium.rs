//! Debezium's envelope, made the change event that it was made of.
//!
//! Pure. Documents are texts within it: whole ones in Extended JSON v1, deltas in relaxed v2. Guards:
//!
//! * a whole document, where there is one, is what counts: a delta's text says `5` for an integer of either width, a whole document's does not;
//! * the document is known by what has its types: `after`, `before`, and only without them the record's key;
//! * deltas are read as diffs, which all servers write that Debezium 3 reads (5.0+): a dotted name is then told apart by the document at hand.
//!
//! Not carried, so not made up: resume token and cluster time (`source.ts_ms` is the wall clock's).

use common::{
    codec::decode::{self, Dialect},
    raw::{Document, Element, Error, Kind, Writer},
};

use super::{Poison, wrapping};

const NO_KEY: Poison = Poison::Envelope("its key does not tell the document");

/// Whether this is what Debezium writes.
pub(super) fn is_envelope(document: Document<'_>) -> Result<bool, Error> {
    let (mut op, mut source, mut is_event) = (false, false, false);
    for element in document.elements() {
        let element = element?;
        match element.name {
            b"op" => op = element.kind == Kind::String,
            b"source" => source = element.kind == Kind::Document,
            b"operationType" => is_event = true,
            _ => {}
        }
    }
    Ok(op && source && !is_event)
}

/// Whether this key is of a Debezium record: `{"id": …}` alone, in a wrapping or not.
pub(super) fn is_key(key: &[u8]) -> bool {
    document_key(Some(key)).is_ok()
}

/// The change event.
///
/// # Errors
/// [`Poison`].
pub(super) fn event(envelope: Document<'_>, key: Option<&[u8]>) -> Result<Vec<u8>, Poison> {
    let after = image(envelope, "after")?;
    let delta = object(envelope, "updateDescription")?;
    let operation = match (text(envelope, "op")?.unwrap_or_default(), &after, delta) {
        ("c" | "r", Some(_), _) => "insert",
        ("u", Some(_), None) => "replace",
        ("u", _, Some(_)) => "update",
        ("d", _, _) => "delete",
        _ => return Err(Poison::Envelope("its `op` and what it holds do not go together")),
    };
    let mut writer = Writer::new();
    writer.begin();
    writer.begin_document(b"_id");
    writer.end();
    writer.str(b"operationType", operation);
    namespace(envelope, &mut writer)?;
    identify(envelope, after.as_deref(), key, &mut writer)?;
    match (&after, delta) {
        (Some(after), _) => writer.document(b"fullDocument", Document::new(after)?),
        (None, Some(delta)) => update(delta, &mut writer)?,
        (None, None) => {}
    }
    writer.end();
    Ok(writer.into_bytes())
}

fn namespace(envelope: Document<'_>, writer: &mut Writer) -> Result<(), Poison> {
    let source = object(envelope, "source")?.unwrap_or(Document::EMPTY);
    let names = text(source, "db")?.zip(text(source, "collection")?);
    let (db, coll) = names.ok_or(Poison::Envelope("its source names no collection"))?;
    writer.begin_document(b"ns");
    writer.str(b"db", db);
    writer.str(b"coll", coll);
    writer.end();
    Ok(())
}

/// `documentKey`.
fn identify(
    envelope: Document<'_>,
    after: Option<&[u8]>,
    key: Option<&[u8]>,
    writer: &mut Writer,
) -> Result<(), Poison> {
    let image = match after {
        Some(after) => Some(after.to_vec()),
        None => image(envelope, "before")?,
    };
    let whole = match image {
        Some(image) => image,
        None => document_key(key)?,
    };
    let id = Document::new(&whole)?.get("_id")?.ok_or(NO_KEY)?;
    writer.begin_document(b"documentKey");
    writer.element(&id);
    writer.end();
    Ok(())
}

/// `{"_id": …}` from a key, whose `id` is the text of the value.
fn document_key(key: Option<&[u8]>) -> Result<Vec<u8>, Poison> {
    let mut bytes = Vec::new();
    wrapping::text(key.ok_or(NO_KEY)?, &mut bytes)?;
    let mut key = Document::new(&bytes)?;
    if let Some(payload) = wrapping::payload(key)? {
        key = payload.as_document().ok_or(NO_KEY)?;
    }
    let id = text(key, "id")?.filter(|_| key.elements().count() == 1).ok_or(NO_KEY)?;
    document(&format!("{{\"_id\":{id}}}"))
}

/// `updateDescription`, in the server's words.
fn update(delta: Document<'_>, writer: &mut Writer) -> Result<(), Poison> {
    writer.begin_document(b"updateDescription");
    if let Some(updated) = image(delta, "updatedFields")? {
        writer.document(b"updatedFields", Document::new(&updated)?);
    }
    if let Some(removed) = delta.get("removedFields")?.filter(|element| element.kind == Kind::Array) {
        writer.element(&removed);
    }
    writer.begin_array(b"truncatedArrays");
    for (place, array) in
        object(delta, "truncatedArrays")?.into_iter().flat_map(|all| all.elements()).enumerate()
    {
        truncated(place, &array?, writer)?;
    }
    writer.end();
    writer.end();
    Ok(())
}

fn truncated(place: usize, array: &Element<'_>, writer: &mut Writer) -> Result<(), Poison> {
    let array = array.as_document().unwrap_or(Document::EMPTY);
    let both = array.get("field")?.zip(array.get("size")?);
    let (field, size) = both.ok_or(Poison::Envelope("it truncates an array that it does not name"))?;
    writer.begin_document(place.to_string().as_bytes());
    writer.element(&field);
    writer.value(size.kind, b"newSize", size.value);
    writer.end();
    Ok(())
}

/// The document that a field holds as text; `None` when it is absent or null.
fn image(of: Document<'_>, field: &str) -> Result<Option<Vec<u8>>, Poison> {
    text(of, field)?.map(document).transpose()
}

fn document(text: &str) -> Result<Vec<u8>, Poison> {
    let mut bytes = Vec::new();
    decode::document_in(Dialect::V2AndV1, text.as_bytes(), &mut bytes)?;
    Ok(bytes)
}

fn text<'a>(of: Document<'a>, field: &str) -> Result<Option<&'a str>, Error> {
    of.get(field)?.map_or(Ok(None), |element| element.as_str())
}

fn object<'a>(of: Document<'a>, field: &str) -> Result<Option<Document<'a>>, Error> {
    Ok(of.get(field)?.and_then(|element| element.as_document()))
}
