//! The header of a definition change that stands in several partitions at once: its place among its like, and where they are.
//!
//! ```text
//!   3/7 shop.a/4 shop.b/3      the third of seven records: four partitions of shop.a, then three of shop.b
//! ```
//!
//! The records of a barrier have consecutive sequence numbers in this order, so each of them names the first one's, and that names the
//! barrier. Topic names hold neither spaces nor slashes.

use std::fmt;

/// Name of the header.
pub const BARRIER: &str = "barrier";

/// A record's place in its barrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Barrier<'a> {
    /// Counts from 1 over all partitions of all topics.
    pub number: u32,
    /// The topics, each with its partitions that have a record: from the first on.
    pub topics: Vec<(&'a str, u16)>,
}

impl<'a> Barrier<'a> {
    /// Reads the header's text; `None` for one that is no place.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(text).ok()?.split(' ');
        let (number, of) = words.next()?.split_once('/')?;
        let (number, of) = (number.parse().ok()?, of.parse::<u32>().ok()?);
        let topic = |word: &'a str| {
            let (topic, partitions) = word.split_once('/')?;
            Some((topic, partitions.parse().ok().filter(|partitions| *partitions > 0)?))
        };
        let barrier = Self { number, topics: words.map(topic).collect::<Option<_>>()? };
        (barrier.of() == of && (1..=of).contains(&number)).then_some(barrier)
    }

    /// How many records it has.
    #[must_use]
    pub fn of(&self) -> u32 {
        self.topics.iter().map(|(_, partitions)| u32::from(*partitions)).sum()
    }

    /// Topic and partition of each record, in order.
    pub fn places(&self) -> impl Iterator<Item = (&'a str, i32)> {
        self.topics
            .iter()
            .flat_map(|(topic, partitions)| (0..*partitions).map(|number| (*topic, number.into())))
    }
}

impl fmt::Display for Barrier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of())?;
        self.topics.iter().try_for_each(|(topic, partitions)| write!(f, " {topic}/{partitions}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let barrier = Barrier { number: 3, topics: vec![("shop.a", 4), ("shop.b", 3)] };
        assert_eq!(barrier.to_string(), "3/7 shop.a/4 shop.b/3");
        assert_eq!(Barrier::parse(b"3/7 shop.a/4 shop.b/3"), Some(barrier.clone()));
        let places: Vec<_> = barrier.places().collect();
        assert_eq!((places.len(), places[3], places[4]), (7, ("shop.a", 3), ("shop.b", 0)));
    }

    #[test]
    fn a_place_outside_of_its_barrier_is_none() {
        for text in
            ["", "1/1", "0/4 a/4", "5/4 a/4", "1/5 a/4", "1/4 a", "1/4 a/x", "1/0 a/0", "x/4 a/4", "1/4  a/4"]
        {
            assert_eq!(Barrier::parse(text.as_bytes()), None, "{text}");
        }
    }
}
