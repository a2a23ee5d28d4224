//! The time, injected: everything that asks for the present takes a [`Clock`].

use std::time::SystemTime;

use chrono::{DateTime, Utc};

/// Tells the present time.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        SystemTime::now().into()
    }
}
