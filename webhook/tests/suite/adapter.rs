//! The webhook under test, on a port of its own, at a fixed time.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use leadcapture_webhook::{
    Clock, Environment, ServeError, Settings, Webhook,
    config::DEFAULT_SPOOL,
    random::SeededRandom,
    spool::{Store, Totals},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{logs, remote::Remote};

pub(crate) const PATH: &str = "/webhooks/voicenter/cdr";

/// The present of every test: begins a little after the calls of the samples.
pub(crate) struct TestClock(Instant);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-01-27T12:30:00Z").unwrap().to_utc() + self.0.elapsed()
    }
}

pub(crate) struct Adapter {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<Result<(), ServeError>>,
    http: reqwest::Client,
    pub(crate) environment: Environment,
    path: PathBuf,
    _folder: TempDir,
}

impl Adapter {
    pub(crate) async fn start(remote: &Remote) -> Self {
        Self::with(Settings { server: remote.url(), ..Settings::default() }).await
    }

    /// With a spool of its own, and long enough a patience for a busy machine, unless the test sets them.
    pub(crate) async fn with(mut settings: Settings) -> Self {
        if settings.patience == Settings::default().patience {
            settings.patience = Duration::from_mins(1);
        }
        logs::watch();
        let folder = TempDir::new().unwrap();
        if settings.spool.path == Path::new(DEFAULT_SPOOL) {
            settings.spool.path = folder.path().join("spool.db");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let environment = Environment::new(TestClock::new(), SeededRandom::new(1));
        let path = settings.spool.path.clone();
        // Its spool is there from the beginning.
        let webhook = Webhook::open(settings, environment.clone()).unwrap();
        let served = tokio::spawn(webhook.serve(listener, shutdown.clone()));
        Self { address, shutdown, served, http: reqwest::Client::new(), environment, path, _folder: folder }
    }

    /// Ends the adapter in order, and waits for it.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.served.await.unwrap().unwrap();
    }

    /// The adapter's spool, opened beside it.
    pub(crate) fn spool(&self) -> Store {
        Store::open_existing(&self.path, Duration::from_secs(10)).unwrap()
    }

    pub(crate) fn spool_path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn spooled(&self) -> Totals {
        self.spool().totals().unwrap()
    }

    /// Waits until nothing waits in the spool.
    pub(crate) async fn forwarded(&self) {
        until("everything to be forwarded", async || (self.spooled().waiting.deliveries == 0).then_some(()))
            .await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        self.request(method, path, &[], body).await
    }

    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        self.request(reqwest::Method::POST, PATH, &[], body).await
    }

    pub(crate) async fn post_as(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.request(reqwest::Method::POST, PATH, &[("content-type", content_type)], body).await
    }

    pub(crate) async fn request(
        &self,
        method: reqwest::Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self.http.request(method, self.url(path)).timeout(Duration::from_secs(30));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.body(body).send().await.unwrap()).await
    }
}

/// What the sender sees.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) allow: Option<String>,
    pub(crate) accept_encoding: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Self {
            status: response.status().as_u16(),
            content_type: header("content-type").unwrap_or_default(),
            allow: header("allow"),
            accept_encoding: header("accept-encoding"),
            retry_after: header("retry-after"),
            body: response.text().await.unwrap(),
        }
    }

    /// Status, `Err` and `Errdesc`.
    pub(crate) fn parts(&self) -> (u16, u64, String) {
        assert_eq!(self.content_type, "application/json");
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        (self.status, body["Err"].as_u64().unwrap(), body["Errdesc"].as_str().unwrap().to_owned())
    }

    /// Whether the record is one that need not be sent again, as it can never be recorded; in whatever format.
    pub(crate) fn is_malformed(&self) -> bool {
        let parse_error = ["{\"Err\":1,", "Err=1&", "<name>Err</name><value><int>1</int>"];
        self.status == 200 && parse_error.iter().any(|error| self.body.contains(error))
    }

    pub(crate) fn assert_ok(&self) {
        assert_eq!((self.status, self.body.as_str()), (200, r#"{"Err":0,"Errdesc":"OK"}"#));
    }
}

/// A good record with these fields replaced or added; a null takes a field away.
pub(crate) fn record(changes: &Value) -> Value {
    let mut record = json!({
        "ivruniqueid": "202601271310000b2d8", "time": 1_769_519_400, "duration": 20, "status": "NOANSWER",
        "caller": "0521234567", "did": "0771234567", "type": "Incoming Call",
    });
    record.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    record.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    record
}

/// Asks again and again until there is an answer. Fails after a minute, which is long enough for a busy machine.
pub(crate) async fn until<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
