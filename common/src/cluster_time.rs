//! Cluster time: the source's own clock, the order of its oplog.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// A MongoDB `Timestamp` as a point in the source's history: seconds since 1970 in the high 32 bits, a counter within
/// the second in the low. All events of one multi-document transaction share one.
///
/// Its text is `seconds.increment`, as in `1700000000.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ClusterTime(pub u64);

impl ClusterTime {
    /// From its halves.
    #[must_use]
    pub const fn new(seconds: u32, increment: u32) -> Self {
        Self(((seconds as u64) << 32) | increment as u64)
    }

    /// The point right behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The point right before this one.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// How long before `now` this was; nothing when the clocks disagree.
    #[must_use]
    pub fn age(self, now: SystemTime) -> Duration {
        let then = UNIX_EPOCH + Duration::from_secs(u64::from(self.seconds()));
        now.duration_since(then).unwrap_or_default()
    }

    /// The counter within the second.
    #[must_use]
    pub const fn increment(self) -> u32 {
        (self.0 & 0xFFFF_FFFF) as u32
    }
}

impl fmt::Display for ClusterTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every record has one: without the detour over the arguments of `write!`.
        f.write_str(itoa::Buffer::new().format(self.seconds()))?;
        f.write_str(".")?;
        f.write_str(itoa::Buffer::new().format(self.increment()))
    }
}

/// A text that is not `seconds.increment`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cluster time; write it as seconds.increment, like 1700000000.1")]
pub struct ParseError(String);

impl FromStr for ClusterTime {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('.').and_then(|(s, i)| Some((s.parse().ok()?, i.parse().ok()?)));
        parsed.map(|(s, i)| Self::new(s, i)).ok_or_else(|| ParseError(text.to_owned()))
    }
}

impl Serialize for ClusterTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClusterTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_orders_by_seconds_then_increment() {
        for time in [ClusterTime::new(0, 0), ClusterTime::new(1_700_000_000, 3), ClusterTime(u64::MAX)] {
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        assert!(ClusterTime::new(2, 0) > ClusterTime::new(1, u32::MAX));
        assert!("12".parse::<ClusterTime>().is_err());
        assert!("1.-2".parse::<ClusterTime>().is_err());
    }
}
