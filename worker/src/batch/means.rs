//! What carrying batches out in transactions needs, and what is kept while one is on its way.

use std::{collections::BTreeSet, time::Duration};

use common::{
    error::Result,
    retry::{Backoff, retry_with},
    telemetry::{health::Condition, names},
};
use metrics::counter;
use tokio_util::sync::CancellationToken;

use super::{
    open::Place,
    ready::Ready,
    select::{Marked, Selected},
};
use crate::{
    checkpoint::{Mark, Repair, Store, key_document},
    control::Control,
    plan::NamespaceId,
    sink::{Written, target::Target},
};

/// What transactions need.
pub struct Exact<T> {
    /// The pipeline's collections at the target.
    pub(super) store: Store<T>,
    pub(super) control: Control,
    /// Holds while the target answers.
    pub(super) target: Condition,
    /// Holds while the brokers do.
    kafka: Condition,
}

/// What was done besides, over all portions.
#[derive(Default)]
pub(super) struct Tally {
    /// Namespaces that are sent upserts.
    pub(super) exist: BTreeSet<NamespaceId>,
    /// Dead letters that Kafka has.
    pub(super) buried: BTreeSet<Place>,
    pub(super) written: Written,
}

impl<T: Target> Exact<T> {
    /// What transactions need.
    pub fn new(store: Store<T>, control: Control, [target, kafka]: [Condition; 2]) -> Self {
        Self { store, control, target, kafka }
    }

    /// Asks for what the portion found missing; once its marks are durable.
    pub(super) async fn ask_for_repairs(&self, ready: &Ready<'_>, selected: &Selected<'_>) -> Result<()> {
        let repair = |marked: &Marked<'_>| match &marked.mark {
            Some(Mark::Missing(origin)) => Some(Repair {
                ns: ready.names[marked.namespace.0 as usize].clone(),
                key: key_document(&marked.id),
                origin: origin.clone(),
            }),
            _ => None,
        };
        let repairs: Vec<_> = selected.marked.iter().filter_map(repair).collect();
        for repair in &repairs {
            counter!(names::WORKER_REPAIRS, "ns" => repair.ns.to_string()).increment(1);
        }
        until_it_passes("ask for repairs", &self.kafka, || self.control.ask_for(&repairs)).await
    }
}

pub(super) async fn until_it_passes<R, F: Future<Output = Result<R>>>(
    what: &str,
    condition: &Condition,
    attempt: impl FnMut() -> F,
) -> Result<R> {
    // Nobody cancels it: a batch that must end is dropped.
    let never = CancellationToken::new();
    let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    retry_with(backoff, what, &never, condition, attempt).await
}
