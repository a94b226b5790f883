//! How soon a batch follows another while little waits.
//!
//! A batch costs whoever takes it a transaction, however little is in it: the brokers, or the target. Where records trickle in, batch upon batch
//! of a few would keep a busy machine busier, and each would take the longer for it. So what is little waits for company half as long as a batch
//! takes, which on a machine that has time to spare is a millisecond or two; a lone record after a pause waits for nothing.

use std::time::{Duration, Instant};

/// A batch is taken for no longer than this: what is held back is never held long.
const LONGEST: Duration = Duration::from_millis(20);
/// More bytes than this are a batch worth starting.
pub const LITTLE: usize = 256 * 1024;

/// When the next batch of little may start.
#[derive(Debug)]
pub struct Pace {
    /// How long a batch takes.
    takes: Duration,
    until: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        Self { takes: Duration::ZERO, until: Instant::now() }
    }
}

impl Pace {
    /// A batch has started: it is given the time to end, and half of that again.
    pub fn started(&mut self, now: Instant) {
        self.until = now + self.takes + self.takes / 2;
    }

    /// A batch has ended.
    pub fn ended(&mut self, took: Duration, now: Instant) {
        self.takes = took.min(LONGEST);
        self.until = self.until.max(now + self.takes / 2);
    }

    /// Until when little is held back, if it is.
    #[must_use]
    pub fn holds(&self, now: Instant) -> Option<Instant> {
        (self.until > now).then_some(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_waits_half_as_long_as_a_batch_takes_and_never_long() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut pace = Pace { takes: Duration::ZERO, until: start };
        pace.started(start);
        assert_eq!(pace.holds(start), None, "nothing is known yet");
        pace.ended(Duration::from_millis(6), after(6));
        assert_eq!(pace.holds(after(6)), Some(after(9)));
        assert_eq!(pace.holds(after(9)), None);
        pace.started(after(50));
        assert_eq!(pace.holds(after(51)), Some(after(59)), "one that runs is given its time");
        pace.ended(Duration::from_secs(3), after(3050));
        assert_eq!(pace.holds(after(3050)), Some(after(3060)), "however long it took");
    }
}
