//! BSON types by the names that `$type` and `$jsonSchema` know them by, and how numbers widen. Pure.

use common::raw::Kind;

const NAMES: [(Kind, &str); 21] = [
    (Kind::Double, "double"),
    (Kind::String, "string"),
    (Kind::Document, "object"),
    (Kind::Array, "array"),
    (Kind::Binary, "binData"),
    (Kind::Undefined, "undefined"),
    (Kind::ObjectId, "objectId"),
    (Kind::Boolean, "bool"),
    (Kind::DateTime, "date"),
    (Kind::Null, "null"),
    (Kind::Regex, "regex"),
    (Kind::DbPointer, "dbPointer"),
    (Kind::Code, "javascript"),
    (Kind::Symbol, "symbol"),
    (Kind::CodeWithScope, "javascriptWithScope"),
    (Kind::Int32, "int"),
    (Kind::Timestamp, "timestamp"),
    (Kind::Int64, "long"),
    (Kind::Decimal128, "decimal"),
    (Kind::MinKey, "minKey"),
    (Kind::MaxKey, "maxKey"),
];

/// The name of a type.
pub(super) fn name(kind: Kind) -> &'static str {
    NAMES.iter().find(|(known, _)| *known == kind).map_or("undefined", |(_, name)| name)
}

/// The type of a name.
pub(super) fn of(name: &str) -> Option<Kind> {
    NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
}

/// One bit for each type.
pub(super) const fn bit(kind: Kind) -> u32 {
    match kind {
        Kind::MinKey => 1 << 30,
        Kind::MaxKey => 1 << 31,
        // Every other tag is between 1 and 0x13.
        other => 1 << (other as u8),
    }
}

/// The types of these bits, in the order of [`name`]'s list.
pub(super) fn kinds(bits: u32) -> impl Iterator<Item = Kind> {
    NAMES.iter().map(|(kind, _)| *kind).filter(move |kind| bits & bit(*kind) != 0)
}

/// Whether all that these bits name are numbers.
pub(super) const fn are_numbers(bits: u32) -> bool {
    let numbers = bit(Kind::Int32) | bit(Kind::Int64) | bit(Kind::Double) | bit(Kind::Decimal128);
    bits != 0 && bits & !numbers == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_name_and_a_bit_of_its_own() {
        let mut all = 0;
        for (kind, text) in NAMES {
            assert_eq!((name(kind), of(text)), (text, Some(kind)));
            assert_eq!(all & bit(kind), 0, "{text}");
            all |= bit(kind);
        }
        assert_eq!(kinds(all).count(), 21);
        assert!(are_numbers(bit(Kind::Int32) | bit(Kind::Decimal128)));
        assert!(!are_numbers(bit(Kind::Int32) | bit(Kind::Null)) && !are_numbers(0));
    }
}
