//! The documents that are measured with, drawn at random from a seed.
//!
//! `user` has the fields of the user documents of ConduitIO/streaming-benchmarks (workloads `mongo-kafka-cdc` and
//! `mongo-kafka-snapshot`); `small` is 300 bytes, `nested` 2 KB.

use bson::{
    DateTime, RawArrayBuf, RawDocumentBuf,
    oid::ObjectId,
    raw::{CString, cstr},
    rawdoc,
};
use clap::ValueEnum;
use rand::{Rng, SeedableRng, rngs::SmallRng};

/// What a document looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// A user with address, preferences and metadata.
    User,
    /// Six fields, 300 bytes.
    Small,
    /// Documents in arrays in documents, 2 KB.
    Nested,
    /// As many bytes as are asked for, in strings of a thousand.
    Sized,
}

/// Draws documents.
#[derive(Debug)]
pub(crate) struct Documents {
    shape: Shape,
    bytes: usize,
    rng: SmallRng,
}

/// What a string of `sized` takes beside its letters: type, name, length and their ends.
const FIELD: usize = 1 + 6 + 4 + 1;
const FIRST: [&str; 8] = ["Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace", "John", "Leslie"];
const LAST: [&str; 8] =
    ["Allen", "Dijkstra", "Hopper", "Lamport", "Liskov", "Lovelace", "McCarthy", "Turing"];
const CITIES: [&str; 6] = ["Basel", "Kyoto", "Lagos", "Lima", "Oslo", "Perth"];
const STATES: [&str; 4] = ["active", "inactive", "pending", "suspended"];
const PLANS: [&str; 3] = ["basic", "free", "premium"];

impl Documents {
    /// `bytes` is for the shape that has no size of its own.
    pub(crate) fn new(shape: Shape, bytes: usize, seed: u64) -> Self {
        Self { shape, bytes, rng: SmallRng::seed_from_u64(seed) }
    }

    /// A document with this `_id`.
    pub(crate) fn draw(&mut self, id: i64) -> RawDocumentBuf {
        match self.shape {
            Shape::User => self.user(id),
            Shape::Small => self.small(id),
            Shape::Nested => self.nested(id),
            Shape::Sized => self.sized(id),
        }
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.rng.random_range(0..of.len())]
    }

    fn letters(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(self.rng.random_range(b'a'..=b'z'))).collect()
    }

    fn user(&mut self, id: i64) -> RawDocumentBuf {
        let (first, last) = (self.one(&FIRST), self.one(&LAST));
        let number = self.rng.random_range(0..1_000_000_000_u64);
        rawdoc! {
            "_id": id,
            "userId": ObjectId::from_bytes(self.rng.random()),
            "username": format!("{first}_{number}"),
            "email": format!("{first}.{last}{number}@example.com"),
            "firstName": first,
            "lastName": last,
            "phone": format!("+41 {number:010}"),
            "address": {
                "street": format!("{} {}", self.letters(12), number % 200),
                "city": self.one(&CITIES),
                "state": self.letters(2),
                "zipCode": format!("{:05}", number % 100_000),
                "country": "CH",
            },
            "status": self.one(&STATES),
            "subscriptionType": self.one(&PLANS),
            "age": self.rng.random_range(18..90_i32),
            "preferences": {
                "notifications": self.rng.random_bool(0.5),
                "newsletter": self.rng.random_bool(0.5),
                "theme": if self.rng.random_bool(0.5) { "dark" } else { "light" },
            },
            "metadata": {"deviceType": "mobile", "browser": "Firefox"},
        }
    }

    fn small(&mut self, id: i64) -> RawDocumentBuf {
        rawdoc! {
            "_id": id,
            "n": 0_i32,
            "at": DateTime::from_millis(1_700_000_000_000 + id),
            "price": self.rng.random_range(0.0..1000.0),
            "name": self.letters(40),
            "text": self.letters(186),
        }
    }

    fn nested(&mut self, id: i64) -> RawDocumentBuf {
        let mut items = RawArrayBuf::new();
        for place in 0..12_i32 {
            items.push(rawdoc! {
                "sku": self.letters(12),
                "count": place,
                "price": self.rng.random_range(0.0..1000.0),
                "tags": [self.letters(6), self.letters(6)],
                "size": {"w": self.rng.random_range(0..100_i32), "h": self.rng.random_range(0..100_i32)},
            });
        }
        let mut document = rawdoc! {"_id": id, "n": 0_i32, "customer": self.user(id)};
        document.append(cstr!("items"), items);
        document
    }

    fn sized(&mut self, id: i64) -> RawDocumentBuf {
        let (mut document, mut number) = (rawdoc! {"_id": id}, 0);
        while document.as_bytes().len() + FIELD < self.bytes {
            let letters = (self.bytes - document.as_bytes().len() - FIELD).min(1000);
            document.append(
                CString::try_from(format!("f{number:04}")).expect("a name without a zero byte"),
                self.letters(letters),
            );
            number += 1;
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_what_they_are_called() {
        let size = |shape| {
            let mut documents = Documents::new(shape, 0, 1);
            (0..100).map(|id| documents.draw(id).as_bytes().len()).sum::<usize>() / 100
        };
        assert!((280..320).contains(&size(Shape::Small)), "{}", size(Shape::Small));
        assert!((1800..2300).contains(&size(Shape::Nested)), "{}", size(Shape::Nested));
        assert!((440..520).contains(&size(Shape::User)), "{}", size(Shape::User));
    }

    #[test]
    fn a_size_that_is_asked_for_is_met() {
        for bytes in [1024, 32 << 10, 1 << 20] {
            let size = Documents::new(Shape::Sized, bytes, 1).draw(7).as_bytes().len();
            assert!(size <= bytes && bytes - size <= FIELD, "{size} of {bytes}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_documents() {
        let draw = |seed| Documents::new(Shape::User, 0, seed).draw(1);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
