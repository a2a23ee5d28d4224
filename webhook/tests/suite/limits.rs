//! Size and time: a bounded answer to everything.

use std::time::Duration;

use leadcapture_webhook::Settings;
use serde_json::json;

use crate::{
    adapter::{Adapter, record},
    raw::raw,
    remote::Remote,
};

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_with_an_answer() {
    let remote = Remote::start().await;
    let adapter =
        Adapter::with(Settings { server: remote.url(), body_limit: 1_000, ..Settings::default() }).await;
    let filled = |size: usize| {
        let empty = record(&json!({"aiData": ""})).to_string().len();
        record(&json!({"aiData": "x".repeat(size - empty)})).to_string()
    };
    adapter.post(filled(1_000)).await.assert_ok();
    for size in [1_001, 3_900] {
        let expected = (413, 1, "body: is larger than 1000 bytes".to_owned());
        assert_eq!(adapter.post(filled(size)).await.parts(), expected);
    }
    assert_eq!(remote.recorded_now().len(), 1);
}

#[tokio::test]
async fn a_large_body_within_the_limit_is_taken() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let body = record(&json!({"aiData": {"transcript": "שלום ".repeat(200_000)}})).to_string();
    adapter.post(body).await.assert_ok();
    assert_eq!(adapter.post(vec![b'['; 4 * 1024 * 1024]).await.parts().1, 1);
    assert_eq!(adapter.spooled().dead.deliveries, 1);
    assert_eq!(adapter.post(vec![b'['; 4 * 1024 * 1024 + 1]).await.parts().0, 413);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let remote = Remote::start().await;
    let settings =
        Settings { server: remote.url(), body_timeout: Duration::from_millis(100), ..Settings::default() };
    let adapter = Adapter::with(settings).await;
    let request = "POST /webhooks/voicenter/cdr HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
    let answer = raw(adapter.address, request).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.ends_with(r#"{"Err":1,"Errdesc":"body: did not arrive in time"}"#), "{answer}");
}

#[tokio::test]
async fn a_sender_that_asks_first_is_spared_the_sending() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let request = "POST /webhooks/voicenter/cdr HTTP/1.1\r\nhost: x\r\ncontent-length: 104857600\r\n\
                   expect: 100-continue\r\n\r\n";
    let answer = raw(adapter.address, request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_slow_server_is_not_waited_for() {
    let remote = Remote::start_held().await;
    let settings =
        Settings { server: remote.url(), patience: Duration::from_millis(100), ..Settings::default() };
    let adapter = Adapter::with(settings).await;
    adapter.post(record(&json!({})).to_string()).await.assert_ok();
    assert_eq!(remote.recorded_now(), []);
    remote.release();
    assert_eq!(remote.recorded(1).await.len(), 1);
    adapter.forwarded().await;
}
