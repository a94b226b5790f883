//! Clients that are built when they are needed, and anew when they may be to blame.
//!
//! librdkafka can lose every broker for good. A broker that comes back after a pause belongs, for a moment, to a cluster without brokers, and
//! says so; the client then ends all its connections, and whether it begins again with `bootstrap.servers` is a race between two of its
//! threads (read: 2.12, `rd_kafka_handle_Metadata` stops the timer that `rd_kafka_rebootstrap` has started; its issue 5301). So no client
//! is kept that did not reach anybody: whoever asks through here drops one whose request failed in passing, and whoever reads
//! watches its [`Connection`].

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::error::{Error, Kind, Result};

/// A client that reaches no broker for so long is replaced. Longer than a broker takes to come back: a new client has to join its
/// group anew.
const REPLACE_AFTER: Duration = Duration::from_secs(15);

/// A client that connects when it is first asked.
pub struct OnDemand<C> {
    build: Box<dyn Fn() -> Result<C> + Send + Sync>,
    client: Mutex<Option<Arc<C>>>,
}

impl<C> OnDemand<C> {
    /// Nothing is built yet.
    pub fn new(build: impl Fn() -> Result<C> + Send + Sync + 'static) -> Self {
        Self { build: Box::new(build), client: Mutex::default() }
    }

    /// The client.
    ///
    /// # Errors
    /// What building it gives.
    pub fn get(&self) -> Result<Arc<C>> {
        let mut held = self.held();
        match &*held {
            Some(client) => Ok(client.clone()),
            None => Ok(held.insert(Arc::new((self.build)()?)).clone()),
        }
    }

    /// Passes on what came of asking `client`; where that may pass by itself, the next one to ask has another client.
    ///
    /// # Errors
    /// Those of `result`.
    pub fn judge<R>(&self, client: &Arc<C>, result: Result<R>) -> Result<R> {
        if matches!(&result, Err(error) if error.kind == Kind::Transient) {
            self.held().take_if(|held| Arc::ptr_eq(held, client));
        }
        result
    }

    /// Asks it, on this thread.
    ///
    /// # Errors
    /// What building it or asking it gives.
    pub fn ask<R>(&self, ask: impl FnOnce(&C) -> Result<R>) -> Result<R> {
        let client = self.get()?;
        self.judge(&client, ask(&client))
    }

    /// Lets go of the client, if there is one: idle ones have work to do, too. The next to ask has another.
    pub fn let_go(&self) {
        let held = self.held().take();
        // Outside of the lock, for some take their time to end.
        drop(held);
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<C>>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a client that is in use reaches any broker, as its statistics tell.
#[derive(Debug, Default)]
pub struct Connection {
    lost: Option<Instant>,
}

impl Connection {
    /// Takes note of what the statistics say now.
    ///
    /// # Errors
    /// [`Kind::Fenced`], so that a new client is built, when there was no connection for a while.
    pub fn is_up(&mut self, is_up: bool, now: Instant) -> Result<()> {
        if is_up {
            self.lost = None;
            return Ok(());
        }
        let lost = *self.lost.get_or_insert(now);
        if now.duration_since(lost) < REPLACE_AFTER {
            return Ok(());
        }
        self.lost = None;
        let context = format!("no broker was reached for {} s: a new client tries", REPLACE_AFTER.as_secs());
        Err(Error::new(Kind::Fenced, context))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn counted() -> OnDemand<u32> {
        let built = AtomicU32::new(0);
        OnDemand::new(move || Ok(built.fetch_add(1, Ordering::Relaxed)))
    }

    fn failing(kind: Kind) -> Result<()> {
        Err(Error::new(kind, "no"))
    }

    #[test]
    fn only_a_client_that_failed_in_passing_is_replaced() {
        let clients = counted();
        assert_eq!(*clients.get().unwrap(), 0);
        clients.ask(|_| failing(Kind::Misconfigured)).unwrap_err();
        assert_eq!(*clients.get().unwrap(), 0);
        clients.ask(|_| failing(Kind::Transient)).unwrap_err();
        assert_eq!(*clients.get().unwrap(), 1);
    }

    #[test]
    fn who_failed_with_an_older_client_leaves_the_new_one_alone() {
        let clients = counted();
        let old = clients.get().unwrap();
        clients.judge(&old, failing(Kind::Transient)).unwrap_err();
        let new = clients.get().unwrap();
        clients.judge(&old, failing(Kind::Transient)).unwrap_err();
        assert!(Arc::ptr_eq(&new, &clients.get().unwrap()));
    }

    #[test]
    fn client_that_reaches_nobody_is_replaced_in_time() {
        let (mut connection, start) = (Connection::default(), Instant::now());
        connection.is_up(false, start).unwrap();
        connection.is_up(true, start + REPLACE_AFTER).unwrap();
        connection.is_up(false, start + REPLACE_AFTER * 2).unwrap();
        connection.is_up(false, start + REPLACE_AFTER * 3 - Duration::from_millis(1)).unwrap();
        let error = connection.is_up(false, start + REPLACE_AFTER * 3).unwrap_err();
        assert_eq!(error.kind, Kind::Fenced);
        connection.is_up(false, start + REPLACE_AFTER * 3).unwrap();
    }
}
