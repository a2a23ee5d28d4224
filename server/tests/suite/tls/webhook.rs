//! The webhook before a server with TLS: in its process, and as a client with a certificate.

use leadcapture_proto::v1::Tenant;
use leadcapture_webhook::{Environment, Settings as WebhookSettings, Token, config::SpoolSettings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::support::{
    calls::{LINE, mobile},
    server::{ANY_PORT, present},
};

/// Posts a missed call to the webhook at `url`; whether it was taken.
async fn post(url: &str, id: &str) -> bool {
    let record = serde_json::json!({
        "ivruniqueid": id, "DateEpoch": present().timestamp(), "duration": 0, "status": "NOANSWER", "type": "Incoming Call",
        "caller": mobile(1), "did": LINE,
    });
    let answer = reqwest::Client::new().post(url).body(record.to_string()).send().await.unwrap();
    answer.json::<serde_json::Value>().await.unwrap()["Err"] == 0
}

async fn recorded(client: &Client, tenant: &Tenant, calls: usize) {
    until("the calls to be recorded", async || {
        (client.all_missed_calls(tenant).await.len() == calls).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_servers_process_it_needs_no_certificate() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let client_ca = authority.ca();
    for client_ca in [None, Some(client_ca.as_path())] {
        let db = TestDatabase::new(Engine::Sqlite).await;
        // Not even the name of the server's certificate matters, nor that its own connection would be one too many.
        let pair = strangers.issue("server", HERE, Validity::Now);
        let settings = Settings { webhook_listen: Some(ANY_PORT), ..with(&db, &pair, client_ca) };
        let server = TestServer::start_with(settings, SystemClock).await;
        let known = authority.issue("client", "crm.example", Validity::Now);
        let client = client(&server, &strangers, client_ca.map(|_| &known));
        let tenant = client.tenant_with_line(LINE).await;
        assert!(post(&server.webhook_url("/webhooks/voicenter/cdr"), "1").await);
        recorded(&client, &tenant, 1).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adapter_shows_its_certificate_and_takes_a_new_one_without_a_restart() {
    let (authority, next) = (Authority::new(), Authority::new());
    let db = TestDatabase::new(Engine::Sqlite).await;
    let token = Tokens::of(&db).await.admin().await;
    let pair = authority.issue("server", HERE, Validity::Now);
    let client_ca = authority.ca().with_file_name("clients.pem");
    fs::copy(authority.ca(), &client_ca).unwrap();
    let server = TestServer::start_with(with(&db, &pair, Some(&client_ca)), SystemClock).await;
    let known = authority.issue("crm", "crm.example", Validity::Now);
    let crm = client(&server, &authority, Some(&known)).with_token(&token);
    let tenant = crm.tenant_with_line(LINE).await;

    let own = authority.issue("adapter", "adapter.example", Validity::Now);
    let mut webhook = WebhookSettings {
        server: format!("https://{}", server.address()),
        server_tls: Some(authority.trusted(Some(&own))),
        token: Token::new(&token),
        spool: SpoolSettings { path: db.folder().join("adapter.db"), ..SpoolSettings::default() },
        ..WebhookSettings::default()
    };
    webhook.door.reload_interval = Duration::from_millis(5);
    webhook.forward.retry_max = Duration::from_millis(50);
    let listener = TcpListener::bind(ANY_PORT).await.unwrap();
    let url = format!("http://{}/webhooks/voicenter/cdr", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let adapter =
        tokio::spawn(leadcapture_webhook::serve(listener, webhook, Environment::system(), stop.clone()));
    assert!(post(&url, "1").await);
    recorded(&crm, &tenant, 1).await;

    // The server asks for certificates of another authority; the adapter gets one while it runs. The operator's client keeps its connection.
    fs::copy(next.ca(), &client_ca).unwrap();
    let renewed = next.issue("adapter", "adapter.example", Validity::Now);
    fs::copy(&renewed.key, &own.key).unwrap();
    fs::copy(&renewed.cert, &own.cert).unwrap();
    until("the server to take the new certificate", async || {
        ask(&client(&server, &authority, Some(&renewed)).with_token(&token)).await.ok()
    })
    .await;
    assert!(post(&url, "2").await);
    recorded(&crm, &tenant, 2).await;
    stop.cancel();
    adapter.await.unwrap().unwrap();
}
