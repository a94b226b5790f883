//! What other systems write, made the change event that it stands for.
//!
//! Pure. Kafka Connect's converters put the same value into several wrappings; all of them are taken off here, by what the value itself
//! says: nothing announces them, for such records have no header of ours.
//!
//! | value | written by |
//! |---|---|
//! | a change event as text, Extended JSON v2 or v1 | the official source connector, `output.format.value=json`, `StringConverter` |
//! | that text as a JSON string | the same through `JsonConverter` |
//! | `{"schema": …, "payload": …}` around either, or around Debezium's envelope | any connector through `JsonConverter` with its schemas |
//! | a change event as BSON | the official source connector, `output.format.value=bson`, `ByteArrayConverter` |
//! | Debezium's envelope ([`super::debezium`]) | Debezium |
//!
//! Guards: one value is read in one way only. BSON ends in a zero byte and text never does; a change event says `operationType`, which
//! neither a wrapping nor an envelope has.

use std::ops::Range;

use common::{
    codec::decode::{self, Dialect},
    raw,
};

use super::{
    Poison, check, debezium,
    wrapping::{payload, text},
};

/// Appends the change event as BSON to `arena`; gives its place there.
///
/// # Errors
/// [`Poison`]; the arena is then as it was.
pub(super) fn event(key: Option<&[u8]>, value: &[u8], arena: &mut Vec<u8>) -> Result<Range<usize>, Poison> {
    let start = arena.len();
    let found = appended(key, value, arena);
    if found.is_err() {
        arena.truncate(start);
    }
    found.map(|()| start..arena.len())
}

fn appended(key: Option<&[u8]>, value: &[u8], arena: &mut Vec<u8>) -> Result<(), Poison> {
    if value.last() == Some(&0) {
        check(raw::Document::new(value)?, 0)?;
        arena.extend_from_slice(value);
        return Ok(());
    }
    let start = arena.len();
    text(value, arena)?;
    let Some(event) = unwrapped(key, raw::Document::new(&arena[start..])?)? else { return Ok(()) };
    arena.truncate(start);
    arena.extend_from_slice(&event);
    Ok(())
}

/// The event that the document holds in some wrapping; `None` when it is in none.
fn unwrapped(key: Option<&[u8]>, document: raw::Document<'_>) -> Result<Option<Vec<u8>>, Poison> {
    if let Some(payload) = payload(document)? {
        let inner = contents(&payload)?;
        let event = unwrapped(key, raw::Document::new(&inner)?)?;
        return Ok(Some(event.unwrap_or(inner)));
    }
    if debezium::is_envelope(document)? { debezium::event(document, key).map(Some) } else { Ok(None) }
}

fn contents(payload: &raw::Element<'_>) -> Result<Vec<u8>, Poison> {
    if let Some(document) = payload.as_document() {
        return Ok(document.as_bytes().to_vec());
    }
    let text = payload.as_str()?.ok_or(raw::Error::Unexpected { field: "payload", expected: "document" })?;
    let mut document = Vec::new();
    decode::document_in(Dialect::V2AndV1, text.as_bytes(), &mut document)?;
    Ok(document)
}
