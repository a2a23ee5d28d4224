//! How many requests a token may send: one bucket for each token, whatever it calls and over however many connections.

use std::{num::NonZeroU32, time::Duration};

use chrono::TimeDelta;
use leadcapture_proto::v1::{ListTenantsRequest, RecordCallResponse, Tenant};
use leadcapture_server::{
    auth::TokenRate,
    clock::{Clock, ManualClock, SystemClock},
    config::{Options, Settings},
    domain::access::Role,
};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{HEALTHY, SERVICE};
use crate::support::{
    calls::{LINE, before, missed, mobile},
    client::Client,
    database::{TestDatabase, both_engines},
    problem::Problem,
    server::{ANY_PORT, TestServer, noon, present, settings},
    tokens::Tokens,
};

const LIMITED: (Code, &str) = (Code::ResourceExhausted, "RATE_LIMITED");

fn limited(db: &TestDatabase, per_second: u32, burst: u32) -> Settings {
    let number = |number| NonZeroU32::new(number).unwrap();
    let rate = TokenRate { per_second: number(per_second), burst: number(burst) };
    Settings { token_rate: Some(rate), ..settings(db) }
}

/// A server with a limit, and a client of it with an admin's token.
async fn start(
    db: &TestDatabase,
    clock: &ManualClock,
    per_second: u32,
    burst: u32,
) -> (TestServer, Tokens, Client) {
    let tokens = Tokens::at(db, clock.clone()).await;
    let token = tokens.admin().await;
    let server = TestServer::start_with(limited(db, per_second, burst), clock.clone()).await;
    let client = server.with_token(&token);
    (server, tokens, client)
}

async fn ask(client: &Client) -> Result<(), Status> {
    client.tenants().list_tenants(ListTenantsRequest::default()).await.map(drop)
}

/// A request that must be refused as one too many; answers the delay after which it will not be.
async fn refused(client: &Client) -> Duration {
    let status = ask(client).await.unwrap_err();
    let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    let problem = Problem::from(status);
    assert_eq!(problem.kind(), LIMITED);
    assert_eq!(problem.metadata.len(), 1);
    assert!(problem.metadata.contains_key("requests_per_second"), "{problem:?}");
    delay
}

async fn record(client: &Client, id: &str, clock: &impl Clock) -> Result<RecordCallResponse, Status> {
    client.try_record(missed(id, &mobile(1), before(clock.now(), 60))).await
}

async fn demo(client: &Client) -> Tenant {
    client.tenant_with_line(LINE).await
}

both_engines! {
    async fn one_too_many_is_told_when_it_will_be_let_in(db: TestDatabase) {
        let clock = noon();
        let (_server, _tokens, client) = start(&db, &clock, 4, 3).await;
        for _ in 0..3 {
            ask(&client).await.unwrap();
        }
        assert_eq!(refused(&client).await, Duration::from_millis(250));
        clock.advance(TimeDelta::milliseconds(100));
        let rest = refused(&client).await;
        assert_eq!(rest, Duration::from_millis(150), "a refusal costs nothing");
        clock.advance(TimeDelta::from_std(rest).unwrap());
        ask(&client).await.unwrap();
        assert_eq!(refused(&client).await, Duration::from_millis(250));
    }

    async fn a_token_has_one_bucket_over_all_connections_and_methods(db: TestDatabase) {
        let clock = noon();
        let tokens = Tokens::at(&db, clock.clone()).await;
        let (first, second) = (tokens.admin().await, tokens.token(Role::Ingest, None).await);
        let server = TestServer::start_with(limited(&db, 1, 4), clock.clone()).await;
        let clients = [(); 2].map(|()| Client::new(server.address()).with_token(&first));
        demo(&clients[0]).await;
        for client in &clients {
            ask(client).await.unwrap();
        }
        for client in &clients {
            refused(client).await;
            let problem = Problem::from(record(client, "1", &clock).await.unwrap_err());
            assert_eq!(problem.kind(), LIMITED);
        }

        // Another token has its own. What its role may not call counts as well.
        let other = server.with_token(&second);
        for id in ["1", "2"] {
            record(&other, id, &clock).await.unwrap();
        }
        for _ in 0..2 {
            let problem = Problem::from(ask(&other).await.unwrap_err());
            assert_eq!(problem.kind(), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
        }
        refused(&other).await;
    }

    async fn a_batch_is_one_request(db: TestDatabase) {
        let clock = noon();
        let (_server, _tokens, client) = start(&db, &clock, 1, 3).await;
        demo(&client).await;
        let call = |id: u32| missed(&id.to_string(), &mobile(id), before(clock.now(), 60));
        let results = client.record_batch((0..100).map(call).collect()).await.unwrap();
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 100);
        refused(&client).await;
    }

    async fn health_strangers_and_an_open_server_are_not_limited(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_with(limited(&db, 1, 1), clock.clone()).await;
        for _ in 0..10 {
            ask(&server).await.unwrap();
        }
        server.stop().await;

        let (server, _tokens, client) = start(&db, &clock, 1, 1).await;
        ask(&client).await.unwrap();
        refused(&client).await;
        for _ in 0..10 {
            assert_eq!(client.health(SERVICE).await, HEALTHY);
            let problem = Problem::from(ask(&server).await.unwrap_err());
            assert_eq!(problem.kind(), (Code::Unauthenticated, "TOKEN_REQUIRED"));
        }
    }

    async fn the_webhook_of_the_process_is_not_limited_by_its_own_token(db: TestDatabase) {
        let token = Tokens::of(&db).await.admin().await;
        let settings = Settings { webhook_listen: Some(ANY_PORT), ..limited(&db, 1, 100) };
        let server = TestServer::start_with(settings, SystemClock).await;
        let tenant = demo(&server.with_token(&token)).await;
        let http = reqwest::Client::new();
        for id in 0..110 {
            let record = json!({
                "ivruniqueid": id.to_string(), "time": present().timestamp() - 60, "duration": 20,
                "status": "NOANSWER", "caller": mobile(id), "did": LINE, "type": "Incoming Call",
            });
            let url = server.webhook_url("/webhooks/voicenter/cdr");
            let answer = http.post(url).body(record.to_string()).send().await.unwrap();
            assert_eq!(answer.text().await.unwrap(), r#"{"Err":0,"Errdesc":"OK"}"#);
        }
        // What is in the spool would not be here yet.
        assert_eq!(server.with_token(&token).all_missed_calls(&tenant).await.len(), 110);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_among_the_metrics() {
    let db = TestDatabase::new(crate::support::database::Engine::Sqlite).await;
    let (server, _tokens, client) = start(&db, &noon(), 1, 1).await;
    ask(&client).await.unwrap();
    for _ in 0..3 {
        refused(&client).await;
    }
    let url = format!("http://{}/metrics", server.metrics_address());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    for series in [
        "leadcapture_grpc_rate_limited_requests_total 3\n",
        "leadcapture_grpc_requests_total{method=\"ListTenants\",code=\"8\"} 3\n",
    ] {
        assert!(text.contains(series), "{series}: {text}");
    }
}

#[test]
fn the_rate_can_be_set() {
    let rate = |text: &str| {
        let options: Options = toml::from_str(text).unwrap();
        options
            .settings()
            .map(|settings| settings.token_rate.map(|rate| (rate.per_second.get(), rate.burst.get())))
    };
    assert_eq!(rate("").unwrap(), None);
    assert_eq!(rate("token_rate = 50").unwrap(), Some((50, 50)));
    assert_eq!(rate("token_rate = 50\ntoken_burst = 200").unwrap(), Some((50, 200)));
    let error = rate("token_burst = 200").unwrap_err();
    assert!(error.contains("token_burst") && error.contains("token_rate"), "{error}");
    assert!(toml::from_str::<Options>("token_rate = 0").unwrap_err().message().contains("nonzero"));
}
