//! What is logged, and above all what is not.

use std::{
    io,
    sync::{Arc, LazyLock, Mutex},
};

use leadcapture_webhook::{DoorSettings, Settings, config::SecretsSource, secrets::Secrets};
use reqwest::Method;
use serde_json::json;
use tracing_subscriber::fmt::{MakeWriter, writer::MakeWriterExt as _};

use crate::{
    adapter::{Adapter, record},
    leaks::{self, Scanner},
    remote::Remote,
};

/// Also what the libraries say that see paths, headers and names.
const LEVELS: &str =
    "info,leadcapture_webhook=trace,axum=trace,hyper=trace,hyper_util=trace,rustls=debug,reqwest=info";

/// What was logged since somebody asked for it.
#[derive(Clone)]
struct Lines(Arc<Mutex<Option<Vec<u8>>>>);

static LINES: LazyLock<Lines> = LazyLock::new(|| Lines(Arc::default()));

/// Scans all that this process logs, and keeps what is asked for.
pub(crate) fn watch() {
    leaks::watch_with(LEVELS, || Scanner.and(LINES.clone()));
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kept) = self.0.lock().unwrap().as_mut() {
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_personal_data_and_no_raw_path_is_logged() {
    watch();
    // Other tests write into it too, but not these values.
    *LINES.0.lock().unwrap() = Some(Vec::new());

    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let good = record(&json!({
        "ivruniqueid": "call-4711", "caller": "0529990011", "did": "0779990022", "representative_name": "Zippora",
        "queuename": "x".repeat(300), "CustomData": {"note": "Confidential"},
        "0529990011": "x".repeat(20_000), "time": 1_769_990_000, "Date": "2026-02-27T11:10:00Z",
    }));
    adapter.post(good.to_string()).await.assert_ok();
    let bad = record(&json!({"ivruniqueid": "0529990011".repeat(20), "time": "Zippora"}));
    assert_eq!(adapter.post(bad.to_string()).await.parts().1, 1);
    assert_eq!(adapter.post("{\"caller\": \"0529990011\", Zippora").await.parts().1, 1);
    remote.fail_with([tonic::Status::unavailable("away")]);
    adapter.post(good.to_string()).await.assert_ok();
    adapter.forwarded().await;
    assert_eq!(
        adapter.send(Method::POST, "/webhooks/voicenter/cdr/topsecret?x=0529990011", "").await.status,
        404
    );

    let secrets = Secrets::parse(
        "confidential-4711-secret,tenants-4711-secret-0123 0190b6c0-7a5e-7c3d-9f00-000000004711",
    );
    let door =
        DoorSettings { secrets: Some(SecretsSource::Given(secrets.unwrap())), ..DoorSettings::default() };
    let guarded = Adapter::with(Settings { server: remote.url(), door, ..Settings::default() }).await;
    for (secret, status) in [
        ("confidential-4711-secret", 200),
        ("tenants-4711-secret-0123", 200),
        ("guessed-4711-secret-0123", 404),
    ] {
        let path = format!("/webhooks/voicenter/cdr/{secret}?caller=0529990011");
        assert_eq!(guarded.send(Method::POST, &path, good.to_string()).await.status, status);
        assert_eq!(guarded.send(Method::GET, &path, "").await.status, if status == 200 { 405 } else { 404 });
    }

    let logged = String::from_utf8(LINES.0.lock().unwrap().take().unwrap()).unwrap();
    for secret in ["9990011", "9990022", "Zippora", "Confidential", "topsecret", "4711-secret"] {
        assert!(!logged.contains(secret), "{secret} in {logged}");
    }
    for expected in [
        "http_request{method=POST route=\"/webhooks/voicenter/cdr\"",
        "route=\"unknown\"",
        "http_request{method=POST route=\"/webhooks/voicenter/cdr/{secret}\"",
        "call_id=\"call-4711\"",
        "disposition=\"CALL_DISPOSITION_LEAD_CREATED\"",
        "customer=\"***11\"",
        "call ends in the future",
        "fields=[\"other fields\", \"queuename\"]",
    ] {
        assert!(logged.contains(expected), "{expected} not in {logged}");
    }
}
