//! One span and one line for each request.

use std::time::Instant;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument as _, field::Empty, info, info_span};

use crate::telemetry::propagation::continue_trace;

/// Wraps a request in its span. Only the route's template is logged, never the path that was asked for: it may hold a secret.
pub(super) async fn observe(State(route): State<&'static str>, request: Request, next: Next) -> Response {
    let span = info_span!(
        "http_request", method = %request.method(), route, status = Empty, trace_id = Empty, otel.kind = "server"
    );
    continue_trace(&span, request.headers());
    let started = Instant::now();
    async {
        let response = next.run(request).await;
        tracing::Span::current().record("status", response.status().as_u16());
        info!(elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX), "answered");
        response
    }
    .instrument(span)
    .await
}
