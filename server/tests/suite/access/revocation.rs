//! The end of a token: by revocation, by its time, with its tenant; and what is accepted while the database is away.

use std::time::Duration;

use chrono::TimeDelta;
use leadcapture_proto::v1::{ClaimFollowUpsRequest, RecordCallRequest};
use leadcapture_server::{auth::AuthSettings, clock::SystemClock, config::Settings, domain::access::Role};
use tonic::Code;

use super::{knock, refused, watchful};
use crate::support::{
    calls::{LINE, missed, mobile},
    database::{Engine, TestDatabase, both_engines},
    maintenance::Maintenance,
    problem::Problem,
    server::{TestServer, noon, present},
    tokens::Tokens,
    wait::until,
};

both_engines! {
    async fn a_revoked_token_is_refused_by_every_server_though_it_is_used_all_the_time(db: TestDatabase) {
        let servers = [
            TestServer::start_with(watchful(&db), SystemClock).await,
            TestServer::start_with(watchful(&db), SystemClock).await,
        ];
        let tokens = Tokens::of(&db).await;
        let (kept, revoked) = (tokens.admin().await, tokens.admin().await);
        for server in &servers {
            knock(&server.with_token(&revoked)).await.unwrap();
        }
        tokens.revoke(&revoked).await;
        for server in &servers {
            refused(&server.with_token(&revoked), "TOKEN_REVOKED").await;
            knock(&server.with_token(&kept)).await.unwrap();
        }
    }

    async fn a_token_ends_with_its_time_at_once(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tokens = Tokens::at(&db, clock.clone()).await;
        let token = tokens.until(leadcapture_server::clock::Clock::now(&clock) + TimeDelta::hours(1)).await;
        let client = server.with_token(&token);
        knock(&client).await.unwrap();
        clock.advance(TimeDelta::hours(1) - TimeDelta::microseconds(1));
        knock(&client).await.unwrap();
        clock.advance(TimeDelta::microseconds(1));
        let problem = Problem::from(knock(&client).await.unwrap_err());
        assert_eq!(problem.kind(), (Code::Unauthenticated, "TOKEN_EXPIRED"));
    }

    async fn a_worker_that_waits_is_sent_away_when_its_token_is_revoked(db: TestDatabase) {
        let server = TestServer::start_with(watchful(&db), SystemClock).await;
        let tokens = Tokens::of(&db).await;
        let admin = server.with_token(&tokens.admin().await);
        admin.tenant_with_line(LINE).await;
        let token = tokens.token(Role::Worker, None).await;
        let worker = server.with_token(&token);
        let waiting = tokio::spawn(async move {
            let wait = Some(prost_types::Duration { seconds: 60, nanos: 0 });
            let request = ClaimFollowUpsRequest { wait, ..Default::default() };
            worker.conversations().claim_follow_ups(request).await.map(drop)
        });
        // It was let in once it was noted as used.
        until("the worker to be let in", async || {
            let worker = server.with_token(&token);
            let list = worker.conversations().claim_follow_ups(ClaimFollowUpsRequest::default()).await;
            list.is_ok().then_some(())
        })
        .await;
        tokens.revoke(&token).await;
        let problem = Problem::from(waiting.await.unwrap().unwrap_err());
        assert_eq!(problem.kind(), (Code::Unauthenticated, "TOKEN_REVOKED"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_a_token_is_good_for_as_long_as_it_is_kept() {
    let db = TestDatabase::new(Engine::Postgres).await;
    let maintenance = Maintenance::of(&db).await;
    let settings = watchful(&db);
    let auth = AuthSettings { cache_ttl: Duration::from_secs(8), lookup_timeout: Duration::from_secs(1) };
    let database = leadcapture_server::storage::DatabaseSettings {
        acquire_timeout: Duration::from_secs(1),
        ..settings.database.clone()
    };
    let server = TestServer::start_with(Settings { auth, database, ..settings }, SystemClock).await;
    let tokens = Tokens::of(&db).await;
    let (used, unused) = (tokens.admin().await, tokens.admin().await);
    // What an admin asks for badly is refused without a look at the database.
    let ask = async |token: &str| {
        let bad = RecordCallRequest { call_id: String::new(), ..missed("", &mobile(1), present()) };
        Problem::from(server.with_token(token).try_record(bad).await.unwrap_err()).code
    };
    assert_eq!(ask(&used).await, Code::InvalidArgument);

    maintenance.allow_connections(false).await;
    maintenance.end_connections().await;
    assert_eq!(ask(&used).await, Code::InvalidArgument, "it was seen a moment ago");
    assert_eq!(ask(&unused).await, Code::Unavailable, "nobody knows whether it is good");
    until("what is known of the token to be too old", async || {
        (ask(&used).await == Code::Unavailable).then_some(())
    })
    .await;
    maintenance.allow_connections(true).await;
    until("the database to be back", async || (ask(&unused).await == Code::InvalidArgument).then_some(()))
        .await;
}
