//! What the reader tells operators: partitions, buffers, lag in records.

use std::time::{Instant, SystemTime};

use common::{error::Result, telemetry::names};
use metrics::{counter, gauge};
use rdkafka::consumer::Consumer as _;

use super::{context::Statistics, reader::Reader, taken::Partition};

impl Reader {
    /// Sets the gauges when the client has counted anew.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn report(&mut self) -> Result<()> {
        let Some(mut statistics) = self.consumer.context().take_statistics() else { return Ok(()) };
        let led = self.leading.client.as_ref().and_then(|client| client.context().take_statistics());
        self.connected(&statistics, led.as_ref())?;
        if let Some(led) = led {
            statistics.complete(led);
        }
        self.note_committed(&statistics);
        let intake = self.shared.intake();
        let (mut full, mut bytes, mut behind) = (0, 0, 0.0);
        for lane in intake.standings() {
            full += u32::from(lane.is_full);
            bytes += lane.bytes;
            let unread = statistics.unread(&lane.partition.topic, lane.partition.number).unwrap_or(0);
            behind += lag(lane.partition, unread as f64 + lane.waiting as f64);
        }
        drop(intake);
        gauge!(names::WORKER_PAUSED).set(full);
        gauge!(names::WORKER_BUFFERED).set(bytes as f64);
        if let Some(latest) = self.shared.latest() {
            let age = latest.age(SystemTime::now()).as_secs_f64();
            gauge!(names::WORKER_LAG_SECONDS).set(if behind > 0.0 { age } else { 0.0 });
        }
        Ok(())
    }

    /// Sees to it that each client that is in use reaches a broker.
    fn connected(&mut self, own: &Statistics, led: Option<&Statistics>) -> Result<()> {
        let now = Instant::now();
        if own.is_connected() {
            self.around.kafka.ready();
        }
        if let Some(connection) = &mut self.connection {
            connection.is_up(own.is_connected(), now)?;
        }
        let Some(led) = led else { return Ok(()) };
        // A client without partitions has nothing to connect for.
        self.leading.connection.is_up(led.is_connected() || self.leading.led.is_empty(), now)
    }

    /// A commit can be refused (a rebalance was going on): what Kafka does not hold is committed again.
    fn note_committed(&self, statistics: &Statistics) {
        let mut intake = self.shared.intake();
        let lanes: Vec<_> =
            intake.standings().map(|lane| (lane.partition.clone(), lane.is_ordered)).collect();
        for (partition, is_ordered) in lanes {
            let held = statistics.committed(&partition.topic, partition.number);
            // Of what another member was assigned the client says nothing.
            if held.is_some() || !is_ordered {
                intake.committed(&partition, held);
            }
        }
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

/// Sets a partition's lag in records; one that is given up has none here.
pub(super) fn lag(partition: &Partition, records: f64) -> f64 {
    let (topic, number) = (partition.topic.to_string(), partition.number.to_string());
    gauge!(names::WORKER_LAG_RECORDS, "topic" => topic, "partition" => number).set(records);
    records
}
