//! A new database: plans that were made while it was empty are given up as it grows.

use leadcapture_server::{clock::SystemClock, config::Settings, storage::Storage};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};

use crate::support::{
    calls::{LINE, before, missed, mobile},
    database::{Engine, TestDatabase, both_engines},
    server::{TestServer, environment, present, settings},
    wait::until,
};

/// How many rows of a table were inserted, and found by an index, as far as the sessions have told.
async fn counts(connection: &DatabaseConnection, table: &str) -> (i64, i64) {
    let sql = format!("SELECT n_tup_ins, idx_tup_fetch FROM pg_stat_user_tables WHERE relname = '{table}'");
    let row =
        connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
    (row.try_get("", "n_tup_ins").unwrap(), row.try_get("", "idx_tup_fetch").unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_reads_few_rows_of_a_tenant_that_has_many() {
    let db = TestDatabase::new(Engine::Postgres).await;
    let mut settings: Settings = settings(&db);
    // A session tells of all that it has done at once.
    settings.database.max_connections = 1;
    let server = TestServer::start_with(settings, SystemClock).await;
    let connection = db.connect().await;
    for table in ["customers", "leads", "missed_calls"] {
        let alone = format!("ALTER TABLE {table} SET (autovacuum_enabled = false)");
        connection.execute_unprepared(&alone).await.unwrap();
    }
    server.tenant_with_line(LINE).await;
    let call = |number: u32| missed(&format!("call-{number}"), &mobile(number), before(present(), 60));
    // Planned now, while there is nothing.
    server.record(call(0)).await;
    server.record_batch((1..=1_000).map(call).collect()).await.unwrap();
    server.record_batch((1_001..=2_000).map(call).collect()).await.unwrap();
    until("statistics", async || {
        let sql = "SELECT min(reltuples)::bigint AS rows FROM pg_class WHERE relname IN ('leads', 'missed_calls', 'customers')";
        let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
        (row.unwrap().try_get::<i64>("", "rows").unwrap() > 1_000).then_some(())
    })
    .await;

    let mut next = 2_001;
    for table in ["leads", "missed_calls"] {
        let mut record = async |at_least: i64| {
            until("the session to tell", async || {
                server.record(call(next)).await;
                next += 1;
                Some(counts(&connection, table).await).filter(|(inserted, _)| *inserted >= at_least)
            })
            .await
        };
        let (inserted, found) = record(2_001).await;
        let (inserted_later, found_later) = record(inserted + 10).await;
        let each = (found_later - found) / (inserted_later - inserted);
        assert!(each < 20, "a call reads {each} rows of {table}");
    }
}

both_engines! {
    async fn statistics_are_gathered_once_a_table_has_doubled(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        server.tenant_with_line(LINE).await;
        server.stop().await;
        let storage = Storage::connect(&settings(&db).database, environment(SystemClock)).await.unwrap();
        assert_eq!(storage.refresh_statistics().await.unwrap(), 0, "too small to matter");
        if db.engine() == Engine::Postgres {
            let connection = db.connect().await;
            let mut changes = 0;
            until("statistics", async || {
                connection.execute_unprepared("UPDATE tenants SET name = name").await.unwrap();
                changes += 1;
                (storage.refresh_statistics().await.unwrap() == 1).then_some(())
            })
            .await;
            assert!(changes >= 90, "{changes} changes are enough");
            assert_eq!(storage.refresh_statistics().await.unwrap(), 0, "once is enough");
        }
    }
}
