//! The headers that a dead letter has beside its record's own.

use crate::consume::record::Record;

/// Why, as a sentence.
pub(super) const REASON: &str = "dead.reason";
/// Why, as one word.
pub(super) const KIND: &str = "dead.kind";
/// The topic of the record.
pub(super) const TOPIC: &str = "dead.topic";
/// Its partition.
pub(super) const PARTITION: &str = "dead.partition";
/// Its offset.
pub(super) const OFFSET: &str = "dead.offset";
/// When it was refused, milliseconds since 1970.
pub(super) const TIME: &str = "dead.time";
/// Who refused it.
pub(super) const PIPELINE: &str = "dead.pipeline";
/// Only on a record that is no letter: what an operator decided about some.
pub(super) const VERDICT: &str = "dead.verdict";

/// Text of the last header of this name: what was added stands last, for a record may have been a dead letter before.
pub(super) fn text<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    let value = record.headers().filter(|(found, _)| *found == name).last()?.1?;
    std::str::from_utf8(value).ok()
}
