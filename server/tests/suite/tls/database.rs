//! TLS to PostgreSQL, as the URL asks. Before the database stands a relay that takes the encryption off.

use leadcapture_server::storage::DatabaseSettings;
use leadcapture_webhook::tls::ServerTls;
use sea_orm::sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::{
    io::{AsyncWriteExt as _, copy_bidirectional},
    net::TcpListener,
    task::JoinSet,
};

use super::*;
use crate::support::{
    calls::{LINE, missed, mobile},
    server::{ANY_PORT, present},
};

/// What a client sends that wants TLS: its length and code 80877103 (postgresql.org/docs/current/protocol-message-formats.html, `SSLRequest`).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const TIMEOUT: Duration = Duration::from_secs(10);

/// A way to the test's database that asks for TLS; without certificate there is none to be had.
struct Relay {
    address: PgConnectOptions,
    _connections: JoinSet<()>,
}

impl Relay {
    async fn start(db: &TestDatabase, pair: Option<&Pair>) -> Self {
        let database: PgConnectOptions = db.url().parse().unwrap();
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let address = database.clone().host(HERE).port(listener.local_addr().unwrap().port());
        let tls = pair.map(|pair| ServerTls::load(pair.served(None), &[]).unwrap());
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut relays = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (host, port) = (database.get_host().to_owned(), database.get_port());
                let tls = tls.clone();
                relays.spawn(async move {
                    let database = TcpStream::connect((host, port)).await.unwrap();
                    relay(client, tls, database).await;
                });
            }
        });
        Self { address, _connections: connections }
    }

    /// The settings of a server that goes this way.
    fn settings(&self, db: &TestDatabase, mode: PgSslMode, ca: &Path) -> Settings {
        let settings = settings(db);
        let mut url = self.address.clone().ssl_mode(mode).to_url_lossy();
        url.query_pairs_mut().append_pair("sslrootcert", ca.to_str().unwrap());
        Settings { database: DatabaseSettings { url: url.into(), ..settings.database }, ..settings }
    }
}

async fn relay(mut client: TcpStream, tls: Option<ServerTls>, mut database: TcpStream) {
    let mut request = [0; SSL_REQUEST.len()];
    client.read_exact(&mut request).await.unwrap();
    assert_eq!(request, SSL_REQUEST, "the first thing that is asked for");
    // Either side may hang up at any time.
    if let Some(tls) = tls {
        client.write_all(b"S").await.unwrap();
        let Ok(mut client) = tls.accept(client, TIMEOUT).await else { return };
        drop(copy_bidirectional(&mut client, &mut database).await);
    } else {
        drop(client.write_all(b"N").await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_is_reached_over_tls() {
    let (authority, db) = (Authority::new(), TestDatabase::new(Engine::Postgres).await);
    let relay = Relay::start(&db, Some(&authority.issue("database", HERE, Validity::Now))).await;
    let server =
        TestServer::start_with(relay.settings(&db, PgSslMode::VerifyFull, &authority.ca()), SystemClock)
            .await;
    let tenant = server.tenant_with_line(LINE).await;
    server.record(missed("1", &mobile(1), present())).await;
    assert_eq!(server.all_leads(&tenant).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_database_is_spoken_to() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let db = TestDatabase::new(Engine::Postgres).await;
    for (mode, pair, problem) in [
        (PgSslMode::Require, None, "does not support TLS"),
        (PgSslMode::VerifyFull, None, "does not support TLS"),
        (PgSslMode::VerifyFull, Some(authority.self_signed("self")), "UnknownIssuer"),
        (PgSslMode::VerifyFull, Some(strangers.issue("stranger", HERE, Validity::Now)), "BadSignature"),
        (PgSslMode::VerifyFull, Some(authority.issue("expired", HERE, Validity::Expired)), "expired"),
        (
            PgSslMode::VerifyFull,
            Some(authority.issue("other", "other.example", Validity::Now)),
            "not valid for name",
        ),
    ] {
        let relay = Relay::start(&db, pair.as_ref()).await;
        let settings = relay.settings(&db, mode, &authority.ca());
        let refusal = serve::start(settings, environment(SystemClock)).await.unwrap_err();
        assert!(refusal.contains(problem) && refusal.contains("cannot connect to the database"), "{refusal}");
    }
    let relay = Relay::start(&db, None).await;
    let settings = relay.settings(&db, PgSslMode::VerifyFull, Path::new("/nowhere/ca.pem"));
    let refusal = serve::start(settings, environment(SystemClock)).await.unwrap_err();
    assert!(refusal.contains("sslrootcert of the URL names the file /nowhere/ca.pem"), "{refusal}");
}
