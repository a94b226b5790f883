//! One record as it was read from Kafka: everything of it, so that a dead letter can be it again.
//!
//! Key, value and headers lie in one allocation: a worker reads hundreds of thousands of records a second. The parts of a value
//! that is to be decoded lie in one allocation together, each a window of it: a value may be as large as half of a worker's memory.

use std::{ops::Range, sync::Arc};

use common::headers::{BARRIER, PART, Part};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

/// Room for the headers that our own records have. It is not given back: that would cost another copy.
const HEADERS: usize = 128;
/// Stands for "no value" where a length is kept.
const ABSENT: u32 = u32::MAX;

/// A consumed record, untouched.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands in its partition.
    pub offset: i64,
    /// Milliseconds since 1970, when the broker or its client said so.
    pub timestamp: Option<i64>,
    /// Which part of a value it holds, of how many, when it does not hold all of it.
    pub part: Option<Part>,
    /// Whether it stands in several partitions, all of which have to come to it before anything is done about it.
    pub is_barrier: bool,
    key: u32,
    value: u32,
    /// Value unless it is `whole`'s, key, then each header: length of name, name, length of value, value.
    bytes: Vec<u8>,
    whole: Option<Box<Window>>,
}

/// A part of a value whose parts have been joined.
#[derive(Clone, PartialEq, Eq)]
struct Window {
    value: Arc<Vec<u8>>,
    place: Range<usize>,
}

impl Record {
    /// Copies a record out of the client's memory.
    #[must_use]
    pub fn copy(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers();
        let pairs = headers.into_iter().flat_map(|headers| headers.iter()).map(|h| (h.key, h.value));
        Self::new(message.offset(), message.timestamp().to_millis(), message.key(), message.payload(), pairs)
    }

    /// A record from its parts.
    pub fn new<'h>(
        offset: i64,
        timestamp: Option<i64>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) -> Self {
        let rest = key.map_or(0, <[u8]>::len) + HEADERS;
        let mut bytes = Vec::with_capacity(value.map_or(0, <[u8]>::len) + rest);
        bytes.extend_from_slice(value.unwrap_or_default());
        bytes.extend_from_slice(key.unwrap_or_default());
        let (mut part, mut is_barrier) = (None, false);
        for (name, value) in headers {
            if name == PART {
                // One that cannot be read belongs to no value, and is refused as that.
                part = Some(value.and_then(Part::parse).unwrap_or(Part { number: 0, of: 0 }));
            }
            is_barrier |= name == BARRIER;
            bytes.extend_from_slice(&length(Some(name.as_bytes())).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&length(value).to_le_bytes());
            bytes.extend_from_slice(value.unwrap_or_default());
        }
        let (key, value) = (length(key), length(value));
        Self { offset, timestamp, part, is_barrier, key, value, bytes, whole: None }
    }

    /// The value; `None` for a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        match &self.whole {
            Some(window) => Some(&window.value[window.place.clone()]),
            None => (self.value != ABSENT).then(|| &self.bytes[..self.value as usize]),
        }
    }

    /// The whole value whose part this is, once it was joined.
    #[must_use]
    pub fn whole(&self) -> Option<&[u8]> {
        self.whole.as_ref().map(|window| window.value.as_slice())
    }

    /// Puts the parts of one value together; nothing where that was done or one has none. At no time is more than one part in memory twice.
    pub fn join(parts: &mut [Self]) {
        if parts.len() < 2 || parts.iter().any(|part| part.value == ABSENT || part.whole.is_some()) {
            return;
        }
        let mut value = Vec::with_capacity(parts.iter().map(|part| part.value as usize).sum());
        for part in &mut *parts {
            value.extend_from_slice(&part.bytes[..part.value as usize]);
            part.bytes = part.bytes.split_off(part.value as usize);
        }
        let (value, mut from) = (Arc::new(value), 0);
        for part in parts {
            let place = from..from + part.value as usize;
            from = place.end;
            part.whole = Some(Box::new(Window { value: value.clone(), place }));
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        let at = self.own();
        (self.key != ABSENT).then(|| &self.bytes[at..at + self.key as usize])
    }

    /// The headers in their order; a header may have no value.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let mut rest = &self.bytes[self.own() + present(self.key)..];
        std::iter::from_fn(move || {
            let name = field(&mut rest)?.unwrap_or_default();
            let value = field(&mut rest)?;
            Some((std::str::from_utf8(name).unwrap_or_default(), value))
        })
    }

    /// How many records make up the value that begins here; 1 also for what begins no value.
    #[must_use]
    pub fn spans(&self) -> usize {
        self.part.filter(|part| part.number == 1).map_or(1, |part| part.of as usize)
    }

    /// Whether it goes on with the value of the record before.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.part.is_some_and(|part| part.number > 1)
    }

    /// Memory that the record takes.
    #[must_use]
    pub fn size(&self) -> usize {
        let window = self.whole.as_ref().map_or(0, |window| window.place.len());
        self.bytes.capacity() + window + size_of::<Self>()
    }

    /// Bytes of the value that are its own.
    const fn own(&self) -> usize {
        if self.whole.is_some() { 0 } else { present(self.value) }
    }
}

impl std::fmt::Debug for Record {
    /// Sizes only: document values never enter logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record(offset {}, {} bytes)", self.offset, self.bytes.len())
    }
}

fn length(part: Option<&[u8]>) -> u32 {
    part.map_or(ABSENT, |part| u32::try_from(part.len()).expect("a record is under 4 GiB"))
}

const fn present(length: u32) -> usize {
    if length == ABSENT { 0 } else { length as usize }
}

/// Takes one length-prefixed field off the front; `None` at the end.
fn field<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (prefix, tail) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*prefix);
    let (value, tail) = tail.split_at(present(length));
    *rest = tail;
    Some((length != ABSENT).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_every_part_and_what_is_absent() {
        let headers = [("v", Some(b"1".as_slice())), ("none", None), ("", Some(b""))];
        let record = Record::new(7, Some(9), Some(b"key"), Some(b"value"), headers.into_iter());
        assert_eq!(record.key(), Some(b"key".as_slice()));
        assert_eq!(record.value(), Some(b"value".as_slice()));
        assert_eq!(record.headers().collect::<Vec<_>>(), headers);
    }

    #[test]
    fn absent_is_not_empty() {
        let tombstone = Record::new(0, None, Some(b""), None, std::iter::empty());
        assert_eq!((tombstone.key(), tombstone.value()), (Some(b"".as_slice()), None));
        let keyless = Record::new(0, None, None, Some(b""), std::iter::empty());
        assert_eq!((keyless.key(), keyless.value()), (None, Some(b"".as_slice())));
        assert_eq!(keyless.headers().count(), 0);
    }

    #[test]
    fn parts_that_are_joined_are_what_they_were() {
        let part = |number: u8, value: &'static [u8]| {
            let place = format!("{number}/3");
            Record::new(
                number.into(),
                None,
                Some(b"key"),
                Some(value),
                [(PART, Some(place.as_bytes()))].into_iter(),
            )
        };
        let parts = || [part(1, b"one"), part(2, b""), part(3, b"three")];
        let mut joined = parts();
        let sizes = joined.each_ref().map(Record::size);
        Record::join(&mut joined);
        Record::join(&mut joined);
        for (record, before) in joined.iter().zip(parts()) {
            assert_eq!((record.value(), record.key()), (before.value(), before.key()));
            assert!(record.headers().eq(before.headers()));
            assert_eq!(record.whole(), Some(b"onethree".as_slice()));
            assert_eq!(before.whole(), None);
        }
        assert!(
            joined.each_ref().map(Record::size).iter().zip(sizes).all(|(after, before)| *after <= before)
        );
    }

    #[test]
    fn parts_are_known_by_their_header() {
        let with = |text: &str| Record::new(0, None, None, None, [(PART, Some(text.as_bytes()))].into_iter());
        assert_eq!(with("1/3").spans(), 3);
        assert!(with("2/3").goes_on() && with("2/3").spans() == 1);
        for text in ["0/3", "4/3", "x", "1"] {
            assert_eq!(
                (with(text).spans(), with(text).goes_on(), with(text).part.is_some()),
                (1, false, true)
            );
        }
    }
}
