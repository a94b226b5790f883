//! The weave: where a snapshot chunk enters the stream (pure).
//!
//! A chunk was read at cluster time Tc: it shows every event at or before Tc and none after. It enters the log exactly
//! where the stream passes Tc, so that a reader who applies the log in order sees each document's image, then only what
//! happened to it later:
//!
//! ```text
//!   stream:   e1   e2   e3        e4   e5        (cluster times)
//!             │    │    │ ≤ Tc    │ > Tc
//!   log:      e1   e2   e3 [chunk read at Tc] e4   e5
//! ```
//!
//! Passing is strict. All events of a transaction share one cluster time, so an event *at* Tc may be followed by another
//! at Tc; only an event after Tc, or a resume token after Tc, proves that nothing at Tc is still to come. A chunk is asked
//! for only at a Tc that the stream has not passed: Tc is the source's own time, taken after the last batch was encoded.
//! When the stream reaches Tc before the chunk has been read, the stream waits: the chunk is bounded, the wait is short.

use common::cluster_time::ClusterTime;

/// Whether an event at `event` may only follow chunks read at `chunk`.
#[must_use]
pub fn is_past(chunk: ClusterTime, event: ClusterTime) -> bool {
    event > chunk
}

/// Whether a batch whose token says that everything before `reached` has been handed out passes chunks read at `chunk`.
///
/// A high-water mark at Tc itself still leaves events at Tc to come.
#[must_use]
pub fn is_passed(chunk: ClusterTime, reached: Option<ClusterTime>) -> bool {
    reached.is_some_and(|reached| reached > chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TC: ClusterTime = ClusterTime::new(10, 5);

    #[test]
    fn events_of_the_same_cluster_time_stay_before_the_chunk() {
        assert!(!is_past(TC, ClusterTime::new(10, 4)));
        assert!(!is_past(TC, TC));
        assert!(is_past(TC, ClusterTime::new(10, 6)));
    }

    #[test]
    fn a_high_water_mark_at_the_chunks_time_does_not_pass_it() {
        assert!(!is_passed(TC, None));
        assert!(!is_passed(TC, Some(TC)));
        assert!(is_passed(TC, Some(ClusterTime::new(11, 0))));
    }
}
