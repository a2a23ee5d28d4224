//! What is kept of a request.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use chrono::{DateTime, Utc};

use crate::cdr::{self, Call, Format, Malformed, Problem, TimeRules};

/// One HTTP body with all that its reading depends on, fixed when it arrived.
#[derive(Clone, PartialEq)]
pub struct Delivery {
    /// The body, decoded from any content encoding.
    pub body: Vec<u8>,
    /// The format of the body.
    pub format: Format,
    /// When it arrived.
    pub arrived_at: DateTime<Utc>,
    /// How its times are read.
    pub time: TimeRules,
    /// The tenant that the sender's secret names, if it names one.
    pub tenant_id: Option<String>,
    /// The trace that the request belongs to, as in W3C Trace Context.
    pub traceparent: Option<String>,
}

/// Of the body its size alone.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("bytes", &self.body.len())
            .field("format", &self.format)
            .field("arrived_at", &self.arrived_at)
            .field("time", &self.time)
            .field("tenant_id", &self.tenant_id)
            .field("traceparent", &self.traceparent)
            .finish_non_exhaustive()
    }
}

impl Delivery {
    /// The calls in the body, each readable or not by itself; the same whenever it is asked.
    ///
    /// # Errors
    /// The body cannot be read at all. A fault in the reading itself counts as such: one body must not stop the others.
    pub fn calls(&self) -> Result<Vec<Result<Call, Malformed>>, Malformed> {
        let read = || cdr::read(self.format, &self.body, self.time, self.arrived_at);
        let mut calls = catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
            Err(Problem::body("cannot be read because of a fault in the adapter").into())
        })?;
        if let Some(tenant_id) = &self.tenant_id {
            calls.iter_mut().flatten().for_each(|call| call.request.tenant_id.clone_from(tenant_id));
        }
        Ok(calls)
    }
}

/// What a kept delivery is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// To be forwarded to the server.
    Waiting,
    /// Never to be forwarded by itself: a dead letter.
    Dead,
}

impl State {
    /// `waiting` or `dead`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Dead => "dead",
        }
    }
}

/// A delivery in the spool.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its number in the spool. Numbers grow and are never used again.
    pub id: i64,
    /// The delivery.
    pub delivery: Delivery,
    /// Whether it waits or is dead.
    pub state: State,
    /// Since when it is in this state.
    pub since: DateTime<Utc>,
    /// How often it was sent to the server by itself without success.
    pub attempts: u32,
    /// When it is to be sent next, while it waits.
    pub next_attempt_at: DateTime<Utc>,
    /// Why it is here: what the last attempt failed of, or why it can never be recorded.
    pub problem: String,
}

/// How much there is in one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Deliveries.
    pub deliveries: u64,
    /// Their size on disk in bytes, as it counts against the limit.
    pub bytes: u64,
    /// Since when the oldest is in this state.
    pub oldest: Option<DateTime<Utc>>,
}

/// How much there is in the spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// What waits.
    pub waiting: Total,
    /// Dead letters.
    pub dead: Total,
}

impl Totals {
    /// The size that counts against the limit, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.waiting.bytes + self.dead.bytes
    }
}
