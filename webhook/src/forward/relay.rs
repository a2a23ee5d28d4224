//! What becomes of a new delivery: recorded, kept, or refused for now. Never lost.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::{error, info, warn};

use super::{
    Gate,
    forwarder::Forwarder,
    reading::{Outcome, Reading},
};
use crate::{
    config::{Settings, SettingsError},
    environment::Environment,
    metrics::{Metrics, Taken},
    server::{Server, asked_wait, is_away},
    spool::{Delivery, Spool, SpoolError, State, StoreError},
};

/// The answer to a new delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is recorded, or safe on the disk: the sender need not send it again.
    Safe,
    /// A part of it can never be recorded, for this reason in the sender's names. It is safe on the disk.
    Malformed(String),
    /// It is neither recorded nor kept: the sender should send it again.
    Unavailable,
}

/// Why there is no relay.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The spool cannot be used.
    #[error("spool: {path}: {error}")]
    Spool {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: StoreError,
    },
}

/// Takes deliveries and sees to it that each is recorded.
#[derive(Clone)]
pub struct Relay {
    server: Server,
    gate: Arc<Gate>,
    spool: Spool,
    patience: Duration,
    metrics: Metrics,
}

impl Relay {
    /// A relay and the forwarder that goes with it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The server's address or the token cannot be used, or the spool's file.
    pub fn open(settings: &Settings, environment: &Environment) -> Result<(Self, Forwarder), RelayError> {
        let server = Server::new(settings, environment.in_process.as_ref())?;
        let spool = Spool::open(&settings.spool, Arc::clone(&environment.clock))
            .map_err(|error| RelayError::Spool { path: settings.spool.path.display().to_string(), error })?;
        let metrics = environment.metrics.clone();
        let gate = Arc::new(Gate::new(settings, Arc::clone(&environment.random), metrics.clone()));
        let relay = Self { server, gate, spool, patience: settings.patience, metrics };
        let forwarder = Forwarder::new(
            relay.server.clone(),
            Arc::clone(&relay.gate),
            relay.spool.clone(),
            settings.forward.clone(),
            environment.clone(),
        );
        Ok((relay, forwarder))
    }

    /// Looks at the files of the certificates for the server every so often until `stop`.
    pub(crate) async fn keep_fresh(self, every: Duration, stop: CancellationToken) {
        self.server.keep_fresh(every, stop).await;
    }

    /// Takes a delivery. Returns once it is recorded or safe on the disk, or cannot be made either.
    pub async fn take(&self, delivery: Delivery) -> Receipt {
        let (receipt, taken) = self.taken(delivery).await;
        self.metrics.taken(taken);
        receipt
    }

    async fn taken(&self, delivery: Delivery) -> (Receipt, Taken) {
        let reading = Reading::of(&delivery);
        for _ in 0..reading.warn(delivery.arrived_at) {
            self.metrics.record_is_from_the_future();
        }
        let new = New { delivery: Arc::new(delivery), problem: reading.problem(), reading };
        if new.reading.calls().len() == 0 {
            return self.bury(&new, new.problem.clone().unwrap_or_default(), true).await;
        }
        let mut asked = None;
        if let Some(pass) = self.gate.pass() {
            let outcome = self.ask(&new).await;
            drop(pass);
            match outcome {
                Outcome::NotNow(status) => asked = Some(status),
                outcome => return self.settle(&new, outcome).await,
            }
        }
        self.keep(&new, asked).await
    }

    /// Asks the server to record the calls.
    async fn ask(&self, new: &New) -> Outcome {
        let outcome = match self.server.record(new.reading.requests(), self.patience).await {
            Ok(answers) => new.reading.outcome(answers),
            Err(status) => Outcome::NotNow(status),
        };
        match &outcome {
            Outcome::NotNow(status) if is_away(status) => self.gate.direct_failed(asked_wait(status)),
            Outcome::NotNow(_) => {}
            Outcome::Recorded | Outcome::Dead { .. } => self.gate.succeeded(),
        }
        outcome
    }

    /// Keeps what the server did not take, so that it is forwarded later.
    async fn keep(&self, new: &New, asked: Option<Box<Status>>) -> (Receipt, Taken) {
        let problem = asked
            .as_ref()
            .map_or_else(|| "the server was away or busy".to_owned(), |status| describe(status));
        let kept = self.spool.insert(Arc::clone(&new.delivery), State::Waiting, problem.clone()).await;
        let Err(error) = kept else {
            for call in new.reading.calls() {
                info!(call_id = call.request.call_id, reason = problem, "call is kept in the spool");
            }
            let receipt = new.problem.clone().map_or(Receipt::Safe, Receipt::Malformed);
            return (receipt, Taken::Spooled);
        };
        log_unsafe(&error);
        // Without a spool the server is the only way, even if it seemed to be away a moment ago.
        if asked.is_none()
            && let Some(_pass) = self.gate.pass_anyway()
        {
            match self.ask(new).await {
                Outcome::NotNow(_) => {}
                outcome => return self.settle(new, outcome).await,
            }
        }
        (Receipt::Unavailable, Taken::Unavailable)
    }

    async fn settle(&self, new: &New, outcome: Outcome) -> (Receipt, Taken) {
        match outcome {
            Outcome::Recorded => (Receipt::Safe, Taken::Recorded),
            Outcome::Dead { reason, is_malformed } => self.bury(new, reason, is_malformed).await,
            Outcome::NotNow(_) => (Receipt::Unavailable, Taken::Unavailable),
        }
    }

    /// Keeps what can never be recorded, so that the sender need not repeat it and nobody has to miss it.
    async fn bury(&self, new: &New, reason: String, is_malformed: bool) -> (Receipt, Taken) {
        let delivery = &new.delivery;
        warn!(
            problem = reason,
            bytes = delivery.body.len(),
            format = %delivery.format,
            "delivery is a dead letter"
        );
        match self.spool.insert(Arc::clone(delivery), State::Dead, reason.clone()).await {
            Ok(()) if is_malformed => (Receipt::Malformed(reason), Taken::DeadLetter),
            Ok(()) => (Receipt::Safe, Taken::DeadLetter),
            Err(error) => {
                log_unsafe(&error);
                (Receipt::Unavailable, Taken::Unavailable)
            }
        }
    }

    /// Closes the spool. Every delivery must have been taken and the forwarder have ended.
    pub async fn close(self) {
        self.spool.close().await;
    }
}

/// A new delivery and what is known of it.
struct New {
    delivery: Arc<Delivery>,
    reading: Reading,
    problem: Option<String>,
}

fn log_unsafe(error: &SpoolError) {
    error!(%error, "delivery cannot be kept in the spool");
}

/// What a failed attempt is remembered by.
pub(super) fn describe(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}
