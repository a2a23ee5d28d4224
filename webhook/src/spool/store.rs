//! The spool's file and its statements, without threads and without a clock.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Row, Transaction, TransactionBehavior, named_params,
    params,
};

use super::{
    delivery::{Delivery, State, Stored, Total, Totals},
    schema,
};
use crate::{
    cdr::{Format, TimeBasis, TimeRules},
    cli::Zone,
};

/// The log of a spool that was large shrinks back to this size, in bytes.
const LOG_BYTES: i64 = 16 * 1024 * 1024;
/// The most rows that one run of [`Changes::purge`] deletes, and the most pages that one of [`Store::shrink`] gives back.
const STEP: i64 = 1_000;

/// What is wrong with the spool's file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its folder.
    #[error("{0}")]
    File(#[from] io::Error),
    /// The file holds something else.
    #[error("the file is no spool of leadcapture-webhook")]
    NotASpool,
    /// The file is of another version of this program.
    #[error("the spool was made by another version of leadcapture-webhook")]
    OtherVersion,
    /// SQLite.
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
}

/// An open spool file.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the spool, and makes the file, readable by its owner only, and its folder where they are missing. Statements wait up to
    /// `patience` for other processes.
    ///
    /// # Errors
    /// The file cannot be made, opened or read, or is no spool.
    pub fn open(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        create(path)?;
        Self::connect(path, patience)
    }

    /// Opens a spool that is there.
    ///
    /// # Errors
    /// The file is missing, cannot be opened or read, or is no spool.
    pub fn open_existing(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        // An error of the system says more than SQLite's.
        drop(File::open(path)?);
        Self::connect(path, patience)
    }

    fn connect(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(patience)?;
        // Takes effect in a new file only. Space is given back as deliveries leave.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(io::Error::other("the folder's file system cannot hold a write-ahead log").into());
        }
        // A commit returns when the disk has it.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
        // Bodies hold personal data: what is deleted is overwritten.
        connection.pragma_update(None, "secure_delete", "ON")?;
        schema::ensure(&mut connection)?;
        Ok(Self { connection })
    }

    /// Makes changes that are all on the disk when this returns, or none.
    ///
    /// # Errors
    /// Those of `change`, and those of the commit.
    pub fn change<T>(
        &mut self,
        change: impl FnOnce(&Changes<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let changes = Changes(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?);
        let done = change(&changes)?;
        changes.0.commit()?;
        Ok(done)
    }

    /// What is to be forwarded at `now`, in the order of arrival: at most `count` deliveries, and no more than the first beyond
    /// `bytes`. No delivery is put off by more than `longest`, so one that seems to be was put off by a clock that has been set
    /// back since.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn due(
        &self,
        now: DateTime<Utc>,
        longest: TimeDelta,
        count: usize,
        bytes: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM deliveries WHERE state = 'waiting' \
             AND (next_attempt_at <= :now OR next_attempt_at > :never) ORDER BY id LIMIT :count"
        ))?;
        let mut rows = statement.query(named_params! {
            ":now": now.timestamp_micros(),
            ":never": now.checked_add_signed(longest).unwrap_or(DateTime::<Utc>::MAX_UTC).timestamp_micros(),
            ":count": i64::try_from(count).unwrap_or(i64::MAX),
        })?;
        let mut due: Vec<Stored> = Vec::new();
        let mut size = 0;
        while let Some(row) = rows.next()? {
            let row = read(row)?;
            size += row.delivery.body.len();
            if size > bytes && !due.is_empty() {
                break;
            }
            due.push(row);
        }
        Ok(due)
    }

    /// The deliveries of a state, or of both, with numbers above `after`; at most `count`, in the order of their numbers.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self, state: Option<State>, after: i64, count: usize) -> Result<Vec<Stored>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM deliveries WHERE id > ?1 AND (?2 IS NULL OR state = ?2) ORDER BY id LIMIT ?3"
        ))?;
        let rows = statement.query_map(
            params![after, state.map(State::name), i64::try_from(count).unwrap_or(i64::MAX)],
            read,
        )?;
        rows.map(|row| row.map_err(StoreError::from)).collect()
    }

    /// One delivery.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn get(&self, id: i64) -> Result<Option<Stored>, StoreError> {
        let mut statement =
            self.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM deliveries WHERE id = ?1"))?;
        Ok(statement.query_row([id], read).optional()?)
    }

    /// How much there is.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT deliveries, bytes, (SELECT min(since) FROM deliveries WHERE state = ?1) FROM totals WHERE state = ?1",
        )?;
        let mut total = |state: State| {
            statement.query_row([state.name()], |row| {
                let oldest: Option<i64> = row.get(2)?;
                Ok(Total {
                    deliveries: row.get(0)?,
                    bytes: row.get(1)?,
                    oldest: oldest.map(|micros| moment(2, micros)).transpose()?,
                })
            })
        };
        Ok(Totals { waiting: total(State::Waiting)?, dead: total(State::Dead)? })
    }

    /// Gives space that is not used any more back to the file system, a part at a time, where there is much of it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn shrink(&self) -> Result<(), StoreError> {
        let unused: i64 = self.connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        if unused > STEP {
            let mut statement = self.connection.prepare(&format!("PRAGMA incremental_vacuum({STEP})"))?;
            // Each step gives one page back.
            let mut steps = statement.query([])?;
            while steps.next()?.is_some() {}
        }
        Ok(())
    }
}

/// Changes that are made together.
#[derive(Debug)]
pub struct Changes<'a>(Transaction<'a>);

impl Changes<'_> {
    /// Adds a delivery unless there would then be more than `limit` bytes; says whether it did.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn insert(
        &self,
        delivery: &Delivery,
        state: State,
        problem: &str,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<bool, StoreError> {
        let size =
            u64::try_from(delivery.body.len()).unwrap_or(u64::MAX).saturating_add(schema::OVERHEAD_BYTES);
        let held: u64 =
            self.0.prepare_cached("SELECT sum(bytes) FROM totals")?.query_row([], |row| row.get(0))?;
        if held.saturating_add(size) > limit {
            return Ok(false);
        }
        self.0
            .prepare_cached(
                "INSERT INTO deliveries (state, since, next_attempt_at, bytes, arrived_at, account_zone, time_basis, format, \
                 tenant_id, traceparent, problem, body) VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                state.name(),
                now.timestamp_micros(),
                size,
                delivery.arrived_at.timestamp_micros(),
                delivery.time.account_zone.name(),
                delivery.time.basis.name(),
                delivery.format.name(),
                delivery.tenant_id,
                delivery.traceparent,
                problem,
                delivery.body,
            ])?;
        Ok(true)
    }

    /// Removes a delivery that is recorded, whatever another process made of it meanwhile.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remove(&self, id: i64) -> Result<(), StoreError> {
        self.0.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// Puts a waiting delivery off after a failed attempt.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put_off(&self, id: i64, until: DateTime<Utc>, problem: &str) -> Result<(), StoreError> {
        self.0
            .prepare_cached(
                "UPDATE deliveries SET next_attempt_at = ?2, attempts = attempts + 1, problem = ?3 \
                 WHERE id = ?1 AND state = 'waiting'",
            )?
            .execute(params![id, until.timestamp_micros(), problem])?;
        Ok(())
    }

    /// Makes a waiting delivery a dead letter.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn bury(&self, id: i64, reason: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.0
            .prepare_cached(
                "UPDATE deliveries SET state = 'dead', since = ?3, problem = ?2 WHERE id = ?1 AND state = 'waiting'",
            )?
            .execute(params![id, reason, now.timestamp_micros()])?;
        Ok(())
    }

    /// Makes dead letters of what waits since before a moment; answers how many.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn expire(&self, before: DateTime<Utc>, now: DateTime<Utc>) -> Result<usize, StoreError> {
        Ok(self
            .0
            .prepare_cached(
                "UPDATE deliveries SET state = 'dead', since = ?2, problem = 'waited too long; last: ' || problem \
                 WHERE state = 'waiting' AND since < ?1",
            )?
            .execute(params![before.timestamp_micros(), now.timestamp_micros()])?)
    }

    /// Deletes dead letters that are dead since before a moment, a part at a time; answers how many.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn purge(&self, before: DateTime<Utc>) -> Result<usize, StoreError> {
        Ok(self
            .0
            .prepare_cached(
                "DELETE FROM deliveries WHERE id IN \
                 (SELECT id FROM deliveries WHERE state = 'dead' AND since < ?1 ORDER BY since LIMIT ?2)",
            )?
            .execute(params![before.timestamp_micros(), STEP])?)
    }

    /// Lets a dead letter wait again, to be forwarded at once; says whether it was one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn revive(&self, id: i64, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut revive = self.0.prepare_cached(&format!("{REVIVE} AND id = ?2"))?;
        Ok(revive.execute(params![now.timestamp_micros(), id])? > 0)
    }

    /// Lets every dead letter wait again; answers how many there were.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn revive_all(&self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        Ok(self.0.prepare_cached(REVIVE)?.execute([now.timestamp_micros()])?)
    }
}

const REVIVE: &str = "UPDATE deliveries SET state = 'waiting', since = ?1, next_attempt_at = ?1, attempts = 0 WHERE state = 'dead'";

const COLUMNS: &str = "id, state, since, next_attempt_at, attempts, arrived_at, account_zone, time_basis, format, tenant_id, \
                       traceparent, problem, body";

fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let unknown = |column, what: &str| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what.into())
    };
    let state = match row.get_ref(1)?.as_str()? {
        "waiting" => State::Waiting,
        "dead" => State::Dead,
        _ => return Err(unknown(1, "unknown state")),
    };
    let zone: Zone = row.get_ref(6)?.as_str()?.parse().map_err(|_| unknown(6, "unknown time zone"))?;
    let format: Format = row.get_ref(8)?.as_str()?.parse().map_err(|_| unknown(8, "unknown format"))?;
    let basis: TimeBasis = row.get_ref(7)?.as_str()?.parse().map_err(|_| unknown(7, "unknown time basis"))?;
    Ok(Stored {
        id: row.get(0)?,
        state,
        since: moment(2, row.get(2)?)?,
        next_attempt_at: moment(3, row.get(3)?)?,
        attempts: row.get(4)?,
        problem: row.get(11)?,
        delivery: Delivery {
            arrived_at: moment(5, row.get(5)?)?,
            time: TimeRules { account_zone: zone.0, basis },
            format,
            tenant_id: row.get(9)?,
            traceparent: row.get(10)?,
            body: row.get(12)?,
        },
    })
}

fn moment(column: usize, micros: i64) -> rusqlite::Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, micros))
}

/// Makes the file and its folder where they are missing, and sees to it that a crash does not take them away again.
fn create(path: &Path) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path)?);
    #[cfg(unix)]
    for folder in folder.ancestors().filter(|folder| !folder.as_os_str().is_empty()).take(2) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
