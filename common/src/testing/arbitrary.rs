//! Generated documents: every BSON type, odd names, nesting.
//!
//! Three circles, each within the next: [`distinct`] is what a driver's document type holds and every reader agrees on;
//! [`exact`] adds repeated names, and is all that text carries exactly; [`stored`] adds what a server also holds but only
//! raw BSON carries.

use std::collections::HashSet;

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
    strategy::BoxedStrategy,
};

use super::{Fields, Value, to_bson, value::string_bytes};
use crate::raw::Kind;

/// Fields whose names differ within each document.
pub fn distinct() -> BoxedStrategy<Fields> {
    fields_of(value_of(scalar().boxed(), distinct_fields_of), distinct_fields_of)
}

/// Everything that text carries exactly: as [`distinct`], and names that repeat.
pub fn exact() -> BoxedStrategy<Fields> {
    fields_of(value_of(scalar().boxed(), repeating_fields_of), repeating_fields_of)
}

/// Everything that a server holds: as [`exact`], and what text would flatten or confuse (NaN payloads, wrappers' names, …).
pub fn stored() -> BoxedStrategy<Fields> {
    let leaf = prop_oneof![4 => scalar(), 1 => inexact_scalar(), 1 => wrapper_like()].boxed();
    fields_of(value_of(leaf, any_fields_of), any_fields_of)
}

/// The bytes of a document of [`exact`] fields.
pub fn document() -> impl Strategy<Value = Vec<u8>> {
    exact().prop_map(|fields| to_bson(&fields))
}

/// A value of any kind, nested ones included, that text carries exactly.
pub fn value() -> BoxedStrategy<Value> {
    value_of(scalar().boxed(), repeating_fields_of)
}

/// Makes fields of values: decides about the names.
type FieldsOf = fn(BoxedStrategy<Value>) -> BoxedStrategy<Fields>;

fn fields_of(value: BoxedStrategy<Value>, fields: FieldsOf) -> BoxedStrategy<Fields> {
    fields(value)
}

fn value_of(leaf: BoxedStrategy<Value>, fields: FieldsOf) -> BoxedStrategy<Value> {
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            3 => fields(inner.clone()).prop_map(Value::Document),
            2 => vec(inner.clone(), 0..13).prop_map(Value::Array),
            1 => (text(), fields(inner)).prop_map(|(code, scope)| Value::CodeWithScope(code, scope)),
        ]
    })
    .boxed()
}

fn distinct_fields_of(value: BoxedStrategy<Value>) -> BoxedStrategy<Fields> {
    repeating_fields_of(value).prop_map(without_repeats).boxed()
}

/// The first field of each name.
fn without_repeats(mut fields: Fields) -> Fields {
    let mut seen = HashSet::new();
    fields.retain(|(name, _)| seen.insert(name.clone()));
    fields
}

fn repeating_fields_of(value: BoxedStrategy<Value>) -> BoxedStrategy<Fields> {
    vec((name(), value), 0..8).boxed()
}

fn any_fields_of(value: BoxedStrategy<Value>) -> BoxedStrategy<Fields> {
    let name = prop_oneof![30 => name(), 1 => wrapper_name()];
    vec((name, value), 0..8).boxed()
}

/// A field name: plain, or as odd as BSON allows; never a type wrapper's.
pub fn name() -> impl Strategy<Value = String> {
    let odd = [
        "",
        " ",
        ".",
        "..",
        "a.b",
        "a.",
        ".0",
        "0",
        "01",
        "$",
        "$x",
        "$ref",
        "$id",
        "$db",
        "$regex",
        "$options",
        "$type",
        "$scope",
        "$Oid",
        "_id",
        "__proto__",
        "\"",
        "\\",
        "\u{1}",
        "\u{7f}",
        "é",
        "\u{1F600}",
        "a b",
        "{",
        "$numberint",
    ];
    prop_oneof![
        4 => "[a-z]{1,10}",
        2 => select(odd.to_vec()).prop_map(str::to_owned),
        1 => text().prop_map(|text| text.replace(['\0', '$'], "")),
    ]
}

fn wrapper_name() -> impl Strategy<Value = String> {
    select(
        &[
            "$oid",
            "$numberInt",
            "$numberLong",
            "$numberDouble",
            "$numberDecimal",
            "$date",
            "$binary",
            "$uuid",
            "$code",
            "$timestamp",
            "$regularExpression",
            "$dbPointer",
            "$minKey",
            "$maxKey",
            "$undefined",
            "$symbol",
        ][..],
    )
    .prop_map(str::to_owned)
}

/// A plain document that looks like a type wrapper down to its value.
fn wrapper_like() -> impl Strategy<Value = Value> {
    let body = prop_oneof![
        Just(Value::string("5")),
        Just(Value::string("65f1c0a2b3d4e5f607182930")),
        Just(Value::int(1)),
        Just(Value::Document(vec![("$numberLong".to_owned(), Value::string("0"))])),
        Just(Value::Document(vec![("t".to_owned(), Value::int(1)), ("i".to_owned(), Value::int(1))])),
    ];
    (wrapper_name(), body).prop_map(|(name, body)| Value::Document(vec![(name, body)]))
}

/// Text of any characters, with those that JSON and BSON treat specially more often than chance has them.
pub fn text() -> impl Strategy<Value = String> {
    let special =
        ['\0', '"', '\\', '/', '\n', '\u{8}', '\u{1f}', ' ', '\u{7f}', '\u{80}', '\u{2028}', '\u{FFFF}'];
    let character =
        prop_oneof![12 => proptest::char::range('a', 'z'), 2 => select(special.to_vec()), 2 => any::<char>()];
    vec(character, 0..24).prop_map(String::from_iter)
}

/// A value without parts that text carries exactly.
pub fn scalar() -> impl Strategy<Value = Value> {
    let bytes = prop_oneof![
        double().prop_map(|value| (Kind::Double, value.to_le_bytes().to_vec())),
        integer().prop_map(|value| (Kind::Int64, value.to_le_bytes().to_vec())),
        integer().prop_map(|value| (Kind::DateTime, value.to_le_bytes().to_vec())),
        any::<u64>().prop_map(|value| (Kind::Timestamp, value.to_le_bytes().to_vec())),
        prop_oneof![any::<i32>(), -9..9_i32].prop_map(|value| (Kind::Int32, value.to_le_bytes().to_vec())),
        any::<[u8; 12]>().prop_map(|id| (Kind::ObjectId, id.to_vec())),
        any::<bool>().prop_map(|value| (Kind::Boolean, vec![u8::from(value)])),
        select(&[Kind::Null, Kind::Undefined, Kind::MinKey, Kind::MaxKey][..])
            .prop_map(|kind| (kind, vec![])),
        (text(), any::<[u8; 12]>())
            .prop_map(|(ns, id)| (Kind::DbPointer, [string_bytes(&ns), id.to_vec()].concat())),
        (text(), text()).prop_map(|(pattern, options)| (Kind::Regex, regex(&pattern, &sorted(&options)))),
        binary().prop_map(|bytes| (Kind::Binary, bytes)),
        decimal().prop_map(|bits| (Kind::Decimal128, bits.to_le_bytes().to_vec())),
    ];
    let string = (select(&[Kind::String, Kind::String, Kind::Symbol, Kind::Code][..]), text());
    prop_oneof![
        3 => bytes,
        2 => string.prop_map(|(kind, text)| (kind, string_bytes(&text))),
    ]
    .prop_map(|(kind, bytes)| Value::Scalar(kind, bytes))
}

fn double() -> impl Strategy<Value = f64> {
    let special =
        [0.0, -0.0, f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NEG_INFINITY, 1e16, 1e-6];
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits).prop_filter("no NaN", |value| !value.is_nan()),
        any::<i32>().prop_map(|value| f64::from(value) / 100.0),
        select(special.to_vec()),
        Just(f64::from_bits(0x7FF8_0000_0000_0000)),
    ]
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -9..9_i64, Just(i64::MIN), Just(i64::MAX), 0..253_402_300_800_000_i64]
}

/// Length, subtype, bytes; subtype 2 with its second length.
fn binary() -> impl Strategy<Value = Vec<u8>> {
    let subtype = prop_oneof![0..10_u8, any::<u8>()];
    (subtype, vec(any::<u8>(), 0..40)).prop_map(|(subtype, payload)| {
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).expect("few bytes").to_le_bytes();
        let payload = if subtype == 2 { [&len(&payload)[..], &payload].concat() } else { payload };
        [&len(&payload)[..], &[subtype], &payload].concat()
    })
}

fn regex(pattern: &str, options: &str) -> Vec<u8> {
    format!("{}\0{}\0", pattern.replace('\0', ""), options.replace('\0', "")).into_bytes()
}

fn sorted(text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    String::from_iter(characters)
}

const SIGN: u128 = 1 << 127;

/// Canonical Decimal128 bits: sign, exponent, at most 34 digits; the infinities; the plain NaN.
fn decimal() -> impl Strategy<Value = u128> {
    let digits = prop_oneof![0..1000_u128, 0..10_u128.pow(34)];
    let finite = (any::<bool>(), prop_oneof![0..12_288_u128, 6160..6190_u128], digits)
        .prop_map(|(negative, exponent, digits)| u128::from(negative) << 127 | exponent << 113 | digits);
    prop_oneof![8 => finite, 1 => select(&[0b11110 << 122, SIGN | 0b11110 << 122, 0b11111 << 122][..])]
}

/// Values that a server keeps and text would flatten.
fn inexact_scalar() -> impl Strategy<Value = Value> {
    let nan = (1..1_u64 << 51, any::<bool>())
        .prop_map(|(payload, negative)| u64::from(negative) << 63 | 0x7FF8_0000_0000_0000 | payload);
    let decimal = select(vec![SIGN | 0b11111 << 122, 0b111111 << 121, 0b11 << 125, 10_u128.pow(34)]);
    prop_oneof![
        nan.prop_map(|bits| (Kind::Double, bits.to_le_bytes().to_vec())),
        decimal.prop_map(|bits| (Kind::Decimal128, bits.to_le_bytes().to_vec())),
        text().prop_map(|pattern| (Kind::Regex, regex(&pattern, "xi"))),
        vec(any::<u8>(), 0..4).prop_map(|rest| {
            let len = u32::try_from(rest.len()).expect("few bytes").to_le_bytes();
            (Kind::Binary, [&len[..], &[2], &rest].concat())
        }),
        Just((Kind::String, vec![2, 0, 0, 0, 0xFF, 0])),
    ]
    .prop_map(|(kind, bytes)| Value::Scalar(kind, bytes))
}
