//! A PostgreSQL server that ends connections or takes none. On SQLite the database is a file and goes nowhere.

use std::time::{Duration, Instant};

use serde_json::Value;
use tonic_health::pb::health_check_response::ServingStatus;

use super::{Load, assert_unavailable};
use crate::support::{
    calls::{LINE, missed, mobile},
    database::{Engine, TestDatabase},
    maintenance::Maintenance,
    server::{TestServer, present},
    wait::until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_end_under_load_lose_and_double_nothing() {
    let db = TestDatabase::new(Engine::Postgres).await;
    let maintenance = Maintenance::of(&db).await;
    let server = TestServer::start(&db).await;
    let tenant = server.tenant_with_line(LINE).await;
    let load = Load::start(&server);
    let mut ended = 0;
    for _ in 0..15 {
        load.more(15).await;
        ended += maintenance.end_connections().await;
    }
    load.more(15).await;
    let outcome = load.stop().await;
    assert!(ended >= 15, "{ended}");
    outcome.failed.iter().for_each(|(_, status)| assert_unavailable(status));
    outcome.assert_recorded(&server, &tenant).await;
    outcome.assert_repeatable(&server, &tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_told_at_once_and_comes_back() {
    let db = TestDatabase::new(Engine::Postgres).await;
    let maintenance = Maintenance::of(&db).await;
    let server = TestServer::start_with_webhook(&db).await;
    let tenant = server.tenant_with_line(LINE).await;
    let now = present();
    let post = async |id: &str| {
        let record = serde_json::json!({
            "ivruniqueid": id, "DateEpoch": now.timestamp(), "duration": 0, "status": "NOANSWER", "type": "Incoming Call",
            "caller": mobile(2), "did": LINE,
        });
        let url = server.webhook_url("/webhooks/voicenter/cdr");
        let answer = reqwest::Client::new().post(url).body(record.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap()["Err"].clone())
    };

    maintenance.allow_connections(false).await;
    maintenance.end_connections().await;
    // More often than the pool has connections: first those that are broken fail, then there are none to be had.
    for _ in 0..20 {
        let asked = Instant::now();
        assert_unavailable(&server.try_record(missed("1", &mobile(1), now)).await.unwrap_err());
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    }
    assert_unavailable(&server.record_batch(vec![missed("1", &mobile(1), now)]).await.unwrap_err());
    assert_unavailable(&server.try_list(&tenant).await.unwrap_err());
    // The webhook keeps what its server cannot record.
    assert_eq!(post("2").await, (200, 0.into()));
    let becomes = async |status| {
        // Of a service, and of the server as a whole.
        for service in ["leadcapture.v1.MissedCallService", ""] {
            let changed = async || (server.health(service).await == Some(status)).then_some(());
            until("the health to change", changed).await;
        }
    };
    becomes(ServingStatus::NotServing).await;

    maintenance.allow_connections(true).await;
    becomes(ServingStatus::Serving).await;
    server.record(missed("1", &mobile(1), now)).await;
    until("the webhook's call to be recorded", async || {
        (server.all_missed_calls(&tenant).await.len() == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_survives_a_database_that_is_away_for_a_while() {
    let db = TestDatabase::new(Engine::Postgres).await;
    let maintenance = Maintenance::of(&db).await;
    let server = TestServer::start(&db).await;
    let tenant = server.tenant_with_line(LINE).await;
    let load = Load::start(&server);
    load.more(50).await;
    maintenance.allow_connections(false).await;
    maintenance.end_connections().await;
    until("a call to fail", async || (load.failed() > 0).then_some(())).await;
    maintenance.allow_connections(true).await;
    load.more(50).await;
    let outcome = load.stop().await;
    outcome.failed.iter().for_each(|(_, status)| assert_unavailable(status));
    outcome.assert_recorded(&server, &tenant).await;
    outcome.assert_repeatable(&server, &tenant).await;
}
