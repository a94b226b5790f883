//! Ways to break the producer on purpose, so that `scripts/chaos` proves that it would find a broken one out.
//!
//! They exist only with the feature `sabotage`, which no release build can have, and are inert unless `CHAOS_SABOTAGE` names
//! one. Each breaks law 3 or 4 in a way that as few headers as possible tell: sequence numbers stay contiguous and in order.

#[cfg(all(feature = "sabotage", not(debug_assertions)))]
compile_error!("the feature `sabotage` is for tests of the chaos suite, not for release builds");

#[cfg(feature = "sabotage")]
pub(crate) use self::broken::{doubles, skips, swap};
#[cfg(not(feature = "sabotage"))]
pub(crate) use self::whole::{doubles, skips, swap};

/// What every build but those of the chaos suite has: nothing.
#[cfg(not(feature = "sabotage"))]
mod whole {
    use crate::encode::Encoded;

    pub(crate) const fn skips() -> bool {
        false
    }

    pub(crate) const fn doubles() -> bool {
        false
    }

    pub(crate) const fn swap(_: &mut [Encoded]) {}
}

#[cfg(feature = "sabotage")]
mod broken {
    use std::{
        env, mem,
        sync::{
            LazyLock,
            atomic::{AtomicU64, Ordering},
        },
    };

    use crate::encode::{Encoded, Record};

    /// Names the way.
    const VARIABLE: &str = "CHAOS_SABOTAGE";
    /// One of so many events is skipped.
    const SKIPPED: u64 = 700;
    /// One of so many transactions is doubled.
    const DOUBLED: u64 = 30;

    static WAY: LazyLock<Option<String>> = LazyLock::new(|| env::var(VARIABLE).ok());
    static SEEN: AtomicU64 = AtomicU64::new(0);

    fn is(way: &str) -> bool {
        WAY.as_deref() == Some(way)
    }

    fn is_due(every: u64) -> bool {
        SEEN.fetch_add(1, Ordering::Relaxed) % every == every - 1
    }

    /// `skip_event`: whether the next event is not carried; it does not get as far as a sequence number.
    pub(crate) fn skips() -> bool {
        is("skip_event") && is_due(SKIPPED)
    }

    /// `double_batch`: whether this transaction is committed twice.
    pub(crate) fn doubles() -> bool {
        is("double_batch") && is_due(DOUBLED)
    }

    /// `swap_pair`: two neighbouring records of one document change places; their sequence numbers stay where they were.
    pub(crate) fn swap(batches: &mut [Encoded]) {
        if !is("swap_pair") {
            return;
        }
        for batch in batches {
            let Some(at) = (1..batch.records.len()).find(|&at| is_pair(batch, at)).map(|at| at - 1) else {
                continue;
            };
            if let [first, second] = &mut batch.records[at..at + 2] {
                mem::swap(first, second);
                mem::swap(&mut first.sequence, &mut second.sequence);
            }
        }
    }

    /// Whether the record at `at` and the one before it are of one document.
    fn is_pair(batch: &Encoded, at: usize) -> bool {
        let (one, two): (&Record, &Record) = (&batch.records[at - 1], &batch.records[at]);
        one.route.name == two.route.name && batch.key(one).is_some() && batch.key(one) == batch.key(two)
    }
}
