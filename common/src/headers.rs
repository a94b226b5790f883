//! Record headers: what routing, filtering and auditing need without opening the value.
//!
//! Owns names and text forms. Header values are short ASCII or UTF-8 texts, so that `kcat -f '%h'` shows them.
//!
//! | header | holds |
//! |---|---|
//! | `v` | format version, [`VERSION`] |
//! | `ns` | namespace, `db.coll` |
//! | `op` | `operationType` |
//! | `ct` | cluster time, `seconds.increment` |
//! | `seq` | `slice/epoch/sequence` |
//! | `snapshot` | `true` on a snapshot record, otherwise absent |
//! | `txn` | `session/number/index` on an event of a multi-document transaction of the source |
//! | `format` | `bson` when the value is raw BSON; absent for canonical Extended JSON |
//! | `rules` | what the producer has made of the record by rules that it applies: `applied`, `kept`, `unclear`, `collision`; absent where it applies none |
//! | `part` | `number/of`, counted from 1, where the value goes on in the record behind; absent on a whole value |
//! | `barrier` | `number/of topic/partitions …` on a definition change that stands in all these partitions |

mod barrier;

pub use self::barrier::{BARRIER, Barrier};
use crate::cluster_time::ClusterTime;

/// The format version that is written. Readers take this one and its neighbours.
pub const VERSION: u8 = 1;

/// Name of the format version's header.
pub const V: &str = "v";
/// Name of the namespace's header.
pub const NS: &str = "ns";
/// Name of the operation's header.
pub const OP: &str = "op";
/// Name of the cluster time's header.
pub const CT: &str = "ct";
/// Name of the header of slice, epoch and sequence number.
pub const SEQ: &str = "seq";
/// Name of the header that marks snapshot records.
pub const SNAPSHOT: &str = "snapshot";
/// Name of the header of an event's place in a transaction of the source.
pub const TXN: &str = "txn";
/// Name of the value format's header.
pub const FORMAT: &str = "format";
/// Name of the header that tells what the producer's rules have made of a record.
pub const RULES: &str = "rules";
/// Name of the header of a part's place in its value.
pub const PART: &str = "part";

/// How a record's value is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Canonical Extended JSON v2.
    #[default]
    ExtJson,
    /// Raw BSON.
    Bson,
}

/// What rules have made of a record at the producer. Nobody applies rules to it again, for they are not made to be applied twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruled {
    /// What stands there is what is left.
    Applied,
    /// The same, of an update whose document is carried if it was: at the target it may be missing.
    Kept,
    /// What is left of the update cannot be told: the document has to be asked for. It stands there without what it did.
    Unclear,
    /// Two fields of the document would have one name. It stands there without its documents.
    Collision,
}

/// Place of a record in its slice: contiguous over all topics of the slice within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence<'a> {
    /// The slice.
    pub slice: &'a str,
    /// Raised whenever history starts over.
    pub epoch: u32,
    /// Counts from 1 within the epoch.
    pub number: u64,
}

/// Place of an event in a multi-document transaction of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transaction<'a> {
    /// `lsid.id` in 32 hex digits.
    pub session: &'a str,
    /// `txnNumber`.
    pub number: i64,
    /// Counts the transaction's carried events from 0.
    pub index: u32,
}

/// Place of a record that holds a part of a value. The parts of a value stand next to each other in one partition, with the
/// same key and, but for this one, the same headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Counts from 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

/// The headers of one record, as far as they are present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headers<'a> {
    /// `v`.
    pub version: Option<u8>,
    /// `ns`.
    pub ns: Option<&'a str>,
    /// `op`.
    pub op: Option<&'a str>,
    /// `ct`.
    pub cluster_time: Option<ClusterTime>,
    /// `seq`.
    pub sequence: Option<Sequence<'a>>,
    /// `snapshot`.
    pub is_snapshot: bool,
    /// `txn`.
    pub transaction: Option<Transaction<'a>>,
    /// `rules`.
    pub rules: Option<Ruled>,
    /// `format`.
    pub format: Format,
}

/// Headers that say something this version does not understand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A version this reader was not made for.
    #[error("record format version {0} is not supported (this is version {VERSION})")]
    Version(String),
    /// A header whose text has another form than it should.
    #[error("header `{0}` is malformed")]
    Malformed(&'static str),
}

impl<'a> Headers<'a> {
    /// Reads the headers of a record; unknown ones are passed over, missing ones stay `None` (other systems' records
    /// have none at all).
    ///
    /// # Errors
    /// [`Error`] when a known header cannot be understood.
    pub fn parse(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<Self, Error> {
        let mut parsed = Self::default();
        for (name, value) in headers {
            let text = || std::str::from_utf8(value);
            match name {
                V => parsed.version = Some(version(value)?),
                NS => parsed.ns = Some(text().map_err(|_| Error::Malformed(NS))?),
                OP => parsed.op = Some(text().map_err(|_| Error::Malformed(OP))?),
                CT => {
                    let time = text().ok().and_then(|t| t.parse().ok());
                    parsed.cluster_time = Some(time.ok_or(Error::Malformed(CT))?);
                }
                SEQ => {
                    let sequence = text().ok().and_then(Sequence::parse);
                    parsed.sequence = Some(sequence.ok_or(Error::Malformed(SEQ))?);
                }
                SNAPSHOT => parsed.is_snapshot = value == b"true",
                TXN => {
                    let transaction = text().ok().and_then(Transaction::parse);
                    parsed.transaction = Some(transaction.ok_or(Error::Malformed(TXN))?);
                }
                RULES => parsed.rules = Some(Ruled::parse(value).ok_or(Error::Malformed(RULES))?),
                FORMAT if value == b"bson" => parsed.format = Format::Bson,
                FORMAT => return Err(Error::Malformed(FORMAT)),
                _ => {}
            }
        }
        Ok(parsed)
    }
}

impl Ruled {
    /// Its text in the header.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Kept => "kept",
            Self::Unclear => "unclear",
            Self::Collision => "collision",
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let all = [Self::Applied, Self::Kept, Self::Unclear, Self::Collision];
        all.into_iter().find(|ruled| ruled.text().as_bytes() == text)
    }
}

/// The version this reader, its predecessor or its successor wrote (rolling upgrades).
fn version(value: &[u8]) -> Result<u8, Error> {
    let text = String::from_utf8_lossy(value);
    let number = text.parse::<u8>().ok().filter(|v| v.abs_diff(VERSION) <= 1 && *v > 0);
    number.ok_or_else(|| Error::Version(text.chars().take(16).collect()))
}

impl<'a> Sequence<'a> {
    /// Reads its text form, `slice/epoch/sequence`.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.rsplitn(3, '/');
        let number = parts.next()?.parse().ok()?;
        let epoch = parts.next()?.parse().ok()?;
        Some(Self { slice: parts.next()?, epoch, number })
    }
}

impl<'a> Transaction<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('/');
        let session = parts.next()?;
        let number = parts.next()?.parse().ok()?;
        let index = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { session, number, index })
    }
}

impl Part {
    /// Reads the header's text; `None` for one that is no place.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (number, of) = std::str::from_utf8(text).ok()?.split_once('/')?;
        let part = Self { number: number.parse().ok()?, of: of.parse().ok()? };
        (1 <= part.number && part.number <= part.of).then_some(part)
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl std::fmt::Display for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.session, self.number, self.index)
    }
}

impl std::fmt::Display for Sequence<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.slice)?;
        f.write_str("/")?;
        f.write_str(itoa::Buffer::new().format(self.epoch))?;
        f.write_str("/")?;
        f.write_str(itoa::Buffer::new().format(self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(headers: &'a [(&'a str, &'a [u8])]) -> Result<Headers<'a>, Error> {
        Headers::parse(headers.iter().copied())
    }

    #[test]
    fn what_is_written_is_read() {
        let sequence = Sequence { slice: "rs/0", epoch: 2, number: 77 };
        let text = sequence.to_string();
        let headers = [
            (V, b"1".as_slice()),
            (NS, b"test.users"),
            (OP, b"insert"),
            (CT, b"5.6"),
            (SEQ, text.as_bytes()),
            (SNAPSHOT, b"true"),
            (TXN, b"00ff/12/3"),
            (RULES, b"kept"),
            ("other", b"\xff"),
        ];
        let parsed = parse(&headers).unwrap();
        assert_eq!(parsed.sequence, Some(sequence));
        assert_eq!(parsed.cluster_time, Some(ClusterTime::new(5, 6)));
        assert!(parsed.is_snapshot);
        assert_eq!(parsed.transaction, Some(Transaction { session: "00ff", number: 12, index: 3 }));
        assert_eq!((parsed.format, parsed.rules), (Format::ExtJson, Some(Ruled::Kept)));
    }

    #[test]
    fn a_part_has_a_place_among_its_like() {
        let part = Part { number: 2, of: 10 };
        assert_eq!(Part::parse(part.to_string().as_bytes()), Some(part));
        for text in ["", "1", "0/1", "3/2", "1/x", "-1/2", "1/2/3"] {
            assert_eq!(Part::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn no_headers_at_all_are_fine_and_wrong_ones_are_named() {
        assert_eq!(parse(&[]), Ok(Headers::default()));
        assert_eq!(parse(&[(V, b"2")]).map(|h| h.version), Ok(Some(2)));
        assert_eq!(parse(&[(V, b"3")]), Err(Error::Version("3".into())));
        assert_eq!(parse(&[(V, b"x")]), Err(Error::Version("x".into())));
        assert_eq!(parse(&[(CT, b"soon")]), Err(Error::Malformed(CT)));
        assert_eq!(parse(&[(SEQ, b"rs0/1")]), Err(Error::Malformed(SEQ)));
        assert_eq!(parse(&[(TXN, b"00ff/12")]), Err(Error::Malformed(TXN)));
        assert_eq!(parse(&[(RULES, b"some")]), Err(Error::Malformed(RULES)));
        assert_eq!(parse(&[(FORMAT, b"avro")]), Err(Error::Malformed(FORMAT)));
    }
}
