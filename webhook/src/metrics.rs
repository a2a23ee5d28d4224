//! Prometheus metrics of the adapter. Labels are of closed sets; never a phone, a name or a secret.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use chrono::{DateTime, Utc};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::spool::Totals;

/// What became of a request whose body was taken whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The server has recorded all of it.
    Recorded,
    /// It waits in the spool.
    Spooled,
    /// It is a dead letter.
    DeadLetter,
    /// It was refused for now, with HTTP status 503.
    Unavailable,
}

/// What became of a batch that was sent from the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The server answered for each call.
    Answered,
    /// The server failed as a whole, or was away.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// The metrics of one adapter; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    deliveries: Family<ResultLabel, Counter>,
    future_records: Counter,
    forward_attempts: Family<ResultLabel, Counter>,
    server_available: Gauge,
    waiting: Gauge,
    dead_letters: Gauge,
    bytes: Gauge,
    oldest: Gauge,
}

impl Metrics {
    /// Puts the metrics into a registry, under names that begin with its prefix and `webhook_`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("webhook");
        registry.register("deliveries", "Requests by what became of them", self.deliveries.clone());
        registry.register(
            "future_records",
            "Records of calls that had not ended when they arrived",
            self.future_records.clone(),
        );
        registry.register(
            "forward_attempts",
            "Batches sent from the spool by result",
            self.forward_attempts.clone(),
        );
        registry.register(
            "server_available",
            "1 while new records go straight to the server, 0 while they go to the spool",
            self.server_available.clone(),
        );
        registry.register("spool_waiting", "Deliveries that wait in the spool", self.waiting.clone());
        registry.register(
            "spool_dead_letters",
            "Deliveries that can never be recorded",
            self.dead_letters.clone(),
        );
        registry.register(
            "spool_bytes",
            "Size of the spool as it counts against its limit",
            self.bytes.clone(),
        );
        registry.register(
            "spool_oldest_seconds",
            "How long the oldest waiting delivery has waited",
            self.oldest.clone(),
        );
    }

    pub(crate) fn taken(&self, taken: Taken) {
        let result = match taken {
            Taken::Recorded => "recorded",
            Taken::Spooled => "spooled",
            Taken::DeadLetter => "dead_letter",
            Taken::Unavailable => "unavailable",
        };
        self.deliveries.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn sent(&self, sent: Sent) {
        let result = match sent {
            Sent::Answered => "answered",
            Sent::Failed => "failed",
        };
        self.forward_attempts.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn record_is_from_the_future(&self) {
        self.future_records.inc();
    }

    pub(crate) fn server_is_available(&self, available: bool) {
        self.server_available.set(available.into());
    }

    pub(crate) fn spool_is(&self, totals: &Totals, now: DateTime<Utc>) {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.waiting.set(number(totals.waiting.deliveries));
        self.dead_letters.set(number(totals.dead.deliveries));
        self.bytes.set(number(totals.bytes()));
        let waited = totals.waiting.oldest.map_or(0, |oldest| (now - oldest).num_seconds());
        self.oldest.set(waited.max(0));
    }
}

/// Serves `GET /metrics` with these metrics alone until `stop`.
pub async fn serve(listener: TcpListener, metrics: Metrics, stop: CancellationToken) {
    let mut registry = Registry::with_prefix("leadcapture");
    metrics.register(&mut registry);
    let router = Router::new().route("/metrics", get(show)).with_state(Arc::new(Mutex::new(registry)));
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
        tracing::error!(%error, "metrics are no longer served");
    }
}

async fn show(State(registry): State<Arc<Mutex<Registry>>>) -> impl IntoResponse {
    let mut text = String::new();
    let registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
    // Writing to a string fails only if a metric's own encoding does, and then what was written is still good.
    let _ = encode(&mut text, &registry);
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}
