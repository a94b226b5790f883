//! Trying again what passes by itself: exponential backoff, told in the log and in the readiness.
//!
//! [`Backoff`] is pure: it says how long the longest wait of each attempt is. [`retry`] is the shell that draws the
//! wait, sleeps and logs. Only [`Kind::Transient`] is retried; everything else is the caller's at once.

use std::{
    future::Future,
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use metrics::counter;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    error::{Error, Kind, Result},
    telemetry::{health::Condition, names},
};

/// The first wait.
const BASE: Duration = Duration::from_millis(250);
/// No wait is longer: an outage of an hour is left within half a minute of its end.
const CAP: Duration = Duration::from_secs(30);
/// While it goes on failing, a warning at most this often.
const WARN_EVERY: Duration = Duration::from_secs(30);

/// The longest wait before each attempt: doubling from `base` up to `cap`, for ever.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits from `base`, which is also the shortest, to `cap`.
    #[must_use]
    pub fn new(base: Duration, cap: Duration) -> Self {
        let base = base.min(cap);
        Self { base, cap, next: base }
    }

    /// The wait of the next attempt: `random` (0 to 1) of the way from the shortest to the longest, so that many
    /// processes that failed together do not come back together.
    pub fn wait(&mut self, random: f64) -> Duration {
        let base = self.base;
        self.next().map_or(base, |longest| base + (longest - base).mul_f64(random.clamp(0.0, 1.0)))
    }

    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.next = self.base;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(BASE, CAP)
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let longest = self.next;
        self.next = (longest * 2).min(self.cap);
        Some(longest)
    }
}

/// Does `attempt` until it succeeds, fails with anything but [`Kind::Transient`], or `shutdown` is cancelled.
///
/// `what` completes "cannot …" with the address, as in `reach the broker at kafka:9092`. While it fails, `condition` is not
/// ready, with the reason; after a success it is. A running attempt is dropped on shutdown, so it must be cancel safe.
///
/// # Errors
/// The attempt's own error when it does not pass by itself; [`Kind::Cancelled`] on shutdown.
pub async fn retry<T, F, Fut>(
    what: &str,
    shutdown: &CancellationToken,
    condition: &Condition,
    attempt: F,
) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    retry_with(Backoff::default(), what, shutdown, condition, attempt).await
}

/// As [`retry`], with waits of one's own.
///
/// # Errors
/// As [`retry`].
pub async fn retry_with<T, F, Fut>(
    mut backoff: Backoff,
    what: &str,
    shutdown: &CancellationToken,
    condition: &Condition,
    mut attempt: F,
) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let mut outage = Outage::default();
    loop {
        let result = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Err(Error::cancelled()),
            result = attempt() => result,
        };
        let error = match result {
            Err(error) if error.kind == Kind::Transient => error,
            Err(error) => return Err(error),
            Ok(value) => {
                outage.over(what);
                condition.ready();
                return Ok(value);
            }
        };
        let wait = backoff.wait(random());
        condition.not_ready(outage.failed(what, &error, wait));
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Err(Error::cancelled()),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Keeps the log of an outage short: the first failure and then one every [`WARN_EVERY`] are warnings.
#[derive(Debug, Default)]
struct Outage {
    since: Option<Instant>,
    warned: Option<Instant>,
    failures: u32,
}

impl Outage {
    /// Logs a failure and gives the sentence for the readiness.
    fn failed(&mut self, what: &str, error: &Error, wait: Duration) -> String {
        self.failures += 1;
        counter!(names::RETRIES).increment(1);
        let reason = format!("cannot {what}: {}", error.chain());
        let text = format!("cannot {what}, trying again in {}: {}", spoken(wait), error.chain());
        if self.is_loud(Instant::now()) {
            warn!(failures = self.failures, "{text}");
        } else {
            debug!(failures = self.failures, "{text}");
        }
        reason
    }

    /// Whether this failure, at `now`, is told as a warning.
    fn is_loud(&mut self, now: Instant) -> bool {
        self.since.get_or_insert(now);
        let is_loud = self.warned.is_none_or(|warned| now.duration_since(warned) >= WARN_EVERY);
        if is_loud {
            self.warned = Some(now);
        }
        is_loud
    }

    fn over(&self, what: &str) {
        if let Some(since) = self.since {
            info!(failures = self.failures, "could {what} after {}", spoken(since.elapsed()));
        }
    }
}

/// A duration as a person says it: `250 ms`, `2 s`, `3 min`.
#[must_use]
pub fn spoken(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ ..1000 => format!("{millis} ms"),
        millis @ ..120_000 => format!("{} s", (millis + 500) / 1000),
        millis => format!("{} min", (millis + 30_000) / 60_000),
    }
}

/// A number from 0 to 1 that differs between processes and calls: each `RandomState` has keys of its own.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::telemetry::health::Health;

    fn fast() -> Backoff {
        Backoff::new(Duration::from_millis(1), Duration::from_millis(2))
    }

    #[test]
    fn waits_double_up_to_the_cap_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let seconds: Vec<_> = backoff.by_ref().take(5).map(|wait| wait.as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!(backoff.wait(1.0), Duration::from_secs(1));
        assert_eq!(backoff.wait(0.5), Duration::from_millis(1500));
        assert_eq!(backoff.wait(0.0), Duration::from_secs(1));
    }

    #[test]
    fn durations_are_spoken_in_fitting_units() {
        let spoken: Vec<_> = [250, 1999, 65_000, 600_000].map(|ms| spoken(Duration::from_millis(ms))).into();
        assert_eq!(spoken, ["250 ms", "2 s", "65 s", "10 min"]);
    }

    #[test]
    fn warnings_of_one_outage_are_rare() {
        let (start, mut outage) = (Instant::now(), Outage::default());
        let loud =
            [0, 1, 29, 30, 31, 59, 60].map(|seconds| outage.is_loud(start + Duration::from_secs(seconds)));
        assert_eq!(loud, [true, false, false, true, false, false, true]);
    }

    #[tokio::test]
    async fn transient_failures_are_retried_and_shown_until_they_pass() {
        let health = Health::new(&["broker"]);
        let (condition, shutdown) = (health.condition("broker"), CancellationToken::new());
        let calls = Cell::new(0);
        let seen = Cell::new(None);
        let value = retry_with(fast(), "reach the broker at b:1", &shutdown, &condition, || async {
            calls.set(calls.get() + 1);
            if calls.get() < 3 {
                return Err(Error::new(Kind::Transient, "refused"));
            }
            seen.set(health.readiness().waiting_for.remove("broker"));
            Ok(calls.get())
        });
        assert_eq!(value.await.unwrap(), 3);
        assert_eq!(seen.take().unwrap(), "cannot reach the broker at b:1: refused");
        assert!(health.readiness().ready);
    }

    #[tokio::test]
    async fn other_failures_are_the_callers_at_once() {
        let condition = Health::new(&[]).condition("broker");
        let attempt = || async { Err::<(), _>(Error::new(Kind::Misconfigured, "wrong password")) };
        let result = retry("log in", &CancellationToken::new(), &condition, attempt).await;
        assert_eq!(result.unwrap_err().kind, Kind::Misconfigured);
    }

    #[tokio::test]
    async fn shutdown_ends_the_waiting_and_a_running_attempt() {
        let condition = Health::new(&[]).condition("broker");
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let hang = || std::future::pending::<Result<()>>();
        let result = retry("reach the broker", &shutdown, &condition, hang).await;
        assert_eq!(result.unwrap_err().kind, Kind::Cancelled);
    }
}
