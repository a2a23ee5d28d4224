//! The URL of the database: which engine and which file it names, and what to say where no connection can be made.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use sea_orm::{
    DbErr, RuntimeErr, SqlxError,
    sqlx::{postgres::PgConnectOptions, sqlite::SqliteConnectOptions},
};

/// `SQLite`'s code of a file that cannot be opened (sqlite.org/rescode.html, `SQLITE_CANTOPEN`).
const CANNOT_OPEN: &str = "14";

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL names neither of the databases that are supported.
    #[error("the database URL must be sqlite://PATH?mode=rwc or postgres://USER:PASSWORD@HOST/DATABASE")]
    UnsupportedUrl,
    /// A database in memory would lose what was acknowledged.
    #[error(
        "the database URL names a database in memory, which goes with the process; name a file: sqlite://PATH?mode=rwc"
    )]
    InMemory,
    /// The database could not be reached or refused the connection.
    #[error("cannot connect to the database {place}: {problem}")]
    Database {
        /// Which database, without the password.
        place: String,
        /// What is wrong, and what may mend it.
        problem: String,
    },
}

/// Whether the URL names a SQLite file; if not, it names a PostgreSQL database.
pub(super) fn is_sqlite(url: &str) -> Result<bool, ConnectError> {
    if !url.starts_with("sqlite:") {
        let postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        return if postgres { Ok(false) } else { Err(ConnectError::UnsupportedUrl) };
    }
    if is_in_memory(url) {
        return Err(ConnectError::InMemory);
    }
    match sqlite_file(url) {
        Some(path) if path != Path::new("") => Ok(true),
        _ => Err(ConnectError::UnsupportedUrl),
    }
}

fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

/// The file of a SQLite database; absent for any other.
#[must_use]
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    if is_in_memory(url) || !url.starts_with("sqlite:") {
        return None;
    }
    let options: SqliteConnectOptions = url.parse().ok()?;
    Some(options.get_filename().to_owned())
}

/// Makes the file of a SQLite database that is not there yet, for the eyes of its owner alone: it is about to hold customers. SQLite gives the
/// files beside it the same permissions.
pub(super) fn make_private(url: &str) {
    if let Some(path) = sqlite_file(url).filter(|_| url.contains("mode=rwc")) {
        // Where it exists already, or cannot be made, SQLite itself says so.
        drop(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path));
    }
}

/// Says which database could not be reached, and what may mend it.
pub(super) fn explain(url: &str, error: &DbErr) -> ConnectError {
    let (place, problem) = match sqlite_file(url) {
        Some(path) => (path.display().to_string(), sqlite_problem(&path, error)),
        None => (postgres_place(url), postgres_problem(url, error)),
    };
    ConnectError::Database { place, problem }
}

fn sqlite_problem(path: &Path, error: &DbErr) -> String {
    let folder = path.parent().filter(|folder| *folder != Path::new("") && !folder.is_dir());
    match (code(error).as_deref(), folder) {
        (Some(CANNOT_OPEN), Some(folder)) => {
            format!("there is no folder {}; make it first", folder.display())
        }
        (Some(CANNOT_OPEN), None) if !path.exists() => {
            "there is no such file; `?mode=rwc` at the end of the URL makes it".to_owned()
        }
        (Some(CANNOT_OPEN), None) => "the file cannot be opened; may this user read and write it?".to_owned(),
        _ => cause(error),
    }
}

fn postgres_place(url: &str) -> String {
    url.parse::<PgConnectOptions>().map_or_else(
        |_| "of this URL".to_owned(),
        |options| {
            let database = options.get_database().unwrap_or("of the user's name");
            format!("{database} at {}:{}", options.get_host(), options.get_port())
        },
    )
}

fn postgres_problem(url: &str, error: &DbErr) -> String {
    if let Some(problem) = certificate_problem(url) {
        return problem;
    }
    let timed_out = matches!(error, DbErr::ConnectionAcquire(_))
        || matches!(error, DbErr::Conn(RuntimeErr::SqlxError(cause)) if matches!(**cause, SqlxError::PoolTimedOut));
    if timed_out {
        "nobody answers there; is PostgreSQL running, and reachable from here?".to_owned()
    } else {
        cause(error)
    }
}

/// The parameters of a URL that name a file, in each spelling that the driver takes.
const FILE_PARAMETERS: [&str; 7] =
    ["sslrootcert", "ssl-root-cert", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key"];

/// The first file that the URL names and that cannot be read.
fn certificate_problem(url: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| FILE_PARAMETERS.contains(&name.as_ref()))
        .find_map(|(name, path)| {
            let error = File::open(path.as_ref()).err()?;
            Some(format!("{name} of the URL names the file {path}, which cannot be read: {error}"))
        })
}

/// What the database or the driver says, without the layers around it.
fn cause(error: &DbErr) -> String {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => match &**cause {
            SqlxError::Database(error) => error.message().to_owned(),
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

fn code(error: &DbErr) -> Option<String> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause)) => cause.as_database_error()?.code().map(Into::into),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn urls_that_cannot_be_served_are_refused_with_the_right_form() {
        for url in ["sqlite://leads.db", "sqlite:leads.db?mode=rwc", "sqlite:///var/leads.db"] {
            assert!(is_sqlite(url).unwrap(), "{url}");
        }
        for url in ["postgres://localhost/leads", "postgresql://u:p@h:1/leads"] {
            assert!(!is_sqlite(url).unwrap(), "{url}");
        }
        for url in ["", "mysql://x/y", "leads.db", "sqlite://", "sqlite://?mode=rwc", "sqlite://x?mode=wrong"]
        {
            assert!(matches!(is_sqlite(url), Err(ConnectError::UnsupportedUrl)), "{url}");
        }
        for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://x?mode=memory"] {
            assert!(matches!(is_sqlite(url), Err(ConnectError::InMemory)), "{url}");
        }
    }

    #[test]
    fn the_place_shows_no_password() {
        let error = explain("postgres://user:secret@db.example:6432/leads", &DbErr::Custom("no".to_owned()));
        assert_eq!(
            error.to_string(),
            "cannot connect to the database leads at db.example:6432: Custom Error: no"
        );
    }

    #[test]
    fn a_new_database_file_is_its_owners_alone_and_an_old_one_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new.db"), folder.path().join("old.db"));
        fs::write(&old, "").unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o640)).unwrap();
        for (path, expected) in [(&new, 0o600), (&old, 0o640)] {
            make_private(&format!("sqlite://{}?mode=rwc", path.display()));
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, expected);
        }
        let absent = folder.path().join("absent.db");
        make_private(&format!("sqlite://{}?mode=rw", absent.display()));
        assert!(!absent.exists(), "only mode=rwc makes a file");
    }
}
