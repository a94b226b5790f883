//! One dead letter as the topic tells of it: everything but its value. Pure.

use std::sync::Arc;

use common::{
    cli::LetterId,
    codec,
    headers::{self, Sequence},
    key_text,
    namespace::Namespace,
    raw::Document,
};
use serde_json::value::RawValue;

use super::{super::header, verdict::Verdict};
use crate::consume::record::Record;

/// Where a record was read.
pub(super) type Place = (Arc<str>, i32, i64);

/// A refused record.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    /// The records of the dead-letter topic that it is: several where its value goes in parts.
    pub(super) pieces: Vec<LetterId>,
    /// The numbers that it had before: a worker that fails between writing it and moving on writes it again.
    pub(super) earlier: Vec<LetterId>,
    pub(super) place: Place,
    pub(super) kind: Arc<str>,
    pub(super) reason: Arc<str>,
    pub(super) pipeline: Arc<str>,
    /// Milliseconds since 1970.
    pub(super) time: i64,
    pub(super) ns: Option<Arc<str>>,
    pub(super) operation: Option<Arc<str>>,
    pub(super) cluster_time: Option<Arc<str>>,
    pub(super) sequence: Option<Arc<str>>,
    pub(super) key: Option<Vec<u8>>,
    /// Bytes of its value.
    pub(super) bytes: usize,
    /// What was decided about it; nothing while it is open.
    pub(super) verdict: Option<Verdict>,
}

/// The document that a letter is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct About {
    /// The slice that has it.
    pub(super) slice: String,
    /// Its namespace at the source.
    pub(super) ns: Namespace,
    /// Its key, as [`key_text`] writes it.
    pub(super) key: String,
}

impl Letter {
    /// Its number: that of its first piece.
    pub(super) fn id(&self) -> LetterId {
        self.pieces[0]
    }

    /// Reads a record of the dead-letter topic; `None` for one that is no letter. `word` keeps texts that many letters share.
    pub(super) fn read(
        id: LetterId,
        record: &Record,
        mut word: impl FnMut(&str) -> Arc<str>,
    ) -> Option<Self> {
        let text = |name| header::text(record, name);
        let number = |name| text(name).and_then(|text| text.parse::<i64>().ok());
        let place = (
            word(text(header::TOPIC)?),
            i32::try_from(number(header::PARTITION)?).ok()?,
            number(header::OFFSET)?,
        );
        let mut shared = |name| text(name).map(&mut word);
        Some(Self {
            pieces: vec![id],
            earlier: Vec::new(),
            place,
            kind: shared(header::KIND)?,
            reason: shared(header::REASON)?,
            pipeline: shared(header::PIPELINE)?,
            time: number(header::TIME)?,
            ns: shared(headers::NS),
            operation: shared(headers::OP),
            cluster_time: text(headers::CT).map(Arc::from),
            sequence: text(headers::SEQ).map(Arc::from),
            key: record.key().map(<[u8]>::to_vec),
            bytes: record.value().map_or(0, <[u8]>::len),
            verdict: None,
        })
    }

    /// The document that it is about, or why nobody can tell.
    pub(super) fn about(&self) -> Result<About, &'static str> {
        let sequence = self.sequence.as_deref().and_then(Sequence::parse);
        let sequence =
            sequence.ok_or("no producer of this pipeline published its record, so none can be asked")?;
        let ns = self.ns.as_deref().and_then(|ns| ns.parse().ok()).ok_or("its record names no namespace")?;
        let key = self.key.as_deref().ok_or("its record is about no document: it has no key")?;
        let key = text(key).ok_or("its record's key names no document")?;
        Ok(About { slice: sequence.slice.to_owned(), ns, key: key.get().to_owned() })
    }

    /// Its key for reading: the record's own text, or what it comes to.
    pub(super) fn key_text(&self) -> Option<String> {
        let key = self.key.as_deref()?;
        match std::str::from_utf8(key) {
            Ok(key) if !key.contains(char::is_control) => Some(key.to_owned()),
            _ => text(key).map(|key| key.get().to_owned()),
        }
    }
}

/// A record's key in the form that requests have. A key without an exact text is the document itself.
fn text(key: &[u8]) -> Option<Box<RawValue>> {
    let mut bytes = Vec::new();
    if codec::decode::document(key, &mut bytes).is_err() {
        bytes.clear();
        bytes.extend_from_slice(key);
    }
    key_text::text(Document::new(&bytes).ok()?).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A record of the dead-letter topic: these headers, then what was added for this place.
    pub(crate) fn record(offset: i64, at: i64, own: &[(&str, &str)], key: Option<&[u8]>) -> Record {
        let at = at.to_string();
        let added = [
            (header::REASON, "why"),
            (header::KIND, "validation"),
            (header::TOPIC, "t.x"),
            (header::PARTITION, "3"),
            (header::OFFSET, &at),
            (header::TIME, "1000"),
            (header::PIPELINE, "p"),
        ];
        let headers = own.iter().chain(&added).map(|(name, value)| (*name, Some(value.as_bytes())));
        Record::new(offset, None, key, Some(b"value"), headers)
    }

    fn about(own: &[(&str, &str)], key: Option<&[u8]>) -> Result<About, &'static str> {
        let id = LetterId { partition: 0, offset: 5 };
        Letter::read(id, &record(5, 40, own, key), |text| text.into()).unwrap().about()
    }

    #[test]
    fn a_letter_names_its_document_when_its_record_does() {
        let own = [("ns", "db.a.b"), ("seq", "rs/0/2/77")];
        let key = br#"{"_id":{"$numberInt":"7"}}"#;
        let wanted = About {
            slice: "rs/0".to_owned(),
            ns: Namespace::new("db", "a.b"),
            key: r#"{"_id":{"$numberInt":"7"}}"#.to_owned(),
        };
        assert_eq!(about(&own, Some(key)), Ok(wanted.clone()));
        let raw = bson::doc! {"_id": 7}.to_vec().unwrap();
        assert_eq!(about(&own, Some(&raw)), Ok(wanted));
        assert!(about(&own[..1], Some(key)).unwrap_err().contains("no producer"));
        assert!(about(&own[1..], Some(key)).unwrap_err().contains("namespace"));
        assert!(about(&own, None).unwrap_err().contains("no key"));
        assert!(about(&own, Some(b"a key")).unwrap_err().contains("names no document"));
        assert!(about(&own, Some(b"{}")).unwrap_err().contains("names no document"));
    }

    #[test]
    fn what_was_added_last_is_what_counts() {
        let id = LetterId { partition: 0, offset: 5 };
        let own = [("dead.topic", "of.old"), ("dead.offset", "1"), ("ns", "a.b")];
        let letter = Letter::read(id, &record(5, 40, &own, None), |text| text.into()).unwrap();
        assert_eq!((&*letter.place.0, letter.place.1, letter.place.2), ("t.x", 3, 40));
        assert_eq!((letter.id(), &*letter.kind, letter.time, letter.bytes), (id, "validation", 1000, 5));
        assert!(
            Letter::read(id, &Record::new(0, None, None, None, std::iter::empty()), |text| text.into())
                .is_none()
        );
    }
}
