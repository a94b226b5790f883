//! Encoded batches on their way to the publisher, bounded in bytes.
//!
//! A batch takes its share of the room until it is published, at most all of it. One that takes all has the pump wait until it
//! is published: an event whose text is 90 MB is in memory once, never while the next one grows beside it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    error::{Error, Result},
    pace::{LITTLE, Pace},
};
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{self, error::TryRecvError},
};

use crate::encode::Encoded;

/// Batches that wait, however small.
const AHEAD: usize = 32;
/// How long a transaction waits for batches that are said to follow, and how often it looks.
const FOLLOWS_WITHIN: Duration = Duration::from_millis(50);
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
/// What the room is counted in, so that its numbers fit 32 bits.
const KIB: usize = 1024;

/// A batch on its way.
#[derive(Debug)]
struct Waiting {
    encoded: Encoded,
    /// Its share of the room.
    permit: OwnedSemaphorePermit,
    /// The source has more at once.
    is_followed: bool,
}

/// The sending end.
#[derive(Debug)]
pub struct Outlet {
    batches: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
    all: u32,
}

/// The receiving end, for the publisher's thread.
#[derive(Debug)]
pub struct Inlet {
    batches: mpsc::Receiver<Waiting>,
    /// Shares of what was handed out and is not published.
    held: Vec<OwnedSemaphorePermit>,
    /// How long to wait for batches that are said to follow.
    patience: Duration,
}

/// Both ends of a queue with room for so many bytes.
#[must_use]
pub fn queue(bytes: usize) -> (Outlet, Inlet) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let all = u32::try_from(bytes / KIB).unwrap_or(u32::MAX).max(1);
    let room = Arc::new(Semaphore::new(all as usize));
    (
        Outlet { batches: sender, room, all },
        Inlet { batches: receiver, held: Vec::new(), patience: FOLLOWS_WITHIN },
    )
}

impl Outlet {
    /// Hands a batch on once there is room for it; one that `is_followed` has more come behind it at once.
    ///
    /// # Errors
    /// Cancelled when the publisher is gone, which says why itself.
    pub async fn send(&self, encoded: Encoded, is_followed: bool) -> Result<()> {
        let gone = || Error::cancelled();
        let share = u32::try_from(encoded.bytes() / KIB).unwrap_or(u32::MAX).min(self.all);
        let permit = self.room.clone().acquire_many_owned(share).await.map_err(|_| gone())?;
        self.batches.send(Waiting { encoded, permit, is_followed }).await.map_err(|_| gone())?;
        if share == self.all {
            drop(self.room.acquire_many(self.all).await.map_err(|_| gone())?);
        }
        Ok(())
    }
}

impl Inlet {
    /// Waits for a batch, and takes what else is ready or said to follow, up to `most` bytes; as long as it is little, also what comes
    /// while `pace` holds it back. `None` once the sender is gone. Blocks.
    pub fn gather(&mut self, most: usize, pace: &Pace) -> Option<Vec<Encoded>> {
        let mut next = Some(self.batches.blocking_recv()?);
        let now = Instant::now();
        let (follows, held) = (now + self.patience, pace.holds(now));
        let (mut gathered, mut bytes) = (Vec::new(), 0);
        while let Some(Waiting { encoded, permit, is_followed }) = next {
            bytes += encoded.bytes();
            gathered.push(encoded);
            self.held.push(permit);
            let until = is_followed.then_some(follows).max(held.filter(|_| bytes < LITTLE));
            next = if bytes < most { self.ready(until) } else { None };
        }
        Some(gathered)
    }

    /// The batch that is there, or that comes in time.
    fn ready(&mut self, until: Option<Instant>) -> Option<Waiting> {
        loop {
            match self.batches.try_recv() {
                Ok(waiting) => return Some(waiting),
                Err(TryRecvError::Empty) if until.is_some_and(|until| Instant::now() < until) => {
                    std::thread::sleep(LOOK_INTERVAL);
                }
                Err(_) => return None,
            }
        }
    }

    /// All that was gathered is published and dropped: its room is free.
    pub fn published(&mut self) {
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use common::{
        cluster_time::ClusterTime,
        position::{Position, SnapshotState},
    };

    use super::*;
    use crate::encode::Encoder;

    fn batch(bytes: usize) -> Encoded {
        let position = Position::before_the_first(ClusterTime::default(), SnapshotState::Ended);
        let mut encoded = Encoder::new(position).take().unwrap();
        encoded.resize(bytes);
        encoded
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_and_what_takes_all_the_room_is_alone() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (outlet, mut inlet) = queue(100 * KIB);
        let (sent, seen) = std::sync::mpsc::channel();
        let sender = std::thread::spawn(move || {
            runtime.block_on(async {
                for bytes in [60, 60, 5000, 1] {
                    outlet.send(batch(bytes * KIB), false).await.unwrap();
                    sent.send(bytes).unwrap();
                }
            });
        });
        let is_sent = || seen.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
        assert_eq!(is_sent(), 60);
        for (sizes, behind) in [(60, 60), (60, 0), (5000, 5000)] {
            let gathered = inlet.gather(1, &Pace::default()).unwrap();
            assert_eq!(gathered.iter().map(Encoded::bytes).sum::<usize>(), sizes * KIB);
            // Nobody is let in while it is on its way.
            assert!(seen.try_recv().is_err());
            inlet.published();
            if behind > 0 {
                assert_eq!(is_sent(), behind);
            }
        }
        assert_eq!(is_sent(), 1);
        assert_eq!(inlet.gather(1, &Pace::default()).map(|gathered| gathered.len()), Some(1));
        sender.join().unwrap();
        assert!(inlet.gather(1, &Pace::default()).is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn little_that_comes_while_the_brokers_rest_goes_together() {
        let (outlet, mut inlet) = queue(LITTLE * 4);
        let mut pace = Pace::default();
        pace.ended(Duration::from_secs(60), Instant::now() + Duration::from_secs(60));
        outlet.send(batch(1), false).await.unwrap();
        let gathering = tokio::task::spawn_blocking(move || {
            let gathered = inlet.gather(LITTLE * 2, &pace).map(|gathered| gathered.len());
            inlet.published();
            let alone = inlet.gather(LITTLE * 2, &Pace::default()).map(|gathered| gathered.len());
            (gathered, alone)
        });
        // With the second it is no longer little.
        outlet.send(batch(LITTLE), false).await.unwrap();
        outlet.send(batch(1), false).await.unwrap();
        drop(outlet);
        let gathered = tokio::time::timeout(Duration::from_secs(30), gathering).await;
        let (gathered, alone) = gathered.expect("it does not wait to the end").unwrap();
        assert!(gathered >= Some(2), "{gathered:?}");
        assert_eq!(gathered.unwrap_or(0) + alone.unwrap_or(0), 3);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_batch_that_is_followed_waits_for_the_next_one_and_a_lone_one_does_not() {
        let (outlet, mut inlet) = queue(100 * KIB);
        let gather = |mut inlet: Inlet| {
            tokio::task::spawn_blocking(move || {
                let gathered = inlet.gather(30 * KIB, &Pace::default()).map(|gathered| gathered.len());
                inlet.published();
                (gathered, inlet)
            })
        };
        let mut gathered;
        inlet.patience = Duration::from_secs(60);
        outlet.send(batch(10 * KIB), true).await.unwrap();
        let gathering = gather(inlet);
        outlet.send(batch(10 * KIB), false).await.unwrap();
        (gathered, inlet) = gathering.await.unwrap();
        assert_eq!(gathered, Some(2));
        inlet.patience = FOLLOWS_WITHIN;
        // Full, or followed by nothing after all: it goes.
        for bytes in [30 * KIB, 1] {
            outlet.send(batch(bytes), true).await.unwrap();
            (gathered, inlet) = gather(inlet).await.unwrap();
            assert_eq!(gathered, Some(1));
        }
    }
}
