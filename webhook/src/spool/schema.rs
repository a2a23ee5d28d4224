//! The tables of the spool's file.

use rusqlite::{Connection, TransactionBehavior};

use super::store::StoreError;

/// Marks the file as a spool for tools such as `file`: "lcsp".
const APPLICATION_ID: i64 = 0x6c63_7370;
/// The version of the tables below.
const VERSION: i64 = 1;

/// What a delivery costs beside its body: its other columns, its index entries and its share of the pages.
pub(super) const OVERHEAD_BYTES: u64 = 512;

// Bodies stand last, so that reading the other columns does not touch their pages. The totals are kept by triggers, as counting
// would take longer the more waits.
const TABLES: &str = "
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'dead')),
    since INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL,
    arrived_at INTEGER NOT NULL,
    account_zone TEXT NOT NULL,
    time_basis TEXT NOT NULL,
    format TEXT NOT NULL,
    tenant_id TEXT,
    traceparent TEXT,
    problem TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX deliveries_in_order ON deliveries (state, id, next_attempt_at);
CREATE INDEX deliveries_by_age ON deliveries (state, since);

CREATE TABLE totals (
    state TEXT PRIMARY KEY,
    deliveries INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO totals (state) VALUES ('waiting'), ('dead');

CREATE TRIGGER deliveries_inserted AFTER INSERT ON deliveries BEGIN
    UPDATE totals SET deliveries = deliveries + 1, bytes = bytes + NEW.bytes WHERE state = NEW.state;
END;
CREATE TRIGGER deliveries_deleted AFTER DELETE ON deliveries BEGIN
    UPDATE totals SET deliveries = deliveries - 1, bytes = bytes - OLD.bytes WHERE state = OLD.state;
END;
CREATE TRIGGER deliveries_moved AFTER UPDATE OF state ON deliveries WHEN OLD.state <> NEW.state BEGIN
    UPDATE totals SET deliveries = deliveries - 1, bytes = bytes - OLD.bytes WHERE state = OLD.state;
    UPDATE totals SET deliveries = deliveries + 1, bytes = bytes + NEW.bytes WHERE state = NEW.state;
END;
";

/// Makes the tables in a file that has none. Several processes may do so at once.
pub(super) fn ensure(connection: &mut Connection) -> Result<(), StoreError> {
    if is_current(connection)? {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !is_current(&transaction)? {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(())
}

fn is_current(connection: &Connection) -> Result<bool, StoreError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION_ID, VERSION) => Ok(true),
        (APPLICATION_ID, _) => Err(StoreError::OtherVersion),
        (0, 0) => {
            let tables: i64 =
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables == 0 { Ok(false) } else { Err(StoreError::NotASpool) }
        }
        _ => Err(StoreError::NotASpool),
    }
}
