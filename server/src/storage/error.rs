//! Database errors, recognised by code; the only place that knows them.

use sea_orm::{DbErr, RuntimeErr, SqlxError};

use crate::domain::error::Error;

/// Why a transaction failed: the database, or a rule that the operation found broken.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database failed.
    Database(DbErr),
    /// The operation itself refused.
    Rule(Error),
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Rule(error)
    }
}

/// What may be done about a database error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Another transaction was in the way, or won a race for a unique index or a referenced row: run the whole again.
    Contention,
    /// The connection was lost, or cannot be made.
    Unavailable,
    /// The statement took longer than it may; running it again would add to the load that made it slow.
    Slow,
    /// A fault of ours.
    Fault,
}

/// SQLSTATEs (PostgreSQL, appendix A) of a lost race: serialization failure, deadlock, lock not available, unique violation,
/// foreign key violation.
const POSTGRES_CONTENTION: &[&str] = &["40001", "40P01", "55P03", "23505", "23503"];
/// SQLSTATEs of a server that is away, starting, stopping or full; class 08 is a broken connection.
const POSTGRES_UNAVAILABLE: &[&str] =
    &["57P01", "57P02", "57P03", "57P05", "53300", "53100", "53200", "25006"];
/// SQLSTATE of a statement that was cancelled at its time limit.
const POSTGRES_SLOW: &str = "57014";
/// The class of SQLSTATEs about values that cannot be read or do not fit.
const POSTGRES_DATA_EXCEPTION: &str = "22";
/// SQLite result codes (sqlite.org/rescode.html): BUSY and LOCKED with their extended forms, and the constraint codes for unique
/// indexes, primary keys and foreign keys.
const SQLITE_CONTENTION: &[&str] = &["5", "6", "261", "262", "517", "773", "2067", "1555", "787"];
/// SQLite result codes of a file that cannot be written: IOERR, FULL, CANTOPEN, READONLY.
const SQLITE_UNAVAILABLE: &[&str] = &["10", "13", "14", "8"];

/// Classifies a database error.
pub(super) fn classify(error: &DbErr) -> Class {
    match error {
        DbErr::ConnectionAcquire(_) => Class::Unavailable,
        // Whatever the reason for which no connection can be made, the database is away for as long as it lasts.
        DbErr::Conn(RuntimeErr::SqlxError(cause)) => match classify_sqlx(cause) {
            Class::Fault => Class::Unavailable,
            class => class,
        },
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            classify_sqlx(cause)
        }
        _ => Class::Fault,
    }
}

fn classify_sqlx(error: &SqlxError) -> Class {
    match error {
        SqlxError::Database(cause) => {
            let code = cause.code().unwrap_or_default();
            // SQLSTATEs have five characters, SQLite's codes at most four digits.
            let (contention, unavailable) = if code.len() == 5 {
                (POSTGRES_CONTENTION, POSTGRES_UNAVAILABLE)
            } else {
                (SQLITE_CONTENTION, SQLITE_UNAVAILABLE)
            };
            if contention.contains(&&*code) {
                Class::Contention
            } else if unavailable.contains(&&*code) || (code.len() == 5 && code.starts_with("08")) {
                Class::Unavailable
            } else if code == POSTGRES_SLOW {
                Class::Slow
            } else {
                Class::Fault
            }
        }
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::Protocol(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => Class::Unavailable,
        _ => Class::Fault,
    }
}

/// The error for a caller of a database error that no repetition mended.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` takes")]
pub(super) fn surface(error: DbErr) -> Error {
    match classify(&error) {
        Class::Contention | Class::Slow => Error::Overloaded,
        Class::Unavailable => Error::DatabaseUnavailable,
        Class::Fault => Error::internal(told(&error)),
    }
}

/// A database error for the log, without anything that a statement or a row held: PostgreSQL repeats a value that it cannot read, and so
/// do the readers of JSON and of columns.
pub(super) fn told(error: &DbErr) -> String {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => told_by_driver(cause),
        DbErr::TryIntoErr { from, into, .. } => format!("a {from} cannot be read as a {into}"),
        DbErr::Json(_) => "a column of JSON cannot be read".to_owned(),
        other => other.to_string(),
    }
}

fn told_by_driver(error: &SqlxError) -> String {
    match error {
        SqlxError::Database(cause) => {
            let code = cause.code().unwrap_or_default();
            // Keys and rows are in the details, which are not told; the message of a class is about the value itself.
            if code.len() == 5 && code.starts_with(POSTGRES_DATA_EXCEPTION) {
                return format!("{code}: a value was refused");
            }
            format!("{code}: {}", cause.message())
        }
        SqlxError::ColumnDecode { index, .. } => format!("the column {index} cannot be read"),
        SqlxError::Decode(_) => "a value cannot be read".to_owned(),
        SqlxError::Encode(_) => "a value cannot be written".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

    use sea_orm::sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// What PostgreSQL says with a code; its details are not part of it.
    #[derive(Debug)]
    struct Said(&'static str, &'static str);

    impl fmt::Display for Said {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.1)
        }
    }

    impl StdError for Said {}

    impl DatabaseError for Said {
        fn message(&self) -> &str {
            self.1
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn query(cause: SqlxError) -> DbErr {
        DbErr::Query(RuntimeErr::SqlxError(Arc::new(cause)))
    }

    #[test]
    fn an_error_tells_its_code_and_no_value() {
        let said = |code, message| told(&query(SqlxError::Database(Box::new(Said(code, message)))));
        assert_eq!(
            said("22P02", "invalid input syntax for type uuid: \"Dana\""),
            "22P02: a value was refused"
        );
        assert_eq!(
            said("42P01", "relation \"leads\" does not exist"),
            "42P01: relation \"leads\" does not exist"
        );
        let unreadable = || "invalid value: Dana".into();
        for error in [
            query(SqlxError::Decode(unreadable())),
            query(SqlxError::ColumnDecode { index: "\"need\"".to_owned(), source: unreadable() }),
            DbErr::Json("invalid type: string \"Dana\", expected a map".to_owned()),
            DbErr::TryIntoErr { from: "String", into: "PhoneNumber", source: Arc::from(unreadable()) },
        ] {
            assert!(!told(&error).contains("Dana"), "{}", told(&error));
        }
    }
}
