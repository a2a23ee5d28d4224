//! What the adapter takes from outside: time, randomness, a place for its metrics, and a server in the same process.

use std::{fmt, sync::Arc};

use crate::{
    clock::{Clock, SystemClock},
    in_process::InProcess,
    metrics::Metrics,
    random::{Random, SystemRandom},
};

/// Time, randomness, metrics and the server; cheap to clone.
#[derive(Clone)]
pub struct Environment {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Spreads waits.
    pub random: Arc<dyn Random>,
    /// Counts.
    pub metrics: Metrics,
    /// The server, where it runs in the same process; else the one in the settings.
    pub in_process: Option<InProcess>,
}

impl Environment {
    /// An environment of a clock and a source of randomness, with metrics of its own.
    pub fn new(clock: impl Clock, random: impl Random) -> Self {
        Self {
            clock: Arc::new(clock),
            random: Arc::new(random),
            metrics: Metrics::default(),
            in_process: None,
        }
    }

    /// The machine's own time and randomness.
    #[must_use]
    pub fn system() -> Self {
        Self::new(SystemClock, SystemRandom)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}
