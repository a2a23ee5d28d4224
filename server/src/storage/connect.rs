//! Connecting: pools, timeouts and the settings that SQLite needs to be safe.

use std::time::Duration;

use chrono::TimeDelta;
use leadcapture_migration::{Migrator, MigratorTrait as _};
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, DbErr,
    TransactionTrait as _,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use super::{
    Storage,
    database_url::{ConnectError, explain, is_sqlite, make_private},
    erasure::OwnKey,
    transaction::RetryPolicy,
};
use crate::{clock::Environment, domain::phone::Region};

/// Key of the advisory lock that migrations take; any number that nothing else in the database uses.
const MIGRATION_LOCK: i64 = 0x6c65_6164_6361_7074;

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// `sqlite://PATH?mode=rwc` or `postgres://…`.
    pub url: String,
    /// The most connections of this process. On SQLite these read; one more writes.
    pub max_connections: u32,
    /// How long a request waits for a connection before it fails as unavailable.
    pub acquire_timeout: Duration,
    /// How long one statement may take (PostgreSQL only); zero for as long as it takes.
    pub statement_timeout: Duration,
    /// How long a statement waits for a lock before its transaction is run again (PostgreSQL only).
    pub lock_timeout: Duration,
    /// How often a transaction is run again.
    pub retry: RetryPolicy,
    /// For how long an answered request is remembered by its `request_id`.
    pub request_id_lifetime: TimeDelta,
    /// How often a follow-up is handed out before a failure is final.
    pub follow_up_attempts: i32,
    /// The region of business numbers, as no tenant is known before its line is found.
    pub region: Region,
    /// The largest export of a customer, in bytes of JSON; of what is more only the newest is exported.
    pub export_bytes: usize,
}

impl Storage {
    /// Connects to the database.
    ///
    /// # Errors
    /// [`ConnectError`] when the URL is not one that is supported, or the database cannot be reached.
    pub async fn connect(
        settings: &DatabaseSettings,
        environment: Environment,
    ) -> Result<Self, ConnectError> {
        let (reader, writer) = if is_sqlite(&settings.url)? {
            (connect(settings, settings.max_connections).await?, connect(settings, 1).await?)
        } else {
            let pool = connect(settings, settings.max_connections).await?;
            (pool.clone(), pool)
        };
        Ok(Self {
            reader,
            writer,
            retry: settings.retry,
            environment,
            request_id_lifetime: settings.request_id_lifetime,
            max_attempts: settings.follow_up_attempts,
            region: settings.region,
            erasure_key: OwnKey::default(),
            export_bytes: settings.export_bytes,
        })
    }
}

/// Connects for changes of the schema: without a limit of time for a statement, as an index on a large table takes long, and for a lock, as another process may migrate.
///
/// # Errors
/// As [`Storage::connect`].
pub async fn connect_for_migrations(settings: &DatabaseSettings) -> Result<DatabaseConnection, ConnectError> {
    let unlimited = DatabaseSettings {
        statement_timeout: Duration::ZERO,
        lock_timeout: Duration::ZERO,
        ..settings.clone()
    };
    // One holds the lock, the other migrates.
    let connections = if is_sqlite(&settings.url)? { 1 } else { 2 };
    connect(&unlimited, connections).await
}

/// Brings the schema up to date, one process at a time: PostgreSQL's lock ends with the transaction that holds it, and SQLite's
/// own lock makes the second process find nothing left to do.
///
/// # Errors
/// [`DbErr`] when a migration fails; it leaves the schema as it was before that migration.
pub async fn migrate_up(connection: &DatabaseConnection) -> Result<(), DbErr> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Migrator::up(connection, None).await;
    }
    let guard = connection.begin().await?;
    guard.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await?;
    Migrator::up(connection, None).await?;
    guard.commit().await
}

async fn connect(settings: &DatabaseSettings, connections: u32) -> Result<DatabaseConnection, ConnectError> {
    make_private(&settings.url);
    let mut options = ConnectOptions::new(&settings.url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(settings.acquire_timeout)
        .connect_timeout(settings.acquire_timeout)
        .statement_timeout(settings.statement_timeout)
        .set_application_name("leadcapture")
        .test_before_acquire_if_idle_for(Duration::from_secs(10))
        .sqlx_logging(false);
    // A plan made for the values at hand trusts statistics that know nothing of a tenant that is new, and then reads all of that
    // tenant's rows by an index on the tenant alone. A generic plan takes the index that fits the whole condition.
    // Every join here looks a few rows up by their key, but the planner takes rows from a JSON parameter for a hundred, and for those reads
    // a table of some thousand rows as a whole.
    let lock_timeout = format!("{}ms", settings.lock_timeout.as_millis());
    options.map_sqlx_postgres_opts(move |postgres| {
        postgres.options([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("lock_timeout", &lock_timeout),
        ])
    });
    let busy_timeout = settings.acquire_timeout;
    options.map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: what was acknowledged survives a loss of power, not only the end of the process.
            .synchronous(SqliteSynchronous::Full)
            // What was erased is overwritten, not only unlinked.
            .pragma("secure_delete", "ON")
            .busy_timeout(busy_timeout)
    });
    Database::connect(options).await.map_err(|error| explain(&settings.url, &error))
}
