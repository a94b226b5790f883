//! Whether the producers' group has handed its slices to nobody.
//!
//! A member that leads the group while the brokers, hardly up again, do not know the positions topic yet hands out nothing. librdkafka
//! looks again after `topic.metadata.refresh.interval.ms`, five minutes; and a member with `producer.instance` that joins in the place of
//! such a one is given what that one had, nothing, and never looks again (KIP-345: no rebalance while the group is stable). So a
//! member with nothing to hold asks the brokers from time to time who has what.

use std::time::{Duration, Instant};

use rdkafka::{
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
};

/// How long a member has held nothing before it asks, and how often it asks from then on.
const ASK_INTERVAL: Duration = Duration::from_secs(10);
/// How long an answer may take; the member's other work waits for it.
const ANSWERS_IN: Duration = Duration::from_secs(2);
/// A group that is not between two assignments.
const STABLE: &str = "Stable";

/// Asks while a member holds nothing.
#[derive(Debug, Default)]
pub struct Vacancy {
    next: Option<Instant>,
}

impl Vacancy {
    /// Whether it is time to ask; `is_idle` says that the member is in the group and holds nothing.
    pub fn is_due(&mut self, is_idle: bool, now: Instant) -> bool {
        if !is_idle {
            self.next = None;
            return false;
        }
        let is_due = self.next.is_some_and(|next| next <= now);
        if is_due || self.next.is_none() {
            self.next = Some(now + ASK_INTERVAL);
        }
        is_due
    }
}

/// Whether a group has settled and none of its members holds any partition. Blocks on the brokers.
///
/// # Errors
/// When they do not answer in time, or do not let this client look.
pub fn nobody_holds_any<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    group: &str,
) -> Result<bool, KafkaError> {
    let groups = consumer.fetch_group_list(Some(group), ANSWERS_IN)?;
    let mut settled = groups.groups().iter().filter(|found| found.name() == group && found.state() == STABLE);
    Ok(settled.any(|group| {
        let assignments = group.members().iter().map(|member| member.assignment().unwrap_or_default());
        !group.members().is_empty() && assignments.map(partitions).all(|count| count == Some(0))
    }))
}

/// How many partitions an assignment has; `None` when it is none that we know. As `ConsumerProtocolAssignment` of Kafka has it, every
/// number big-endian: version (16 bits), topics (32), for each its name (16 bits of length and the bytes) and its partitions (32, and 32
/// for each).
fn partitions(assignment: &[u8]) -> Option<usize> {
    if assignment.is_empty() {
        return Some(0);
    }
    let (_version, rest) = assignment.split_first_chunk::<2>()?;
    let (topics, mut rest) = length(rest)?;
    let mut count = 0;
    for _ in 0..topics {
        let (name, behind) = rest.split_first_chunk::<2>()?;
        let behind = behind.get(usize::from(u16::from_be_bytes(*name))..)?;
        let (partitions, behind) = length(behind)?;
        rest = behind.get(partitions.checked_mul(4)?..)?;
        count += partitions;
    }
    Some(count)
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_be_bytes(*length)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_counted_and_what_is_none_is_not() {
        assert_eq!(partitions(b""), Some(0));
        assert_eq!(partitions(b"\0\x01\0\0\0\0\xff\xff\xff\xff"), Some(0));
        let two = b"\0\x01\0\0\0\x02\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x01\0\x02bc\0\0\0\x01\0\0\0\x07\0\0\0\0";
        assert_eq!(partitions(two), Some(3));
        for end in 1..two.len() - 4 {
            assert_eq!(partitions(&two[..end]), None, "{end}");
        }
    }

    #[test]
    fn only_a_member_that_holds_nothing_for_a_while_asks() {
        let start = Instant::now();
        let mut vacancy = Vacancy::default();
        let after = |seconds| start + Duration::from_secs(seconds);
        let asked: Vec<_> = (0..25).filter(|n| vacancy.is_due(true, after(*n))).collect();
        assert_eq!(asked, [10, 20]);
        assert!(!vacancy.is_due(false, after(30)));
        assert!(!vacancy.is_due(true, after(31)), "it begins anew");
        assert!(vacancy.is_due(true, after(41)));
    }
}
