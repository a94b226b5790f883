//! From a record to the change event it carries, or to the reason why it carries none.
//!
//! Pure. It decides what is foreign: a record that holds no change event, contradicts itself, or was damaged. Such a record is
//! poison, kept whole as a dead letter. A format version of the future is not poison: dead-lettering everything that a
//! newer producer writes would empty the topic, so it stops the worker instead. What other systems write is unwrapped by [`foreign`].

mod debezium;
mod foreign;
mod wrapping;

use std::ops::Range;

use common::{
    codec::decode,
    error::{Error, Kind},
    event::{ChangeEvent, Names, Operation},
    headers::{self, Format, Headers},
    raw,
};

use crate::consume::record::Record;

/// Why a record cannot be applied, now or ever. Its text never holds a document's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Poison {
    /// No value.
    #[error("the record has no value")]
    Tombstone,
    /// A header of ours that does not read as it should.
    #[error("{0}")]
    Header(#[from] headers::Error),
    /// The value is not the Extended JSON it should be.
    #[error("the value is no Extended JSON document: {0}")]
    Text(#[from] decode::Error),
    /// The value is not the BSON it should be, or no change event.
    #[error("the value is no change event: {0}")]
    Event(#[from] raw::Error),
    /// Header and event name different things.
    #[error("the header `{0}` and the event disagree")]
    Disagree(&'static str),
    /// Parts of a value that do not stand together.
    #[error("the record holds a part of a value whose other parts do not stand next to it")]
    Part,
    /// Debezium's envelope, and something in it that is not as Debezium writes it.
    #[error("the value is no Debezium envelope: {0}")]
    Envelope(&'static str),
    /// A change event that lacks what its operation needs.
    #[error("the {operation} event has no `{field}`")]
    Lacks {
        /// The operation's name.
        operation: String,
        /// The field.
        field: &'static str,
    },
}

/// Decodes a value, whole or in parts that were [joined](join), to BSON at the end of `arena`; gives its place there, or `None` for a
/// tombstone that says nothing new: Debezium writes one behind each delete, for compacted topics.
///
/// # Errors
/// [`Poison`]; the arena is then as it was.
pub fn value(
    records: &[Record],
    headers: &Headers<'_>,
    arena: &mut Vec<u8>,
) -> Result<Option<Range<usize>>, Poison> {
    let first = records.first().ok_or(Poison::Tombstone)?;
    let value = if records.len() == 1 { first.value() } else { first.whole() };
    match value {
        Some(value) => decoded(first.key(), value, headers, arena).map(Some),
        None if headers.version.is_none() && first.key().is_some_and(debezium::is_key) => Ok(None),
        None => Err(Poison::Tombstone),
    }
}

/// Puts the parts of every value together that [`span`] finds.
pub fn join(records: &mut [Record]) {
    let mut from = 0;
    while from < records.len() {
        let count = span(&records[from..]).unwrap_or(1);
        Record::join(&mut records[from..from + count]);
        from += count;
    }
}

/// How many of these records the first value takes.
///
/// # Errors
/// [`Poison::Part`] when its parts do not stand together.
pub fn span(records: &[Record]) -> Result<usize, Poison> {
    let Some(first) = records.first() else { return Ok(0) };
    let Some(part) = first.part else { return Ok(1) };
    let parts = records.get(..part.of as usize).filter(|parts| !parts.is_empty()).ok_or(Poison::Part)?;
    let fits = |(place, record): (usize, &Record)| {
        record.key() == first.key()
            && record.part.is_some_and(|p| p.of == part.of && p.number as usize == place + 1)
    };
    if parts.iter().enumerate().all(fits) { Ok(parts.len()) } else { Err(Poison::Part) }
}

fn decoded(
    key: Option<&[u8]>,
    value: &[u8],
    headers: &Headers<'_>,
    arena: &mut Vec<u8>,
) -> Result<Range<usize>, Poison> {
    let start = arena.len();
    match headers.format {
        // Our own records are v2; what has no version of ours comes from other systems.
        Format::ExtJson if headers.version.is_some() => decode::document(value, arena)?,
        Format::ExtJson => return foreign::event(key, value, arena),
        Format::Bson => {
            check(raw::Document::new(value)?, 0)?;
            arena.extend_from_slice(value);
        }
    }
    Ok(start..arena.len())
}

/// The headers of a record.
///
/// # Errors
/// [`Poison`] when one of ours is malformed.
pub fn headers(record: &Record) -> Result<Headers<'_>, Poison> {
    let headers = record.headers().filter_map(|(name, value)| Some((name, value?)));
    Ok(Headers::parse(headers)?)
}

/// Views decoded bytes as a change event that has what its operation needs and says what the headers say.
///
/// # Errors
/// [`Poison`].
pub fn event<'a>(bytes: &'a [u8], headers: &Headers<'_>) -> Result<ChangeEvent<'a>, Poison> {
    let event = ChangeEvent::parse(raw::Document::new(bytes)?)?;
    if headers.op.is_some_and(|op| op != event.operation.name()) {
        return Err(Poison::Disagree(headers::OP));
    }
    if headers.ns.is_some_and(|ns| event.ns.is_some_and(|names| !is_same(ns, &names))) {
        return Err(Poison::Disagree(headers::NS));
    }
    complete(&event)?;
    Ok(event)
}

/// Whether the poison means that this worker is too old: a version that reads as a number.
#[must_use]
pub fn too_new(poison: &Poison) -> Option<Error> {
    let Poison::Header(headers::Error::Version(version)) = poison else { return None };
    version.parse::<u32>().ok()?;
    Some(Error::new(Kind::Misconfigured, format!("{poison}; upgrade the workers before the producer")))
}

/// `db.coll` against its two names, without building a text.
fn is_same(text: &str, names: &Names<'_>) -> bool {
    let rest = text.strip_prefix(names.db);
    match names.coll {
        Some(coll) => rest.and_then(|rest| rest.strip_prefix('.')) == Some(coll),
        None => rest == Some(""),
    }
}

fn complete(event: &ChangeEvent<'_>) -> Result<(), Poison> {
    if !event.operation.is_document_change() {
        return Ok(());
    }
    let need = |there: bool, field: &'static str| {
        let operation = event.operation.name().to_owned();
        if there { Ok(()) } else { Err(Poison::Lacks { operation, field }) }
    };
    need(event.ns.is_some_and(|ns| ns.coll.is_some()), "ns")?;
    let key = event.document_key.or(event.full_document);
    need(key.map_or(Ok(None), |key| key.get("_id"))?.is_some(), "documentKey")?;
    match event.operation {
        Operation::Insert | Operation::Replace => need(event.full_document.is_some(), "fullDocument"),
        Operation::Update => {
            need(event.full_document.is_some() || event.update_description.is_some(), "updateDescription")
        }
        _ => Ok(()),
    }
}

/// Walks the whole document: bytes from elsewhere must not break a command that carries others.
fn check(document: raw::Document<'_>, depth: usize) -> Result<(), raw::Error> {
    if depth > raw::MAX_DEPTH {
        return Err(raw::Error::TooDeep);
    }
    for element in document.elements() {
        let element = element?;
        element.name_str()?;
        element.as_str()?;
        if let Some(inner) = element.as_document() {
            check(inner, depth + 1)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod tests;
