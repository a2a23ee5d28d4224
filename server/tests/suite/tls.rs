//! TLS of the gRPC server: who is spoken to, who is let in, and certificates that are replaced while it runs.

#[path = "../../../webhook/tests/suite/tls/certificates.rs"]
mod certificates;
mod database;
mod webhook;

use std::{error::Error as _, fs, path::Path, time::Duration};

use leadcapture_server::{clock::SystemClock, config::Settings, serve};
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tonic::{
    Code, Status,
    transport::{Certificate, ClientTlsConfig, Endpoint, Identity},
};

use self::certificates::{Authority, HERE, Pair, Validity};
use crate::support::{
    client::Client,
    database::{Engine, TestDatabase},
    server::{TestServer, environment, settings},
    tokens::Tokens,
    wait::until,
};

/// The settings of a server with this certificate, which looks at its files all the time.
fn with(db: &TestDatabase, pair: &Pair, client_ca: Option<&Path>) -> Settings {
    Settings { tls: Some(pair.served(client_ca)), reload_interval: Duration::from_millis(5), ..settings(db) }
}

/// A client with a connection of its own that trusts this authority.
fn client(server: &TestServer, trusted: &Authority, identity: Option<&Pair>) -> Client {
    let ca = Certificate::from_pem(fs::read(trusted.ca()).unwrap());
    let mut tls = ClientTlsConfig::new().ca_certificate(ca);
    if let Some(pair) = identity {
        tls = tls.identity(Identity::from_pem(fs::read(&pair.cert).unwrap(), fs::read(&pair.key).unwrap()));
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", server.address())).unwrap();
    Client::over(endpoint.tls_config(tls).unwrap().connect_lazy())
}

async fn ask(client: &Client) -> Result<(), Status> {
    client.tenants().list_tenants(leadcapture_proto::v1::ListTenantsRequest::default()).await.map(drop)
}

/// Why the server cannot be asked.
async fn refusal(client: &Client) -> String {
    let status = ask(client).await.unwrap_err();
    // The connection failed: which code that has depends on how far it came.
    assert!(status.source().is_some(), "no answer of the server: {status:?}");
    status.message().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_server_with_the_right_certificate_is_spoken_to() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let db = TestDatabase::new(Engine::Sqlite).await;
    for (pair, problem) in [
        (authority.issue("good", HERE, Validity::Now), None),
        (authority.self_signed("self"), Some("UnknownIssuer")),
        (strangers.issue("stranger", HERE, Validity::Now), Some("BadSignature")),
        (authority.issue("expired", HERE, Validity::Expired), Some("expired")),
        (authority.issue("other", "other.example", Validity::Now), Some("not valid for name")),
    ] {
        let server = TestServer::start_with(with(&db, &pair, None), SystemClock).await;
        let client = client(&server, &authority, None);
        match problem {
            None => ask(&client).await.unwrap(),
            Some(problem) => {
                let refusal = refusal(&client).await;
                assert!(refusal.contains(problem), "{refusal}");
            }
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_without_tls_gets_nothing_from_a_server_with_it() {
    let (authority, db) = (Authority::new(), TestDatabase::new(Engine::Sqlite).await);
    let pair = authority.issue("good", HERE, Validity::Now);
    let server = TestServer::start_with(with(&db, &pair, None), SystemClock).await;
    // The test server's own client speaks in clear.
    refusal(&server).await;
    ask(&client(&server, &authority, None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_show_a_certificate_where_one_is_asked_for() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let db = TestDatabase::new(Engine::Sqlite).await;
    let pair = authority.issue("server", HERE, Validity::Now);
    let client_ca = authority.ca().with_file_name("clients.pem");
    fs::copy(authority.ca(), &client_ca).unwrap();
    let server = TestServer::start_with(with(&db, &pair, Some(&client_ca)), SystemClock).await;
    let known = authority.issue("client", "crm.example", Validity::Now);
    let expired = authority.issue("expired", "crm.example", Validity::Expired);
    let stranger = strangers.issue("stranger", "crm.example", Validity::Now);
    ask(&client(&server, &authority, Some(&known))).await.unwrap();
    for identity in [None, Some(&expired), Some(&stranger)] {
        refusal(&client(&server, &authority, identity)).await;
    }

    // Other authorities, without a restart.
    fs::copy(strangers.ca(), &client_ca).unwrap();
    until("the new authority", async || ask(&client(&server, &authority, Some(&stranger))).await.ok()).await;
    refusal(&client(&server, &authority, Some(&known))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_used_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    let db = TestDatabase::new(Engine::Sqlite).await;
    let pair = old.issue("rotated", HERE, Validity::Now);
    let server = TestServer::start_with(with(&db, &pair, None), SystemClock).await;
    let connected = client(&server, &old, None);
    ask(&connected).await.unwrap();
    // A half-written certificate stops nobody.
    fs::write(&pair.cert, "-----BEGIN CERTIFICATE-----\nMIIB").unwrap();
    ask(&client(&server, &old, None)).await.unwrap();
    let next = new.issue("next", HERE, Validity::Now);
    fs::copy(&next.key, &pair.key).unwrap();
    fs::copy(&next.cert, &pair.cert).unwrap();
    until("the new certificate", async || ask(&client(&server, &new, None)).await.ok()).await;
    refusal(&client(&server, &old, None)).await;
    // A connection keeps the certificate that it began with.
    ask(&connected).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_finish_the_handshake_is_given_up() {
    let (authority, db) = (Authority::new(), TestDatabase::new(Engine::Sqlite).await);
    let pair = authority.issue("good", HERE, Validity::Now);
    let mut settings = with(&db, &pair, None);
    settings.limits.handshake = Duration::from_millis(300);
    settings.limits.connections = 4;
    let server = TestServer::start_with(settings, SystemClock).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(server.address()).await.unwrap());
    }
    // There is room for one more, and nobody waits for the silent.
    ask(&client(&server, &authority, None)).await.unwrap();
    // More of them than there is room for: they make room when their time is over.
    for _ in 0..3 {
        silent.push(TcpStream::connect(server.address()).await.unwrap());
    }
    ask(&client(&server, &authority, None)).await.unwrap();
    for stream in &mut silent {
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        assert!(answer.len() < 64, "nothing but an alert: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_machines_are_served_over_tls_with_tokens() {
    let (authority, db) = (Authority::new(), TestDatabase::new(Engine::Sqlite).await);
    let pair = authority.issue("good", HERE, Validity::Now);
    let everywhere = || Settings { listen: "0.0.0.0:0".parse().unwrap(), ..with(&db, &pair, None) };
    let error = serve::start(everywhere(), environment(SystemClock)).await.unwrap_err();
    assert!(error.contains("token create"), "{error}");
    let token = Tokens::of(&db).await.admin().await;
    let error =
        serve::start(Settings { tls: None, ..everywhere() }, environment(SystemClock)).await.unwrap_err();
    assert!(error.contains("--tls-cert") && error.contains("--insecure"), "{error}");
    let server = TestServer::start_with(everywhere(), SystemClock).await;
    let here = format!("https://{HERE}:{}", server.address().port());
    let ca = Certificate::from_pem(fs::read(authority.ca()).unwrap());
    let endpoint = Endpoint::from_shared(here).unwrap().tls_config(ClientTlsConfig::new().ca_certificate(ca));
    let client = Client::over(endpoint.unwrap().connect_lazy());
    assert_eq!(ask(&client).await.unwrap_err().code(), Code::Unauthenticated);
    ask(&client.with_token(&token)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_used_are_named_at_the_start() {
    let (authority, db) = (Authority::new(), TestDatabase::new(Engine::Sqlite).await);
    let good = authority.issue("good", HERE, Validity::Now);
    let other = authority.issue("other", HERE, Validity::Now);
    let missing = Pair { cert: "/nowhere/cert.pem".into(), key: good.key.clone() };
    let swapped = Pair { cert: good.key.clone(), key: good.cert.clone() };
    let mixed = Pair { cert: good.cert, key: other.key };
    for (pair, expected) in [
        (missing, "/nowhere/cert.pem: No such file"),
        (swapped, "good.key: holds no certificate in PEM"),
        (mixed, "cannot be used together"),
    ] {
        let error = serve::start(with(&db, &pair, None), environment(SystemClock)).await.unwrap_err();
        assert!(error.starts_with("--tls-cert, --tls-key: ") && error.contains(expected), "{error}");
    }
}
