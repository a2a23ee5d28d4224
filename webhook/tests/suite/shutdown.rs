//! What has begun is finished.

use std::time::Duration;

use leadcapture_webhook::Settings;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    adapter::{Adapter, record},
    remote::Remote,
};

/// Long enough for a busy machine: these tests wait for conditions, never for the time to pass.
fn patient(remote: &Remote) -> Settings {
    Settings {
        server: remote.url(),
        patience: Duration::from_mins(1),
        shutdown_timeout: Duration::from_mins(1),
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_sender_that_hangs_up_does_not_stop_the_recording() {
    let remote = Remote::start_held().await;
    let adapter = Adapter::with(patient(&remote)).await;
    {
        let posting = adapter.post(record(&json!({})).to_string());
        tokio::select! {
            answer = posting => panic!("answered too early: {answer:?}"),
            () = remote.begun(1) => {}
        }
    }
    // The next request is answered after the server has noticed that the first sender is gone.
    assert_eq!(adapter.send(reqwest::Method::GET, "/healthz", "").await.status, 200);
    // Nor does a shutdown, although no connection is left to wait for.
    adapter.shutdown.cancel();
    let mut served = adapter.served;
    assert!(timeout(Duration::from_millis(100), &mut served).await.is_err());
    remote.release();
    served.await.unwrap().unwrap();
    assert_eq!(remote.recorded_now().len(), 1);
}

#[tokio::test]
async fn a_shutdown_finishes_requests_in_flight() {
    let remote = Remote::start_held().await;
    let adapter = Adapter::with(patient(&remote)).await;
    let posting = adapter.post(record(&json!({})).to_string());
    let ending = async {
        remote.begun(1).await;
        adapter.shutdown.cancel();
        remote.release();
    };
    let (answer, ()) = tokio::join!(posting, ending);
    answer.assert_ok();
    let refused = reqwest::get(adapter.url("/healthz"));
    adapter.served.await.unwrap().unwrap();
    assert!(refused.await.is_err());
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let remote = Remote::start_held().await;
    let settings = Settings { shutdown_timeout: Duration::from_millis(50), ..patient(&remote) };
    let adapter = Adapter::with(settings).await;
    let url = adapter.url("/webhooks/voicenter/cdr");
    let posting = tokio::spawn(reqwest::Client::new().post(url).body(record(&json!({})).to_string()).send());
    remote.begun(1).await;
    adapter.shutdown.cancel();
    adapter.served.await.unwrap().unwrap();
    assert!(!posting.is_finished());
}
