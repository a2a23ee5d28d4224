//! A fresh migrated database for each test, on either engine.
//!
//! Migrating takes longer than copying, so each engine migrates once in a run and every test gets a copy.

use std::path::{Path, PathBuf};

use leadcapture_migration::{Migrator, MigratorTrait as _};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{leaks, postgres};

/// The database engines that every test of storage runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A migrated database that nothing else uses; removed when dropped.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    engine: Engine,
    url: String,
    folder: TempDir,
    _copy: Option<postgres::DatabaseCopy>,
}

impl TestDatabase {
    /// A new database.
    ///
    /// # Panics
    ///
    /// For PostgreSQL, if `LEADCAPTURE_TEST_POSTGRES_URL` is unset or names no server where databases can be created.
    pub(crate) async fn new(engine: Engine) -> Self {
        leaks::watch();
        let folder = TempDir::new().expect("a temporary directory");
        let (url, copy) = match engine {
            Engine::Sqlite => {
                let file = folder.path().join("leadcapture.db");
                std::fs::write(&file, sqlite_template().await).expect("a copy of the template");
                (sqlite_url(&file), None)
            }
            Engine::Postgres => {
                let copy = postgres::DatabaseCopy::new().await;
                (copy.url(), Some(copy))
            }
        };
        let database = Self { engine, url, folder, _copy: copy };
        if let Some(file) = database.erasure_key_file() {
            std::fs::write(file, "5e".repeat(32)).expect("an erasure key");
        }
        database
    }

    /// A folder for what goes with the database; removed with it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file with the erasure key of all servers of this database. On SQLite the server makes one by itself.
    pub(crate) fn erasure_key_file(&self) -> Option<PathBuf> {
        (self.engine == Engine::Postgres).then(|| self.folder.path().join("erasure-key"))
    }

    /// The engine.
    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    /// Where to connect; what the server takes as its database URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A small pool of its own, to look into the database beside the code under test.
    pub(crate) async fn connect(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(self.url());
        options.max_connections(2).sqlx_logging(false);
        Database::connect(options).await.expect("a connection to the test database")
    }
}

fn sqlite_url(file: &Path) -> String {
    format!("sqlite://{}?mode=rwc", file.display())
}

/// The bytes of a migrated database file. In memory, so that no file is left behind after the run.
async fn sqlite_template() -> &'static [u8] {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let directory = TempDir::new().expect("a temporary directory");
            let file = directory.path().join("template.db");
            let connection = Database::connect(sqlite_url(&file)).await.expect("a new database file");
            Migrator::up(&connection, None).await.expect("the migrations apply");
            connection.close().await.expect("the database file is complete");
            std::fs::read(file).expect("the database file")
        })
        .await
}

/// Declares tests that run on every engine, each as a module with the tests `sqlite` and `postgres`.
///
/// ```ignore
/// both_engines! {
///     async fn a_lead_is_found_by_phone(db: TestDatabase) {
///         let connection = db.connect().await;
///     }
/// }
/// ```
macro_rules! both_engines {
    ($($(#[$meta:meta])* async fn $name:ident($database:ident: TestDatabase) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn run($database: $crate::support::database::TestDatabase) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                use $crate::support::database::{Engine, TestDatabase};
                run(TestDatabase::new(Engine::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                use $crate::support::database::{Engine, TestDatabase};
                run(TestDatabase::new(Engine::Postgres).await).await;
            }
        }
    )+};
}
pub(crate) use both_engines;
