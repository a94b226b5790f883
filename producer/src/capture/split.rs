//! Split events: a change event over 16 MB comes in fragments, which are put together here (pure).
//!
//! `$changeStreamSplitLargeEvent` cuts an event between its top-level fields. Each fragment has a resume token of its own, the
//! place `splitEvent: {fragment, of}`, and some of the fields. The fragments of an event come one after another, maybe in
//! several batches. Guards: the position is never amid an event. Whoever goes on begins at its first fragment again, for a
//! fragment alone is worth nothing, and a server that cuts otherwise by then could not go on behind it.

use common::{
    error::{Error, Kind, Result},
    raw::{self, Document, Writer},
};

/// Place of a fragment within its event; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    fragment: i64,
    of: i64,
}

impl Place {
    /// The place that `document` has, `None` for a whole event.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when it is malformed.
    pub fn of(document: Document<'_>) -> Result<Option<Self>> {
        let Some(split) = document.get("splitEvent").map_err(malformed)? else { return Ok(None) };
        let split = split.as_document().ok_or_else(|| out_of_order("without a place"))?;
        let number = |name| Ok(split.get(name).map_err(malformed)?.and_then(|e| e.as_integer()).unwrap_or(0));
        Ok(Some(Self { fragment: number("fragment")?, of: number("of")? }))
    }

    /// Whether more fragments follow.
    #[must_use]
    pub const fn is_followed(self) -> bool {
        self.fragment < self.of
    }
}

/// The fragments of one event, as far as they have come.
#[derive(Debug, Default)]
pub struct Fragments {
    /// Fields of the event, each whole; empty while no event is open.
    fields: Vec<Vec<u8>>,
}

impl Fragments {
    /// Whether an event has begun and not ended.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Takes a fragment; gives the event, its token that of the last fragment, once it is whole.
    ///
    /// # Errors
    /// [`Kind::Invariant`] for a fragment that does not follow the one before it. A first fragment always begins anew.
    pub fn add(&mut self, document: Document<'_>, place: Place) -> Result<Option<Vec<u8>>> {
        if place.fragment == 1 {
            self.fields.clear();
        }
        let expected = i64::try_from(self.fields.len()).unwrap_or(i64::MAX) + 1;
        if place.fragment != expected {
            return Err(out_of_order("out of order"));
        }
        self.fields.push(document.as_bytes().to_vec());
        if place.is_followed() {
            return Ok(None);
        }
        join(&std::mem::take(&mut self.fields)).map(Some).map_err(malformed)
    }
}

/// One event: the last fragment's token, then every field in the order in which it came.
fn join(fragments: &[Vec<u8>]) -> Result<Vec<u8>, raw::Error> {
    let mut whole = Writer::over(Vec::with_capacity(fragments.iter().map(Vec::len).sum()));
    whole.begin();
    if let Some(last) = fragments.last()
        && let Some(token) = Document::new(last)?.get("_id")?
    {
        whole.element(&token);
    }
    for fragment in fragments {
        for field in Document::new(fragment)?.elements() {
            let field = field?;
            if !matches!(field.name, b"_id" | b"splitEvent") {
                whole.element(&field);
            }
        }
    }
    whole.end();
    Ok(whole.into_bytes())
}

fn malformed(error: raw::Error) -> Error {
    Error::caused(Kind::Invariant, "the source sent a malformed fragment of an event", error)
}

fn out_of_order(how: &str) -> Error {
    Error::new(Kind::Invariant, format!("the source sent a fragment of an event {how}"))
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    fn fragment(number: i32, of: i32, fields: bson::Document) -> Vec<u8> {
        let mut document = doc! {"_id": {"_data": number}, "splitEvent": {"fragment": number, "of": of}};
        document.extend(fields);
        document.to_vec().unwrap()
    }

    fn add(fragments: &mut Fragments, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        let document = Document::new(bytes).unwrap();
        fragments.add(document, Place::of(document)?.unwrap())
    }

    #[test]
    fn an_event_is_whole_with_its_last_fragment() {
        let mut fragments = Fragments::default();
        let first = fragment(1, 3, doc! {"operationType": "update", "ns": {"db": "d"}});
        assert_eq!(add(&mut fragments, &first).unwrap(), None);
        assert_eq!(add(&mut fragments, &fragment(2, 3, doc! {"a": 1})).unwrap(), None);
        assert!(fragments.is_open());
        let whole = add(&mut fragments, &fragment(3, 3, doc! {"b": 2})).unwrap().unwrap();
        let expected =
            doc! {"_id": {"_data": 3}, "operationType": "update", "ns": {"db": "d"}, "a": 1, "b": 2};
        assert_eq!(whole, expected.to_vec().unwrap());
        assert!(!fragments.is_open());
    }

    #[test]
    fn a_first_fragment_begins_anew_and_a_missing_one_is_noticed() {
        let mut fragments = Fragments::default();
        add(&mut fragments, &fragment(1, 3, doc! {"a": 1})).unwrap();
        add(&mut fragments, &fragment(2, 3, doc! {"b": 1})).unwrap();
        add(&mut fragments, &fragment(1, 2, doc! {"a": 2})).unwrap();
        let whole = add(&mut fragments, &fragment(2, 2, doc! {"b": 2})).unwrap().unwrap();
        assert_eq!(whole, doc! {"_id": {"_data": 2}, "a": 2, "b": 2}.to_vec().unwrap());
        assert!(add(&mut fragments, &fragment(2, 2, doc! {})).is_err());
        let event = doc! {"_id": {}, "operationType": "insert"}.to_vec().unwrap();
        assert_eq!(Place::of(Document::new(&event).unwrap()).unwrap(), None);
    }
}
