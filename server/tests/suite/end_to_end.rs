//! HTTP in, gRPC out: Voicenter's records through the webhook of a running server, and the leads that come of them.

mod door;
mod replay;
mod samples;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use chrono::TimeDelta;
use leadcapture_proto::v1::{CallDisposition, LeadStatus};
use leadcapture_server::{clock::SystemClock, config::Settings};
use leadcapture_webhook::{Environment, Settings as WebhookSettings, config::SpoolSettings};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Barrier, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::support::{
    calls::{LINE, mobile, mobile_e164, moment},
    database::{TestDatabase, both_engines},
    rows::recorded_rows,
    server::{TestServer, present, settings},
    wait::until,
};

const PATH: &str = "/webhooks/voicenter/cdr";

/// What the webhook answers: HTTP status, `Err` and `Errdesc`.
type Answer = (u16, u64, String);

async fn post(url: &str, body: impl Into<reqwest::Body>) -> Answer {
    let answer = reqwest::Client::new().post(url).body(body).send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    (status, body["Err"].as_u64().unwrap(), body["Errdesc"].as_str().unwrap().to_owned())
}

fn recorded() -> Answer {
    (200, 0, "OK".to_owned())
}

/// A record of a missed call that began a minute ago.
fn record(call_id: &str, caller: &str) -> Value {
    json!({
        "ivruniqueid": call_id, "time": present().timestamp() - 60, "duration": 20, "status": "NOANSWER",
        "caller": caller, "did": LINE, "type": "Incoming Call",
    })
}

both_engines! {
    async fn a_record_ten_times_at_once_is_one_call(db: TestDatabase) {
        let server = TestServer::start_with_webhook(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let (url, body) = (server.webhook_url(PATH), record("1", &mobile(1)).to_string());
        let barrier = Arc::new(Barrier::new(10));
        let mut requests = JoinSet::new();
        for _ in 0..10 {
            let (url, body, barrier) = (url.clone(), body.clone(), Arc::clone(&barrier));
            requests.spawn(async move {
                barrier.wait().await;
                post(&url, body).await
            });
        }
        assert_eq!(requests.join_all().await, vec![recorded(); 10]);
        let leads = server.all_leads(&tenant).await;
        assert_eq!((leads.len(), leads[0].call_count), (1, 1));
        assert_eq!(server.all_missed_calls(&tenant).await.len(), 1);
    }

    async fn a_repeat_caller_has_one_lead_however_the_number_is_written(db: TestDatabase) {
        let server = TestServer::start_with_webhook(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let url = server.webhook_url(PATH);
        for (id, caller) in [("1", "0521234567"), ("2", "972521234567"), ("3", "+972-52-123-4567"), ("4", "052 1234567")] {
            assert_eq!(post(&url, record(id, caller).to_string()).await, recorded());
        }
        let leads = server.all_leads(&tenant).await;
        assert_eq!((leads.len(), leads[0].call_count, leads[0].status()), (1, 4, LeadStatus::New));
        assert_eq!((&*leads[0].customer_phone, &*leads[0].customer_phone_local), ("+972521234567", "052-123-4567"));
    }

    async fn withheld_and_foreign_numbers_are_taken(db: TestDatabase) {
        let server = TestServer::start_with_webhook(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let url = server.webhook_url(PATH);
        for caller in ["", "anonymous", "Restricted", "unknown", "private"] {
            assert_eq!(post(&url, record(&format!("1 {caller}"), caller).to_string()).await, recorded());
        }
        assert_eq!(server.all_leads(&tenant).await, []);
        let calls = server.all_missed_calls(&tenant).await;
        assert_eq!(calls.len(), 5);
        assert!(calls.iter().all(|call| call.disposition() == CallDisposition::NoCallerId));
        assert_eq!(post(&url, record("2", "+44 20 7946 0958").to_string()).await, recorded());
        assert_eq!(server.all_leads(&tenant).await[0].customer_phone, "+442079460958");
    }

    async fn both_spellings_are_one_call(db: TestDatabase) {
        let server = TestServer::start_with_webhook(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let url = server.webhook_url(PATH);
        let push = record("1", &mobile(1));
        let capitalised = json!({
            "CallID": "1", "CallerNumber": mobile_e164(1), "DID": "077-123-4567", "DateEpoch": push["time"].to_string(),
            "Duration": "20", "DialStatus": "NOANSWER", "CdrType": "1", "QueueName": "Sales",
            "RecordURL": "https://recordings.example/1.mp3", "RepresentativeName": "Dana",
        });
        // The wrappings that were seen: an array of one, and JSON in a string.
        let wrapped = Value::from(Value::from([capitalised.clone()].to_vec()).to_string());
        for body in [push, capitalised, wrapped] {
            assert_eq!(post(&url, body.to_string()).await, recorded());
        }
        let calls = server.all_missed_calls(&tenant).await;
        assert_eq!(calls.len(), 1);
        // The first record stays; what it did not have came with the second.
        assert_eq!((&*calls[0].caller_raw, calls[0].queue_name.as_deref()), (&*mobile(1), Some("Sales")));
        assert_eq!(calls[0].recording_url.as_deref(), Some("https://recordings.example/1.mp3"));
        assert_eq!(moment(calls[0].ended_at), moment(calls[0].called_at) + TimeDelta::seconds(20));
        assert_eq!(server.all_leads(&tenant).await[0].call_count, 1);
    }

    async fn malformed_records_are_told_and_leave_nothing(db: TestDatabase) {
        let server = TestServer::start_with_webhook(&db).await;
        server.tenant_with_line(LINE).await;
        let url = server.webhook_url(PATH);
        let with = |field: &str, value: Value| {
            let mut record = record("1", &mobile(1));
            record[field] = value;
            record.to_string()
        };
        for (body, named) in [
            (String::new(), "body"),
            ("{".to_owned(), "body"),
            ("[]".to_owned(), "body"),
            (with("ivruniqueid", Value::Null), "ivruniqueid"),
            (with("ivruniqueid", "x".repeat(129).into()), "ivruniqueid"),
            (with("time", "yesterday".into()), "time"),
            (with("time", 1.into()), "time"),
            (with("time", (present().timestamp() + 200_000).into()), "time"),
            (with("duration", (-1).into()), "duration"),
        ] {
            let (status, err, description) = post(&url, body.clone()).await;
            assert_eq!((status, err), (200, 1), "{body}");
            assert!(description.contains(named), "{body}: {description}");
        }
        assert!(recorded_rows(&db).await.iter().all(|(_, rows)| *rows == 0));
    }

    async fn a_record_waits_in_the_spool_while_the_server_is_away(db: TestDatabase) {
        let server = start_at(SocketAddr::new(own_loopback().await, 0), &db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let address = server.address();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
        let spool = SpoolSettings { path: db.folder().join("spool.db"), ..SpoolSettings::default() };
        let webhook = WebhookSettings { server: format!("http://{address}"), spool, ..WebhookSettings::default() };
        let stop = CancellationToken::new();
        let adapter =
            tokio::spawn(leadcapture_webhook::serve(listener, webhook, Environment::system(), stop.clone()));
        let bodies = ["1", "2"].map(|id| record(id, &mobile(1)).to_string());

        assert_eq!(post(&url, bodies[0].clone()).await, recorded());
        server.stop().await;
        for body in bodies {
            assert_eq!(post(&url, body).await, recorded());
        }
        let server = start_at(address, &db).await;
        until("the second call to be forwarded", async || {
            (server.all_missed_calls(&tenant).await.len() == 2).then_some(())
        })
        .await;
        let leads = server.all_leads(&tenant).await;
        assert_eq!((leads.len(), leads[0].call_count), (1, 2));
        stop.cancel();
        adapter.await.unwrap().unwrap();
    }
}

async fn start_at(listen: SocketAddr, db: &TestDatabase) -> TestServer {
    TestServer::start_with(Settings { listen, ..settings(db) }, SystemClock).await
}

/// A loopback address that no other test listens on, so that none gets a port that this one means to take again. Not every
/// machine has more than one.
async fn own_loopback() -> IpAddr {
    let other = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    if TcpListener::bind((other, 0)).await.is_ok() { other } else { Ipv4Addr::LOCALHOST.into() }
}
