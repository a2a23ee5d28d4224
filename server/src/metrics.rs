//! Prometheus metrics. Labels are of closed sets: methods, codes and dispositions; never a phone, a name or a tenant.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Instant,
};

use axum::{Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service};

use crate::domain::call::Disposition;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabel {
    method: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DispositionLabel {
    disposition: &'static str,
}

/// Buckets from half a millisecond to eight seconds.
fn duration_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 15))
}

/// The metrics of one server; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<MethodLabel, Histogram>,
    calls: Family<DispositionLabel, Counter>,
    rate_limited: Counter,
}

impl Metrics {
    /// Metrics that are all zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("leadcapture");
        let requests = Family::default();
        registry.register("grpc_requests", "gRPC requests by method and status code", requests.clone());
        let durations: Family<MethodLabel, Histogram> = Family::new_with_constructor(duration_histogram);
        registry.register(
            "grpc_request_duration_seconds",
            "Time to the head of the response",
            durations.clone(),
        );
        let calls = Family::default();
        registry.register("recorded_calls", "Recorded calls by what they did", calls.clone());
        let rate_limited = Counter::default();
        registry.register(
            "grpc_rate_limited_requests",
            "gRPC requests refused because their token sends too many",
            rate_limited.clone(),
        );
        Self { registry: Arc::new(Mutex::new(registry)), requests, durations, calls, rate_limited }
    }

    /// Shows the metrics of a webhook in this process too.
    pub fn register_webhook(&self, webhook: &leadcapture_webhook::metrics::Metrics) {
        webhook.register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Counts a recorded call.
    pub fn call_recorded(&self, disposition: Disposition) {
        self.calls.get_or_create(&DispositionLabel { disposition: disposition.name() }).inc();
    }

    /// Counts a request that was refused because its token sends too many.
    pub fn rate_limited(&self) {
        self.rate_limited.inc();
    }

    /// A layer that counts and times requests.
    #[must_use]
    pub fn layer(&self) -> MetricsLayer {
        MetricsLayer(self.clone())
    }

    fn request_ended(&self, method: String, code: String, began: Instant) {
        self.durations
            .get_or_create(&MethodLabel { method: method.clone() })
            .observe(began.elapsed().as_secs_f64());
        self.requests.get_or_create(&RequestLabels { method, code }).inc();
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string fails only if a metric's own encoding does, and then what was written is still good.
        let _ = encode(&mut text, &registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Serves `GET /metrics` until `stop`.
pub async fn serve(listener: TcpListener, metrics: Metrics, stop: CancellationToken) {
    let router = Router::new().route("/metrics", get(show)).with_state(metrics);
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
        tracing::error!(%error, "metrics are no longer served");
    }
}

async fn show(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], metrics.text())
}

/// Counts and times the requests of a service.
#[derive(Clone, Debug)]
pub struct MetricsLayer(Metrics);

impl<S> Layer<S> for MetricsLayer {
    type Service = MetricsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MetricsService { inner, metrics: self.0.clone() }
    }
}

/// A service whose requests are counted and timed.
#[derive(Clone, Debug)]
pub struct MetricsService<S> {
    inner: S,
    metrics: Metrics,
}

impl<S, Request, Response> Service<axum::http::Request<Request>> for MetricsService<S>
where
    S: Service<axum::http::Request<Request>, Response = axum::http::Response<Response>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: axum::http::Request<Request>) -> Self::Future {
        // A path that is no method of ours must not become a label: anybody may send any.
        let method = crate::grpc::method_of(request.uri().path()).unwrap_or("other").to_owned();
        let metrics = self.metrics.clone();
        let began = Instant::now();
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            // A failed unary call has its status in the head of the response; a successful one has it in the trailers.
            let code =
                response.headers().get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0");
            // A method name that the service does not have answers 12, UNIMPLEMENTED; its name is the caller's invention.
            let method = if code == "12" { "unimplemented".to_owned() } else { method };
            metrics.request_ended(method, code.to_owned(), began);
            Ok(response)
        })
    }
}
