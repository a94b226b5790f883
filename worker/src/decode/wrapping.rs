//! The wrappings that Kafka Connect's converters put around a value or a key. Pure.

use common::{
    codec::decode::{self, Dialect},
    raw,
};

use super::Poison;

/// A text as BSON; a JSON string as if it were the payload of a wrapping.
pub(super) fn text(text: &[u8], out: &mut Vec<u8>) -> Result<(), Poison> {
    if text.trim_ascii_start().first() != Some(&b'"') {
        return Ok(decode::document_in(Dialect::V2AndV1, text, out)?);
    }
    Ok(decode::document_in(Dialect::V2AndV1, &[b"{\"payload\":", text, b"}"].concat(), out)?)
}

/// What is wrapped, of a document that has nothing beside it but its schema.
pub(super) fn payload(document: raw::Document<'_>) -> Result<Option<raw::Element<'_>>, raw::Error> {
    let mut payload = None;
    for element in document.elements() {
        let element = element?;
        match element.name {
            b"payload" => payload = Some(element),
            b"schema" => {}
            _ => return Ok(None),
        }
    }
    Ok(payload)
}
