//! Writing record headers.

use common::headers::{CT, FORMAT, Format, NS, OP, SEQ, SNAPSHOT, Sequence, TXN, V, VERSION};
use rdkafka::message::{Header, OwnedHeaders};

use crate::encode::Record;

/// The headers of one record.
pub(super) fn of(record: &Record, slice: &str, epoch: u32) -> OwnedHeaders {
    let version = VERSION.to_string();
    let time = record.cluster_time.to_string();
    let sequence = Sequence { slice, epoch, number: record.sequence }.to_string();
    let headers = OwnedHeaders::new_with_capacity(8);
    let headers = put(headers, V, &version);
    let headers = put(headers, NS, &record.route.name);
    let headers = put(headers, OP, &record.operation);
    let headers = put(headers, CT, &time);
    let headers = put(headers, SEQ, &sequence);
    let headers = if record.is_snapshot { put(headers, SNAPSHOT, "true") } else { headers };
    let headers = match &record.transaction {
        Some(place) => put(headers, TXN, place),
        None => headers,
    };
    match record.format {
        Format::ExtJson => headers,
        Format::Bson => put(headers, FORMAT, "bson"),
    }
}

fn put(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}
