//! The Prometheus exporter: one recorder for the process, rendered by our own HTTP server.

use std::time::Duration;

use metrics::gauge;
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tokio_util::sync::CancellationToken;

use super::{names, process};
use crate::error::{Error, Kind, Result};

/// How often what histograms gathered is folded into their buckets when nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Bounds of every `…_seconds` histogram: half a millisecond to one minute.
const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The process's metrics, ready to be rendered.
#[derive(Debug, Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Makes the Prometheus recorder the process's own and describes every metric.
    ///
    /// # Errors
    /// [`Kind::Invariant`] when there is a recorder already.
    pub fn install() -> Result<Self> {
        let failed = |e: Box<dyn std::error::Error + Send + Sync>| {
            Error::caused(Kind::Invariant, "cannot install the metrics", e)
        };
        let recorder = recorder().map_err(|e| failed(e.into()))?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|e| failed(e.to_string().into()))?;
        names::describe_all();
        Ok(Self { handle })
    }

    /// The metrics in Prometheus' text format, the process's own included.
    #[must_use]
    pub fn render(&self, ready: bool) -> String {
        process::record();
        gauge!(names::READY).set(f64::from(u8::from(ready)));
        self.handle.render()
    }

    /// Keeps the histograms small until `stop` is cancelled.
    ///
    /// # Errors
    /// Never; the type is that of a supervised stage.
    pub async fn upkeep(self, stop: CancellationToken) -> Result<()> {
        while stop.run_until_cancelled(tokio::time::sleep(UPKEEP)).await.is_some() {
            self.handle.run_upkeep();
        }
        Ok(())
    }
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?;
    Ok(builder.build_recorder())
}

#[cfg(test)]
impl Metrics {
    /// Metrics of a test, beside the process's own.
    pub(super) fn alone() -> (Self, PrometheusRecorder) {
        let recorder = recorder().unwrap();
        (Self { handle: recorder.handle() }, recorder)
    }
}

#[cfg(test)]
mod tests {
    use metrics::{counter, histogram, with_local_recorder};

    use super::*;

    #[test]
    fn metrics_are_rendered_with_help_buckets_and_the_process() {
        let (metrics, recorder) = Metrics::alone();
        let text = with_local_recorder(&recorder, || {
            names::describe_all();
            counter!(names::WORKER_RECORDS, "op" => "insert").increment(3);
            histogram!(names::WORKER_BATCH_SECONDS).record(0.004);
            metrics.render(true)
        });
        for line in [
            "# HELP oplogue_worker_records_total Records received, by operation type.",
            "oplogue_worker_records_total{op=\"insert\"} 3",
            "oplogue_worker_batch_seconds_bucket{le=\"0.005\"} 1",
            "oplogue_ready 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        assert_eq!(cfg!(target_os = "linux"), text.contains("process_resident_memory_bytes "));
    }
}
