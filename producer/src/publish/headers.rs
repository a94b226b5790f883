//! Writing record headers.

use common::headers::{
    BARRIER, CT, FORMAT, Format, NS, OP, PART, Part, RULES, SEQ, SNAPSHOT, Sequence, TXN, V, VERSION,
};
use rdkafka::message::{Header, OwnedHeaders};

use crate::encode::Record;

/// The headers of one record, which may hold a part of its value.
pub(super) fn of(record: &Record, part: Option<Part>, slice: &str, epoch: u32) -> OwnedHeaders {
    let version = VERSION.to_string();
    let time = record.cluster_time.to_string();
    let sequence = Sequence { slice, epoch, number: record.sequence }.to_string();
    let headers = OwnedHeaders::new_with_capacity(10);
    let headers = put(headers, V, &version);
    let headers = put(headers, NS, record.ns());
    let headers = put(headers, OP, &record.operation);
    let headers = put(headers, CT, &time);
    let headers = put(headers, SEQ, &sequence);
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
        Some(part) => put(headers, PART, &part.to_string()),
        None => headers,
    }
}

fn put(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}
