//! Taking a test's PostgreSQL database away, and giving it back.

use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};

use super::database::TestDatabase;

/// A connection to the server's maintenance database, and the name of the test's own.
pub(crate) struct Maintenance {
    connection: DatabaseConnection,
    database: String,
}

impl Maintenance {
    pub(crate) async fn of(db: &TestDatabase) -> Self {
        let url = std::env::var("LEADCAPTURE_TEST_POSTGRES_URL").unwrap();
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let database = db.url().rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
        Self { connection: Database::connect(options).await.unwrap(), database }
    }

    /// Ends all connections to the test's database; answers how many there were.
    pub(crate) async fn end_connections(&self) -> i64 {
        let sql = "SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity WHERE datname = $1";
        let ended = Statement::from_sql_and_values(DbBackend::Postgres, sql, [self.database.clone().into()]);
        self.connection.query_one_raw(ended).await.unwrap().unwrap().try_get("", "ended").unwrap()
    }

    pub(crate) async fn allow_connections(&self, allow: bool) {
        let Self { connection, database } = self;
        let sql = format!("ALTER DATABASE {database} ALLOW_CONNECTIONS {allow}");
        connection.execute_unprepared(&sql).await.unwrap();
    }
}
