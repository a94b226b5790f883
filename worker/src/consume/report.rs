//! What the reader tells operators: partitions, buffers, lag in records.

use std::time::SystemTime;

use common::telemetry::names;
use metrics::{counter, gauge};
use rdkafka::consumer::Consumer as _;

use super::{context::Statistics, reader::Reader};

/// The last news of where the partitions end.
#[derive(Debug, Default)]
pub(super) struct Report {
    statistics: Statistics,
}

impl Reader {
    /// Sets the gauges when the client has counted anew.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn report(&mut self) {
        let Some(statistics) = self.consumer.context().take_statistics() else { return };
        self.report.statistics = statistics;
        self.connected(self.report.statistics.is_connected());
        let mut intake = self.shared.intake();
        // A commit can be refused (a rebalance was going on): what Kafka does not hold is committed again.
        let partitions: Vec<_> = intake.standings().map(|lane| lane.partition.clone()).collect();
        for partition in &partitions {
            let held = self.report.statistics.committed(&partition.topic, partition.number);
            intake.committed(partition, held);
        }
        let (mut full, mut bytes, mut all) = (0, 0, 0.0);
        for lane in intake.standings() {
            full += u32::from(lane.is_full);
            bytes += lane.bytes;
            let (topic, number) = (&lane.partition.topic, lane.partition.number);
            let unread = self.report.statistics.unread(topic, number).unwrap_or(0);
            let lag = unread as f64 + lane.waiting as f64;
            gauge!(names::WORKER_LAG_RECORDS, "topic" => topic.to_string(), "partition" => number.to_string())
                .set(lag);
            all += lag;
        }
        if let Some(latest) = self.shared.latest() {
            let behind = latest.age(SystemTime::now()).as_secs_f64();
            gauge!(names::WORKER_LAG_SECONDS).set(if all > 0.0 { behind } else { 0.0 });
        }
        gauge!(names::WORKER_PAUSED).set(full);
        gauge!(names::WORKER_BUFFERED).set(bytes as f64);
    }

    /// Says that the assignment has changed.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn report_rebalance(&self, what: &str, partitions: usize) {
        let held = self.taps.len();
        tracing::info!(partitions, held, "partitions {what}");
        gauge!(names::WORKER_PARTITIONS).set(held as f64);
        counter!(names::WORKER_REBALANCES).increment(1);
    }
}
