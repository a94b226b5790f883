//! What an operator decided about letters: a record beside them, in the same topic.
//!
//! ```text
//!   header  dead.verdict  replayed | discarded
//!           dead.time     when, milliseconds since 1970
//!   value   {"letters": ["17", "18"], "note": …}
//! ```
//!
//! Pure but for the sending. A verdict is about the letters as they stand there when it is written: a record that is refused again later
//! is a letter again.

use std::fmt;

use common::{
    cli::LetterId,
    error::{Error, Kind, Result},
    kafka::send::{Outgoing, send},
};
use serde::{Deserialize, Serialize};

use super::{
    super::{header, now},
    Desk,
};
use crate::consume::record::Record;

/// Letters of one record: it stays far below what any topic takes.
const LETTERS: usize = 5000;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Its document was published anew.
    Replayed,
    /// Nothing is to be done about it.
    Discarded,
}

/// What was decided about a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) decision: Decision,
    /// Milliseconds since 1970.
    pub(super) time: i64,
    pub(super) note: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Value {
    letters: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        })
    }
}

impl Verdict {
    /// One that is given now.
    pub(super) fn now(decision: Decision, note: Option<&str>) -> Self {
        Self { decision, time: now(), note: note.map(str::to_owned) }
    }

    /// Reads a record of the dead-letter topic; `None` for one that is no verdict.
    pub(super) fn read(record: &Record) -> Option<(Self, Vec<LetterId>)> {
        let text = |name| header::text(record, name);
        let decision = match text(header::VERDICT)? {
            "replayed" => Decision::Replayed,
            "discarded" => Decision::Discarded,
            _ => return None,
        };
        let time = text(header::TIME)?.parse().ok()?;
        let value: Value = serde_json::from_slice(record.value()?).ok()?;
        let ids = value.letters.iter().filter_map(|id| id.parse().ok()).collect();
        Some((Self { decision, time, note: value.note }, ids))
    }
}

impl Desk<'_> {
    /// Writes a verdict about letters and waits until it is durable.
    pub(super) fn decide(&self, verdict: &Verdict, letters: &[LetterId]) -> Result<()> {
        let topic = self.topics.dead_letters();
        let records = letters.chunks(LETTERS).map(|letters| {
            let headers = vec![
                (header::VERDICT, verdict.decision.to_string()),
                (header::TIME, verdict.time.to_string()),
                (header::PIPELINE, self.config.pipeline.clone()),
            ];
            Ok(Outgoing { key: None, value: value(verdict, letters)?, headers })
        });
        send(
            &self.config.kafka,
            "oplogue-worker-dead-letters",
            (&topic, 0),
            &records.collect::<Result<Vec<_>>>()?,
        )
    }
}

fn value(verdict: &Verdict, letters: &[LetterId]) -> Result<Vec<u8>> {
    let letters = letters.iter().map(LetterId::to_string).collect();
    serde_json::to_vec(&Value { letters, note: verdict.note.clone() })
        .map_err(|error| Error::caused(Kind::Invariant, "a verdict has no JSON", error))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The record of a verdict.
    pub(crate) fn record(offset: i64, decision: Decision, letters: &[i64], note: Option<&str>) -> Record {
        let ids: Vec<_> = letters.iter().map(|offset| LetterId { partition: 0, offset: *offset }).collect();
        let value = value(&Verdict { decision, time: 9, note: note.map(str::to_owned) }, &ids).unwrap();
        let decision = decision.to_string();
        let headers = [(header::VERDICT, Some(decision.as_bytes())), (header::TIME, Some(b"9".as_slice()))];
        Record::new(offset, None, None, Some(&value), headers.into_iter())
    }

    #[test]
    fn what_is_written_is_read() {
        let (verdict, ids) = Verdict::read(&record(9, Decision::Discarded, &[1, 7], Some("old"))).unwrap();
        assert_eq!(verdict, Verdict { decision: Decision::Discarded, time: 9, note: Some("old".to_owned()) });
        assert_eq!(ids.iter().map(|id| id.offset).collect::<Vec<_>>(), [1, 7]);
        assert!(Verdict::read(&Record::new(0, None, None, Some(b"{}"), std::iter::empty())).is_none());
    }
}
