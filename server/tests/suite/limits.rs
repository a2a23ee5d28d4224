//! What callers may ask for at most, and that others are served all the same.

mod abuse;
mod memory;
mod rate;
mod share;

use std::time::Duration;

use leadcapture_proto::v1::{
    ClaimFollowUpsRequest, ClaimFollowUpsResponse, GetLeadRequest, UpdateLeadRequest,
};
use leadcapture_server::{clock::SystemClock, config::Settings, grpc::Limits};
use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    time::{Instant, timeout},
};
use tonic::{Code, Request};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::{
    calls::mobile,
    client::Client,
    database::{Engine, TestDatabase, both_engines},
    leads::{capture, captured, read, update},
    problem::Problem,
    server::{TestServer, settings},
    wait::until,
};

const HEALTHY: Option<ServingStatus> = Some(ServingStatus::Serving);
const SERVICE: &str = "leadcapture.v1.LeadService";
/// Longer than any test waits for something that must come.
const LONG: Duration = Duration::from_secs(30);

/// A transaction that lets no other write customers.
async fn hold(db: &TestDatabase) -> DatabaseTransaction {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = db.connect().await.begin_with_options(options).await.unwrap();
    if db.engine() == Engine::Postgres {
        transaction.execute_unprepared("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
    }
    transaction
}

async fn start(db: &TestDatabase, change: impl FnOnce(&mut Limits)) -> TestServer {
    let mut settings = settings(db);
    change(&mut settings.limits);
    TestServer::start_with(settings, SystemClock).await
}

/// A claim that waits until `wait` is over, as nothing is ever due.
async fn claim(client: &Client, wait: Duration) -> Result<ClaimFollowUpsResponse, Problem> {
    let request = ClaimFollowUpsRequest {
        wait: Some(prost_types::Duration { seconds: i64::try_from(wait.as_secs()).unwrap(), nanos: 0 }),
        ..ClaimFollowUpsRequest::default()
    };
    match client.conversations().claim_follow_ups(request).await {
        Ok(response) => Ok(response.into_inner()),
        Err(status) => Err(Problem::of::<()>(Err(status))),
    }
}

/// Changes a lead while another transaction is in the way; asks again as long as there is no room for it.
async fn slow_update(client: Client, request: UpdateLeadRequest) {
    loop {
        match client.leads().update_lead(request.clone()).await {
            Err(status) if status.code() == Code::ResourceExhausted => tokio::task::yield_now().await,
            answer => break drop(answer.unwrap()),
        }
    }
}

/// Waits for something to become due; asks again as long as there is no room for it.
async fn long_claim(client: Client) {
    while claim(&client, LONG).await.is_err() {
        tokio::task::yield_now().await;
    }
}

both_engines! {
    async fn a_deadline_ends_a_request_and_its_transaction(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Demo Plumbing").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let held = hold(&db).await;
        let mut change = Request::new(update(&lead));
        change.get_mut().note = Some("too late".to_owned());
        // Only the header: the client's own timer would hide the server's answer.
        change.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
        let asked = Instant::now();
        let problem = Problem::of(server.leads().update_lead(change).await);
        assert_eq!(problem.kind(), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
        assert!(asked.elapsed() < LONG, "{:?}", asked.elapsed());
        held.rollback().await.unwrap();
        // A later change of the same lead waits for whatever is left of the first.
        let next = captured(&server, capture(&tenant, &mobile(1))).await;
        assert_eq!((next.note, read(&server, &lead).await.note), (None, None));
    }

    async fn a_request_without_a_deadline_has_the_servers(db: TestDatabase) {
        let server = start(&db, |limits| limits.request_timeout = Duration::from_millis(300)).await;
        let tenant = server.create_tenant("Demo Plumbing").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let held = hold(&db).await;
        let problem = Problem::of(server.leads().update_lead(update(&lead)).await);
        assert_eq!(problem.kind(), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
        held.rollback().await.unwrap();
        // Waiting comes on top of it.
        assert!(claim(&server, Duration::from_secs(1)).await.unwrap().follow_ups.is_empty());
    }

    async fn what_is_too_much_is_refused_and_the_rest_served(db: TestDatabase) {
        let server = start(&db, |limits| (limits.requests, limits.claims) = (1, 1)).await;
        let tenant = server.create_tenant("Demo Plumbing").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let held = hold(&db).await;
        let slow = tokio::spawn(slow_update((*server).clone(), update(&lead)));
        let look = GetLeadRequest { tenant_id: tenant.id.clone(), lead_id: lead.id.clone() };
        let problem = until("a request too many", async || {
            let looked = server.leads().get_lead(look.clone()).await;
            looked.is_err().then(|| Problem::of(looked))
        })
        .await;
        assert_eq!(problem.kind(), (Code::ResourceExhausted, "OVERLOADED"));
        assert!(problem.retry);
        assert_eq!(server.health(SERVICE).await, HEALTHY);

        held.rollback().await.unwrap();
        slow.await.unwrap();
        assert_eq!(server.leads().get_lead(look).await.unwrap().into_inner().lead.unwrap().id, lead.id);

        // Those that wait have room of their own.
        let waiting = tokio::spawn(long_claim((*server).clone()));
        let problem = until("a claim too many", async || claim(&server, Duration::ZERO).await.err()).await;
        assert_eq!(problem.kind(), (Code::ResourceExhausted, "OVERLOADED"));
        waiting.abort();
        until("the place of the claim", async || claim(&server, Duration::ZERO).await.ok()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_too_many_waits_for_its_turn() {
    let db = TestDatabase::new(Engine::Sqlite).await;
    let server = start(&db, |limits| limits.connections = 2).await;
    let clients = [Client::new(server.address()), Client::new(server.address())];
    for client in &clients {
        assert_eq!(client.health(SERVICE).await, HEALTHY);
    }
    let third = Client::new(server.address());
    let asked = tokio::spawn(async move { third.health(SERVICE).await });
    // It is still waiting while the others are served.
    assert_eq!(clients[0].health(SERVICE).await, HEALTHY);
    assert!(!asked.is_finished());
    drop(clients);
    assert_eq!(timeout(LONG, asked).await.unwrap().unwrap(), HEALTHY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_says_nothing_is_closed() {
    let db = TestDatabase::new(Engine::Sqlite).await;
    let server = start(&db, |limits| limits.handshake = Duration::from_millis(200)).await;
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    let mut bytes = Vec::new();
    // Closed in order or reset, but closed.
    let _ = timeout(LONG, silent.read_to_end(&mut bytes)).await.expect("the connection to be closed");
    assert_eq!(server.health(SERVICE).await, HEALTHY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_connection_ends_with_its_last_request() {
    let db = TestDatabase::new(Engine::Sqlite).await;
    let server = start(&db, |limits| limits.connection_age = Some(Duration::from_millis(300))).await;
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let ended = tokio::spawn(connection);
    // Longer than the connection is to live.
    let answer = claim(&server, Duration::from_secs(1));
    assert!(answer.await.unwrap().follow_ups.is_empty());
    timeout(LONG, ended).await.expect("the connection to end").unwrap().unwrap();
    drop(client);
    // The library's client has connected anew.
    assert_eq!(server.health(SERVICE).await, HEALTHY);
}

#[test]
fn the_limits_can_be_set() {
    let options: leadcapture_server::config::Options = toml::from_str(
        "max_message_bytes = 5\nmax_request_memory = 10\ntoken_share = 20\nrequest_timeout = '1s'\nmax_requests = 2\nmax_claims = 3\nmax_connections = 4\nmax_streams = 6\n\
         max_connection_age = '10s'\nkeepalive = '7s'\nhandshake_timeout = '8s'\ndatabase_lock_timeout = '9s'",
    )
    .unwrap();
    let Settings { limits, database, .. } = options.settings().unwrap();
    assert_eq!((limits.message_bytes, limits.request_timeout), (5, Duration::from_secs(1)));
    assert_eq!((limits.memory, limits.token_share), (10, 20));
    assert_eq!((limits.requests, limits.claims, limits.connections, limits.streams), (2, 3, 4, 6));
    assert_eq!((limits.keepalive, limits.handshake), (Duration::from_secs(7), Duration::from_secs(8)));
    assert_eq!(
        (limits.connection_age, database.lock_timeout),
        (Some(Duration::from_secs(10)), Duration::from_secs(9))
    );
}

#[test]
fn limits_that_let_nothing_in_are_refused() {
    for (text, complaint) in [
        ("max_message_bytes = 5\nmax_request_memory = 9", "max_request_memory: must be at least 10"),
        ("max_request_memory = 1000", "max_request_memory: must be at least 33554432"),
        ("token_share = 101", "token_share: must be from 1 to 100"),
    ] {
        let options: leadcapture_server::config::Options = toml::from_str(text).unwrap();
        let error = options.settings().unwrap_err();
        assert!(error.starts_with(complaint), "{text}: {error}");
    }
    // The memory grows with the largest message.
    let options: leadcapture_server::config::Options =
        toml::from_str("max_message_bytes = 100000000").unwrap();
    assert_eq!(options.settings().unwrap().limits.memory, 200_000_000);
}
