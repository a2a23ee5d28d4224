//! The trace context that travels with a request, as the headers of W3C Trace Context (`traceparent`, `tracestate`).

use axum::http::{HeaderMap, HeaderName};
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

/// Makes `span` a part of a trace that was kept as its `traceparent`; where there are several, links it with each.
pub fn follow<'a>(span: &Span, traceparents: impl IntoIterator<Item = &'a str>) {
    let contexts: Vec<Context> = traceparents
        .into_iter()
        .filter_map(|traceparent| {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static("traceparent"), traceparent.parse().ok()?)]);
            Some(TraceContextPropagator::new().extract(&HeaderExtractor(&headers)))
        })
        .collect();
    if let [parent] = contexts.as_slice() {
        // Fails only in a process that does not trace.
        let _ = span.set_parent(parent.clone());
    } else {
        for context in contexts {
            span.add_link(context.span().span_context().clone());
        }
    }
}

fn inject(context: &Context, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(context, &mut HeaderInjector(headers));
}

fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    span.span_context().is_valid().then(|| span.span_context().trace_id().to_string())
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing::info_span;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn work_that_was_kept_goes_on_in_its_trace() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let subscriber =
            tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        tracing::subscriber::with_default(subscriber, || {
            let kept = traceparent(&info_span!("request")).unwrap();
            let trace = kept.split('-').nth(1).unwrap();
            let again = info_span!("forward");
            follow(&again, [kept.as_str()]);
            assert_eq!(trace_id(&again).unwrap(), trace);
            // Several cannot all be its parent.
            let other = traceparent(&info_span!("request")).unwrap();
            let both = info_span!("forward");
            follow(&both, [kept.as_str(), other.as_str(), "nonsense"]);
            assert_ne!(trace_id(&both).unwrap(), trace);
        });
    }
}
