//! Numbers in the documents, as whoever edits them may leave them. Pure.

use bson::Bson;

/// An integer of either size: people edit with shells that write doubles.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn integer(value: Option<&Bson>) -> Option<i64> {
    match value? {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        Bson::Double(number) if number.fract() == 0.0 => Some(*number as i64),
        _ => None,
    }
}
