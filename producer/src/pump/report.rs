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
        metrics::counter!(names::PRODUCER_SNAPSHOT_DOCUMENTS)
            .increment(documents.saturating_sub(self.documents));
        self.documents = documents;
        let (since, before) = *self.told.get_or_insert((Instant::now(), documents));
        if since.elapsed() < INTERVAL {
            return;
        }
        let per_second =
            (documents - before) * 1000 / u64::try_from(since.elapsed().as_millis()).unwrap_or(1).max(1);
        let percent = (documents * 100).checked_div(estimated).unwrap_or(100).min(100);
        tracing::info!(documents, estimated, percent, per_second, "copying");
        self.told = Some((Instant::now(), documents));
    }
}
