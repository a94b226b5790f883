//! Writing record headers.

use std::fmt::{Display, Write as _};

use common::headers::{
    BARRIER, CT, FORMAT, Format, NS, OP, PART, Part, RULES, SEQ, SNAPSHOT, Sequence, TXN, V, VERSION,
};
use rdkafka::message::{Header, OwnedHeaders};

use crate::encode::Record;

/// The headers of one record, which may hold a part of its value; `text` is overwritten: the same one again saves allocations.
pub(super) fn of(
    record: &Record,
    part: Option<Part>,
    (slice, epoch): (&str, u32),
    text: &mut String,
) -> OwnedHeaders {
    let sequence = Sequence { slice, epoch, number: record.sequence };
    let headers = OwnedHeaders::new_with_capacity(10);
    let headers = write(headers, V, VERSION, text);
    let headers = put(headers, NS, record.ns());
    let headers = put(headers, OP, &record.operation);
    let headers = write(headers, CT, record.cluster_time, text);
    let headers = write(headers, SEQ, sequence, text);
    let headers = if record.is_snapshot { put(headers, SNAPSHOT, "true") } else { headers };
    let headers = match &record.transaction {
        Some(place) => put(headers, TXN, place),
        None => headers,
    };
    let headers = match &record.barrier {
        Some(place) => put(headers, BARRIER, place),
        None => headers,
    };
    let headers = match record.ruled {
        Some(ruled) => put(headers, RULES, ruled.text()),
        None => headers,
    };
    let headers = match record.format {
        Format::ExtJson => headers,
        Format::Bson => put(headers, FORMAT, "bson"),
    };
    match part {
        Some(part) => write(headers, PART, part, text),
        None => headers,
    }
}

fn write(headers: OwnedHeaders, key: &str, value: impl Display, text: &mut String) -> OwnedHeaders {
    text.clear();
    write!(text, "{value}").expect("a String takes any text");
    put(headers, key, text)
}

fn put(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}
