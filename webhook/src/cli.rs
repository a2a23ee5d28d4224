//! The command line, the environment and the configuration file. A flag wins over an environment variable, that over the file,
//! the file over the default. Each command but serving has a module of its own.

mod door;
pub mod replay;
pub mod secret;
pub mod spool;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use chrono_tz::Tz;
use clap::{Parser, Subcommand};
use serde::Deserialize;

pub use door::SECRETS_VARIABLE;

use crate::{
    cdr::{TimeBasis, TimeRules},
    config::{ForwardSettings, Settings, SpoolSettings, Token},
    secrets::Secrets,
    telemetry::{LogFormat, SampleRatio, TelemetrySettings},
};

/// Where the webhook listens unless told otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Receives Voicenter call records over HTTP and records them at a leadcapture server.
///
/// Without a command it serves. Each option is also a key of the configuration file, with underscores:
/// `account_zone = "Asia/Jerusalem"`.
#[derive(Debug, Parser)]
#[command(name = "leadcapture-webhook", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// How to serve.
    #[command(flatten)]
    pub options: Options,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program does beside serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Records bodies that were recorded in files
    Replay(Box<replay::ReplayArgs>),
    /// Makes a secret for the address that Voicenter posts to
    Secret(secret::SecretArgs),
    /// Shows and mends what the adapter keeps on its disk, also while it runs
    Spool(spool::SpoolArgs),
}

/// How to serve.
///
/// Each option is also a key of the configuration file, with underscores: `account_zone = "Asia/Jerusalem"`.
#[derive(Debug, Default, Parser, Deserialize)]
#[command(name = "leadcapture-webhook", version)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Address to listen on; beyond loopback it needs secrets and TLS [default: 127.0.0.1:8080]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Address of the leadcapture server [default: `http://127.0.0.1:50051`]
    #[arg(long, env = "LEADCAPTURE_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// Token that the server asks for; better given by the environment or the file than as a flag
    #[arg(long, env = "LEADCAPTURE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Certificates of the authorities of an https server (PEM)
    #[arg(long, env = "LEADCAPTURE_SERVER_CA", value_name = "FILE")]
    pub server_ca: Option<PathBuf>,
    /// Certificate to show to a server that asks for one (PEM)
    #[arg(long, env = "LEADCAPTURE_SERVER_CERT", value_name = "FILE")]
    pub server_cert: Option<PathBuf>,
    /// Private key of that certificate (PEM)
    #[arg(long, env = "LEADCAPTURE_SERVER_KEY", value_name = "FILE")]
    pub server_key: Option<PathBuf>,
    /// Secrets, one of which the path must end with: one a line, a tenant id after it where it is that tenant's
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_SECRETS_FILE", value_name = "FILE")]
    pub secrets_file: Option<PathBuf>,
    /// The secrets themselves, from the environment alone: a flag would show them to everybody on the machine.
    #[arg(skip)]
    #[serde(skip)]
    pub secrets: Option<Secrets>,
    /// Certificate of the webhook and of its authorities (PEM)
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the webhook's certificate (PEM)
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Authorities of the certificates that senders must show (PEM) [default: none is asked for]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
    /// Serve other machines without TLS [default: false]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_INSECURE", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub insecure: Option<bool>,
    /// How often the files of secrets and certificates are looked at for changes [default: 5s]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_RELOAD_INTERVAL", value_name = "TIME")]
    pub reload_interval: Option<Span>,
    /// How long a request's head may take to arrive, and a connection may be idle [default: 10s]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_HEADER_TIMEOUT", value_name = "TIME")]
    pub header_timeout: Option<Span>,
    /// Largest head of a request in bytes [default: 16384]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_HEADER_LIMIT", value_name = "BYTES")]
    pub header_limit: Option<NonZeroUsize>,
    /// Most header fields of a request [default: 64]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_HEADER_COUNT", value_name = "NUMBER")]
    pub header_count: Option<NonZeroUsize>,
    /// Most connections at a time; more wait [default: 768]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_MAX_CONNECTIONS", value_name = "NUMBER")]
    pub max_connections: Option<NonZeroUsize>,
    /// Most requests in flight; more are answered 503 [default: 512]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_MAX_IN_FLIGHT", value_name = "NUMBER")]
    pub max_in_flight: Option<NonZeroUsize>,
    /// Time zone of the Voicenter account [default: Asia/Jerusalem]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_ACCOUNT_ZONE", value_name = "ZONE")]
    pub account_zone: Option<Zone>,
    /// How a record's time is read: auto, account or utc [default: auto]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_TIME_BASIS", value_name = "BASIS")]
    pub time_basis: Option<TimeBasis>,
    /// Largest body in bytes [default: 4194304]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_BODY_LIMIT", value_name = "BYTES")]
    pub body_limit: Option<NonZeroUsize>,
    /// How long a body may take to arrive, for example 500ms, 10s or 1m [default: 10s]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_BODY_TIMEOUT", value_name = "TIME")]
    pub body_timeout: Option<Span>,
    /// How long a new record waits for the server before it goes to the spool [default: 2s]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_PATIENCE", value_name = "TIME")]
    pub patience: Option<Span>,
    /// Most new records that wait for the server at once; more go to the spool [default: 32]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_SERVER_CALLS", value_name = "NUMBER")]
    pub server_calls: Option<NonZeroUsize>,
    /// File that keeps what the server has not taken [default: leadcapture-webhook-spool.db]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_SPOOL", value_name = "FILE")]
    pub spool: Option<PathBuf>,
    /// Most bytes in the spool; beyond that records are refused with 503 [default: 1073741824]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_SPOOL_LIMIT", value_name = "BYTES")]
    pub spool_limit: Option<NonZeroU64>,
    /// How long keeping a record may take before it is refused with 503 [default: 5s]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_SPOOL_TIMEOUT", value_name = "TIME")]
    pub spool_timeout: Option<Span>,
    /// For how many days a record waits in the spool before it is a dead letter [default: 30]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_SPOOL_DAYS", value_name = "DAYS")]
    pub spool_days: Option<NonZeroU32>,
    /// For how many days a dead letter is kept [default: 30]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_DEAD_LETTER_DAYS", value_name = "DAYS")]
    pub dead_letter_days: Option<NonZeroU32>,
    /// How long the server may take to record a batch from the spool [default: 10s]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_FORWARD_TIMEOUT", value_name = "TIME")]
    pub forward_timeout: Option<Span>,
    /// Most calls of a batch from the spool, up to 1,000 [default: 100]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_FORWARD_CALLS", value_name = "NUMBER", value_parser = batch_calls)]
    pub forward_calls: Option<NonZeroUsize>,
    /// Most bytes of a batch from the spool; must be less than the server's largest message [default: 4194304]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_FORWARD_BYTES", value_name = "BYTES")]
    pub forward_bytes: Option<NonZeroUsize>,
    /// First wait after a failure to forward; doubled with each further one [default: 100ms]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_FORWARD_RETRY_MIN", value_name = "TIME")]
    pub forward_retry_min: Option<Span>,
    /// Longest wait between attempts while the server is away [default: 5s]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_FORWARD_RETRY_MAX", value_name = "TIME")]
    pub forward_retry_max: Option<Span>,
    /// Longest wait between attempts with a record that fails by itself [default: 5m]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_FORWARD_PUT_OFF_MAX", value_name = "TIME")]
    pub forward_put_off_max: Option<Span>,
    /// How often the spool is looked at: other processes' records, metrics, what has outlived its time [default: 1s]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_FORWARD_INTERVAL", value_name = "TIME")]
    pub forward_interval: Option<Span>,
    /// Address of Prometheus metrics, path /metrics; loopback only [default: not served]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_METRICS_LISTEN", value_name = "ADDR")]
    pub metrics_listen: Option<SocketAddr>,
    /// How long requests in flight may go on after SIGTERM [default: 15s]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_SHUTDOWN_TIMEOUT", value_name = "TIME")]
    pub shutdown_timeout: Option<Span>,
    /// Which log lines to write, for example info or `leadcapture_webhook=debug` [default: info]
    #[arg(long, env = "LEADCAPTURE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Form of the log lines: text or json [default: text]
    #[arg(long, env = "LEADCAPTURE_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Collector for traces, OTLP over gRPC, for example `http://127.0.0.1:4317` [default: none]
    #[arg(long, env = "LEADCAPTURE_TRACE_COLLECTOR", value_name = "URL")]
    pub trace_collector: Option<String>,
    /// Part of the traces that begin here and are kept, from 0 to 1 [default: 1]
    #[arg(long, env = "LEADCAPTURE_TRACE_SAMPLE_RATIO", value_name = "RATIO")]
    pub trace_sample_ratio: Option<SampleRatio>,
    /// Configuration file (TOML)
    #[arg(long, env = "LEADCAPTURE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

impl Options {
    /// The options with those of the configuration file, if one is named, in place of what was not given.
    ///
    /// # Errors
    /// The file cannot be read, or has an unknown key or a bad value; the message names the file and the key.
    pub fn with_file(self) -> Result<Self, String> {
        match self.config.clone() {
            Some(path) => Ok(self.or(read_file(&path)?)),
            None => Ok(self),
        }
    }

    /// These options, those of `file` in place of what was not given.
    #[must_use]
    pub fn or(self, file: Self) -> Self {
        Self {
            listen: self.listen.or(file.listen),
            server: self.server.or(file.server),
            token: self.token.or(file.token),
            server_ca: self.server_ca.or(file.server_ca),
            server_cert: self.server_cert.or(file.server_cert),
            server_key: self.server_key.or(file.server_key),
            secrets_file: self.secrets_file.or(file.secrets_file),
            secrets: self.secrets.or(file.secrets),
            tls_cert: self.tls_cert.or(file.tls_cert),
            tls_key: self.tls_key.or(file.tls_key),
            tls_client_ca: self.tls_client_ca.or(file.tls_client_ca),
            insecure: self.insecure.or(file.insecure),
            reload_interval: self.reload_interval.or(file.reload_interval),
            header_timeout: self.header_timeout.or(file.header_timeout),
            header_limit: self.header_limit.or(file.header_limit),
            header_count: self.header_count.or(file.header_count),
            max_connections: self.max_connections.or(file.max_connections),
            max_in_flight: self.max_in_flight.or(file.max_in_flight),
            account_zone: self.account_zone.or(file.account_zone),
            time_basis: self.time_basis.or(file.time_basis),
            body_limit: self.body_limit.or(file.body_limit),
            body_timeout: self.body_timeout.or(file.body_timeout),
            patience: self.patience.or(file.patience),
            server_calls: self.server_calls.or(file.server_calls),
            spool: self.spool.or(file.spool),
            spool_limit: self.spool_limit.or(file.spool_limit),
            spool_timeout: self.spool_timeout.or(file.spool_timeout),
            spool_days: self.spool_days.or(file.spool_days),
            dead_letter_days: self.dead_letter_days.or(file.dead_letter_days),
            forward_timeout: self.forward_timeout.or(file.forward_timeout),
            forward_calls: self.forward_calls.or(file.forward_calls),
            forward_bytes: self.forward_bytes.or(file.forward_bytes),
            forward_retry_min: self.forward_retry_min.or(file.forward_retry_min),
            forward_retry_max: self.forward_retry_max.or(file.forward_retry_max),
            forward_put_off_max: self.forward_put_off_max.or(file.forward_put_off_max),
            forward_interval: self.forward_interval.or(file.forward_interval),
            metrics_listen: self.metrics_listen.or(file.metrics_listen),
            shutdown_timeout: self.shutdown_timeout.or(file.shutdown_timeout),
            log: self.log.or(file.log),
            log_format: self.log_format.or(file.log_format),
            trace_collector: self.trace_collector.or(file.trace_collector),
            trace_sample_ratio: self.trace_sample_ratio.or(file.trace_sample_ratio),
            config: self.config,
        }
    }

    /// What is logged, and which traces go where; defaults in place of what was not given.
    #[must_use]
    pub fn telemetry(&self) -> TelemetrySettings {
        let default = TelemetrySettings::default();
        TelemetrySettings {
            log: self.log.clone().unwrap_or(default.log),
            log_format: self.log_format.unwrap_or(default.log_format),
            trace_collector: self.trace_collector.clone(),
            trace_sample_ratio: self.trace_sample_ratio.unwrap_or(default.trace_sample_ratio),
        }
    }

    /// The settings, defaults in place of what was not given.
    ///
    /// # Errors
    /// Two settings do not go together, or one lacks another; the message names them.
    pub fn settings(&self) -> Result<Settings, String> {
        let default = Settings::default();
        let span = |given: Option<Span>, default| given.map_or(default, |span| span.0);
        Ok(Settings {
            server: self.server.clone().unwrap_or(default.server),
            token: self.token.as_deref().and_then(Token::new),
            server_tls: self.server_tls()?,
            door: self.door()?,
            time: TimeRules {
                account_zone: self.account_zone.map_or(default.time.account_zone, |zone| zone.0),
                basis: self.time_basis.unwrap_or(default.time.basis),
            },
            body_limit: self.body_limit.map_or(default.body_limit, NonZeroUsize::get),
            body_timeout: span(self.body_timeout, default.body_timeout),
            patience: span(self.patience, default.patience),
            server_calls: self.server_calls.map_or(default.server_calls, NonZeroUsize::get),
            forward: self.forward(),
            spool: self.spool(),
            shutdown_timeout: span(self.shutdown_timeout, default.shutdown_timeout),
        })
    }
}

impl Options {
    fn forward(&self) -> ForwardSettings {
        let default = ForwardSettings::default();
        let span = |given: Option<Span>, default| given.map_or(default, |span| span.0);
        ForwardSettings {
            timeout: span(self.forward_timeout, default.timeout),
            calls: self.forward_calls.map_or(default.calls, NonZeroUsize::get).min(MAX_BATCH_CALLS),
            bytes: self.forward_bytes.map_or(default.bytes, NonZeroUsize::get),
            retry_min: span(self.forward_retry_min, default.retry_min),
            retry_max: span(self.forward_retry_max, default.retry_max),
            put_off_max: span(self.forward_put_off_max, default.put_off_max),
            interval: span(self.forward_interval, default.interval),
        }
    }

    fn spool(&self) -> SpoolSettings {
        let default = SpoolSettings::default();
        SpoolSettings {
            path: self.spool.clone().unwrap_or(default.path),
            limit: self.spool_limit.map_or(default.limit, NonZeroU64::get),
            timeout: self.spool_timeout.map_or(default.timeout, |span| span.0),
            wait_days: self.spool_days.map_or(default.wait_days, NonZeroU32::get),
            dead_letter_days: self.dead_letter_days.map_or(default.dead_letter_days, NonZeroU32::get),
        }
    }
}

/// The most calls that the server takes in a batch.
const MAX_BATCH_CALLS: usize = 1_000;

fn batch_calls(text: &str) -> Result<NonZeroUsize, String> {
    let calls = text.parse().ok().filter(|calls: &NonZeroUsize| calls.get() <= MAX_BATCH_CALLS);
    calls.ok_or_else(|| format!("{text} is no number from 1 to {MAX_BATCH_CALLS}"))
}

fn read_file(path: &Path) -> Result<Options, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // Only the message: the whole error shows the line, which may hold the token.
    toml::from_str(&text)
        .map_err(|error| format!("{}: {}", path.display(), error.message().replace('\n', " ")))
}

/// A time zone by its IANA name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(pub Tz);

impl FromStr for Zone {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        name.parse().map(Self).map_err(|_| format!("{name} is no IANA time zone, for example Asia/Jerusalem"))
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

/// A length of time longer than none: a whole number and `ms`, `s` or `m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(unit_at);
        // A day is longer than any wait here makes sense, and far from overflow.
        let number = number.parse().ok().filter(|number| (1..=86_400_000_u64).contains(number));
        let duration = match (number, unit.trim()) {
            (Some(number), "ms") => Some(Duration::from_millis(number)),
            (Some(number), "s") => Some(Duration::from_secs(number)),
            (Some(number), "m") => Some(Duration::from_secs(number * 60)),
            _ => None,
        };
        let duration = duration.filter(|duration| *duration <= Duration::from_hours(24));
        duration
            .map(Self)
            .ok_or_else(|| format!("{text} is no time from 1ms to a day, for example 500ms, 10s or 1m"))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for TimeBasis {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "auto" => Ok(Self::Auto),
            "account" => Ok(Self::Account),
            "utc" => Ok(Self::Utc),
            _ => Err("must be auto, account or utc".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn spans_have_units() {
        for (text, millis) in [("500ms", 500), ("10s", 10_000), ("2 m", 120_000)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(millis))));
        }
        for text in ["", "5", "0s", "-1s", "5h", "1441m", "99999999999999999999s", "s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file: Options =
            toml::from_str("server = 'http://file:1'\naccount_zone = 'Europe/London'\nbody_limit = 10")
                .unwrap();
        let flags = Options { server: Some("http://flag:1".to_owned()), ..Options::default() };
        let settings = flags.or(file).settings().unwrap();
        assert_eq!(settings.server, "http://flag:1");
        assert_eq!(settings.time.account_zone, Tz::Europe__London);
        assert_eq!((settings.body_limit, settings.body_timeout), (10, Duration::from_secs(10)));
    }

    #[test]
    fn every_setting_is_documented() {
        let page = include_str!("../../docs/configuration.md");
        let mut command = Cli::command();
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            if ["config", "help", "version"].contains(&id) {
                continue;
            }
            let (flag, variable) =
                (argument.get_long().unwrap(), argument.get_env().unwrap().to_str().unwrap());
            let row = format!("| `--{flag}` | `{variable}` | `{id}` |");
            assert!(page.contains(&row), "docs/configuration.md lacks the row {row}");
        }
        assert!(page.contains(&format!("| – | `{SECRETS_VARIABLE}` | – |")));
        let replay = command.find_subcommand_mut("replay").unwrap();
        for flag in replay.get_arguments().filter_map(clap::Arg::get_long).filter(|flag| *flag != "help") {
            assert!(page.contains(&format!("`--{flag}`")), "docs/configuration.md lacks --{flag} of replay");
        }
    }

    #[test]
    fn the_file_may_hold_only_what_is_known() {
        for (text, expected) in [
            ("body_limits = 5", "unknown field `body_limits`"),
            ("config = 'x'", "unknown field `config`"),
            ("account_zone = 'Mars'", "Mars is no IANA time zone"),
            ("body_timeout = '5 days'", "5 days is no time"),
            ("time_basis = 'local'", "unknown variant `local`"),
            ("log_format = 'xml'", "unknown variant `xml`"),
        ] {
            let error = toml::from_str::<Options>(text).unwrap_err();
            assert!(error.message().contains(expected), "{error}");
        }
    }
}
