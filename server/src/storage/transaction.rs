//! Transactions: opened, retried and closed in one place.

use std::time::Duration;

use scoped_futures::ScopedBoxFuture;
use sea_orm::{
    AccessMode, DatabaseTransaction, DbBackend, IsolationLevel, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

use tracing::Instrument as _;

use super::{
    Storage,
    error::{Class, Failure, classify, surface, told},
};
use crate::domain::error::Error;

/// How often a transaction is run again, and with which pauses.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The most runs of one transaction.
    pub attempts: u32,
    /// The longest pause after the first run; doubled after each further one.
    pub first_pause: Duration,
    /// The longest pause of all.
    pub longest_pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 10,
            first_pause: Duration::from_millis(4),
            longest_pause: Duration::from_millis(250),
        }
    }
}

/// What a transaction does: borrows for `'env` from its surroundings and for `'tx` from the transaction.
pub(super) type TransactionFuture<'env, 'tx, T> = ScopedBoxFuture<'env, 'tx, Result<T, Failure>>;

/// Whether the effects of a transaction are to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Commit,
    /// Leaves the database as it was: the caller only wanted to know.
    RollBack,
}

impl Storage {
    /// Runs `operation` in a write transaction and commits it.
    ///
    /// The operation is run again, from its beginning, after a serialization failure, a deadlock, a busy database, a lost race for
    /// a unique index and a connection lost before the commit: it must have no effect outside the transaction. A connection lost
    /// during the commit is not retried, as the outcome is unknown; [`Error::DatabaseUnavailable`] tells the caller so.
    pub(super) async fn write<'env, T, F>(&self, operation: F) -> Result<T, Error>
    where
        F: for<'tx> Fn(&'tx DatabaseTransaction) -> TransactionFuture<'env, 'tx, T> + Send + Sync,
        T: Send,
    {
        self.write_and(Finish::Commit, operation).await
    }

    /// As [`Storage::write`], with a choice of how to finish.
    pub(super) async fn write_and<'env, T, F>(&self, finish: Finish, operation: F) -> Result<T, Error>
    where
        F: for<'tx> Fn(&'tx DatabaseTransaction) -> TransactionFuture<'env, 'tx, T> + Send + Sync,
        T: Send,
    {
        let mut attempt = 1;
        loop {
            let span = tracing::info_span!(
                "transaction",
                otel.kind = "client",
                db.system.name = self.system(),
                attempt
            );
            let error = match self.attempt(finish, &operation).instrument(span).await {
                Ok(value) => return Ok(value),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Again(error)) => error,
            };
            let class = classify(&error);
            // A server that is away is not waited for: the caller is told at once and decides.
            let most = if class == Class::Unavailable { 2 } else { self.retry.attempts };
            if attempt >= most {
                tracing::warn!(attempt, ?class, error = told(&error), "transaction given up");
                return Err(surface(error));
            }
            tokio::time::sleep(self.pause(attempt)).await;
            attempt += 1;
        }
    }

    /// Runs `operation`, which changes at most `most` rows and says how many, until there are fewer; answers how many in all. So no statement
    /// takes longer, however much there is to do.
    pub(super) async fn write_in_batches<'env, F>(&self, most: u64, operation: F) -> Result<u64, Error>
    where
        F: for<'tx> Fn(&'tx DatabaseTransaction) -> TransactionFuture<'env, 'tx, u64> + Send + Sync,
    {
        let mut all = 0;
        loop {
            let rows = self.write(&operation).await?;
            all += rows;
            if rows < most {
                return Ok(all);
            }
        }
    }

    async fn attempt<'env, T, F>(&self, finish: Finish, operation: &F) -> Result<T, Attempt>
    where
        F: for<'tx> Fn(&'tx DatabaseTransaction) -> TransactionFuture<'env, 'tx, T> + Send + Sync,
        T: Send,
    {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.writer.begin_with_options(options).await.map_err(Attempt::from_database)?;
        match operation(&transaction).await {
            Ok(value) => {
                match finish {
                    Finish::Commit => transaction.commit().await.map_err(Attempt::from_commit)?,
                    Finish::RollBack => transaction.rollback().await.map_err(Attempt::from_database)?,
                }
                Ok(value)
            }
            Err(failure) => {
                // The connection goes back to the pool only after the rollback; its failure changes nothing.
                drop(transaction.rollback().await);
                Err(match failure {
                    Failure::Rule(error) => Attempt::Final(error),
                    Failure::Database(error) => Attempt::from_database(error),
                })
            }
        }
    }

    /// A transaction that sees one state of the database, whatever is written meanwhile, and writes nothing. It never waits for a lock, nor
    /// does anything wait for it.
    pub(super) async fn snapshot(&self) -> Result<DatabaseTransaction, Error> {
        let options = match self.reader.get_database_backend() {
            // What a deferred transaction read first stays as it was; SQLite has no other isolation.
            DbBackend::Sqlite => TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
                ..TransactionOptions::default()
            },
            _ => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            },
        };
        self.reader.begin_with_options(options).await.map_err(surface)
    }

    /// The database as OpenTelemetry names it.
    fn system(&self) -> &'static str {
        match self.writer.get_database_backend() {
            DbBackend::Postgres => "postgresql",
            DbBackend::Sqlite => "sqlite",
            _ => "other_sql",
        }
    }

    /// Full jitter: anything from nothing to a bound that doubles with each run.
    fn pause(&self, attempt: u32) -> Duration {
        let bound = self.retry.first_pause.saturating_mul(1 << attempt.min(16)).min(self.retry.longest_pause);
        bound.mul_f64(self.environment.fraction())
    }
}

enum Attempt {
    Again(sea_orm::DbErr),
    Final(Error),
}

impl Attempt {
    fn from_database(error: sea_orm::DbErr) -> Self {
        match classify(&error) {
            // No connection was to be had within the pool's own time limit: trying again would only double it.
            _ if matches!(error, sea_orm::DbErr::ConnectionAcquire(_)) => Self::Final(surface(error)),
            Class::Contention | Class::Unavailable => Self::Again(error),
            Class::Slow | Class::Fault => Self::Final(surface(error)),
        }
    }

    fn from_commit(error: sea_orm::DbErr) -> Self {
        match classify(&error) {
            Class::Contention => Self::Again(error),
            Class::Unavailable | Class::Slow | Class::Fault => Self::Final(surface(error)),
        }
    }
}
