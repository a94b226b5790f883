//! Rules that changed: which namespaces hold documents shaped by former ones, and the snapshot that brings them in line.
//!
//! ```text
//!   configuration ─▸ digest of each namespace's rules ──┐
//!   control topic ─▸ shaped/<ns>: the digest that holds ─┴▸ differ: affected (log, metric, API, `worker rules`)
//!                    snapshot/<slice>/<id>, with a digest: done ─▸ shaped/<ns> is that digest
//! ```
//!
//! A delta changes what it touches; what it does not touch stays as the rules of its day have left it. So new rules hold for all documents
//! once each has been copied again, and for none can that be said before. Guards: `shaped/<ns>` names rules by which *every* document
//! is shaped, and is written only behind a snapshot of the whole namespace that was asked for with them. It must not ask by itself: a copy
//! costs, and rules may be tried out.

mod command;
mod digest;
mod ledger;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{
    config::Config,
    error::{Error, Kind, Result},
    kafka::request as requests,
    namespace::Namespace,
    telemetry::names,
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use self::command::carry_out;
use self::ledger::{Ledger, Standing};
use crate::control::Control;

/// How long to wait after Kafka did not take what is to be written down.
const AGAIN: Duration = Duration::from_secs(5);

/// What is known of rules in force. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reshape {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Arc<Config>,
    ledger: Mutex<Ledger>,
    news: Notify,
}

impl Reshape {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(config: &Arc<Config>) -> Self {
        let ledger = Mutex::new(Ledger::new(&config.slice_names()));
        Self { inner: Arc::new(Inner { config: config.clone(), ledger, news: Notify::new() }) }
    }

    /// A namespace is carried.
    ///
    /// # Errors
    /// Misconfigured when it has no name at the target.
    pub(crate) fn carries(&self, ns: &Namespace) -> Result<()> {
        let rules = digest::of(&self.inner.config, ns)?;
        self.ledger().carries(ns.clone(), rules);
        self.inner.news.notify_one();
        Ok(())
    }

    /// Takes note of a record of the control topic.
    pub(crate) fn note(&self, key: &str, value: Option<&[u8]>) {
        self.ledger().note(key, value);
        self.inner.news.notify_one();
    }

    /// How the namespaces stand, and what brings those in line that are affected.
    #[must_use]
    pub fn report(&self) -> Value {
        let view = self.ledger().view();
        let affected = view.iter().filter(|view| view.standing == Standing::Affected);
        let commands: Vec<_> =
            affected.map(|view| format!("worker rules resnapshot {}", view.namespace)).collect();
        json!({"namespaces": view, "offers": commands})
    }

    /// Tells of what is affected and writes down what is in line again, until `stop`.
    pub(crate) async fn run(self, control: Control, stop: CancellationToken) -> Result<()> {
        let mut told = BTreeMap::new();
        loop {
            let news = stop.run_until_cancelled(self.inner.news.notified());
            let Some(()) = news.await else { return Ok(()) };
            let settled = stop.run_until_cancelled(self.settle(&control));
            match settled.await {
                None => return Ok(()),
                Some(Ok(())) => self.tell(&mut told),
                Some(Err(error)) if error.kind == Kind::Transient => {
                    tracing::debug!(reason = error.chain(), "rules in force are written down later");
                    let _ = stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await;
                    self.inner.news.notify_one();
                }
                Some(Err(error)) => return Err(error),
            }
        }
    }

    /// Only what the whole topic says counts: a record further on may say otherwise.
    async fn settle(&self, control: &Control) -> Result<()> {
        control.catch_up().await?;
        let news = self.ledger().news(&requests::id());
        for (ns, shaped) in news {
            control.say(&format!("{}{ns}", common::control::SHAPED_PREFIX), &shaped).await?;
        }
        Ok(())
    }

    /// Each namespace that is affected is told once for each change of its rules.
    fn tell(&self, told: &mut BTreeMap<Namespace, String>) {
        let view = self.ledger().view();
        let affected = view.into_iter().filter(|view| view.standing != Standing::InForce);
        let mut count = 0;
        for view in affected {
            count += 1;
            if told.insert(view.namespace.clone(), view.rules.clone()).as_ref() != Some(&view.rules) {
                tracing::warn!(
                    ns = %view.namespace,
                    "its rules have changed: documents written before are as the former rules left them, until they are copied again \
                     (worker rules resnapshot {})",
                    view.namespace
                );
            }
        }
        metrics::gauge!(names::WORKER_NAMESPACES_AFFECTED).set(f64::from(count));
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.inner.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(why: impl Into<String>) -> Error {
    Error::new(Kind::Misconfigured, why.into())
}
