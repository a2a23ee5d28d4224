//! Waiting for a condition instead of a time.

use std::time::{Duration, Instant};

/// How long a test waits for something that must come; long enough for a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(10);

/// Asks `condition` again and again until it gives a value.
///
/// # Panics
///
/// If it gave none within a minute; `what` says what was waited for.
pub(crate) async fn until<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(begun.elapsed() < DEADLINE, "waited in vain for {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
