//! Whether anybody may come in: open until the first token is made, closed from then on.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{domain::error::Error, storage::Storage};

/// What this process knows of the latch. Once it was seen closed it is never looked at again.
#[derive(Debug, Default)]
pub(super) struct Latch {
    closed: AtomicBool,
    looked: Mutex<Looked>,
    /// Held by the one that asks the database, so that a server under load asks once.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Looked {
    /// When the database last said that the latch is open.
    open_at: Option<Instant>,
    /// When it last could not be asked.
    failed_at: Option<Instant>,
}

impl Latch {
    /// Somebody knows that a token was made.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether it is closed, by what was seen at most `ttl` ago.
    pub(super) async fn closed(&self, storage: &Storage, ttl: Duration) -> Result<bool, Error> {
        if self.is_closed() {
            return Ok(true);
        }
        if self.seen_open_within(ttl) {
            return Ok(false);
        }
        let began = Instant::now();
        let _asking = self.asking.lock().await;
        // Another request asked in the meantime.
        if self.is_closed() {
            return Ok(true);
        }
        if self.seen_open_within(ttl) {
            return Ok(false);
        }
        if self.looked().failed_at.is_some_and(|at| at >= began) {
            return Err(Error::DatabaseUnavailable);
        }
        let asked = Instant::now();
        match storage.latch_closed().await {
            Ok(true) => {
                self.close();
                Ok(true)
            }
            Ok(false) => {
                self.looked.lock().unwrap_or_else(PoisonError::into_inner).open_at = Some(asked);
                Ok(false)
            }
            Err(error) => {
                self.looked.lock().unwrap_or_else(PoisonError::into_inner).failed_at = Some(Instant::now());
                Err(error)
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn seen_open_within(&self, ttl: Duration) -> bool {
        self.looked().open_at.is_some_and(|at| at.elapsed() < ttl)
    }

    fn looked(&self) -> Looked {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
