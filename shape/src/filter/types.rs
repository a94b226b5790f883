//! What `$type` is asked for: names and numbers of BSON types (manual, "`$type`").

use common::raw::{Document, Element, Kind};

use super::problems::{Problems, expected};
use crate::Problem;

const ALL: [Kind; 21] = [
    Kind::Double,
    Kind::String,
    Kind::Document,
    Kind::Array,
    Kind::Binary,
    Kind::Undefined,
    Kind::ObjectId,
    Kind::Boolean,
    Kind::DateTime,
    Kind::Null,
    Kind::Regex,
    Kind::DbPointer,
    Kind::Code,
    Kind::Symbol,
    Kind::CodeWithScope,
    Kind::Int32,
    Kind::Timestamp,
    Kind::Int64,
    Kind::Decimal128,
    Kind::MinKey,
    Kind::MaxKey,
];
const NUMBERS: [Kind; 4] = [Kind::Double, Kind::Int32, Kind::Int64, Kind::Decimal128];

/// The types that an operand names, alone or in a list.
pub(super) fn kinds(at: &str, operand: &Element<'_>) -> Result<Vec<Kind>, Problems> {
    let Some(list) = operand.as_document().filter(|_| operand.kind == Kind::Array) else {
        return of(at, operand);
    };
    if list.is_empty() {
        return Err(vec![Problem::new(at, "is empty")]);
    }
    many(at, list)
}

fn many(at: &str, list: Document<'_>) -> Result<Vec<Kind>, Problems> {
    let mut kinds = Vec::new();
    for (place, element) in list.elements().flatten().enumerate() {
        kinds.extend(of(&format!("{at}[{place}]"), &element)?);
    }
    Ok(kinds)
}

fn of(at: &str, operand: &Element<'_>) -> Result<Vec<Kind>, Problems> {
    if operand.kind == Kind::String
        && let Ok(Some(name)) = operand.as_str()
    {
        if name == "number" {
            return Ok(NUMBERS.to_vec());
        }
        let named = ALL.into_iter().find(|kind| kind.alias() == name);
        return named.map(|kind| vec![kind]).ok_or_else(|| {
            vec![Problem::new(
                at,
                format!("`{name}` is no type; types are named as in `string`, `objectId`, `number`"),
            )]
        });
    }
    let numbered = operand.as_integer().and_then(|number| {
        // MinKey's byte, 255, is -1 as a number.
        ALL.into_iter().find(|kind| i64::from((*kind as u8).cast_signed()) == number)
    });
    numbered.map(|kind| vec![kind]).ok_or_else(|| expected(at, "the name or number of a type", operand))
}
