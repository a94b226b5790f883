//! What is read as what, and that nothing is lost by it.

use bson::{Bson, Document, doc};
use common::raw::{self, Writer};
use proptest::prelude::*;

use super::*;

/// The value as that type.
fn reading(value: &Bson, kind: Kind) -> Option<Bson> {
    let bytes = doc! {"v": value.clone()}.to_vec().unwrap();
    let document = raw::Document::new(&bytes).unwrap();
    let element = document.elements().next().unwrap().unwrap();
    let value = read_as(&element, kind)?;
    let mut out = Writer::new();
    out.begin();
    out.value(kind, b"v", &value);
    out.end();
    Some(Document::from_reader(out.as_bytes()).unwrap().remove("v").unwrap())
}

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse().unwrap())
}

fn date(millis: i64) -> Bson {
    Bson::DateTime(bson::DateTime::from_millis(millis))
}

#[test]
fn what_has_a_reading() {
    let id = bson::oid::ObjectId::parse_str("0123456789abcdef01234567").unwrap();
    let uuid = bson::Uuid::parse_str("00112233-4455-6677-8899-aabbccddeeff").unwrap();
    let two_60 = 1_i64 << 60;
    for (from, kind, to) in [
        (Bson::Int64(7), Kind::Int32, Bson::Int32(7)),
        (Bson::Double(-7.0), Kind::Int32, Bson::Int32(-7)),
        (decimal("7.00"), Kind::Int64, Bson::Int64(7)),
        (decimal("7E+3"), Kind::Int32, Bson::Int32(7000)),
        (Bson::Int32(7), Kind::Double, Bson::Double(7.0)),
        (Bson::Int64(two_60), Kind::Double, Bson::Double(two_60 as f64)),
        (Bson::Int64(i64::MIN), Kind::Double, Bson::Double(i64::MIN as f64)),
        (Bson::Int32(-7), Kind::Decimal128, decimal("-7")),
        (Bson::Double(0.375), Kind::Decimal128, decimal("0.375")),
        (Bson::Double(-0.0), Kind::Decimal128, decimal("-0")),
        (Bson::Double(1e22), Kind::Decimal128, decimal("10000000000000000000000")),
        (decimal("0.375"), Kind::Double, Bson::Double(0.375)),
        (decimal("1E+22"), Kind::Double, Bson::Double(1e22)),
        ("42".into(), Kind::Int32, Bson::Int32(42)),
        ("-42".into(), Kind::Int64, Bson::Int64(-42)),
        ("1.5".into(), Kind::Double, Bson::Double(1.5)),
        ("2".into(), Kind::Double, Bson::Double(2.0)),
        ("19.90".into(), Kind::Decimal128, decimal("19.90")),
        ("2026-11-20T16:20:00Z".into(), Kind::DateTime, date(1_795_191_600_000)),
        ("2026-11-20T16:20:00.001Z".into(), Kind::DateTime, date(1_795_191_600_001)),
        ("0123456789abcdef01234567".into(), Kind::ObjectId, id.into()),
        ("00112233-4455-6677-8899-aabbccddeeff".into(), Kind::Binary, uuid.into()),
        ("true".into(), Kind::Boolean, true.into()),
        (Bson::Int32(7), Kind::String, "7".into()),
        (Bson::Double(7.0), Kind::String, "7.0".into()),
        (decimal("19.90"), Kind::String, "19.90".into()),
        (date(-1), Kind::String, "1969-12-31T23:59:59.999Z".into()),
        (id.into(), Kind::String, "0123456789abcdef01234567".into()),
        (uuid.into(), Kind::String, "00112233-4455-6677-8899-aabbccddeeff".into()),
        (Bson::Symbol("s".into()), Kind::String, "s".into()),
        (false.into(), Kind::String, "false".into()),
    ] {
        assert_eq!(reading(&from, kind), Some(to), "{from} as {kind:?}");
    }
}

#[test]
fn what_has_none() {
    for (from, kind) in [
        (Bson::Int64(1 << 31), Kind::Int32),
        (Bson::Double(1.5), Kind::Int64),
        (Bson::Double(-0.0), Kind::Int32),
        (Bson::Double(9.3e18), Kind::Int64),
        (Bson::Double(f64::NAN), Kind::Decimal128),
        (Bson::Double(f64::INFINITY), Kind::Int64),
        (Bson::Double(0.1), Kind::Decimal128),
        (Bson::Double(5e-324), Kind::Decimal128),
        (Bson::Int64((1 << 53) + 1), Kind::Double),
        (Bson::Int64(i64::MAX), Kind::Double),
        (decimal("0.1"), Kind::Double),
        (decimal("1E+6000"), Kind::Double),
        (decimal("1E-6000"), Kind::Double),
        (decimal("-0"), Kind::Int32),
        (decimal("7.5"), Kind::Int32),
        (decimal("NaN"), Kind::String),
        ("042".into(), Kind::Int32),
        ("+42".into(), Kind::Int32),
        (" 42".into(), Kind::Int64),
        ("3000000000".into(), Kind::Int32),
        ("1.50".into(), Kind::Double),
        ("NaN".into(), Kind::Double),
        ("Infinity".into(), Kind::Decimal128),
        ("019.90".into(), Kind::Decimal128),
        ("2026-11-20".into(), Kind::DateTime),
        ("2026-11-20T16:20:00.5Z".into(), Kind::DateTime),
        ("2026-11-20T16:20:00+01:00".into(), Kind::DateTime),
        ("2026-11-31T16:20:00Z".into(), Kind::DateTime),
        ("0123456789ABCDEF01234567".into(), Kind::ObjectId),
        ("0123".into(), Kind::ObjectId),
        ("0011223344556677-8899-aabb-ccddeeff".into(), Kind::Binary),
        ("TRUE".into(), Kind::Boolean),
        (true.into(), Kind::Int32),
        (date(0), Kind::Int64),
        (date(i64::MAX), Kind::String),
        (Bson::Null, Kind::String),
        (doc! {}.into(), Kind::String),
        (Bson::Array(vec![]), Kind::Int32),
    ] {
        assert_eq!(reading(&from, kind), None, "{from} as {kind:?}");
    }
}

fn number() -> impl Strategy<Value = Bson> {
    prop_oneof![
        any::<i32>().prop_map(Bson::Int32),
        any::<i64>().prop_map(Bson::Int64),
        any::<f64>().prop_map(Bson::Double),
        (any::<i32>(), 0..60).prop_map(|(m, k): (i32, i32)| Bson::Double(f64::from(m) * 2_f64.powi(-k))),
        (any::<i64>(), -40..40_i32).prop_map(|(m, e)| decimal(&format!("{m}E{e}"))),
    ]
}

fn scalar() -> impl Strategy<Value = Bson> {
    prop_oneof![
        number(),
        "-?[0-9]{1,12}(\\.[0-9]{1,4})?".prop_map(Bson::String),
        "[0-9a-f]{24}".prop_map(Bson::String),
        any::<i64>().prop_map(|n| date(n / 1_000_000)),
        any::<i64>().prop_map(|n| date(n / 1_000_000)
            .as_datetime()
            .unwrap()
            .try_to_rfc3339_string()
            .unwrap_or_default()
            .into()),
        any::<bool>().prop_map(Bson::Boolean),
        any::<[u8; 12]>().prop_map(|id| bson::oid::ObjectId::from_bytes(id).into()),
    ]
}

/// Zeros behind a decimal's last digit are not part of the number.
fn plain(value: &Bson) -> Bson {
    let Bson::Decimal128(value) = value else { return value.clone() };
    let text = value.to_string();
    let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let stripped = digits.trim_end_matches('0');
    let exponent: i64 = exponent.parse::<i64>().unwrap() - fraction.len() as i64;
    let zeros = (digits.len() - stripped.len()) as i64;
    Bson::String(match stripped.trim_start_matches(['-', '0']) {
        "" => digits.replace('0', ""),
        rest => format!("{}{rest}E{}", &digits[..usize::from(digits.starts_with('-'))], exponent + zeros),
    })
}

const KINDS: [Kind; 9] = [
    Kind::Int32,
    Kind::Int64,
    Kind::Double,
    Kind::Decimal128,
    Kind::String,
    Kind::DateTime,
    Kind::ObjectId,
    Kind::Boolean,
    Kind::Binary,
];

fn kind_of(value: &Bson) -> Kind {
    Kind::from_tag(value.element_type() as u8).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_other_way_round_gives_what_stood_there(value in scalar(), to in proptest::sample::select(KINDS.to_vec())) {
        if kind_of(&value) != to && let Some(read) = reading(&value, to) {
            let back = reading(&read, kind_of(&value));
            let is_short_date = value.as_str().is_some_and(|text| to == Kind::DateTime && !text.contains('.'));
            let is_short_double = value.as_str().is_some() && to == Kind::Double;
            match back {
                Some(back) if is_short_date || is_short_double => {
                    prop_assert_eq!(reading(&back, to), Some(read));
                }
                back => prop_assert_eq!(back.as_ref().map(plain), Some(plain(&value)), "{}", read),
            }
        }
    }
}
