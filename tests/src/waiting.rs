//! Waiting for a condition.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

/// How long anything may take that is no test of speed: CI has two cores for everything.
pub const DEADLINE: Duration = Duration::from_secs(90);
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

/// `Ok` when `holds`, else `otherwise` as the reason.
///
/// # Errors
/// The reason.
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
