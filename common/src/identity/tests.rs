use bson::{Bson, doc};

use super::*;

fn identity(id: impl Into<Bson>) -> Vec<u8> {
    let bytes = doc! {"_id": id.into()}.to_vec().unwrap();
    let mut out = Vec::new();
    write(&Document::new(&bytes).unwrap().get("_id").unwrap().unwrap(), &mut out).unwrap();
    out
}

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse().unwrap())
}

#[test]
fn values_that_the_server_holds_equal_are_one() {
    let two_to_53: i64 = 1 << 53;
    let pairs: [(Bson, Bson); 14] = [
        (1.into(), 1_i64.into()),
        (1.into(), 1.0.into()),
        (1.into(), decimal("1.000")),
        ((-0.0).into(), 0.into()),
        (0.into(), decimal("-0E+10")),
        (0.5.into(), decimal("0.50")),
        (f64::NAN.into(), decimal("NaN")),
        (f64::NEG_INFINITY.into(), decimal("-Infinity")),
        ((two_to_53 + 1).into(), decimal("9007199254740993")),
        (i64::MAX.into(), decimal("9223372036854775807")),
        (i64::MIN.into(), decimal("-9223372036854775808")),
        (1e22.into(), decimal("1E+22")),
        (Bson::Symbol("a".into()), "a".into()),
        (doc! {"a": [1_i64]}.into(), doc! {"a": [1.0]}.into()),
    ];
    for (a, b) in pairs {
        assert_eq!(identity(a.clone()), identity(b.clone()), "{a} {b}");
    }
}

#[test]
fn values_that_differ_in_the_last_digit_are_two() {
    let two_to_53: i64 = 1 << 53;
    let pairs: [(Bson, Bson); 9] = [
        (two_to_53.into(), (two_to_53 + 1).into()),
        (i64::MAX.into(), (i64::MAX - 1).into()),
        (i64::MAX.into(), 9_223_372_036_854_775_807_f64.into()),
        (0.1.into(), decimal("0.1")),
        (decimal("0.1"), decimal("0.10000000000000000000000000000001")),
        (decimal("1E+6000"), decimal("1E+6001")),
        (f64::INFINITY.into(), decimal("1E+6000")),
        (1e23.into(), decimal("1E+23")),
        ("1".into(), 1.into()),
    ];
    for (a, b) in pairs {
        assert_ne!(identity(a.clone()), identity(b.clone()), "{a} {b}");
    }
}
