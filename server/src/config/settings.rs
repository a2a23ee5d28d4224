//! What the options come to, with a default for everything.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use chrono::TimeDelta;
use leadcapture_webhook::{Settings as WebhookSettings, cli::Span, tls::TlsFiles};

use super::{DEFAULT_DATABASE_URL, Options};
use crate::{
    auth::{AuthSettings, MAX_CACHE_TTL, TokenRate},
    domain::phone::Region,
    erasure_key::ErasureKeySource,
    grpc::{Limits, Reflection},
    storage::{DatabaseSettings, QueueSettings, RetryPolicy},
};

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// The longest that anything is kept, where that is a setting.
const MAX_KEPT: TimeDelta = TimeDelta::days(36_500);

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The database.
    pub database: DatabaseSettings,
    /// Where gRPC listens.
    pub listen: SocketAddr,
    /// Where the webhook listens, if it runs in this process.
    pub webhook_listen: Option<SocketAddr>,
    /// How the webhook behaves; its server is always this one.
    pub webhook: WebhookSettings,
    /// Where metrics are served.
    pub metrics_listen: SocketAddr,
    /// The certificates of the gRPC listener; absent to serve unencrypted.
    pub tls: Option<TlsFiles>,
    /// How often the files of the certificates are looked at for changes.
    pub reload_interval: Duration,
    /// Whether gRPC may be served unencrypted beyond loopback.
    pub insecure: bool,
    /// Who may use reflection.
    pub reflection: Reflection,
    /// How tokens are checked.
    pub auth: AuthSettings,
    /// How many requests a token may send; no limit if absent.
    pub token_rate: Option<TokenRate>,
    /// How often it is written down when tokens were last used.
    pub token_use_interval: Duration,
    /// Whether the schema is brought up to date on start.
    pub migrate_on_start: bool,
    /// How calls are gathered for recording.
    pub recording: QueueSettings,
    /// How much the callers may ask of the server.
    pub limits: Limits,
    /// How often unrouted calls are looked through.
    pub sweep_interval: Duration,
    /// How often the database is asked whether it is there.
    pub health_interval: Duration,
    /// How often what has outlived its time is deleted.
    pub purge_interval: Duration,
    /// For how long an unrouted call is kept.
    pub unrouted_retention: TimeDelta,
    /// Where the key comes from by which erased customers are known again.
    pub erasure_key: ErasureKeySource,
    /// After which time without a change the personal texts of a closed lead are blanked; absent for never.
    pub closed_lead_retention: Option<TimeDelta>,
    /// How long requests in flight may go on after a shutdown began.
    pub shutdown_timeout: Duration,
}
/// How long something is kept, given in `unit`s.
fn kept(name: &str, given: Option<NonZeroU32>, unit: TimeDelta) -> Result<Option<TimeDelta>, String> {
    let Some(units) = given else { return Ok(None) };
    let time = i32::try_from(units.get()).ok().and_then(|units| unit.checked_mul(units));
    match time.filter(|time| *time <= MAX_KEPT) {
        Some(time) => Ok(Some(time)),
        None => Err(format!("{name}: {units} is more than a hundred years ({} days)", MAX_KEPT.num_days())),
    }
}

impl Options {
    /// The settings, defaults in place of what was not given.
    ///
    /// # Errors
    /// The region is unknown, something would be kept for more than a hundred years, tokens would be kept for too long, a burst has no rate, or settings of the webhook do not go together.
    pub fn settings(&self) -> Result<Settings, String> {
        let span = |given: Option<Span>, default: Duration| given.map_or(default, |span| span.0);
        let acquire_timeout = span(self.database_acquire_timeout, Duration::from_secs(3));
        let cache_ttl = span(self.auth_cache_ttl, Duration::from_secs(5));
        if cache_ttl > MAX_CACHE_TTL {
            return Err(format!(
                "auth_cache_ttl: {cache_ttl:?} is longer than {MAX_CACHE_TTL:?}, within which a revoked token must be refused"
            ));
        }
        let region = self.region.as_deref().unwrap_or("IL");
        let region: Region = region
            .parse()
            .map_err(|_| format!("region: {region} is no ISO 3166-1 alpha-2 code, for example IL"))?;
        let url = self.database_url.clone().unwrap_or_else(|| DEFAULT_DATABASE_URL.to_owned());
        // SQLite has one writer: a second transaction would only wait for the first.
        let mut webhook = self.webhook.settings().map_err(|error| format!("webhook: {error}"))?;
        if let Some(path) = &self.webhook_spool {
            webhook.spool.path.clone_from(path);
        }
        let workers = if url.starts_with("sqlite:") { 1 } else { count(self.recording_workers, 4) };
        let request_id_lifetime = kept("request_id_hours", self.request_id_hours, TimeDelta::hours(1))?;
        let unrouted_retention =
            kept("unrouted_retention_days", self.unrouted_retention_days, TimeDelta::days(1))?;
        let closed_lead_retention =
            kept("closed_lead_retention_days", self.closed_lead_retention_days, TimeDelta::days(1))?;
        let (message_bytes, memory) = self.sizes()?;
        let erasure_key = ErasureKeySource::new(self.erasure_key_file.clone(), &url);
        Ok(Settings {
            database: DatabaseSettings {
                url,
                max_connections: self.database_max_connections.map_or(16, NonZeroU32::get),
                acquire_timeout,
                statement_timeout: span(self.database_statement_timeout, Duration::from_secs(10)),
                lock_timeout: span(self.database_lock_timeout, Duration::from_secs(2)),
                retry: RetryPolicy::default(),
                request_id_lifetime: request_id_lifetime.unwrap_or(TimeDelta::hours(24)),
                follow_up_attempts: self
                    .follow_up_attempts
                    .map_or(5, |attempts| i32::try_from(attempts.get()).unwrap_or(i32::MAX)),
                region,
                export_bytes: count(self.max_export_bytes, 4_000_000),
            },
            listen: self.listen.unwrap_or(loopback(50051)),
            webhook_listen: self.webhook_listen,
            webhook,
            metrics_listen: self.metrics_listen.unwrap_or(loopback(9464)),
            tls: self.tls()?,
            reload_interval: span(self.reload_interval, Duration::from_secs(5)),
            insecure: self.insecure.unwrap_or(false),
            reflection: self.reflection.unwrap_or_default(),
            auth: AuthSettings { cache_ttl, lookup_timeout: acquire_timeout },
            token_rate: self.token_rate()?,
            token_use_interval: span(self.token_use_interval, Duration::from_mins(1)),
            migrate_on_start: self.migrate_on_start.unwrap_or(true),
            recording: QueueSettings { workers, batch: 200, capacity: count(self.recording_queue, 4_096) },
            limits: Limits {
                message_bytes,
                memory,
                token_share: self.token_share()?,
                request_timeout: span(self.request_timeout, Duration::from_secs(30)),
                requests: count(self.max_requests, 1_024),
                claims: count(self.max_claims, 1_024),
                connections: count(self.max_connections, 1_024),
                handshake: span(self.handshake_timeout, Duration::from_secs(10)),
                streams: self.max_streams.map_or(128, NonZeroU32::get),
                connection_age: self.max_connection_age.map(|span| span.0),
                keepalive: span(self.keepalive, Duration::from_secs(20)),
            },
            sweep_interval: span(self.sweep_interval, Duration::from_secs(30)),
            health_interval: span(self.health_interval, Duration::from_secs(5)),
            purge_interval: span(self.purge_interval, Duration::from_mins(10)),
            unrouted_retention: unrouted_retention.unwrap_or(TimeDelta::days(30)),
            erasure_key,
            closed_lead_retention,
            shutdown_timeout: span(self.shutdown_timeout, Duration::from_secs(15)),
        })
    }

    /// The largest message, and the memory of all requests in flight.
    fn sizes(&self) -> Result<(usize, usize), String> {
        let message_bytes = count(self.max_message_bytes, 16 * 1024 * 1024);
        let least = message_bytes.saturating_mul(2);
        let memory = count(self.max_request_memory, least.max(64 * 1024 * 1024));
        if memory < least {
            return Err(format!(
                "max_request_memory: must be at least {least}, twice max_message_bytes, or a request of that size would never be let in"
            ));
        }
        Ok((message_bytes, memory))
    }

    fn token_share(&self) -> Result<usize, String> {
        match count(self.token_share, 50) {
            percent @ 1..=100 => Ok(percent),
            _ => Err("token_share: must be from 1 to 100 percent".to_owned()),
        }
    }

    fn tls(&self) -> Result<Option<TlsFiles>, String> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Ok(Some(TlsFiles {
                cert: cert.clone(),
                key: key.clone(),
                client_ca: self.tls_client_ca.clone(),
            })),
            (Some(_), None) => Err("tls_key: is needed with tls_cert".to_owned()),
            (None, Some(_)) => Err("tls_cert: is needed with tls_key".to_owned()),
            (None, None) if self.tls_client_ca.is_some() => {
                Err("tls_cert and tls_key: are needed with tls_client_ca".to_owned())
            }
            (None, None) => Ok(None),
        }
    }

    fn token_rate(&self) -> Result<Option<TokenRate>, String> {
        match (self.token_rate, self.token_burst) {
            (Some(per_second), burst) => {
                Ok(Some(TokenRate { per_second, burst: burst.unwrap_or(per_second) }))
            }
            (None, None) => Ok(None),
            (None, Some(_)) => {
                Err("token_burst: without token_rate there is no limit; set that too".to_owned())
            }
        }
    }
}

fn count(given: Option<NonZeroUsize>, default: usize) -> usize {
    given.map_or(default, NonZeroUsize::get)
}
