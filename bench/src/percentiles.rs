//! Percentiles of a set of durations.

use std::time::Duration;

use serde_json::{Value, json};

/// Milliseconds by the usual percentiles.
pub(crate) fn of(mut durations: Vec<Duration>) -> Value {
    durations.sort_unstable();
    let at = |share: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let place = ((durations.len() as f64 * share).ceil() as usize).max(1) - 1;
        durations.get(place).map(|duration| duration.as_secs_f64() * 1000.0)
    };
    json!({"p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999), "max_ms": at(1.0)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let durations = (1..=1000).map(Duration::from_millis).rev().collect();
        assert_eq!(
            of(durations),
            json!({"p50_ms": 500.0, "p99_ms": 990.0, "p999_ms": 999.0, "max_ms": 1000.0})
        );
        assert_eq!(of(Vec::new())["p50_ms"], Value::Null);
    }
}
