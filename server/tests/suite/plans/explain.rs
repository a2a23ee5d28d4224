//! Watching which statements are sent, and asking the database how it runs them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use leadcapture_server::storage::connect_for_migrations;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait as _};

use super::filled::Filled;
use crate::support::{database::TestDatabase, server::settings};

/// Tables that grow with the number of customers or tenants.
const LARGE: &[&str] = &[
    "tenants",
    "business_lines",
    "customers",
    "leads",
    "missed_calls",
    "unrouted_calls",
    "lead_events",
    "follow_ups",
];

/// The statements that were sent, by text, with what sent them first.
pub(super) struct Explained {
    sent: Arc<Mutex<Vec<Statement>>>,
    connection: DatabaseConnection,
    seen: Mutex<BTreeMap<String, (String, Statement)>>,
}

impl Explained {
    pub(super) async fn new(db: &TestDatabase, filled: &Filled) -> Self {
        Self {
            sent: Arc::clone(&filled.sent),
            // Planned as the service's own sessions plan.
            connection: connect_for_migrations(&settings(db).database).await.unwrap(),
            seen: Mutex::new(BTreeMap::new()),
        }
    }

    /// Runs `work` and remembers what it sends.
    pub(super) async fn watch<T>(&self, what: &str, work: impl AsyncFnOnce() -> T) -> T {
        self.sent.lock().unwrap().clear();
        let result = work().await;
        let sent = std::mem::take(&mut *self.sent.lock().unwrap());
        assert!(!sent.is_empty(), "{what} sends something");
        let mut seen = self.seen.lock().unwrap();
        for statement in sent {
            seen.entry(statement.sql.clone()).or_insert_with(|| (what.to_owned(), statement));
        }
        result
    }

    /// Asserts that no large table is read as a whole.
    pub(super) async fn assert_indexed(&self, db: &TestDatabase) {
        self.assert_plans(db, reads_whole_table).await;
    }

    /// Asserts that no large table is read as a whole, and nothing is sorted: a page costs what it holds, not what the list holds.
    pub(super) async fn assert_indexed_and_in_order(&self, db: &TestDatabase) {
        self.assert_plans(db, |line| reads_whole_table(line) || sorts(line)).await;
    }

    async fn assert_plans(&self, db: &TestDatabase, is_bad: fn(&str) -> bool) {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        // A new SQLite database has no statistics; a plan must not need them, nor be spoiled by them.
        let mut rounds = vec!["without statistics"];
        if self.connection.get_database_backend() == DbBackend::Postgres {
            rounds.clear();
        }
        rounds.push("with statistics");
        let mut bad = Vec::new();
        for round in rounds {
            if round == "with statistics" {
                db.connect().await.execute_unprepared("ANALYZE").await.unwrap();
            }
            let transaction = self.connection.begin().await.unwrap();
            for (number, (what, statement)) in seen.values().enumerate() {
                let plan = plan(&transaction, number, statement).await;
                if plan.iter().any(|line| is_bad(line)) {
                    bad.push(format!("{round}, {what}:\n{}\n  {}", statement.sql, plan.join("\n  ")));
                }
            }
            transaction.rollback().await.unwrap();
        }
        assert!(bad.is_empty(), "{} of {} plans are bad\n\n{}", bad.len(), seen.len(), bad.join("\n\n"));
    }
}

/// The lines of the plan by which the service's own connection runs a statement.
async fn plan(connection: &impl ConnectionTrait, number: usize, statement: &Statement) -> Vec<String> {
    let backend = connection.get_database_backend();
    if backend == DbBackend::Sqlite {
        let explain = Statement { sql: format!("EXPLAIN QUERY PLAN {}", statement.sql), ..statement.clone() };
        let rows = connection.query_all_raw(explain).await.unwrap();
        return rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
    }
    // The connections plan for any values, so what is bound does not matter.
    connection.execute_unprepared(&format!("PREPARE watched_{number} AS {}", statement.sql)).await.unwrap();
    let values = statement.values.as_ref().map_or(0, |values| values.0.len());
    let values = if values == 0 { String::new() } else { format!("({})", vec!["NULL"; values].join(", ")) };
    let explain = Statement::from_string(backend, format!("EXPLAIN EXECUTE watched_{number}{values}"));
    let rows = connection.query_all_raw(explain).await.unwrap();
    rows.iter().map(|row| row.try_get("", "QUERY PLAN").unwrap()).collect()
}

/// Whether a line of a plan reads all of a large table.
fn reads_whole_table(line: &str) -> bool {
    let table = if let Some((_, rest)) = line.split_once("Seq Scan on ") {
        rest
    } else if let Some(rest) = line.strip_prefix("SCAN ") {
        // Along an index a scan ends with the page.
        if rest.contains(" INDEX ") { "" } else { rest }
    } else {
        ""
    };
    LARGE.contains(&table.split(' ').next().unwrap_or_default())
}

/// Whether a line of a plan sorts.
fn sorts(line: &str) -> bool {
    line.contains("Sort") || line.contains("TEMP B-TREE")
}
