//! Server processes that end: killed under load, or told to stop.

use std::error::Error as _;

use leadcapture_proto::v1::CallDisposition;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, TransactionTrait as _};
use tokio::task::JoinSet;

use super::Load;
use crate::support::{
    calls::{LINE, missed, mobile},
    database::{Engine, TestDatabase, both_engines},
    process::start_process,
    server::present,
    wait::until,
};

/// Keeps every call from being recorded until it is rolled back.
async fn block_recording(db: &TestDatabase, connection: &DatabaseConnection) -> sea_orm::DatabaseTransaction {
    let transaction = connection.begin().await.unwrap();
    let lock = match db.engine() {
        Engine::Postgres => "LOCK TABLE customers IN ACCESS EXCLUSIVE MODE",
        // Any write takes the one write lock that there is.
        Engine::Sqlite => "UPDATE tenants SET version = version",
    };
    transaction.execute_unprepared(lock).await.unwrap();
    transaction
}

both_engines! {
    async fn a_killed_process_loses_and_doubles_nothing(db: TestDatabase) {
        let mut server = start_process(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let mut load = Load::start(&server);
        for _ in 0..3 {
            load.more(50).await;
            server.kill();
            let outcome = load.stop().await;
            assert!(!outcome.failed.is_empty());
            server = start_process(&db).await;
            outcome.assert_recorded(&server, &tenant).await;
            load = Load::resume(&server, outcome);
        }
        load.stop().await.assert_repeatable(&server, &tenant).await;
    }

    async fn a_process_that_is_told_to_stop_finishes_what_it_has_begun(db: TestDatabase) {
        let connection = db.connect().await;
        let mut server = start_process(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let now = present();
        let block = block_recording(&db, &connection).await;
        let mut calls = JoinSet::new();
        for n in 0..20 {
            let client = (*server).clone();
            let call = missed(&n.to_string(), &mobile(n), now);
            // A server takes the requests of a connection in their order: once it answers the second, it has the first.
            let (begun, wait) = tokio::sync::oneshot::channel();
            calls.spawn(async move {
                let healthy = async {
                    client.health("").await;
                    begun.send(()).unwrap();
                };
                tokio::join!(client.try_record(call), healthy).0
            });
            wait.await.unwrap();
        }
        server.terminate();
        until("the end to begin", async || {
            server.log().iter().any(|line| line.contains("shutting down")).then_some(())
        })
        .await;
        block.rollback().await.unwrap();
        for answer in calls.join_all().await {
            assert_eq!(answer.unwrap().disposition(), CallDisposition::LeadCreated);
        }
        assert!(server.exited().await.success(), "{:?}", server.log());
        let server = start_process(&db).await;
        assert_eq!(server.all_missed_calls(&tenant).await.len(), 20);
    }

    async fn a_load_on_a_process_that_is_told_to_stop_is_answered(db: TestDatabase) {
        let mut server = start_process(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let load = Load::start(&server);
        load.more(60).await;
        server.terminate();
        assert!(server.exited().await.success(), "{:?}", server.log());
        let outcome = load.stop().await;
        // Every failure is one of the connection, before the call began: none is left in doubt.
        for (number, status) in &outcome.failed {
            assert!(status.source().is_some(), "call {number}: {status:?}");
        }
        let server = start_process(&db).await;
        outcome.assert_recorded(&server, &tenant).await;
        assert_eq!(server.all_missed_calls(&tenant).await.len(), outcome.acknowledged.len());
    }
}
