//! Waiting for a condition.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

/// How long anything may take that is no test of speed: CI has two cores for everything.
pub const DEADLINE: Duration = Duration::from_secs(90);
/// How long what makes progress may take.
const AT_MOST: Duration = Duration::from_secs(5 * 60);
/// How often a condition is looked at.
const TICK: Duration = Duration::from_millis(30);

/// Looks at a condition until it holds, and gives what it found.
///
/// # Panics
/// When it does not hold within `deadline`, with what was said last.
pub async fn eventually<T, E: Display>(
    what: impl Display,
    deadline: Duration,
    mut check: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let until = Instant::now() + deadline;
    loop {
        match check().await {
            Ok(found) => return found,
            Err(reason) if Instant::now() > until => panic!("not within {deadline:?}: {what}\n{reason}"),
            Err(_) => tokio::time::sleep(TICK).await,
        }
    }
}

/// Like [`eventually`], of what comes closer step by step: each step, told by a reason that changes, renews `deadline`.
///
/// # Panics
/// When nothing moves for so long, or it moves for ever.
pub async fn while_it_moves<T>(
    what: impl Display,
    deadline: Duration,
    mut check: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let (begun, mut moved, mut seen) = (Instant::now(), Instant::now(), String::new());
    loop {
        match check().await {
            Ok(found) => return found,
            Err(reason) if moved.elapsed() > deadline => {
                panic!("nothing has moved for {deadline:?}: {what}\n{reason}")
            }
            Err(reason) if begun.elapsed() > AT_MOST => {
                panic!("it moves, but not within {AT_MOST:?}: {what}\n{reason}")
            }
            Err(reason) => {
                if reason != seen {
                    (moved, seen) = (Instant::now(), reason);
                }
                tokio::time::sleep(TICK).await;
            }
        }
    }
}

/// `Ok` when `holds`, else `otherwise` as the reason.
///
/// # Errors
/// The reason.
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
