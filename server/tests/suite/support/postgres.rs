//! Databases on the PostgreSQL server that the tests are given: a template for the run, a copy of it for each test.
//!
//! One thread with a runtime of its own does it all, because the runtime of a test ends with the test. It holds an
//! advisory lock on the run's number; databases whose run holds no lock were left behind by a run that ended, and go.

use std::{env, sync::LazyLock, thread};

use leadcapture_migration::{Migrator, MigratorTrait as _};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement};
use tokio::sync::{mpsc, oneshot};

const URL_VARIABLE: &str = "LEADCAPTURE_TEST_POSTGRES_URL";
const PREFIX: &str = "leadcapture_test_";

/// A copy of the template; dropped on the server when dropped here.
#[derive(Debug)]
pub(super) struct DatabaseCopy {
    server_url: String,
    database: String,
}

impl DatabaseCopy {
    /// A new copy.
    pub(super) async fn new() -> Self {
        // Before anything else, so that each test says so if it is unset.
        let server_url = server_url();
        let (reply, answer) = oneshot::channel();
        ADMIN.send(Job::Create(reply)).expect("the PostgreSQL thread runs");
        let database = answer
            .await
            .expect("the PostgreSQL thread answers")
            .unwrap_or_else(|error| panic!("no PostgreSQL test database at {URL_VARIABLE}: {error}"));
        Self { server_url, database }
    }

    /// Where to connect.
    pub(super) fn url(&self) -> String {
        with_database(&self.server_url, &self.database)
    }
}

impl Drop for DatabaseCopy {
    fn drop(&mut self) {
        let (done, wait) = std::sync::mpsc::channel();
        if ADMIN.send(Job::Drop(std::mem::take(&mut self.database), done)).is_ok() {
            // Waits, as the process may end right after; whether it worked matters to nobody.
            let _ = wait.recv();
        }
    }
}

enum Job {
    Create(oneshot::Sender<Result<String, String>>),
    Drop(String, std::sync::mpsc::Sender<()>),
}

static ADMIN: LazyLock<mpsc::UnboundedSender<Job>> = LazyLock::new(|| {
    let url = server_url();
    let (sender, jobs) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    thread::spawn(move || runtime.block_on(serve(&url, jobs)));
    sender
});

fn server_url() -> String {
    env::var(URL_VARIABLE).unwrap_or_else(|_| {
        panic!("{URL_VARIABLE} is unset: run the tests with `make test`, which starts a PostgreSQL server")
    })
}

/// `url` with its database replaced; query parameters stay.
fn with_database(url: &str, database: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let authority = base.find("://").map_or(0, |scheme| scheme + 3);
    let end = base[authority..].find('/').map_or(base.len(), |path| authority + path);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{database}{query}", &base[..end])
}

async fn serve(url: &str, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let run = match Run::start(url).await {
        Ok(run) => run,
        Err(error) => {
            let error = error.to_string();
            while let Some(job) = jobs.recv().await {
                if let Job::Create(reply) = job {
                    let _ = reply.send(Err(error.clone()));
                }
            }
            return;
        }
    };
    let mut copies = 0_u32;
    while let Some(job) = jobs.recv().await {
        match job {
            Job::Create(reply) => {
                copies += 1;
                let _ = reply.send(run.copy(copies).await.map_err(|error| error.to_string()));
            }
            Job::Drop(database, done) => {
                let _ = drop_database(&run.server, &database).await;
                let _ = done.send(());
            }
        }
    }
}

/// This run of the tests.
struct Run {
    server: DatabaseConnection,
    name: String,
}

impl Run {
    async fn start(url: &str) -> Result<Self, DbErr> {
        let mut options = ConnectOptions::new(url);
        // One connection, never replaced: the lock lives and dies with it.
        options.max_connections(1).idle_timeout(None).max_lifetime(None).sqlx_logging(false);
        let server = Database::connect(options).await?;

        let number = rand::random::<i64>() & i64::MAX;
        try_lock(&server, number).await?;
        remove_leftovers(&server).await?;

        let run = Self { server, name: format!("{PREFIX}{number:016x}") };
        run.server.execute_unprepared(&format!("CREATE DATABASE {}_template", run.name)).await?;
        let template = Database::connect(with_database(url, &format!("{}_template", run.name))).await?;
        Migrator::up(&template, None).await?;
        // A template with a connection cannot be copied.
        template.close().await?;
        Ok(run)
    }

    async fn copy(&self, number: u32) -> Result<String, DbErr> {
        let Self { server, name } = self;
        let copy = format!("{name}_{number}");
        server.execute_unprepared(&format!("CREATE DATABASE {copy} TEMPLATE {name}_template")).await?;
        Ok(copy)
    }
}

async fn remove_leftovers(server: &DatabaseConnection) -> Result<(), DbErr> {
    let databases = "SELECT datname::text AS name FROM pg_database WHERE starts_with(datname, $1)";
    let databases = Statement::from_sql_and_values(DbBackend::Postgres, databases, [PREFIX.into()]);
    for row in server.query_all_raw(databases).await? {
        let database: String = row.try_get("", "name")?;
        let number = database[PREFIX.len()..].split('_').next().unwrap_or_default();
        let Ok(number) = i64::from_str_radix(number, 16) else { continue };
        // The own lock is granted again, but this run has no database yet.
        if try_lock(server, number).await? {
            drop_database(server, &database).await?;
            server.execute_unprepared(&format!("SELECT pg_advisory_unlock({number})")).await?;
        }
    }
    Ok(())
}

async fn try_lock(server: &DatabaseConnection, number: i64) -> Result<bool, DbErr> {
    let lock = format!("SELECT pg_try_advisory_lock({number}) AS locked");
    let row = server.query_one_raw(Statement::from_string(DbBackend::Postgres, lock)).await?;
    row.map_or(Ok(false), |row| row.try_get("", "locked"))
}

async fn drop_database(server: &DatabaseConnection, database: &str) -> Result<(), DbErr> {
    server.execute_unprepared(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")).await?;
    Ok(())
}
