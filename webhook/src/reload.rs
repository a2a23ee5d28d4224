//! What is made of files that may be replaced while the process runs.
//!
//! The contents are compared rather than times of change: it works on every file system, for files that are replaced by links, and
//! these files are small.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::telemetry::panics;

/// Makes a value of the contents of the files, in their order. The error is a sentence, without anything secret in it.
type Build<T> = dyn Fn(&[Vec<u8>]) -> Result<T, String> + Send + Sync;

/// A value made of files, and made again when they change. Clones share it.
pub struct Reloading<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    what: &'static str,
    files: Vec<PathBuf>,
    build: Box<Build<T>>,
    state: RwLock<State<T>>,
}

struct State<T> {
    value: Arc<T>,
    /// What was looked at last, usable or not: each version is judged, and reported, once.
    seen: Seen,
}

/// A version of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Contents([u8; 32]),
    Unreadable(String),
}

impl<T: Send + Sync + 'static> Reloading<T> {
    /// Makes the value from `files`. `what` names it in the log.
    ///
    /// # Errors
    /// A sentence: a file that cannot be read, or what `build` says.
    pub fn load(
        what: &'static str,
        files: Vec<PathBuf>,
        build: impl Fn(&[Vec<u8>]) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let contents = read(&files)?;
        let state = State { value: Arc::new(build(&contents)?), seen: Seen::of(&contents) };
        let shared = Shared { what, files, build: Box::new(build), state: RwLock::new(state) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A value that is made of no file and never changes.
    pub fn fixed(value: T) -> Self {
        let state = State { value: Arc::new(value), seen: Seen::of(&[]) };
        let build = |_: &[Vec<u8>]| Err("is made of no file".to_owned());
        let shared =
            Shared { what: "", files: Vec::new(), build: Box::new(build), state: RwLock::new(state) };
        Self { shared: Arc::new(shared) }
    }

    /// The value as it is now.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.shared.state.read().unwrap_or_else(PoisonError::into_inner).value)
    }

    /// Looks at the files every so often until `stop`. A version that cannot be used is logged, and the one before it stays.
    pub async fn keep_fresh(self, every: Duration, stop: CancellationToken) {
        if self.shared.files.is_empty() {
            return;
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(every) => {}
            }
            let reloading = self.clone();
            if let Err(error) = spawn_blocking(move || reloading.refresh()).await {
                tracing::error!(
                    error = panics::end(&error),
                    what = self.shared.what,
                    "looking at the files ended unexpectedly"
                );
            }
        }
    }

    /// Looks at the files once. Blocks while they are read.
    pub fn refresh(&self) {
        let Shared { what, files, build, state } = &*self.shared;
        let contents = read(files);
        let seen = match &contents {
            Ok(contents) => Seen::of(contents),
            Err(problem) => Seen::Unreadable(problem.clone()),
        };
        if state.read().unwrap_or_else(PoisonError::into_inner).seen == seen {
            return;
        }
        let made = contents.and_then(|contents| build(&contents));
        let mut state = state.write().unwrap_or_else(PoisonError::into_inner);
        state.seen = seen;
        match made {
            Ok(value) => {
                state.value = Arc::new(value);
                tracing::info!(what, "files have changed and are in use");
            }
            Err(problem) => {
                tracing::error!(
                    what,
                    problem,
                    "files have changed but cannot be used; the old ones stay in use"
                );
            }
        }
    }
}

impl<T> Clone for Reloading<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for Reloading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloading").field("files", &self.shared.files).finish_non_exhaustive()
    }
}

impl Seen {
    fn of(contents: &[Vec<u8>]) -> Self {
        let mut digest = Sha256::new();
        for content in contents {
            digest.update(content.len().to_le_bytes());
            digest.update(content);
        }
        Self::Contents(digest.finalize().into())
    }
}

fn read(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, String> {
    files.iter().map(|file| read_file(file)).collect()
}

/// The content of a file.
///
/// # Errors
/// A sentence that names the file.
pub(crate) fn read_file(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_version_is_taken_when_it_can_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("number");
        let missing = Reloading::<i32>::load("number", vec![file.clone()], |_| Ok(1)).unwrap_err();
        assert!(missing.contains("number: ") && missing.contains("No such file"), "{missing}");

        fs::write(&file, "1").unwrap();
        let built = Arc::new(AtomicUsize::new(0));
        let number = Reloading::load("number", vec![file.clone()], {
            let built = Arc::clone(&built);
            move |contents| {
                built.fetch_add(1, Ordering::Relaxed);
                let text = String::from_utf8_lossy(&contents[0]).into_owned();
                text.parse::<i32>().map_err(|error| error.to_string())
            }
        })
        .unwrap();
        for (text, expected, builds) in
            [("1", 1, 1), ("2", 2, 2), ("none", 2, 3), ("none", 2, 3), ("2", 2, 4), ("3", 3, 5)]
        {
            fs::write(&file, text).unwrap();
            number.refresh();
            assert_eq!((*number.current(), built.load(Ordering::Relaxed)), (expected, builds), "{text}");
        }
        fs::remove_file(&file).unwrap();
        number.refresh();
        assert_eq!(*number.current(), 3);
        fs::write(&file, "4").unwrap();
        number.refresh();
        assert_eq!(*number.clone().current(), 4);
    }

    #[tokio::test]
    async fn a_fixed_value_needs_no_looking_after() {
        let fixed = Reloading::fixed(5);
        fixed.clone().keep_fresh(Duration::from_mins(1), CancellationToken::new()).await;
        assert_eq!(*fixed.current(), 5);
    }
}
