//! A document's key as text: in the position, where a copy goes on behind it, and on the control topic.
//!
//! Canonical Extended JSON `{"_id": …}` where that is exact; otherwise the raw BSON of the same, as
//! `{"bson": "<hex>"}`: a key goes back to the server with the very bytes it came with.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    codec::{self, hex},
    error::{Error, Kind, Result},
    raw::{Document, Writer},
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    bson: String,
}

/// The key of a document; of its other fields nothing is kept.
///
/// # Errors
/// [`Kind::Invariant`] for a document without `_id`, which no server stores.
pub fn text(document: Document<'_>) -> Result<Box<RawValue>> {
    let id = document.get("_id").ok().flatten();
    let id = id.ok_or_else(|| Error::new(Kind::Invariant, "a document has no _id"))?;
    let mut text = Vec::new();
    let text = match codec::encode::field("_id", &id, &mut text) {
        Ok(()) => String::from_utf8(text).map_err(broken),
        Err(_) => {
            let mut key = Writer::new();
            key.begin();
            key.element(&id);
            key.end();
            serde_json::to_string(&Raw { bson: hex::text(key.as_bytes()) }).map_err(broken)
        }
    }?;
    RawValue::from_string(text).map_err(broken)
}

/// The raw BSON `{"_id": …}` of a key.
///
/// # Errors
/// [`Kind::PositionLost`] when it cannot be understood.
pub fn parse(text: &str) -> Result<Vec<u8>> {
    if let Ok(raw) = serde_json::from_str::<Raw>(text) {
        let key = hex::parse(&raw.bson);
        return key.ok_or_else(|| Error::new(Kind::PositionLost, "a document's key is not hex"));
    }
    let mut bytes = Vec::new();
    codec::decode::document(text.as_bytes(), &mut bytes)
        .map_err(|error| Error::caused(Kind::PositionLost, "a document's key cannot be read", error))?;
    Ok(bytes)
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::caused(Kind::Invariant, "a document's key has no text", error)
}

#[cfg(test)]
mod tests {
    use bson::{Bson, doc};

    use super::*;

    fn round_trip(id: impl Into<Bson>) -> String {
        let document = doc! {"x": 1, "_id": id.into()};
        let bytes = document.to_vec().unwrap();
        let text = text(Document::new(&bytes).unwrap()).unwrap();
        let key = doc! {"_id": document.get("_id").unwrap().clone()}.to_vec().unwrap();
        assert_eq!(parse(text.get()).unwrap(), key);
        text.get().to_owned()
    }

    #[test]
    fn keys_come_back_with_the_very_bytes_they_had() {
        assert_eq!(round_trip(7), r#"{"_id":{"$numberInt":"7"}}"#);
        round_trip(Bson::MinKey);
        round_trip(doc! {"a": [1, 2.5, "x"]});
        let odd = round_trip(f64::from_bits(0x7FF8_0000_0000_0001));
        assert!(odd.starts_with(r#"{"bson":"#), "a NaN with a payload has no exact text: {odd}");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(parse("{").is_err());
        assert!(parse(r#"{"bson":"zz"}"#).is_err());
    }
}
