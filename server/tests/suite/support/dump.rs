//! All that stands in the database, as text: for tests of what must not.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};
use uuid::Uuid;

use super::{database::TestDatabase, wait::until};

/// A row as text, with the table that it is of.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) table: String,
    pub(crate) text: String,
}

impl Row {
    /// Whether the row tells `what`: as text, in the bytes of a blob, or as an id.
    pub(crate) fn tells(&self, what: &str) -> bool {
        let bytes: String = what
            .bytes()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect();
        let text = self.text.to_lowercase();
        let id = Uuid::parse_str(what).map(|id| id.simple().to_string());
        text.contains(&what.to_lowercase()) || text.contains(&bytes) || id.is_ok_and(|id| text.contains(&id))
    }
}

/// Every row of every table.
pub(crate) async fn rows(db: &TestDatabase) -> Vec<Row> {
    let connection = db.connect().await;
    let mut rows = Vec::new();
    for table in tables(&connection).await {
        let sql = if connection.get_database_backend() == DbBackend::Postgres {
            format!("SELECT to_jsonb(t)::text AS text FROM \"{table}\" t")
        } else {
            let columns = format!("SELECT name AS text FROM pragma_table_info('{table}')");
            let columns = strings(&connection, &columns).await;
            let quoted: Vec<_> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
            format!("SELECT {} AS text FROM \"{table}\"", quoted.join(" || ' ' || "))
        };
        let of_table = strings(&connection, &sql).await;
        rows.extend(of_table.into_iter().map(|text| Row { table: table.clone(), text }));
    }
    rows
}

/// The rows that tell one of these, for a test that wants none.
pub(crate) async fn telling(db: &TestDatabase, what: &[&str]) -> Vec<Row> {
    let mut rows = rows(db).await;
    rows.retain(|row| what.iter().any(|what| row.tells(what)));
    rows
}

/// Waits until this many transactions of the database wait for a lock (PostgreSQL only).
pub(crate) async fn waiting_for_locks(db: &TestDatabase, count: usize) {
    let connection = db.connect().await;
    let sql = "SELECT pid::text AS text FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("transactions that wait for locks", async || {
        (strings(&connection, sql).await.len() == count).then_some(())
    })
    .await;
}

async fn tables(connection: &DatabaseConnection) -> Vec<String> {
    let sql = match connection.get_database_backend() {
        DbBackend::Postgres => "SELECT tablename::text AS text FROM pg_tables WHERE schemaname = 'public'",
        _ => "SELECT name AS text FROM sqlite_master WHERE type = 'table'",
    };
    strings(connection, sql).await
}

async fn strings(connection: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get("", "text").unwrap()).collect()
}
