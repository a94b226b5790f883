//! Data is written twice, for it takes two roads: the snapshot and the stream.

use crate::Pipeline;

/// When data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before the producer's first start.
    Before,
    /// While it streams, the snapshot having ended.
    Streaming,
}

impl Phase {
    /// A name for what is written in this phase.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Streaming => "streaming",
        }
    }
}

/// Writes with `body` in both phases, with `workers` workers, then compares everything.
pub async fn in_both_phases(pipeline: &mut Pipeline, workers: usize, body: impl AsyncFn(&Pipeline, Phase)) {
    body(pipeline, Phase::Before).await;
    pipeline.start(workers).await;
    pipeline.copied().await;
    body(pipeline, Phase::Streaming).await;
    pipeline.check().await;
}
