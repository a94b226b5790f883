//! Which partition a document belongs to.
//!
//! Owns the hash that keeps every change of one document in one partition. Guards: values that MongoDB holds equal as
//! `_id` (1, 1.0, decimal 1) get the same partition, or a replacement of one by the other would be reordered.

use crate::raw::{self, Document, Element, Kind};

/// The partition of the document with this `_id`, of `partitions`.
///
/// `scratch` is overwritten; passing the same buffer again saves allocations.
///
/// # Errors
/// [`raw::Error`] when `_id` is malformed.
pub fn partition(id: &Element<'_>, partitions: u16, scratch: &mut Vec<u8>) -> Result<i32, raw::Error> {
    scratch.clear();
    normal_form(id, scratch, 0)?;
    let positive = murmur2(scratch) & 0x7FFF_FFFF;
    let partition = positive % u32::from(partitions.max(1));
    Ok(i32::try_from(partition).expect("a partition number is under 65,536"))
}

/// Appends the value's normal form: equal values, and no others that differ in more than a number's precision, have equal
/// normal forms.
///
/// Every number at any depth becomes its nearest double, -0.0 becomes 0, all NaN one; `Symbol` becomes `String`;
/// everything else is its BSON bytes.
///
/// # Errors
/// [`raw::Error`] when the value is malformed or nested too deep.
pub fn normal_form(value: &Element<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), raw::Error> {
    if depth > raw::MAX_DEPTH {
        return Err(raw::Error::TooDeep);
    }
    match value.kind {
        Kind::Int32 | Kind::Int64 | Kind::Double | Kind::Decimal128 => {
            out.push(Kind::Double as u8);
            out.extend_from_slice(&nearest_double(value).to_le_bytes());
        }
        Kind::Symbol => {
            out.push(Kind::String as u8);
            out.extend_from_slice(value.value);
        }
        Kind::Document | Kind::Array => {
            out.push(value.kind as u8);
            let inner = value.as_document().unwrap_or(Document::EMPTY);
            for element in inner.elements() {
                let element = element?;
                out.extend_from_slice(element.name);
                out.push(0);
                normal_form(&element, out, depth + 1)?;
            }
            out.push(0);
        }
        kind => {
            out.push(kind as u8);
            out.extend_from_slice(value.value);
        }
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn nearest_double(value: &Element<'_>) -> f64 {
    let number = match value.kind {
        Kind::Int32 => value.as_i32().map(f64::from),
        Kind::Int64 => value.as_i64().map(|v| v as f64),
        Kind::Decimal128 => Some(decimal_to_double(value.value)),
        _ => value.as_f64(),
    }
    .unwrap_or(0.0);
    match number {
        v if v.is_nan() => f64::NAN,
        0.0 => 0.0,
        v => v,
    }
}

/// The double nearest to an IEEE 754-2008 decimal128 in BID encoding (16 bytes, little endian).
fn decimal_to_double(bytes: &[u8]) -> f64 {
    const BIAS: i32 = 6176;
    const MOST: u128 = 10_u128.pow(34) - 1;
    let mut sixteen = [0; 16];
    sixteen.copy_from_slice(&bytes[..16]);
    let bits = u128::from_le_bytes(sixteen);
    let sign = if bits >> 127 == 1 { -1.0 } else { 1.0 };
    let combination = (bits >> 122) & 0b1_1111;
    if combination == 0b1_1111 {
        return f64::NAN;
    }
    if combination == 0b1_1110 {
        return sign * f64::INFINITY;
    }
    // A leading `11` announces a coefficient beyond 34 digits, which the standard reads as zero.
    if combination >> 3 == 0b11 {
        return 0.0;
    }
    let exponent = i32::try_from((bits >> 113) & 0x3FFF).unwrap_or(0) - BIAS;
    let coefficient = bits & ((1 << 113) - 1);
    let coefficient = if coefficient > MOST { 0 } else { coefficient };
    sign * format!("{coefficient}e{exponent}").parse::<f64>().unwrap_or(0.0)
}

/// Kafka's own key hash, MurmurHash2 with its seed (Apache Kafka, `Utils.murmur2`).
#[must_use]
pub fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use bson::{Bson, doc};

    use super::*;

    fn form(id: impl Into<Bson>) -> Vec<u8> {
        let bytes = doc! {"_id": id.into()}.to_vec().unwrap();
        let document = Document::new(&bytes).unwrap();
        let mut out = Vec::new();
        normal_form(&document.get("_id").unwrap().unwrap(), &mut out, 0).unwrap();
        out
    }

    #[test]
    fn murmur2_agrees_with_kafkas_own_test_vectors() {
        // Apache Kafka, UtilsTest.testMurmur2.
        let vectors: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (text, hash) in vectors {
            assert_eq!(murmur2(text).cast_signed(), hash, "{text:?}");
        }
    }

    #[test]
    fn values_that_mongodb_holds_equal_share_a_normal_form() {
        let decimal = |text: &str| Bson::Decimal128(text.parse().unwrap());
        assert_eq!(form(1_i32), form(1_i64));
        assert_eq!(form(1_i32), form(1.0));
        assert_eq!(form(1_i32), form(decimal("1")));
        assert_eq!(form(1_i32), form(decimal("1.000")));
        assert_eq!(form(-1_i32), form(decimal("-1E0")));
        assert_eq!(form(100_i32), form(decimal("1E+2")));
        assert_eq!(form(0.0), form(-0.0));
        assert_eq!(form(0.0), form(decimal("-0E+10")));
        assert_eq!(form(f64::NAN), form(decimal("NaN")));
        assert_eq!(form(f64::INFINITY), form(decimal("Infinity")));
        assert_eq!(form(Bson::Symbol("a".into())), form("a"));
        assert_eq!(form(doc! {"a": 1, "b": [1_i64]}), form(doc! {"a": 1.0, "b": [1]}));
    }

    #[test]
    fn values_that_differ_have_different_normal_forms() {
        assert_ne!(form("1"), form(1));
        assert_ne!(form(Bson::Null), form(0));
        assert_ne!(form(doc! {"a": 1, "b": 2}), form(doc! {"b": 2, "a": 1}));
        assert_ne!(form(doc! {"a": {"b": 1}}), form(doc! {"a": {}, "b": 1}));
        assert_ne!(form(true), form(1));
    }
}
