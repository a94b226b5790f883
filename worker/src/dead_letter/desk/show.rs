//! `dead-letters show`: one letter whole, its record's bytes untouched.

use std::io::Write;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::{
    cli::{Form, LetterId},
    codec::hex,
    error::Result,
};
use serde_json::{Value, json};

use super::{
    Desk,
    letter::Letter,
    list::{json, place, state, time},
    read, say,
};
use crate::{consume::record::Record, dead_letter::header};

/// Headers that were added: a record's own may have the same names.
const ADDED: [&str; 7] = [
    header::REASON,
    header::KIND,
    header::TOPIC,
    header::PARTITION,
    header::OFFSET,
    header::TIME,
    header::PIPELINE,
];
/// Bytes of a line of what is no text.
const LINE: usize = 32;

impl Desk<'_> {
    /// Shows a letter.
    pub(super) fn show(&self, id: LetterId, form: Form, out: &mut impl Write) -> Result<()> {
        let shelf = self.shelf()?;
        let letter = shelf.get(id).ok_or_else(|| self.not_there(id))?;
        let records = read::some(&self.config.kafka, &self.topics.dead_letters(), &letter.pieces)?;
        let value = value(&records);
        match form {
            Form::Raw => {
                // A reader that went away is no failure.
                drop(out.write_all(&value.unwrap_or_default()).and_then(|()| out.flush()));
            }
            Form::Json => say(out, &whole(letter, &records[0], value.as_deref()).to_string()),
            Form::Text => text(letter, &records[0], value.as_deref()).iter().for_each(|line| say(out, line)),
        }
        Ok(())
    }
}

/// The value, put together again; `None` for a record without.
fn value(records: &[Record]) -> Option<Vec<u8>> {
    let values: Vec<_> = records.iter().filter_map(Record::value).collect();
    (!values.is_empty()).then(|| values.concat())
}

/// The record's own headers, as they were.
fn own(record: &Record) -> Vec<(&str, Option<&[u8]>)> {
    let mut headers: Vec<_> = record.headers().collect();
    let is_added = headers.iter().rev().zip(ADDED.iter().rev()).all(|((name, _), added)| name == added);
    if is_added {
        headers.truncate(headers.len().saturating_sub(ADDED.len()));
    }
    headers
}

fn whole(letter: &Letter, record: &Record, value: Option<&[u8]>) -> Value {
    let encoded = |bytes: Option<&[u8]>| bytes.map(|bytes| STANDARD.encode(bytes));
    let headers: Vec<_> =
        own(record).into_iter().map(|(name, value)| json!({"name": name, "value": encoded(value)})).collect();
    let mut json = json(letter);
    json.insert("headers".to_owned(), headers.into());
    json.insert("value".to_owned(), encoded(value).into());
    Value::Object(json)
}

fn text(letter: &Letter, record: &Record, value: Option<&[u8]>) -> Vec<String> {
    let mut lines = vec![format!("dead letter {}: {}", letter.id(), state(letter))];
    let mut line = |name: &str, text: &str| lines.push(format!("  {name:<13} {text}"));
    line("reason", &format!("{}: {}", letter.kind, letter.reason));
    line("refused", &format!("{} by pipeline {}", time(letter.time), letter.pipeline));
    line("record", &place(letter));
    let optional = [
        ("namespace", &letter.ns),
        ("operation", &letter.operation),
        ("cluster time", &letter.cluster_time),
        ("sequence", &letter.sequence),
    ];
    for (name, text) in optional {
        text.iter().for_each(|text| line(name, text));
    }
    if let Some(verdict) = &letter.verdict {
        line("decided", &format!("{} {}", verdict.decision, time(verdict.time)));
        verdict.note.iter().for_each(|note| line("note", note));
    }
    if !letter.earlier.is_empty() {
        line("written", &format!("again after {}", joined(&letter.earlier)));
    }
    if let Err(why) = letter.about() {
        line("replay", &format!("impossible: {why}"));
    }
    lines.push("headers".to_owned());
    lines.extend(own(record).into_iter().map(|(name, value)| format!("  {name:<13} {}", readable(value))));
    lines.push(format!("key ({})", size(record.key())));
    lines.extend(block(record.key()));
    lines.push(match letter.pieces.len() {
        1 => format!("value ({})", size(value)),
        parts => format!("value ({} in {parts} parts)", size(value)),
    });
    lines.extend(block(value));
    lines
}

fn joined(ids: &[LetterId]) -> String {
    ids.iter().map(LetterId::to_string).collect::<Vec<_>>().join(", ")
}

fn size(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "none".to_owned(),
        Some([_]) => "1 byte".to_owned(),
        Some(bytes) => format!("{} bytes", bytes.len()),
    }
}

/// What a terminal can show of it.
fn printable(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'))
}

fn readable(value: Option<&[u8]>) -> String {
    let Some(value) = value else { return "(no value)".to_owned() };
    printable(value).map_or_else(|| format!("0x{}", hex::text(value)), str::to_owned)
}

/// Text as it is, anything else as hexadecimal digits.
fn block(bytes: Option<&[u8]>) -> Vec<String> {
    let Some(bytes) = bytes else { return Vec::new() };
    match printable(bytes) {
        Some(text) => text.lines().map(|line| format!("  {line}")).collect(),
        None => bytes.chunks(LINE).map(|chunk| format!("  0x{}", hex::text(chunk))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::letter::tests::record, *};

    fn letter(record: &Record) -> Letter {
        Letter::read(LetterId { partition: 0, offset: record.offset }, record, |text| text.into()).unwrap()
    }

    #[test]
    fn a_letter_is_shown_whole_without_what_was_added() {
        let record = record(4, 40, &[("v", "1"), ("dead.kind", "of old"), ("ns", "a.b")], Some(b"\x00\xff"));
        let lines = text(&letter(&record), &record, Some(b"{\"a\":\n1}"));
        for wanted in [
            "dead letter 4: open",
            "  reason        validation: why",
            "  record        t.x[3], offset 40",
            "  namespace     a.b",
            "  replay        impossible: no producer of this pipeline published its record, so none can be asked",
            "  dead.kind     of old",
            "key (2 bytes)",
            "  0x00ff",
            "value (8 bytes)",
            "  {\"a\":",
        ] {
            assert!(lines.iter().any(|line| line == wanted), "{wanted} in {lines:#?}");
        }
        assert_eq!(own(&record).len(), 3);
        assert!(!lines.iter().any(|line| line.contains("dead.reason")));
    }

    #[test]
    fn programs_get_the_bytes() {
        let record = record(4, 40, &[("v", "1")], Some(b"\x00\xff"));
        let json = whole(&letter(&record), &record, None);
        assert_eq!(json["headers"], json!([{"name": "v", "value": "MQ=="}]));
        assert_eq!((json["value"].is_null(), json["keyBytes"].as_str()), (true, Some("AP8=")));
    }

    #[test]
    fn parts_are_put_together() {
        let part = |bytes: &[u8]| Record::new(0, None, None, Some(bytes), std::iter::empty());
        assert_eq!(value(&[part(b"{\"a"), part(b"\":1}")]).unwrap(), b"{\"a\":1}");
        assert_eq!(value(&[Record::new(0, None, None, None, std::iter::empty())]), None);
    }
}
