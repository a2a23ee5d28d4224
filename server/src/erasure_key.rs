//! The key by which erased customers are known again: read from its file, or made where one server has the database to itself.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::{
    domain::erasure::ErasureKey,
    serve::describe,
    storage::{Storage, sqlite_file},
};

/// Where the key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErasureKeySource {
    /// From this file, which must be there.
    Given(PathBuf),
    /// From this file beside a SQLite database; made if it is not there.
    Beside(PathBuf),
    /// From nowhere: no customer can be erased.
    None,
}

impl ErasureKeySource {
    /// The file that was named, else the one beside a SQLite database. Servers that share a PostgreSQL database must share the key too, so
    /// for those none is made.
    #[must_use]
    pub fn new(file: Option<PathBuf>, database_url: &str) -> Self {
        match file {
            Some(path) => Self::Given(path),
            None => sqlite_file(database_url).map_or(Self::None, |path| {
                let mut beside = path.into_os_string();
                beside.push(".erasure-key");
                Self::Beside(beside.into())
            }),
        }
    }
}

/// The storage with its key, if it has one.
///
/// # Errors
/// A sentence that says what is wrong: the file cannot be read or holds no key, or it is not the key by which customers were erased before.
pub async fn attach(storage: Storage, source: &ErasureKeySource) -> Result<Storage, String> {
    let in_use = storage.erasure_key_in_use().await.map_err(|error| describe(&error))?;
    let key = match source {
        ErasureKeySource::Given(path) => {
            Some(read(path).map_err(|error| format!("--erasure-key-file: {}: {error}", path.display()))?)
        }
        ErasureKeySource::Beside(path) => match read(path) {
            Ok(key) => Some(key),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(format!("erasure key: {}: {error}", path.display()));
            }
            Err(_) if in_use.is_some() => None,
            Err(_) => made(path, &storage),
        },
        ErasureKeySource::None => None,
    };
    match (key, in_use) {
        (None, None) => Ok(storage),
        (Some(key), None) => Ok(storage.with_erasure_key(key)),
        (Some(key), Some(fingerprint)) if key.fingerprint() == fingerprint => {
            Ok(storage.with_erasure_key(key))
        }
        (key, Some(_)) => Err(format!(
            "customers of this database were erased under {}; without it they are not known again and calls would bring them back; name its \
             file with --erasure-key-file",
            if key.is_none() { "a key that is not there" } else { "another key than the one given" }
        )),
    }
}

fn read(path: &Path) -> io::Result<ErasureKey> {
    let text = fs::read_to_string(path)?;
    ErasureKey::parse(&text).map_err(io::Error::other)
}

/// Makes a key; without one the server still does all but erase.
fn made(path: &Path, storage: &Storage) -> Option<ErasureKey> {
    match make(path, &ErasureKey::new(storage.environment().new_secret())) {
        Ok(key) => {
            tracing::info!(file = %path.display(), "an erasure key was made; keep a copy of it apart from the database's backups");
            Some(key)
        }
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "no erasure key could be made; customers cannot be erased");
            None
        }
    }
}

/// Writes the key to a file that only the owner reads, all at once; another process that is faster makes the key for both.
fn make(path: &Path, key: &ErasureKey) -> io::Result<ErasureKey> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            writeln!(file, "{}", key.reveal())?;
            file.sync_all()
        })
        .and_then(|()| fs::hard_link(&draft, path));
    // What is left of a failed attempt would only be in the way of the next.
    drop(fs::remove_file(&draft));
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => read(path),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_of_sqlite_lies_beside_its_file() {
        let source = |url| ErasureKeySource::new(None, url);
        let beside = |path: &str| ErasureKeySource::Beside(path.into());
        assert_eq!(source("sqlite://leads.db?mode=rwc"), beside("leads.db.erasure-key"));
        assert_eq!(source("sqlite:///var/lib/leads.db"), beside("/var/lib/leads.db.erasure-key"));
        assert_eq!(source("sqlite:leads.db"), beside("leads.db.erasure-key"));
        assert_eq!(source("sqlite://my%20leads.db"), beside("my leads.db.erasure-key"));
        for url in ["sqlite::memory:", "sqlite://leads?mode=memory", "postgres://localhost/leads"] {
            assert_eq!(source(url), ErasureKeySource::None, "{url}");
        }
        let given = ErasureKeySource::new(Some("/run/key".into()), "sqlite://leads.db");
        assert_eq!(given, ErasureKeySource::Given("/run/key".into()));
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leads.db.erasure-key");
        let first = make(&path, &ErasureKey::new([1; 32])).unwrap();
        assert_eq!(first, ErasureKey::new([1; 32]));
        assert_eq!(
            make(&path, &ErasureKey::new([2; 32])).unwrap(),
            first,
            "who comes second takes the first one's"
        );
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_file_without_a_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "secret").unwrap();
        let error = read(&path).unwrap_err();
        assert!(error.to_string().contains("openssl rand -hex 32"), "{error}");
    }
}
