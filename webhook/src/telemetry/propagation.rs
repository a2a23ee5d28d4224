//! The trace context that travels with a request, as the headers of W3C Trace Context (`traceparent`, `tracestate`).

use axum::http::HeaderMap;
use opentelemetry::{Context, propagation::TextMapPropagator as _, trace::TraceContextExt as _};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Makes `span` a part of the trace that `headers` name, if they name one, and notes the trace's id in the span's field
/// `trace_id`. Headers that cannot be read are as good as none.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    if parent.span().span_context().is_valid() {
        // Fails only in a process that does not trace.
        let _ = span.set_parent(parent);
    }
    if let Some(trace_id) = trace_id(span) {
        span.record("trace_id", trace_id);
    }
}

/// Names the trace of `span` in `headers`, for whoever is asked next.
pub fn pass_on(span: &Span, headers: &mut HeaderMap) {
    inject(&span.context(), headers);
}

/// The `traceparent` of `span`, to be kept with work that is done later; `None` in a process that does not trace.
#[must_use]
pub fn traceparent(span: &Span) -> Option<String> {
    let mut headers = HeaderMap::new();
    pass_on(span, &mut headers);
    headers.get("traceparent")?.to_str().ok().map(str::to_owned)
}

fn inject(context: &Context, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(context, &mut HeaderInjector(headers));
}

fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    span.span_context().is_valid().then(|| span.span_context().trace_id().to_string())
}
