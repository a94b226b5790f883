//! Random documents: nested, array-heavy, of all types; with odd names where asked for.

use bson::{Bson, DateTime, Decimal128, Document, Regex, Timestamp, doc, oid::ObjectId, spec::BinarySubtype};

use super::rng::Rng;

/// How odd field names may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// Letters and numbers: everything that update operators can name.
    Plain,
    /// Dots, spaces and nothing at all as well.
    Dotted,
    /// Dollars too.
    Odd,
}

const PLAIN: [&str; 14] = ["a", "b", "c", "d", "e", "f", "0", "1", "2", "10", "01", "name", "items", "Z é"];
const DOTTED: [&str; 14] = ["a", "b", "c", "d", "0", "1", "a.b", "b.0", "", "b.c", "a.0", ".", "a.", "b c"];
const ODD: [&str; 14] = ["a", "b", "c", "d", "0", "1", "a.b", "b.0", "", "$x", "$set", ".", "a.", "b c"];

pub(crate) fn name(rng: &mut Rng, names: Names) -> String {
    let names = match names {
        Names::Plain => &PLAIN,
        Names::Dotted => &DOTTED,
        Names::Odd => &ODD,
    };
    (*rng.pick(names)).to_owned()
}

/// A document with `_id`, and mostly with enough weight that an update is logged as a delta.
pub(crate) fn document(rng: &mut Rng, names: Names, id: impl Into<Bson>) -> Document {
    let mut document = doc! {"_id": id.into()};
    if !rng.once_in(8) {
        document.insert("weight", "w".repeat(100 + rng.below(400)));
    }
    for _ in 0..2 + rng.below(6) {
        document.insert(name(rng, names), value(rng, names, 4));
    }
    document
}

pub(crate) fn value(rng: &mut Rng, names: Names, depth: usize) -> Bson {
    match if depth == 0 { 9 } else { rng.below(10) } {
        0..=2 => {
            let fields = (0..rng.below(5)).map(|_| (name(rng, names), value(rng, names, depth - 1)));
            Bson::Document(fields.collect())
        }
        3..=5 => Bson::Array(array(rng, names, depth)),
        _ => scalar(rng),
    }
}

/// Arrays of numbers, of documents, of anything.
fn array(rng: &mut Rng, names: Names, depth: usize) -> Vec<Bson> {
    let len = rng.below(7);
    match rng.below(3) {
        0 => (0..len).map(|_| number(rng)).collect(),
        1 => (0..len)
            .map(|_| {
                let fields = (0..1 + rng.below(3)).map(|_| (name(rng, names), value(rng, names, depth - 1)));
                Bson::Document(fields.collect())
            })
            .collect(),
        _ => (0..len).map(|_| value(rng, names, depth - 1)).collect(),
    }
}

pub(crate) fn number(rng: &mut Rng) -> Bson {
    match rng.below(4) {
        0 | 1 => Bson::Int32(i32::try_from(rng.below(20)).unwrap()),
        2 => Bson::Int64(i64::try_from(rng.below(20)).unwrap()),
        _ => Bson::Double(f64::from(u32::try_from(rng.below(40)).unwrap()) / 2.0),
    }
}

pub(crate) fn scalar(rng: &mut Rng) -> Bson {
    match rng.below(22) {
        0 => Bson::Null,
        1 => Bson::Boolean(rng.once_in(2)),
        2 => Bson::Double(*rng.pick(&[f64::NAN, f64::INFINITY, -0.0, 1e300])),
        3 => Bson::DateTime(DateTime::from_millis(i64::try_from(rng.below(1 << 40)).unwrap())),
        4 => Bson::Timestamp(Timestamp { time: u32::try_from(rng.below(3)).unwrap(), increment: 0 }),
        5 => Bson::Decimal128("1.50".parse::<Decimal128>().unwrap()),
        6 => Bson::Binary(bson::Binary { subtype: BinarySubtype::Generic, bytes: vec![0, 1, 2] }),
        7 => Bson::MinKey,
        8 => Bson::MaxKey,
        9 => Bson::RegularExpression(Regex {
            pattern: "^a".try_into().unwrap(),
            options: "i".try_into().unwrap(),
        }),
        10 => Bson::JavaScriptCode("f()".to_owned()),
        11 => Bson::Symbol("s".to_owned()),
        12 => Bson::ObjectId(ObjectId::from_bytes([7; 12])),
        13..=16 => Bson::String("xyz".repeat(rng.below(4))),
        _ => number(rng),
    }
}

/// A place in a document.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Its components; array elements by index.
    pub(crate) path: Vec<String>,
    /// Whether components are array indexes.
    pub(crate) indexes: Vec<bool>,
    pub(crate) value: Bson,
}

impl Place {
    pub(crate) fn text(&self) -> String {
        self.path.join(".")
    }

    /// Whether update operators can name it.
    pub(crate) fn is_nameable(&self) -> bool {
        self.path.iter().all(|name| !name.is_empty() && !name.starts_with('$') && !name.contains('.'))
    }
}

/// Every place of the document but `_id`, from the top down.
pub(crate) fn places(document: &Document) -> Vec<Place> {
    let mut places = Vec::new();
    let top = Place { path: Vec::new(), indexes: Vec::new(), value: Bson::Document(document.clone()) };
    below(&top, &mut places);
    places.retain(|place| place.path[0] != "_id");
    places
}

fn below(place: &Place, places: &mut Vec<Place>) {
    let children: Vec<(String, bool, Bson)> = match &place.value {
        Bson::Document(document) => document.iter().map(|(k, v)| (k.clone(), false, v.clone())).collect(),
        Bson::Array(array) => {
            array.iter().enumerate().map(|(i, v)| (i.to_string(), true, v.clone())).collect()
        }
        _ => return,
    };
    for (name, is_index, value) in children {
        let mut child = place.clone();
        child.path.push(name);
        child.indexes.push(is_index);
        child.value = value;
        places.push(child.clone());
        below(&child, places);
    }
}
