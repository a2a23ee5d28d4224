//! Brings what waits in the spool to the server: oldest first, in batches, for as long as it takes.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1::CallDisposition;
use prost::Message as _;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::{Instrument as _, error, info, info_span, warn};

use super::{
    Gate,
    gate::Backoff,
    reading::{Outcome, Reading},
    relay::describe,
};
use crate::{
    config::ForwardSettings,
    environment::Environment,
    metrics::Sent,
    server::{Failure, Server, asked_wait, is_away},
    spool::{Due, Settlement, Spool, Stored},
    telemetry::{panics, propagation},
};

/// Forwards from the spool.
///
/// A delivery leaves the spool after the server has committed all of it, so a crash in between sends it again, which changes
/// nothing. Several processes may forward from one spool: they may send the same delivery twice, and lose none.
#[derive(Clone)]
pub struct Forwarder {
    server: Server,
    gate: Arc<Gate>,
    spool: Spool,
    settings: ForwardSettings,
    environment: Environment,
    /// How many deliveries the next batch may hold. One after a failure, so that a delivery that fails by itself is found; doubled
    /// with each success.
    size: usize,
}

/// A batch: deliveries from the spool, read.
type Batch = Vec<(Stored, Reading)>;
/// What the server says to one call.
type Answer = Result<CallDisposition, Failure>;

impl Forwarder {
    pub(super) fn new(
        server: Server,
        gate: Arc<Gate>,
        spool: Spool,
        settings: ForwardSettings,
        environment: Environment,
    ) -> Self {
        Self { server, gate, spool, settings, environment, size: 1 }
    }

    /// Forwards until `stop`; a batch that is on its way then stays in the spool. A fault in the forwarding does not end it.
    pub async fn run(self, stop: CancellationToken) {
        while let Err(fault) = tokio::spawn(self.clone().forward(stop.clone())).await {
            error!(fault = panics::end(&fault), "forwarding ended unexpectedly and begins anew");
            stop.run_until_cancelled(sleep(self.settings.retry_max)).await;
        }
    }

    async fn forward(mut self, stop: CancellationToken) {
        let watching = watch(self.spool.clone(), self.environment.clone(), self.settings.interval);
        let forwarding = async {
            loop {
                self.step().await;
            }
        };
        Box::pin(stop.run_until_cancelled(async { tokio::join!(watching, forwarding) })).await;
    }

    async fn step(&mut self) {
        if let Some(until) = self.gate.closed_until() {
            sleep_until(until).await;
        }
        let is_probe = self.gate.closed_until().is_some();
        let count = if is_probe { 1 } else { self.size };
        let due = Due { count, bytes: self.settings.bytes, longest: self.settings.put_off_max };
        let due = match self.spool.due(due).await {
            Ok(due) => due,
            Err(error) => {
                error!(%error, "spool cannot be read");
                sleep(self.settings.retry_max).await;
                return;
            }
        };
        if due.is_empty() {
            // Woken by this process's own deliveries, and now and then for those of others and those put off.
            let wait = if is_probe { self.settings.retry_min } else { self.settings.interval };
            let _ = timeout(wait, self.spool.arrived()).await;
            return;
        }
        if self.gate.closed_until().is_some() && !is_probe {
            // It closed meanwhile.
            return;
        }
        let batch = self.within_limits(due);
        let span = info_span!("forward", deliveries = batch.len(), otel.kind = "internal");
        let traces = batch.iter().filter_map(|(stored, _)| stored.delivery.traceparent.as_deref());
        propagation::follow(&span, traces);
        let (settlements, pause) = self.send(batch).instrument(span).await;
        if let Err(error) = self.spool.settle(settlements).await {
            // What was recorded is sent again, and changes nothing.
            error!(%error, "spool cannot be written");
            sleep(self.settings.retry_max).await;
        }
        if let Some(pause) = pause {
            sleep(pause).await;
        }
    }

    /// As many of the deliveries, in order, as fit into one request; at least one.
    fn within_limits(&self, due: Vec<Stored>) -> Batch {
        let (mut calls, mut bytes) = (0, 0);
        let mut batch = Batch::new();
        for stored in due {
            let reading = Reading::of(&stored.delivery);
            calls += reading.calls().len();
            bytes += reading.calls().map(|call| call.request.encoded_len()).sum::<usize>();
            if !batch.is_empty() && (calls > self.settings.calls || bytes > self.settings.bytes) {
                break;
            }
            batch.push((stored, reading));
        }
        batch
    }

    /// Sends a batch. Answers what became of each delivery, and how long to pause where something failed.
    async fn send(&mut self, batch: Batch) -> (Vec<Settlement>, Option<Duration>) {
        let requests: Vec<_> = batch.iter().flat_map(|(_, reading)| reading.requests()).collect();
        if requests.is_empty() {
            // Dead letters that were made to wait again and still cannot be read.
            return (self.settlements(batch, Vec::new(), None), None);
        }
        match self.server.record(requests, self.settings.timeout).await {
            Ok(answers) => {
                self.environment.metrics.sent(Sent::Answered);
                let is_away =
                    |answer: &Answer| matches!(answer, Err(Failure::NotNow(status)) if is_away(status));
                let away = answers.iter().any(is_away).then(|| self.gate.forward_failed(None));
                if away.is_some() {
                    self.size = 1;
                } else {
                    self.gate.succeeded();
                    self.size = self.size.saturating_mul(2).min(self.settings.calls);
                }
                (self.settlements(batch, answers, away), None)
            }
            Err(status) => {
                self.environment.metrics.sent(Sent::Failed);
                self.failed(&batch, &status)
            }
        }
    }

    fn settlements(&self, batch: Batch, answers: Vec<Answer>, away: Option<Duration>) -> Vec<Settlement> {
        let mut answers = answers.into_iter();
        let settle = |(stored, reading): (Stored, Reading)| {
            let own = answers.by_ref().take(reading.calls().len()).collect();
            match reading.outcome(own) {
                Outcome::Recorded => Settlement::Recorded(stored.id),
                Outcome::Dead { reason, .. } => {
                    warn!(delivery = stored.id, problem = reason, "delivery is a dead letter");
                    Settlement::Dead(stored.id, reason)
                }
                Outcome::NotNow(status) => self.put_off(&stored, &status, away),
            }
        };
        batch.into_iter().map(settle).collect()
    }

    /// The whole batch failed. Where it is a single delivery, the others are tried before it is tried again, for it may be what the
    /// server fails of.
    fn failed(&mut self, batch: &Batch, status: &Status) -> (Vec<Settlement>, Option<Duration>) {
        let pause = is_away(status).then(|| self.gate.forward_failed(asked_wait(status)));
        info!(deliveries = batch.len(), reason = describe(status), "batch was not recorded");
        self.size = 1;
        let put_off = match batch.as_slice() {
            [(stored, _)] => vec![self.put_off(stored, status, pause)],
            _ => Vec::new(),
        };
        (put_off, pause.is_none().then_some(self.settings.retry_min))
    }

    /// When to try a delivery again. While the server is away that is soon, and after the gate has let another one try. One that
    /// fails while others are recorded waits longer with each failure.
    fn put_off(&self, stored: &Stored, status: &Status, away: Option<Duration>) -> Settlement {
        let wait = if let Some(pause) = away {
            (pause * 2).min(self.settings.retry_max)
        } else {
            let backoff = Backoff { min: self.settings.retry_min, max: self.settings.put_off_max };
            backoff.after(stored.attempts.saturating_add(1), self.environment.random.fraction())
        };
        Settlement::PutOff(stored.id, later(self.environment.clock.now(), wait), describe(status))
    }
}

fn later(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(wait).ok().and_then(|wait| now.checked_add_signed(wait)).unwrap_or(now)
}

/// Shows how the spool fares, and ends what has outlived its time.
async fn watch(spool: Spool, environment: Environment, interval: Duration) {
    let mut next = Instant::now();
    loop {
        sleep_until(next).await;
        next = Instant::now() + interval;
        match spool.expire().await {
            Ok(expired) if expired.buried + expired.purged > 0 => {
                warn!(
                    buried = expired.buried,
                    purged = expired.purged,
                    "deliveries have outlived their time"
                );
            }
            Ok(_) => {}
            Err(error) => error!(%error, "spool cannot be written"),
        }
        if let Ok(totals) = spool.totals().await {
            environment.metrics.spool_is(&totals, environment.clock.now());
        }
    }
}
