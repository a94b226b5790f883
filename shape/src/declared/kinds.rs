//! Sets of BSON types.

use common::raw::Kind;

/// Every type, in the order in which a reading is looked for: the narrowest number first, texts last.
const ALL: [Kind; 21] = [
    Kind::Int32,
    Kind::Int64,
    Kind::Double,
    Kind::Decimal128,
    Kind::DateTime,
    Kind::ObjectId,
    Kind::Boolean,
    Kind::Binary,
    Kind::Timestamp,
    Kind::String,
    Kind::Document,
    Kind::Array,
    Kind::Null,
    Kind::Undefined,
    Kind::Regex,
    Kind::DbPointer,
    Kind::Code,
    Kind::Symbol,
    Kind::CodeWithScope,
    Kind::MinKey,
    Kind::MaxKey,
];

/// A set of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(u32);

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ANY: Self = Self(u32::MAX);
    pub(super) const NUMBERS: Self =
        Self(bit(Kind::Int32) | bit(Kind::Int64) | bit(Kind::Double) | bit(Kind::Decimal128));

    pub(super) const fn of(kind: Kind) -> Self {
        Self(bit(kind))
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn has(self, kind: Kind) -> bool {
        self.0 & bit(kind) != 0
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no type is left out.
    pub(super) const fn is_any(self) -> bool {
        self.0 == u32::MAX
    }

    /// Its types, in the order of [`ALL`].
    pub(super) fn iter(self) -> impl Iterator<Item = Kind> {
        ALL.into_iter().filter(move |kind| self.has(*kind))
    }

    /// As `bsonType` names them.
    pub(super) fn of_bson_type(name: &str) -> Option<Self> {
        if name == "number" {
            return Some(Self::NUMBERS);
        }
        ALL.into_iter().find(|kind| kind.alias() == name).map(Self::of)
    }

    /// As `type` names them.
    pub(super) fn of_json_type(name: &str) -> Option<Self> {
        match name {
            "boolean" => Some(Self::of(Kind::Boolean)),
            "object" | "array" | "string" | "null" | "number" => Self::of_bson_type(name),
            _ => None,
        }
    }

    /// The names of its types.
    pub(super) fn words(self) -> String {
        let names: Vec<_> = self.iter().map(Kind::alias).collect();
        names.join(", ")
    }
}

/// One bit for each type.
const fn bit(kind: Kind) -> u32 {
    match kind {
        Kind::MinKey => 1 << 30,
        Kind::MaxKey => 1 << 31,
        // Every other tag is between 1 and 0x13.
        other => 1 << (other as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_name_and_a_bit_of_its_own() {
        let mut all = Kinds::NONE;
        for kind in ALL {
            assert!(!all.has(kind), "{kind:?}");
            all = all.and(Kinds::of(kind));
            assert_eq!(Kinds::of_bson_type(kind.alias()), Some(Kinds::of(kind)));
        }
        assert_eq!(all.iter().count(), 21);
        assert_eq!(Kinds::of_bson_type("number").unwrap().words(), "int, long, double, decimal");
        assert_eq!((Kinds::of_bson_type("integer"), Kinds::of_json_type("int")), (None, None));
    }
}
