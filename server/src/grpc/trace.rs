//! One span for each request, part of the trace that its caller names.

use axum::{extract::Request, middleware::Next, response::Response};
use leadcapture_webhook::telemetry::propagation::continue_trace;
use tracing::{Instrument as _, field::Empty, info_span};

use super::method_of;

/// Runs a request within its span; the span of the handler stands below it.
pub(super) async fn continue_callers_trace(request: Request, next: Next) -> Response {
    let method = method_of(request.uri().path()).unwrap_or("other");
    let span =
        info_span!("grpc_request", method, trace_id = Empty, rpc.system = "grpc", otel.kind = "server");
    continue_trace(&span, request.headers());
    next.run(request).instrument(span).await
}
