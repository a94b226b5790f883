//! Following the stream: batch after batch to whoever works on them, through whatever passes by itself.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use common::{
    error::{Kind, Result},
    retry::Backoff,
    telemetry::health::Condition,
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{Batch, Stream};

/// How long the source waits for news before it answers empty, while chunks wait for the stream to advance.
const COPYING_PATIENCE: Duration = Duration::from_millis(50);
/// The same, when nothing waits.
const IDLE_PATIENCE: Duration = Duration::from_secs(1);

/// Replies that are small come no sooner after one another: each costs the source and the driver a fraction of a millisecond, however
/// little is in it, and what comes a moment later goes into the same transaction.
const PACE: Duration = Duration::from_millis(5);
/// Bytes up to which a reply is small.
const SMALL: usize = 64 * 1024;

/// Hands batches on until nobody takes them; what passes by itself is retried where the stream stands. `lost` is set when the
/// source no longer holds what follows the position.
///
/// # Errors
/// What does not pass by itself.
pub async fn follow(
    mut stream: Stream,
    batches: mpsc::Sender<Batch>,
    is_copying: watch::Receiver<bool>,
    condition: Condition,
    lost: &AtomicBool,
) -> Result<()> {
    let mut backoff = Backoff::default();
    loop {
        // The place first: a batch, 16 MB at most, is asked for when the one before it is being worked on, never beside two.
        let Ok(place) = batches.reserve().await else { return Ok(()) };
        stream.set_patience(if *is_copying.borrow() { COPYING_PATIENCE } else { IDLE_PATIENCE });
        let asked = Instant::now();
        match stream.next().await {
            Ok(batch) => {
                backoff.reset();
                condition.ready();
                let is_small = batch.bytes() < SMALL;
                place.send(batch);
                if is_small {
                    tokio::time::sleep_until(asked + PACE).await;
                }
            }
            Err(error) if error.kind == Kind::Transient => {
                let wait = backoff.next().unwrap_or(IDLE_PATIENCE);
                condition.not_ready(error.chain());
                tracing::warn!(reason = error.chain(), ?wait, "the change stream is resumed");
                tokio::time::sleep(wait).await;
            }
            Err(error) => {
                lost.store(error.kind == Kind::PositionLost, Ordering::Relaxed);
                return Err(error);
            }
        }
    }
}
