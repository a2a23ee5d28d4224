//! A spool that is full or cannot be written: nothing is acknowledged that is not safe, and a well server is enough.

use std::time::Duration;

use leadcapture_webhook::{
    Settings,
    config::{ForwardSettings, SpoolSettings},
};
use rusqlite::Connection;
use serde_json::json;
use tonic::Status;

use crate::{
    adapter::{Adapter, record, until},
    remote::Remote,
};

fn call(id: &str) -> String {
    record(&json!({"ivruniqueid": id})).to_string()
}

/// Ten seconds of patience with the spool would make the tests slow.
fn settings(remote: &Remote, limit: u64) -> Settings {
    let spool = SpoolSettings { limit, timeout: Duration::from_millis(300), ..SpoolSettings::default() };
    let forward = ForwardSettings {
        retry_min: Duration::from_millis(10),
        retry_max: Duration::from_millis(50),
        ..ForwardSettings::default()
    };
    Settings { server: remote.url(), spool, forward, ..Settings::default() }
}

#[tokio::test]
async fn a_full_spool_refuses_for_now_unless_the_server_is_well() {
    let remote = Remote::start().await;
    let adapter = Adapter::with(settings(&remote, 1_000)).await;
    let away = || Status::unavailable("away");
    // Malformed records need the spool whatever the server is like.
    assert_eq!(adapter.post("{").await.parts().1, 1);
    assert_eq!(
        adapter.post("{").await.parts(),
        (503, 2, "cannot record the call now; send it again".to_owned())
    );
    remote.fail_with([away()]);
    assert_eq!(adapter.post(call("1")).await.status, 503);
    // The gate is closed now, but with no room in the spool the server is the only way.
    adapter.post(call("2")).await.assert_ok();
    assert_eq!(remote.recorded_now().len(), 1);
    let totals = adapter.spooled();
    assert_eq!((totals.waiting.deliveries, totals.dead.deliveries), (0, 1));
}

#[tokio::test]
async fn a_spool_that_cannot_be_written_refuses_for_now_unless_the_server_is_well() {
    let remote = Remote::start().await;
    let adapter = Adapter::with(settings(&remote, 1_000_000)).await;
    let lock = Connection::open(adapter.spool_path()).unwrap();
    lock.busy_timeout(Duration::from_mins(1)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();

    adapter.post(call("1")).await.assert_ok();
    assert_eq!(adapter.post("{").await.parts().0, 503);
    remote.fail_with([Status::unavailable("away")]);
    assert_eq!(adapter.post(call("2")).await.parts().0, 503);
    adapter.post(call("3")).await.assert_ok();
    assert_eq!(remote.recorded_now().len(), 2);

    lock.execute_batch("COMMIT").unwrap();
    until("the spool to be used again", async || (adapter.post("{").await.status == 200).then_some(())).await;
    remote.fail_with([Status::unavailable("away")]);
    adapter.post(call("4")).await.assert_ok();
    adapter.forwarded().await;
    assert!(remote.recorded_now().iter().any(|call| call.call_id == "4"));
}

#[tokio::test]
async fn a_spool_that_cannot_be_opened_is_told_at_the_start() {
    let remote = Remote::start().await;
    let folder = tempfile::TempDir::new().unwrap();
    let spool = SpoolSettings { path: folder.path().to_owned(), ..SpoolSettings::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = leadcapture_webhook::serve(
        listener,
        Settings { server: remote.url(), spool, ..Settings::default() },
        leadcapture_webhook::Environment::system(),
        tokio_util::sync::CancellationToken::new(),
    );
    let error = served.await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("spool: {}: ", folder.path().display())), "{error}");
}
