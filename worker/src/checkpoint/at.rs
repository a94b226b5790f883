//! The barrier that a partition's document stands at, and how far the barrier is: the documents are all that there is of it. Pure.
//!
//! ```text
//!   at: {slice, epoch, sequence ▸ of the barrier's first record,
//!        intent: {uuid, onto} ▸ the target's collections that are about to be touched; null where there is none, done: true}
//! ```
//!
//! `intent` and `done` stand in the document of the barrier's first partition alone.

use bson::{Binary, Bson, Document, doc, spec::BinarySubtype};

use super::{Origin, number::integer};

/// The field.
pub(super) const AT: &str = "at";

/// A collection's UUID.
pub type Uuid = [u8; 16];

/// Where a document stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The barrier: its first record's place.
    pub barrier: Origin,
    /// What is about to be done, once that was settled.
    pub intent: Option<Intent>,
    /// Whether it is done.
    pub is_done: bool,
}

/// Which collections of the target are about to be touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// The one that is dropped or renamed.
    pub uuid: Option<Uuid>,
    /// The one that a rename replaces.
    pub onto: Option<Uuid>,
}

/// The barrier as fields: `at` of a document, or a filter for it.
pub(super) fn fields(prefix: &str, barrier: &Origin) -> Document {
    let name = |field: &str| format!("{prefix}{field}");
    doc! {
        name("slice"): &barrier.slice,
        name("epoch"): i64::from(barrier.epoch),
        name("sequence"): i64::try_from(barrier.number).unwrap_or(i64::MAX),
    }
}

pub(super) fn intent(intent: Intent) -> Document {
    doc! {"uuid": uuid(intent.uuid), "onto": uuid(intent.onto)}
}

fn uuid(uuid: Option<Uuid>) -> Bson {
    uuid.map_or(Bson::Null, |uuid| {
        Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: uuid.to_vec() })
    })
}

/// Reads the field.
pub(super) fn parse(at: &Document) -> Option<At> {
    let barrier = Origin {
        slice: at.get_str("slice").ok()?.to_owned(),
        epoch: u32::try_from(integer(at.get("epoch"))?).ok()?,
        number: u64::try_from(integer(at.get("sequence"))?).ok()?,
    };
    let read = |intent: &Document, name| match intent.get(name)? {
        Bson::Null => Some(None),
        Bson::Binary(binary) => Some(Some(Uuid::try_from(binary.bytes.as_slice()).ok()?)),
        _ => None,
    };
    let intent = match at.get("intent") {
        None | Some(Bson::Null) => None,
        Some(intent) => {
            let intent = intent.as_document()?;
            Some(Intent { uuid: read(intent, "uuid")?, onto: read(intent, "onto")? })
        }
    };
    Some(At { barrier, intent, is_done: at.get_bool("done").unwrap_or(false) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let barrier = Origin { slice: "rs0".to_owned(), epoch: 2, number: 77 };
        let mut at = fields("", &barrier);
        assert_eq!(parse(&at), Some(At { barrier: barrier.clone(), intent: None, is_done: false }));
        let intended = Intent { uuid: Some([7; 16]), onto: None };
        at.extend(doc! {"intent": intent(intended), "done": true});
        assert_eq!(parse(&at), Some(At { barrier, intent: Some(intended), is_done: true }));
        at.insert("intent", doc! {"uuid": "no"});
        assert_eq!(parse(&at), None);
    }
}
