//! What a process tells of itself: log lines on standard error, and traces for a collector.

pub mod panics;
pub mod propagation;
mod traces;

use std::{io, str::FromStr};

use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Deserialize;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

pub use traces::SampleRatio;

/// The form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("must be text or json".to_owned()),
        }
    }
}

/// What is logged, and which traces go where.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// Which log lines to write, as a `tracing_subscriber` filter. Default `info`.
    pub log: String,
    /// The form of the log lines. Default for people.
    pub log_format: LogFormat,
    /// Address of a collector that takes OTLP over gRPC, for example `http://127.0.0.1:4317`. Default none.
    pub trace_collector: Option<String>,
    /// How many of the traces that begin here are kept. Default all.
    pub trace_sample_ratio: SampleRatio,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::default(),
            trace_collector: None,
            trace_sample_ratio: SampleRatio::default(),
        }
    }
}

/// The telemetry of this process while it runs.
#[derive(Debug)]
#[must_use = "traces that wait to be sent are lost unless they are flushed"]
pub struct Telemetry {
    traces: SdkTracerProvider,
}

impl Telemetry {
    /// Sends the traces that still wait. Blocks for a few seconds at most.
    pub fn flush(self) {
        if let Err(error) = self.traces.shutdown() {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Starts logging, also of panics, and tracing for this process, which traces know as `service`. Call it within a tokio runtime.
///
/// Without a collector traces go nowhere, but every request still has a trace id: in its log lines, and in what is asked of
/// others on its behalf.
///
/// # Errors
/// The filter or the collector's address cannot be read, or the process logs already.
pub fn init(service: &'static str, settings: &TelemetrySettings) -> Result<Telemetry, String> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| format!("log: {error}"))?;
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match settings.log_format {
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let provider =
        traces::provider(service, settings.trace_collector.as_deref(), settings.trace_sample_ratio)?;
    // The log filter does not decide about traces: who silences the log still wants whole traces.
    let ours = Targets::new()
        .with_target("leadcapture_server", tracing::Level::INFO)
        .with_target("leadcapture_webhook", tracing::Level::INFO);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces::layer(&provider, service).with_filter(ours))
        .try_init()
        .map_err(|error| format!("log: {error}"))?;
    panics::log();
    Ok(Telemetry { traces: provider })
}
