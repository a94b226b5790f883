//! The names by which Extended JSON marks a type wrapper.
//!
//! One list for both directions, so that what the encoder refuses is exactly what the decoder would take for something
//! else. `$scope`, `$ref`, `$id` and the old `$regex`, `$options`, `$type` are not on it: beside none of the listed names
//! the specification leaves them as they are.

/// A type wrapper of the specification's conversion table, named after its marking key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapper {
    Binary,
    Code,
    Date,
    DbPointer,
    MaxKey,
    MinKey,
    NumberDecimal,
    NumberDouble,
    NumberInt,
    NumberLong,
    Oid,
    RegularExpression,
    Symbol,
    Timestamp,
    Undefined,
    Uuid,
}

impl Wrapper {
    /// The wrapper that a field of this name marks.
    #[inline]
    pub(super) fn marked_by(name: &[u8]) -> Option<Self> {
        if name.first() != Some(&b'$') {
            return None;
        }
        Some(match name {
            b"$oid" => Self::Oid,
            b"$numberInt" => Self::NumberInt,
            b"$numberLong" => Self::NumberLong,
            b"$numberDouble" => Self::NumberDouble,
            b"$date" => Self::Date,
            b"$binary" => Self::Binary,
            b"$code" => Self::Code,
            b"$dbPointer" => Self::DbPointer,
            b"$maxKey" => Self::MaxKey,
            b"$minKey" => Self::MinKey,
            b"$numberDecimal" => Self::NumberDecimal,
            b"$regularExpression" => Self::RegularExpression,
            b"$symbol" => Self::Symbol,
            b"$timestamp" => Self::Timestamp,
            b"$undefined" => Self::Undefined,
            b"$uuid" => Self::Uuid,
            _ => return None,
        })
    }

    /// The marking key.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Oid => "$oid",
            Self::NumberInt => "$numberInt",
            Self::NumberLong => "$numberLong",
            Self::NumberDouble => "$numberDouble",
            Self::Date => "$date",
            Self::Binary => "$binary",
            Self::Code => "$code",
            Self::DbPointer => "$dbPointer",
            Self::MaxKey => "$maxKey",
            Self::MinKey => "$minKey",
            Self::NumberDecimal => "$numberDecimal",
            Self::RegularExpression => "$regularExpression",
            Self::Symbol => "$symbol",
            Self::Timestamp => "$timestamp",
            Self::Undefined => "$undefined",
            Self::Uuid => "$uuid",
        }
    }
}
