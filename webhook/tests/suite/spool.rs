//! Store and forward: what the server does not take now it gets later, in order, once it can.

use std::{collections::HashMap, time::Duration};

use leadcapture_webhook::{
    Settings,
    cdr::{TimeBasis, TimeRules},
    config::{ForwardSettings, SpoolSettings},
    metrics,
    spool::State,
};
use serde_json::json;
use tokio::{net::TcpListener, time::Instant};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    adapter::{Adapter, record, until},
    remote::Remote,
};

fn call(id: &str) -> String {
    record(&json!({"ivruniqueid": id})).to_string()
}

fn ids(remote: &Remote) -> Vec<String> {
    remote.recorded_now().into_iter().map(|call| call.call_id).collect()
}

/// An address at which nothing listens.
fn nowhere() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Waits short enough for a test.
fn eager(server: String) -> Settings {
    let forward = ForwardSettings {
        retry_min: Duration::from_millis(10),
        retry_max: Duration::from_millis(50),
        interval: Duration::from_millis(50),
        put_off_max: Duration::from_millis(200),
        ..ForwardSettings::default()
    };
    Settings { server, forward, ..Settings::default() }
}

#[tokio::test]
async fn a_backlog_is_forwarded_oldest_first_in_batches() {
    let address = nowhere();
    let adapter = Adapter::with(eager(format!("http://{address}"))).await;
    let sent: Vec<String> = (0..150).map(|number| format!("call-{number}")).collect();
    for id in &sent {
        adapter.post(call(id)).await.assert_ok();
    }
    assert_eq!(adapter.spooled().waiting.deliveries, 150);
    let remote = Remote::start_at(address, 10_000).await;
    adapter.forwarded().await;
    // Those that were tried while the server was away may have been overtaken meanwhile.
    let (mut recorded, tried) = (ids(&remote), 150 / 10);
    let ordered = recorded.windows(2).filter(|pair| number(&pair[0]) < number(&pair[1])).count();
    assert!(ordered >= 149 - 2 * tried, "{recorded:?}");
    recorded.sort_unstable_by_key(|id| number(id));
    assert_eq!(recorded, sent);
    assert!((10..=100).contains(&remote.largest_batch()), "{}", remote.largest_batch());
    assert_eq!(adapter.spooled().dead.deliveries, 0);
}

fn number(id: &str) -> u32 {
    id.trim_start_matches("call-").parse().unwrap()
}

#[tokio::test]
async fn while_the_server_is_away_it_is_not_asked_for_new_records() {
    let remote = Remote::start().await;
    let forward = ForwardSettings {
        retry_min: Duration::from_mins(1),
        retry_max: Duration::from_mins(1),
        ..ForwardSettings::default()
    };
    let adapter = Adapter::with(Settings { server: remote.url(), forward, ..Settings::default() }).await;
    remote.fail_with([Status::unavailable("away")]);
    for number in 0..10 {
        adapter.post(call(&number.to_string())).await.assert_ok();
    }
    assert_eq!(remote.authorizations().len(), 1, "the first record alone");
    assert_eq!(adapter.spooled().waiting.deliveries, 10);
    adapter.stop().await;
}

/// What the server says to a token that sends too much.
pub(crate) fn rate_limited(wait: Duration) -> Status {
    let mut details = ErrorDetails::with_retry_info(Some(wait));
    details.set_error_info("RATE_LIMITED", "leadcapture.v1", HashMap::new());
    Status::with_error_details(Code::ResourceExhausted, "the token has sent more", details)
}

#[tokio::test]
async fn a_server_that_is_asked_too_often_is_left_alone_for_as_long_as_it_says() {
    let remote = Remote::start().await;
    let wait = Duration::from_millis(700);
    let mut settings = eager(remote.url());
    settings.forward.retry_max = Duration::from_mins(1);
    let adapter = Adapter::with(settings).await;
    // One for the record, one for the forwarder: both are told to wait.
    remote.fail_with([rate_limited(wait), rate_limited(wait)]);
    let begun = Instant::now();
    for id in ["1", "2", "3"] {
        adapter.post(call(id)).await.assert_ok();
    }
    adapter.forwarded().await;
    assert!(begun.elapsed() >= 2 * wait, "{:?}", begun.elapsed());
    let mut recorded = ids(&remote);
    recorded.sort_unstable();
    assert_eq!(recorded, ["1", "2", "3"]);
    assert_eq!(adapter.spooled().dead.deliveries, 0);
}

#[tokio::test]
async fn more_than_the_allowed_number_do_not_wait_for_the_server() {
    let remote = Remote::start_held().await;
    let adapter = Adapter::with(Settings { server_calls: 1, ..eager(remote.url()) }).await;
    let first = adapter.post(call("1"));
    let others = async {
        remote.begun(1).await;
        for id in ["2", "3"] {
            adapter.post(call(id)).await.assert_ok();
        }
        remote.release();
    };
    let (first, ()) = tokio::join!(first, others);
    first.assert_ok();
    adapter.forwarded().await;
    let mut recorded = ids(&remote);
    recorded.sort_unstable();
    assert_eq!(recorded, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_record_that_makes_the_server_fail_does_not_stop_the_others() {
    for poison in [Status::internal("a fault"), Status::unavailable("went away"), Status::unknown("odd")] {
        let address = nowhere();
        let adapter = Adapter::with(eager(format!("http://{address}"))).await;
        for number in 0..20 {
            adapter.post(call(&number.to_string())).await.assert_ok();
        }
        let remote = Remote::start_at(address, 100_000).await;
        remote.poison("7", Some(poison));
        until("the others to be recorded", async || (ids(&remote).len() == 19).then_some(())).await;
        adapter.post(call("new")).await.assert_ok();
        until("a later one to be recorded", async || (ids(&remote).len() == 20).then_some(())).await;
        until("the others to leave the spool", async || {
            (adapter.spooled().waiting.deliveries == 1).then_some(())
        })
        .await;
        let left = adapter.spool().list(None, 0, 10).unwrap();
        assert_eq!((left[0].id, left[0].state), (8, State::Waiting));
        assert!(left[0].attempts > 0 && !left[0].problem.is_empty(), "{:?}", left[0]);
        remote.poison("7", None);
        adapter.forwarded().await;
        assert_eq!(ids(&remote).len(), 21);
    }
}

#[tokio::test]
async fn what_the_server_refuses_later_is_a_dead_letter_with_the_reason() {
    let address = nowhere();
    let adapter = Adapter::with(eager(format!("http://{address}"))).await;
    for id in ["1", "2", "3", "4"] {
        adapter.post(call(id)).await.assert_ok();
    }
    let remote = Remote::start_at(address, 10_000).await;
    remote.refuse("2", Status::invalid_argument("customer_phone is odd"));
    remote.refuse("3", Status::not_found("there is no such tenant"));
    adapter.forwarded().await;
    assert_eq!(ids(&remote).len(), 2);
    let dead = adapter.spool().list(Some(State::Dead), 0, 10).unwrap();
    let reasons: Vec<_> = dead.iter().map(|stored| (stored.id, stored.problem.as_str())).collect();
    assert_eq!(reasons, [(2, "body: customer_phone is odd"), (3, "there is no such tenant")]);
}

#[tokio::test]
async fn an_unknown_tenant_is_no_fault_of_the_senders() {
    let remote = Remote::start().await;
    let adapter = Adapter::with(eager(remote.url())).await;
    remote.refuse("1", Status::not_found("there is no such tenant"));
    adapter.post(call("1")).await.assert_ok();
    let dead = adapter.spool().list(Some(State::Dead), 0, 10).unwrap();
    assert_eq!((dead.len(), dead[0].problem.as_str()), (1, "there is no such tenant"));
}

#[tokio::test]
async fn a_record_is_read_by_the_settings_of_its_arrival() {
    let address = nowhere();
    let folder = tempfile::TempDir::new().unwrap();
    let settings = |zone, basis| Settings {
        time: TimeRules { account_zone: zone, basis },
        spool: SpoolSettings { path: folder.path().join("spool.db"), ..SpoolSettings::default() },
        ..eager(format!("http://{address}"))
    };
    let adapter = Adapter::with(settings(chrono_tz::Asia::Jerusalem, TimeBasis::Account)).await;
    let body = record(&json!({"ivruniqueid": "a", "time": 1_769_519_400})).to_string();
    adapter.post(body.clone()).await.assert_ok();
    adapter.stop().await;

    let remote = Remote::start_at(address, 10_000).await;
    let adapter = Adapter::with(settings(chrono_tz::Europe::London, TimeBasis::Utc)).await;
    adapter.forwarded().await;
    adapter.post(body).await.assert_ok();
    let starts: Vec<i64> = remote.recorded_now().iter().map(|call| call.called_at.unwrap().seconds).collect();
    // 13:10 in Jerusalem was 11:10 UTC.
    assert_eq!(starts, [1_769_519_400 - 7_200, 1_769_519_400]);
}

#[tokio::test]
async fn two_adapters_on_one_spool_lose_nothing() {
    let address = nowhere();
    let folder = tempfile::TempDir::new().unwrap();
    let settings = || Settings {
        spool: SpoolSettings { path: folder.path().join("spool.db"), ..SpoolSettings::default() },
        ..eager(format!("http://{address}"))
    };
    let adapters = [Adapter::with(settings()).await, Adapter::with(settings()).await];
    for number in 0..100 {
        adapters[number % 2].post(call(&number.to_string())).await.assert_ok();
    }
    let remote = Remote::start_at(address, 10_000).await;
    adapters[0].forwarded().await;
    let mut recorded = ids(&remote);
    recorded.sort_unstable();
    recorded.dedup();
    assert_eq!(recorded.len(), 100);
    for adapter in adapters {
        adapter.stop().await;
    }
}

#[tokio::test]
async fn metrics_tell_what_became_of_deliveries() {
    let remote = Remote::start().await;
    let adapter = Adapter::with(eager(remote.url())).await;
    adapter.post(record(&json!({"time": 1_769_990_000})).to_string()).await.assert_ok();
    assert_eq!(adapter.post("{").await.parts().1, 1);
    remote.fail_with([Status::unavailable("away")]);
    adapter.post(call("1")).await.assert_ok();
    adapter.forwarded().await;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    tokio::spawn(metrics::serve(listener, adapter.environment.metrics.clone(), adapter.shutdown.clone()));
    for expected in [
        "leadcapture_webhook_deliveries_total{result=\"recorded\"} 1",
        "leadcapture_webhook_deliveries_total{result=\"spooled\"} 1",
        "leadcapture_webhook_deliveries_total{result=\"dead_letter\"} 1",
        "leadcapture_webhook_future_records_total 1",
        "leadcapture_webhook_forward_attempts_total{result=\"answered\"} 1",
        "leadcapture_webhook_server_available 1",
        "leadcapture_webhook_spool_waiting 0",
        "leadcapture_webhook_spool_dead_letters 1",
        "leadcapture_webhook_spool_bytes 513",
        "leadcapture_webhook_spool_oldest_seconds 0",
    ] {
        until(expected, async || {
            let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
            text.lines().any(|line| line == expected).then_some(())
        })
        .await;
    }
}
