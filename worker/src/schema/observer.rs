//! What a worker has observed, and telling it to the schemas topic.
//!
//! Owns the one lock that batches take to be looked at, and the clock of telling: soon after a drift, else every minute, and once more when
//! the worker leaves. Guards: what could not be told is kept and told later; observing never fails a batch.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{
    config::Config, error::Result, event::ChangeEvent, namespace::Namespace, supervision::blocking,
    topics::Topics,
};
use serde_json::{Value, json};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    drift::{self, Drift},
    observe::{Observed, Sight},
    recent::Recent,
    record::Told,
    topic::Topic,
};
use crate::consume::intake::Partition;

/// How often counts are told.
const EVERY: Duration = Duration::from_secs(60);
/// How soon after it a drift is told, so that several go together.
const SOON: Duration = Duration::from_secs(2);
/// How long the last telling may take.
const LAST: Duration = Duration::from_secs(5);

/// What a worker observes. Cheap to clone.
#[derive(Clone)]
pub struct Observer {
    inner: Option<Arc<Inner>>,
}

struct Inner {
    limit: usize,
    seen: Mutex<Seen>,
    topic: Mutex<Topic>,
    drifted: Notify,
}

#[derive(Default)]
struct Seen {
    numbers: HashMap<Namespace, usize>,
    schemas: Vec<(Namespace, Observed, Recent)>,
}

/// An event and where it was read.
#[derive(Debug, Clone, Copy)]
pub struct Event<'e> {
    /// Where it was read.
    pub partition: &'e Partition,
    /// It.
    pub change: &'e ChangeEvent<'e>,
}

impl Observer {
    /// An observer that sees nothing.
    #[must_use]
    pub const fn blind() -> Self {
        Self { inner: None }
    }

    /// Reads what is known. Blocks.
    ///
    /// # Errors
    /// Transient when the brokers do not answer.
    pub fn open(config: &Config, topics: &Topics) -> Result<Self> {
        let mut topic = Topic::new(config.kafka.clone(), topics.schemas());
        topic.refresh()?;
        let (limit, mut seen) = (config.worker.schema.paths as usize, Seen::default());
        for (ns, known) in topic.sums()? {
            seen.of(&ns, limit).learn(&known);
        }
        let (seen, topic) = (Mutex::new(seen), Mutex::new(topic));
        Ok(Self { inner: Some(Arc::new(Inner { limit, seen, topic, drifted: Notify::new() })) })
    }

    /// Looks at events that were dealt with.
    pub fn see<'e>(&self, events: impl Iterator<Item = Event<'e>>) {
        let Some(inner) = &self.inner else { return };
        let mut news: Vec<(usize, Vec<Drift>)> = Vec::new();
        let mut seen = inner.seen();
        let (mut last, mut drifts) = (None, Vec::new());
        for event in events.filter(|event| event.change.operation.is_document_change()) {
            let Some((ns, sight)) = event.change.ns.zip(sight(&event)) else { continue };
            let names = (ns.db, ns.coll.unwrap_or_default());
            let number = match last {
                Some((known, number)) if known == names => number,
                _ => seen.number(&Namespace::new(names.0, names.1), inner.limit),
            };
            last = Some((names, number));
            seen.schemas[number].1.see(event.partition, &sight, &mut drifts);
            if !drifts.is_empty() {
                news.push((number, std::mem::take(&mut drifts)));
            }
        }
        news.sort_by_key(|(number, _)| *number);
        for of_one in news.chunk_by(|a, b| a.0 == b.0) {
            let drifts: Vec<_> = of_one.iter().flat_map(|(_, drifts)| drifts.clone()).collect();
            let (ns, _, recent) = &mut seen.schemas[of_one[0].0];
            drift::tell(ns, &drifts);
            recent.add(&drifts);
        }
        if !news.is_empty() {
            inner.drifted.notify_one();
        }
    }

    /// Every namespace that is known, with the drifts that this worker has met lately.
    #[must_use]
    pub fn report(&self) -> Value {
        let Some(inner) = &self.inner else { return json!({"namespaces": []}) };
        let seen = inner.seen();
        let told = seen.schemas.iter().map(|(ns, observed, recent)| recent.told(ns, observed.paths()));
        json!({"namespaces": told.collect::<Vec<_>>()})
    }

    /// Tells what was counted since the last time, once more before the worker leaves.
    pub async fn leave(&self) {
        let Some(inner) = self.inner.clone() else { return };
        let told = timeout(LAST, blocking(move || inner.tell())).await;
        if !matches!(told, Ok(Ok(()))) {
            tracing::warn!("what was last observed of the schemas could not be told");
        }
    }
}

/// Tells what is observed, now and then, until `shutdown`.
///
/// # Errors
/// None: what cannot be told now is told later.
pub async fn run(observer: Observer, shutdown: CancellationToken) -> Result<()> {
    let Some(inner) = observer.inner else {
        shutdown.cancelled().await;
        return Ok(());
    };
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            () = inner.drifted.notified() => {}
            () = sleep(EVERY) => {}
        }
        if timeout(SOON, shutdown.cancelled()).await.is_ok() {
            return Ok(());
        }
        let telling = inner.clone();
        let told = tokio::select! {
            biased;
            // Brokers that are away take their time; nobody shall wait for them to leave.
            () = shutdown.cancelled() => return Ok(()),
            told = blocking(move || telling.tell()) => told,
        };
        if let Err(error) = told {
            tracing::warn!(reason = error.chain(), "the observed schemas cannot be told; they are kept");
        }
    }
}

impl Inner {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what was counted to what the topic holds. Blocks.
    fn tell(&self) -> Result<()> {
        let mut topic = self.topic.lock().unwrap_or_else(PoisonError::into_inner);
        let told = self.seen().take();
        if told.is_empty() {
            return Ok(());
        }
        let outcome = topic.refresh().and_then(|is_read_anew| topic.add(&told).map(|()| is_read_anew));
        match outcome {
            Ok(false) => Ok(()),
            // Somebody else has written: what they have seen is no news here any more.
            Ok(true) => {
                let sums = topic.sums()?;
                let mut seen = self.seen();
                sums.iter().for_each(|(ns, sum)| seen.of(ns, self.limit).learn(sum));
                Ok(())
            }
            Err(error) => {
                self.seen().give_back(&told, self.limit);
                Err(error)
            }
        }
    }
}

impl Seen {
    fn number(&mut self, ns: &Namespace, limit: usize) -> usize {
        if let Some(number) = self.numbers.get(ns) {
            return *number;
        }
        self.numbers.insert(ns.clone(), self.schemas.len());
        self.schemas.push((ns.clone(), Observed::new(limit), Recent::default()));
        self.schemas.len() - 1
    }

    fn of(&mut self, ns: &Namespace, limit: usize) -> &mut Observed {
        let number = self.number(ns, limit);
        &mut self.schemas[number].1
    }

    fn take(&mut self) -> Told {
        let all = self.schemas.iter_mut().flat_map(|(ns, observed, _)| {
            observed.take().into_iter().map(|(partition, told)| (ns.clone(), partition, told))
        });
        all.collect()
    }

    fn give_back(&mut self, told: &Told, limit: usize) {
        for (ns, partition, told) in told {
            self.of(ns, limit).give_back(partition, told);
        }
    }
}

/// What there is to be seen of an event; nothing of a delete.
fn sight<'e>(event: &Event<'e>) -> Option<Sight<'e>> {
    let change = event.change;
    let (document, delta) = (change.full_document, change.update_description);
    (document.is_some() || delta.is_some()).then(|| Sight {
        document,
        delta,
        at: change.cluster_time.unwrap_or_default(),
        // `{_id: …, copyingData: true}`: it was read rather than streamed.
        is_snapshot: change.id.get("copyingData").is_ok_and(|copying| copying.is_some()),
    })
}
