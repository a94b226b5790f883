//! What the pump tells: metrics, and progress while there is something to wait for.

use std::time::Duration;

use common::{cluster_time::ClusterTime, telemetry::names};
use tokio::time::Instant;

/// How often progress is logged while copying.
const INTERVAL: Duration = Duration::from_secs(2);

/// The pump's own account.
#[derive(Debug, Default)]
pub(super) struct Report {
    documents: u64,
    told: Option<(Instant, u64)>,
}

impl Report {
    /// Counts a batch of the stream.
    pub(super) fn batch(&mut self, events: u32, source: Option<ClusterTime>, position: ClusterTime) {
        metrics::counter!(names::PRODUCER_BATCHES_READ).increment(1);
        metrics::counter!(names::PRODUCER_EVENTS_READ).increment(u64::from(events));
        metrics::gauge!(names::PRODUCER_POSITION_SECONDS).set(f64::from(position.seconds()));
        if let Some(source) = source {
            let lag = source.seconds().saturating_sub(position.seconds());
            metrics::gauge!(names::PRODUCER_LAG_SECONDS).set(f64::from(lag));
        }
    }

    /// Counts documents of the snapshot, `documents` of `estimated` so far, and logs them now and then.
    pub(super) fn snapshot(&mut self, documents: u64, estimated: u64) {
        // Fewer than before: a collection was taken up anew, and is counted from its beginning.
        let more = documents.checked_sub(self.documents).unwrap_or(documents);
        metrics::counter!(names::PRODUCER_SNAPSHOT_DOCUMENTS).increment(more);
        self.documents = documents;
        let (since, before) = *self.told.get_or_insert((Instant::now(), documents));
        if since.elapsed() < INTERVAL {
            return;
        }
        let per_second = documents.saturating_sub(before) * 1000
            / u64::try_from(since.elapsed().as_millis()).unwrap_or(1).max(1);
        let percent = (documents * 100).checked_div(estimated).unwrap_or(100).min(100);
        tracing::info!(documents, estimated, percent, per_second, "copying");
        self.told = Some((Instant::now(), documents));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_begins_anew_is_counted_from_its_beginning() {
        let mut report = Report::default();
        report.snapshot(300, 300);
        let long_ago = Instant::now().checked_sub(INTERVAL).expect("the machine has been up for a while");
        report.told = Some((long_ago, 300));
        report.snapshot(20, 50);
        report.snapshot(40, 50);
        assert_eq!(report.documents, 40);
    }
}
