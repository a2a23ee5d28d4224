//! Traces: sampled, and sent to a collector over OTLP.

use std::str::FromStr;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use serde::Deserialize;
use tracing_opentelemetry::OpenTelemetryLayer;

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct SampleRatio(f64);

impl Default for SampleRatio {
    fn default() -> Self {
        Self(1.0)
    }
}

impl TryFrom<f64> for SampleRatio {
    type Error = String;

    fn try_from(ratio: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&ratio) {
            Ok(Self(ratio))
        } else {
            Err(format!("{ratio} is no part from 0 to 1, for example 0.1"))
        }
    }
}

impl FromStr for SampleRatio {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ratio: f64 =
            text.parse().map_err(|_| format!("{text} is no part from 0 to 1, for example 0.1"))?;
        Self::try_from(ratio)
    }
}

pub(super) fn provider(
    service: &'static str,
    collector: Option<&str>,
    sample_ratio: SampleRatio,
) -> Result<SdkTracerProvider, String> {
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder().with_resource(resource);
    let Some(collector) = collector else {
        // Ids are still handed on; nothing is gathered that nobody would fetch.
        return Ok(provider.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))).build());
    };
    let address: axum::http::Uri = collector.parse().map_err(|_| bad_collector("must be a web address"))?;
    if address.scheme_str() != Some("http") || address.host().is_none() {
        return Err(bad_collector("must begin with http:// and a host"));
    }
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(collector)
        .build()
        .map_err(|error| bad_collector(&error.to_string()))?;
    let ratio = Sampler::TraceIdRatioBased(sample_ratio.0);
    Ok(provider.with_sampler(Sampler::ParentBased(Box::new(ratio))).with_batch_exporter(exporter).build())
}

fn bad_collector(problem: &str) -> String {
    format!("trace-collector: {problem}, for example http://127.0.0.1:4317")
}

pub(super) fn layer<S>(
    provider: &SdkTracerProvider,
    service: &'static str,
) -> OpenTelemetryLayer<S, SdkTracer>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    // Where in the source a span was opened says less than its name.
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(service))
        .with_location(false)
        .with_threads(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_a_part_of_a_whole() {
        for (text, ratio) in [("0", 0.0), ("0.25", 0.25), ("1", 1.0)] {
            assert_eq!(text.parse(), Ok(SampleRatio(ratio)));
        }
        for text in ["", "-0.1", "1.1", "NaN", "half"] {
            assert!(text.parse::<SampleRatio>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_collector_is_a_web_address() {
        for (address, problem) in [
            ("", "must be a web address"),
            ("collector", "must begin with http:// and a host"),
            ("https://collector:4317", "must begin with http:// and a host"),
        ] {
            let error = provider("test", Some(address), SampleRatio::default()).unwrap_err();
            assert_eq!(error, bad_collector(problem), "{address}");
        }
    }
}
