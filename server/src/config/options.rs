//! What is given by flag, environment variable or configuration file.

use std::{
    fs,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
};

use clap::Args;
use leadcapture_webhook::{
    cli::{Options as WebhookOptions, Span},
    telemetry::{LogFormat, SampleRatio, TelemetrySettings},
};
use serde::Deserialize;

use crate::grpc::Reflection;

/// The options of `serve`. Each is a key of the configuration file too, with underscores.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Database: `sqlite://PATH?mode=rwc` or `postgres://…` [default: `sqlite://leadcapture.db?mode=rwc`]
    #[arg(long, env = "LEADCAPTURE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Address of the gRPC server; beyond loopback only once there are tokens, and with TLS [default: 127.0.0.1:50051]
    #[arg(long, env = "LEADCAPTURE_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Address of the Voicenter webhook, to run it in this process; beyond loopback it needs secrets and TLS [default: not run]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_LISTEN", value_name = "ADDR")]
    pub webhook_listen: Option<SocketAddr>,
    /// File in which the webhook in this process keeps records that could not be recorded yet
    /// [default: leadcapture-webhook-spool.db]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_SPOOL", value_name = "FILE")]
    pub webhook_spool: Option<PathBuf>,
    /// Address of the Prometheus metrics, path /metrics; loopback only [default: 127.0.0.1:9464]
    #[arg(long, env = "LEADCAPTURE_METRICS_LISTEN", value_name = "ADDR")]
    pub metrics_listen: Option<SocketAddr>,
    /// Certificate of the gRPC server and of the authorities between it and a root (PEM)
    #[arg(long, env = "LEADCAPTURE_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the server's certificate (PEM)
    #[arg(long, env = "LEADCAPTURE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Authorities of the certificates that clients must show (PEM) [default: none is asked for]
    #[arg(long, env = "LEADCAPTURE_TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
    /// How often the files of the certificates are looked at for changes [default: 5s]
    #[arg(long, env = "LEADCAPTURE_RELOAD_INTERVAL", value_name = "TIME")]
    pub reload_interval: Option<Span>,
    /// Serve unencrypted beyond loopback, where whoever listens in reads tokens and customers; tokens are needed all the same
    #[arg(long, env = "LEADCAPTURE_INSECURE", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub insecure: Option<bool>,
    /// Who may ask which services there are: open, authenticated (with any good token) or off [default: authenticated]
    #[arg(long, env = "LEADCAPTURE_REFLECTION", value_name = "WHO")]
    pub reflection: Option<Reflection>,
    /// How long a token may go on being accepted after it was revoked, at most 10s [default: 5s]
    #[arg(long, env = "LEADCAPTURE_AUTH_CACHE_TTL", value_name = "TIME")]
    pub auth_cache_ttl: Option<Span>,
    /// Requests per second that each token may send to this process [default: no limit]
    #[arg(long, env = "LEADCAPTURE_TOKEN_RATE", value_name = "NUMBER")]
    pub token_rate: Option<NonZeroU32>,
    /// Requests that a token may send at once after a silence; needs a rate [default: those of a second]
    #[arg(long, env = "LEADCAPTURE_TOKEN_BURST", value_name = "NUMBER")]
    pub token_burst: Option<NonZeroU32>,
    /// How often it is written down when tokens were last used [default: 1m]
    #[arg(long, env = "LEADCAPTURE_TOKEN_USE_INTERVAL", value_name = "TIME")]
    pub token_use_interval: Option<Span>,
    /// Whether to bring the schema up to date on start [default: true]
    #[arg(long, env = "LEADCAPTURE_MIGRATE_ON_START", value_name = "BOOL")]
    pub migrate_on_start: Option<bool>,
    /// Region of business numbers that are written without a country code [default: IL]
    #[arg(long, env = "LEADCAPTURE_REGION", value_name = "CODE")]
    pub region: Option<String>,
    /// Most database connections of this process [default: 16]
    #[arg(long, env = "LEADCAPTURE_DATABASE_MAX_CONNECTIONS", value_name = "NUMBER")]
    pub database_max_connections: Option<NonZeroU32>,
    /// How long a request waits for a database connection [default: 3s]
    #[arg(long, env = "LEADCAPTURE_DATABASE_ACQUIRE_TIMEOUT", value_name = "TIME")]
    pub database_acquire_timeout: Option<Span>,
    /// How long one statement may take, PostgreSQL only [default: 10s]
    #[arg(long, env = "LEADCAPTURE_DATABASE_STATEMENT_TIMEOUT", value_name = "TIME")]
    pub database_statement_timeout: Option<Span>,
    /// How long a statement waits for a lock before its transaction starts again, PostgreSQL only [default: 2s]
    #[arg(long, env = "LEADCAPTURE_DATABASE_LOCK_TIMEOUT", value_name = "TIME")]
    pub database_lock_timeout: Option<Span>,
    /// Transactions that record calls at the same time; on SQLite always one [default: 4]
    #[arg(long, env = "LEADCAPTURE_RECORDING_WORKERS", value_name = "NUMBER")]
    pub recording_workers: Option<NonZeroUsize>,
    /// Most calls that wait to be recorded; more are refused as overload [default: 4096]
    #[arg(long, env = "LEADCAPTURE_RECORDING_QUEUE", value_name = "NUMBER")]
    pub recording_queue: Option<NonZeroUsize>,
    /// Largest request in bytes [default: 16777216]
    #[arg(long, env = "LEADCAPTURE_MAX_MESSAGE_BYTES", value_name = "BYTES")]
    pub max_message_bytes: Option<NonZeroUsize>,
    /// Largest export of a customer in bytes of JSON; of what is more only the newest is exported [default: 4000000]
    #[arg(long, env = "LEADCAPTURE_MAX_EXPORT_BYTES", value_name = "BYTES")]
    pub max_export_bytes: Option<NonZeroUsize>,
    /// How long a request may take whose caller sets no deadline; waiting for follow-ups comes on top [default: 30s]
    #[arg(long, env = "LEADCAPTURE_REQUEST_TIMEOUT", value_name = "TIME")]
    pub request_timeout: Option<Span>,
    /// Most requests in flight; more are refused as overload [default: 1024]
    #[arg(long, env = "LEADCAPTURE_MAX_REQUESTS", value_name = "NUMBER")]
    pub max_requests: Option<NonZeroUsize>,
    /// Most workers that wait for follow-ups at the same time; more are refused as overload [default: 1024]
    #[arg(long, env = "LEADCAPTURE_MAX_CLAIMS", value_name = "NUMBER")]
    pub max_claims: Option<NonZeroUsize>,
    /// Most memory in bytes that requests in flight may take; more are refused as overload [default: 67108864]
    #[arg(long, env = "LEADCAPTURE_MAX_REQUEST_MEMORY", value_name = "BYTES")]
    pub max_request_memory: Option<NonZeroUsize>,
    /// How much of `max_requests`, `max_claims` and `max_request_memory` one token may have, in percent [default: 50]
    #[arg(long, env = "LEADCAPTURE_TOKEN_SHARE", value_name = "PERCENT")]
    pub token_share: Option<NonZeroUsize>,
    /// Most gRPC connections; more wait to be accepted [default: 1024]
    #[arg(long, env = "LEADCAPTURE_MAX_CONNECTIONS", value_name = "NUMBER")]
    pub max_connections: Option<NonZeroUsize>,
    /// How long a new connection may take for the TLS handshake, and then to begin the protocol [default: 10s]
    #[arg(long, env = "LEADCAPTURE_HANDSHAKE_TIMEOUT", value_name = "TIME")]
    pub handshake_timeout: Option<Span>,
    /// Most requests at the same time on one connection [default: 128]
    #[arg(long, env = "LEADCAPTURE_MAX_STREAMS", value_name = "NUMBER")]
    pub max_streams: Option<NonZeroU32>,
    /// After what time a client is asked to connect anew; its requests in flight are finished [default: never]
    #[arg(long, env = "LEADCAPTURE_MAX_CONNECTION_AGE", value_name = "TIME")]
    pub max_connection_age: Option<Span>,
    /// How long a connection may be silent before it is probed, and how long the answer may take [default: 20s]
    #[arg(long, env = "LEADCAPTURE_KEEPALIVE", value_name = "TIME")]
    pub keepalive: Option<Span>,
    /// How often unrouted calls are looked through for numbers that have an owner by now [default: 30s]
    #[arg(long, env = "LEADCAPTURE_SWEEP_INTERVAL", value_name = "TIME")]
    pub sweep_interval: Option<Span>,
    /// For how many days an unrouted call is kept [default: 30]
    #[arg(long, env = "LEADCAPTURE_UNROUTED_RETENTION_DAYS", value_name = "DAYS")]
    pub unrouted_retention_days: Option<NonZeroU32>,
    /// For how many hours an answered request is remembered by its `request_id` [default: 24]
    #[arg(long, env = "LEADCAPTURE_REQUEST_ID_HOURS", value_name = "HOURS")]
    pub request_id_hours: Option<NonZeroU32>,
    /// How often the database is asked whether it is there, for the health of the services [default: 5s]
    #[arg(long, env = "LEADCAPTURE_HEALTH_INTERVAL", value_name = "TIME")]
    pub health_interval: Option<Span>,
    /// How often what has outlived its time is deleted [default: 10m]
    #[arg(long, env = "LEADCAPTURE_PURGE_INTERVAL", value_name = "TIME")]
    pub purge_interval: Option<Span>,
    /// File with the key by which erased customers are known again, the same for all servers of a database
    /// [default: beside a SQLite database, made if it is not there; none for PostgreSQL]
    #[arg(long, env = "LEADCAPTURE_ERASURE_KEY_FILE", value_name = "FILE")]
    pub erasure_key_file: Option<PathBuf>,
    /// After how many days without a change the personal texts of a closed lead are blanked [default: never]
    #[arg(long, env = "LEADCAPTURE_CLOSED_LEAD_RETENTION_DAYS", value_name = "DAYS")]
    pub closed_lead_retention_days: Option<NonZeroU32>,
    /// How often a follow-up is handed out before a failure is final [default: 5]
    #[arg(long, env = "LEADCAPTURE_FOLLOW_UP_ATTEMPTS", value_name = "NUMBER")]
    pub follow_up_attempts: Option<NonZeroU32>,
    /// How long requests in flight may go on after SIGTERM [default: 15s]
    #[arg(long, env = "LEADCAPTURE_SHUTDOWN_TIMEOUT", value_name = "TIME")]
    pub shutdown_timeout: Option<Span>,
    /// Which log lines to write, for example info or `leadcapture_server=debug` [default: info]
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
    /// Settings of the webhook in this process: a table `[webhook]` with the keys of leadcapture-webhook's own file; its environment
    /// variables win over it
    #[arg(skip)]
    pub webhook: WebhookOptions,
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

    /// The options with those of the environment for a webhook in this process, if there is to be one, in place of what the file says.
    ///
    /// # Errors
    /// A variable of the webhook holds what it may not; the message names it or its flag.
    pub fn with_webhook_environment(mut self) -> Result<Self, String> {
        if self.webhook_listen.is_some() {
            self.webhook = WebhookOptions::of_environment()?.or(self.webhook);
        }
        Ok(self)
    }

    pub(super) fn or(self, file: Self) -> Self {
        Self {
            database_url: self.database_url.or(file.database_url),
            listen: self.listen.or(file.listen),
            webhook_listen: self.webhook_listen.or(file.webhook_listen),
            webhook_spool: self.webhook_spool.or(file.webhook_spool),
            metrics_listen: self.metrics_listen.or(file.metrics_listen),
            tls_cert: self.tls_cert.or(file.tls_cert),
            tls_key: self.tls_key.or(file.tls_key),
            tls_client_ca: self.tls_client_ca.or(file.tls_client_ca),
            reload_interval: self.reload_interval.or(file.reload_interval),
            insecure: self.insecure.or(file.insecure),
            reflection: self.reflection.or(file.reflection),
            auth_cache_ttl: self.auth_cache_ttl.or(file.auth_cache_ttl),
            token_rate: self.token_rate.or(file.token_rate),
            token_burst: self.token_burst.or(file.token_burst),
            token_use_interval: self.token_use_interval.or(file.token_use_interval),
            migrate_on_start: self.migrate_on_start.or(file.migrate_on_start),
            region: self.region.or(file.region),
            database_max_connections: self.database_max_connections.or(file.database_max_connections),
            database_acquire_timeout: self.database_acquire_timeout.or(file.database_acquire_timeout),
            database_statement_timeout: self.database_statement_timeout.or(file.database_statement_timeout),
            database_lock_timeout: self.database_lock_timeout.or(file.database_lock_timeout),
            recording_workers: self.recording_workers.or(file.recording_workers),
            recording_queue: self.recording_queue.or(file.recording_queue),
            max_message_bytes: self.max_message_bytes.or(file.max_message_bytes),
            max_export_bytes: self.max_export_bytes.or(file.max_export_bytes),
            request_timeout: self.request_timeout.or(file.request_timeout),
            max_requests: self.max_requests.or(file.max_requests),
            max_claims: self.max_claims.or(file.max_claims),
            max_request_memory: self.max_request_memory.or(file.max_request_memory),
            token_share: self.token_share.or(file.token_share),
            max_connections: self.max_connections.or(file.max_connections),
            handshake_timeout: self.handshake_timeout.or(file.handshake_timeout),
            max_streams: self.max_streams.or(file.max_streams),
            max_connection_age: self.max_connection_age.or(file.max_connection_age),
            keepalive: self.keepalive.or(file.keepalive),
            sweep_interval: self.sweep_interval.or(file.sweep_interval),
            unrouted_retention_days: self.unrouted_retention_days.or(file.unrouted_retention_days),
            request_id_hours: self.request_id_hours.or(file.request_id_hours),
            health_interval: self.health_interval.or(file.health_interval),
            purge_interval: self.purge_interval.or(file.purge_interval),
            erasure_key_file: self.erasure_key_file.or(file.erasure_key_file),
            closed_lead_retention_days: self.closed_lead_retention_days.or(file.closed_lead_retention_days),
            follow_up_attempts: self.follow_up_attempts.or(file.follow_up_attempts),
            shutdown_timeout: self.shutdown_timeout.or(file.shutdown_timeout),
            log: self.log.or(file.log),
            log_format: self.log_format.or(file.log_format),
            trace_collector: self.trace_collector.or(file.trace_collector),
            trace_sample_ratio: self.trace_sample_ratio.or(file.trace_sample_ratio),
            webhook: file.webhook,
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
}

fn read_file(path: &Path) -> Result<Options, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // Only the message: the whole error shows the line, which may hold a password.
    toml::from_str(&text)
        .map_err(|error| format!("{}: {}", path.display(), error.message().replace('\n', " ")))
}
