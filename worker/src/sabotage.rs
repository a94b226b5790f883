//! A way to break the worker on purpose, so that `scripts/chaos` proves that it would find a broken one out.
//!
//! It exists only with the feature `sabotage`, which no release build can have, and is inert unless `CHAOS_SABOTAGE` names it.

#[cfg(all(feature = "sabotage", not(debug_assertions)))]
compile_error!("the feature `sabotage` is for tests of the chaos suite, not for release builds");

/// Never, but in builds for the chaos suite.
#[cfg(not(feature = "sabotage"))]
pub(crate) const fn commits_early() -> bool {
    false
}

/// `early_offset`: whether this batch's offsets are committed in a transaction before that of its documents.
#[cfg(feature = "sabotage")]
pub(crate) fn commits_early() -> bool {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    /// One of so many batches.
    const EARLY: u64 = 25;
    static WAY: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("CHAOS_SABOTAGE").ok());
    static SEEN: AtomicU64 = AtomicU64::new(0);

    WAY.as_deref() == Some("early_offset") && SEEN.fetch_add(1, Ordering::Relaxed) % EARLY == EARLY - 1
}
