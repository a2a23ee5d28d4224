//! The real server in the process of the test, on free ports.

use std::{
    net::SocketAddr,
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use leadcapture_proto::v1::Tenant;
use leadcapture_server::{
    clock::{Clock, Environment, ManualClock, SeededRandom, SystemClock},
    config::{Options, Settings},
    domain::access::{Principal, TenantScope},
    serve::{self, RunningServer},
};

use tempfile::TempDir;

use super::{client::Client, database::TestDatabase};

/// The address that lets the system choose a port.
pub(crate) const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A running server and its clients. It ends with [`TestServer::stop`], or in the background when dropped.
#[derive(Debug)]
pub(crate) struct TestServer {
    client: Client,
    running: Option<RunningServer>,
    /// Where the webhook keeps its spool.
    _folder: TempDir,
}

impl TestServer {
    /// A server with the machine's clock.
    pub(crate) async fn start(db: &TestDatabase) -> Self {
        Self::start_with(settings(db), SystemClock).await
    }

    /// A server whose time is `clock`.
    pub(crate) async fn start_at(db: &TestDatabase, clock: &ManualClock) -> Self {
        Self::start_with(settings(db), clock.clone()).await
    }

    /// A server with the machine's clock and the webhook.
    pub(crate) async fn start_with_webhook(db: &TestDatabase) -> Self {
        Self::start_with(Settings { webhook_listen: Some(ANY_PORT), ..settings(db) }, SystemClock).await
    }

    /// A server with these settings; begin with [`settings`].
    pub(crate) async fn start_with(mut settings: Settings, clock: impl Clock) -> Self {
        let folder = TempDir::new().unwrap();
        settings.webhook.spool.path = folder.path().join("spool.db");
        let running = serve::start(settings, environment(clock)).await.unwrap();
        Self { client: Client::new(running.grpc), running: Some(running), _folder: folder }
    }

    /// Where gRPC listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().grpc
    }

    /// Where metrics are served.
    pub(crate) fn metrics_address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().metrics
    }

    /// The address of a path of the webhook.
    pub(crate) fn webhook_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.as_ref().unwrap().webhook.unwrap())
    }

    /// Ends the server in order, and waits for it.
    pub(crate) async fn stop(mut self) {
        self.running.take().unwrap().stop().await;
    }
}

impl Deref for TestServer {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.shutdown_token().cancel();
        }
    }
}

/// The default settings, on this database and free ports. Unrouted calls are swept only at the start.
pub(crate) fn settings(db: &TestDatabase) -> Settings {
    let options = Options {
        database_url: Some(db.url().to_owned()),
        listen: Some(ANY_PORT),
        metrics_listen: Some(ANY_PORT),
        erasure_key_file: db.erasure_key_file(),
        ..Options::default()
    };
    let mut settings = Settings { sweep_interval: Duration::from_hours(24), ..options.settings().unwrap() };
    // Long enough for a busy machine: what the webhook takes is recorded before it answers.
    settings.webhook.patience = Duration::from_mins(1);
    settings
}

/// The scope of a tenant, for tests that call storage itself.
pub(crate) fn scope(tenant: &Tenant) -> TenantScope {
    Principal::anonymous().scope(Some(tenant.id.parse().unwrap())).unwrap()
}

/// An environment with this clock. Each has a seed of its own, as servers that share a database must not make the same ids.
pub(crate) fn environment(clock: impl Clock) -> Environment {
    static SEED: AtomicU64 = AtomicU64::new(1);
    Environment::new(clock, SeededRandom::new(SEED.fetch_add(1, Ordering::Relaxed)))
}

/// The present, for tests of servers with the machine's clock.
pub(crate) fn present() -> DateTime<Utc> {
    SystemClock.now()
}

/// A clock that shows a working day's noon in Jerusalem until it is moved.
pub(crate) fn noon() -> ManualClock {
    ManualClock::new(DateTime::parse_from_rfc3339("2026-03-02T10:00:00Z").unwrap().to_utc())
}
