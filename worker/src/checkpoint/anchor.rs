//! The record before the one to go on at: proof that the topic is still the same. Pure.
//!
//! Guards against a topic that was deleted and made anew under the position: its offsets would fit and its records be others.

use common::headers::SEQ;

use crate::consume::{intake::Partition, record::Record};

/// The last record that was applied, as the partition's document knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Where it stands.
    pub offset: i64,
    /// Its header of slice, epoch and sequence number; other systems' records have none.
    pub sequence: Option<String>,
}

/// The log does not hold what was applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{partition} was applied up to offset {offset} ({}), but there the topic now holds {found}: it was recreated or reset",
    said(wanted.as_deref())
)]
pub struct NotThere {
    partition: Partition,
    offset: i64,
    wanted: Option<String>,
    found: String,
}

impl Anchor {
    /// Whether the first record that was read is the anchor.
    ///
    /// # Errors
    /// [`NotThere`].
    pub fn check(&self, partition: &Partition, record: &Record) -> Result<(), NotThere> {
        let sequence = sequence_of(record);
        if record.offset == self.offset && sequence == self.sequence.as_deref() {
            return Ok(());
        }
        let found = match record.offset {
            offset if offset == self.offset => said(sequence),
            offset => format!("nothing before offset {offset}"),
        };
        let (partition, wanted) = (partition.clone(), self.sequence.clone());
        Err(NotThere { partition, offset: self.offset, wanted, found })
    }
}

/// The header of slice, epoch and sequence number, as it stands there.
pub(crate) fn sequence_of(record: &Record) -> Option<&str> {
    let text = record.headers().find(|(name, _)| *name == SEQ)?.1?;
    std::str::from_utf8(text).ok()
}

fn said(sequence: Option<&str>) -> String {
    sequence.map_or_else(|| "a record without a sequence".to_owned(), |text| format!("sequence {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, sequence: Option<&str>) -> Record {
        let headers = sequence.iter().map(|text| (SEQ, Some(text.as_bytes())));
        Record::new(offset, None, None, None, headers)
    }

    #[test]
    fn anchor_is_the_record_with_that_offset_and_sequence() {
        let partition = Partition { topic: "t".into(), number: 1 };
        let anchor = Anchor { offset: 8, sequence: Some("rs0/0/7".to_owned()) };
        assert_eq!(anchor.check(&partition, &record(8, Some("rs0/0/7"))), Ok(()));
        for other in [record(8, Some("rs0/0/8")), record(8, None), record(9, Some("rs0/0/7"))] {
            let error = anchor.check(&partition, &other).unwrap_err().to_string();
            assert!(error.contains("t[1]") && error.contains("offset 8 (sequence rs0/0/7)"), "{error}");
        }
        let foreign = Anchor { offset: 8, sequence: None };
        assert!(foreign.check(&partition, &record(8, None)).is_ok());
        assert!(foreign.check(&partition, &record(8, Some("rs0/0/1"))).is_err());
    }
}
