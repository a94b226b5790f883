//! The documents that are measured with, drawn at random from a seed.
//!
//! `user` has the fields of the user documents of ConduitIO/streaming-benchmarks (workloads `mongo-kafka-cdc` and
//! `mongo-kafka-snapshot`); `small` is 300 bytes, `nested` 2 KB.

use bson::{DateTime, RawArrayBuf, RawDocumentBuf, oid::ObjectId, raw::cstr, rawdoc};
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
}

/// Draws documents.
#[derive(Debug)]
pub(crate) struct Documents {
    shape: Shape,
    rng: SmallRng,
}

const FIRST: [&str; 8] = ["Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace", "John", "Leslie"];
const LAST: [&str; 8] =
    ["Allen", "Dijkstra", "Hopper", "Lamport", "Liskov", "Lovelace", "McCarthy", "Turing"];
const CITIES: [&str; 6] = ["Basel", "Kyoto", "Lagos", "Lima", "Oslo", "Perth"];
const STATES: [&str; 4] = ["active", "inactive", "pending", "suspended"];
const PLANS: [&str; 3] = ["basic", "free", "premium"];

impl Documents {
    pub(crate) fn new(shape: Shape, seed: u64) -> Self {
        Self { shape, rng: SmallRng::seed_from_u64(seed) }
    }

    /// A document with this `_id`.
    pub(crate) fn draw(&mut self, id: i64) -> RawDocumentBuf {
        match self.shape {
            Shape::User => self.user(id),
            Shape::Small => self.small(id),
            Shape::Nested => self.nested(id),
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_what_they_are_called() {
        let size = |shape| {
            let mut documents = Documents::new(shape, 1);
            (0..100).map(|id| documents.draw(id).as_bytes().len()).sum::<usize>() / 100
        };
        assert!((280..320).contains(&size(Shape::Small)), "{}", size(Shape::Small));
        assert!((1800..2300).contains(&size(Shape::Nested)), "{}", size(Shape::Nested));
        assert!((440..520).contains(&size(Shape::User)), "{}", size(Shape::User));
    }

    #[test]
    fn the_same_seed_draws_the_same_documents() {
        let draw = |seed| Documents::new(Shape::User, seed).draw(1);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
